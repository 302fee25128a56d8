"""A Bambu printer, played by a real mosquitto: what it reports is heard, it is asked one thing, and nobody else is told
its access code."""

import asyncio
import contextlib
import json
import logging
import math
import random
import ssl
import traceback
from pathlib import Path

import cbor2
import pytest

from firmware_agent import config
from firmware_agent.cli import build, doctor
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import FIELDS, TEXT, Following, Heard
from firmware_agent.telemetry.frames import LARGEST, Strange, cut
from firmware_agent.telemetry.mqtt_line import Place, _Pipe, line
from firmware_agent.telemetry.sources.bambu import OFFERS, BambuFeed, Reports, normalise
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.bambu import CODE, PUSHALL, SERIAL, Printer, digest
from host_tests.rigs.broker import Broker, Subscriber, free_port, wait_for
from host_tests.rigs.certificates import Authority

IDLE = {"print": {"command": "push_status", "gcode_state": "IDLE", "mc_percent": 0, "nozzle_temper": 21.5}}
REQUEST = (f"device/{SERIAL}/request", PUSHALL, 0, False)


@pytest.fixture
def printer(tmp_path):
    with Printer(tmp_path / "printer", IDLE) as running:
        yield running


def place(printer, fingerprint=None, serial=SERIAL):
    known = printer.fingerprint if fingerprint is None else fingerprint
    return Place("127.0.0.1", printer.port, bytes.fromhex(known), serial)


class Source(Following):
    """The source with a clock that the test moves, and the shortest back-off."""

    def __init__(self, where, code=lambda: CODE, **waits):
        self.time = 1000
        super().__init__("bambu", OFFERS, BambuFeed(where, code, **waits), lambda: self.time, jitter=lambda: 0.0)

    async def until(self, holds):
        """Read until `holds` of one record; that one."""
        while True:
            try:
                found = [one.fields for one in await self.read() if holds(one.fields)]
                if found:
                    return found[-1]
            except SourceError:
                pass
            await asyncio.sleep(0.02)

    async def trouble(self, *says):
        """Read until it fails in one of these words; the sentence."""
        while True:
            try:
                await self.read()
            except SourceError as error:
                if any(one in str(error) for one in says or ("",)):
                    return str(error)
            await asyncio.sleep(0.02)


def story(source, tale, seconds=60):
    async def whole():
        try:
            return await tale()
        finally:
            await source.rest()

    return asyncio.run(asyncio.wait_for(whole(), seconds))


def state(name):
    return lambda fields: fields.get("state") == name


def test_ok__deltas_grow_into_a_status_by_the_catalogues_names(printer):
    source = Source(place(printer))

    async def tale():
        first = await source.until(state("idle"))
        assert first == {
            "serial": SERIAL,
            "state": "idle",
            "progress": 0,
            "nozzle_temperature": 21.5,
            "bambu.print.command": "push_status",
            "bambu.print.gcode_state": "IDLE",
        }
        printer.prints(gcode_state="RUNNING", mc_percent=7, mc_remaining_time=61)
        printer.prints(nozzle_target_temper=220.0, bed_temper=54.5, bed_target_temper=60, print_error=0x0300_8003)
        known = await source.until(lambda fields: "bed_target" in fields)
        assert {name: known[name] for name in OFFERS if name in known} == {
            "state": "printing",
            "progress": 7,
            "remaining": 3660,
            "nozzle_temperature": 21.5,
            "nozzle_target": 220.0,
            "bed_temperature": 54.5,
            "bed_target": 60,
            "error_code": 0x0300_8003,
        }
        printer.prints(gcode_state="RESTING", mc_percent=-1)  # what nobody knows is not what it was before
        await source.until(lambda fields: "state" not in fields and "progress" not in fields)

    story(source, tale)


@pytest.mark.clause("L7")
def test_ok__a_job_that_is_complete_yields_start_and_finish_once_and_a_failed_one_none(printer):
    source = Source(place(printer))

    async def tale():
        await source.until(state("idle"))
        printer.prints(gcode_state="PREPARE")
        await source.until(state("printing"))
        printer.prints(gcode_state="RUNNING", mc_percent=99)
        printer.prints(gcode_state="PAUSE")
        await source.until(state("paused"))
        source.time = 2000
        printer.prints(gcode_state="FINISH", mc_percent=100)
        ended = await source.until(lambda fields: "job_finish" in fields)
        assert ended == {"job_start": 1000, "job_finish": 2000}
        printer.prints(gcode_state="RUNNING", mc_percent=0)
        await source.until(state("printing"))
        printer.prints(gcode_state="FAILED")
        await source.until(state("error"))
        printer.prints(gcode_state="IDLE")
        records = []
        while not any(state("idle")(one) for one in records):
            records += [one.fields for one in await source.read()]
            await asyncio.sleep(0.02)
        assert not any("job_finish" in one for one in records)

    story(source, tale)


@pytest.mark.clause("L20")
def test_fail__nothing_but_the_one_request_is_ever_published_to_the_printer(printer):
    """The closed list, over connections, refusals and silence; what came before it shows that all of it was heard."""
    source = Source(place(printer), every=0.5, again=0.0, quiet=1.5)

    async def tale():
        await source.until(state("idle"))
        while len(printer.sent()) < 3:  # noqa: ASYNC110 - what another program does sets no event here
            await asyncio.sleep(0.05)
        printer.restart()
        await source.trouble("ended the connection")
        before = len(printer.sent())
        await source.until(state("idle"))
        assert len(printer.sent()) > before
        printer.full = None
        await source.trouble("reports nothing")

    story(source, tale)
    assert set(printer.sent()) == {REQUEST}
    rows = [row.split() for row in printer.broker.log.read_text().splitlines()]
    ours = [row[row.index("as") + 1] for row in rows if any("u'bblp'" in word for word in row)]
    assert len(ours) == len(set(ours)) >= 2, "a client id of its own for each connection"
    heard = {row[2] for row in rows if row[1] == "Received" and row[4] in ours}
    assert {"SUBSCRIBE", "PUBLISH"} <= heard <= {"SUBSCRIBE", "PUBLISH", "PINGREQ"}


def test_ok__it_asks_once_and_not_again_within_minutes(printer):
    source = Source(place(printer))

    async def tale():
        await source.until(state("idle"))
        for percent in range(30):
            printer.prints(mc_percent=percent)
            await source.until(lambda fields, percent=percent: fields["progress"] == percent)
        assert printer.sent() == [REQUEST]
        printer.full = None
        printer.restart()  # and a connection that ends at once is no reason to ask again at once
        while not any(not one.alive for one in [source.heard]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while not source.heard.alive:
            printer.prints(mc_percent=50)
            await asyncio.sleep(0.1)
        assert printer.sent() == [REQUEST]

    story(source, tale)


OTHERS = (b"\x30\x05\x00\x01abc", b"\x31\x00", b"", b"\x32\x00", b"\xe0\x00", b"\x62\x02\x00\x01")


@pytest.mark.parametrize("packet", OTHERS)
def test_fail__what_is_not_on_the_closed_list_does_not_pass_the_pipe(packet):
    class Writer:
        written = b""

        def write(self, data):
            self.written += data

    pipe = _Pipe(Writer(), "device/1/request")
    with pytest.raises(PermissionError):
        pipe.send(packet)
    kept = bytes([0x31, 2 + 16 + len(PUSHALL)]) + b"\x00\x10device/1/request" + PUSHALL
    with pytest.raises(PermissionError):
        pipe.send(kept)  # a kept message would be said to it again and again
    with pytest.raises(PermissionError):
        pipe.send(b"\x30" + kept[1:-1] + b"x")
    will = b"\x10\x10\x00\x04MQTT\x04\x06\x00\x3c\x00\x00\x00\x00\x00\x00"
    for more in (b"\xc0\x00\x30" + kept[1:], b"\xc0", b"\x10\x00", will):  # a second packet, half of one, a will
        with pytest.raises(PermissionError):
            pipe.send(more)
    assert Writer.written == b""
    assert pipe.send(will[:9] + b"\x02" + will[10:]) == len(will)  # the control
    assert pipe.send(b"\x30" + kept[1:]) == len(kept)


async def listening(papers):
    """A TLS server that notes what it is told, and says nothing. (server, port, what it was told)"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers)
    told = []

    async def serve(reader, writer):
        data = b""
        with contextlib.suppress(OSError):
            while CODE.encode() not in data and (more := await reader.read(1000)):
                data += more
        told.append(data)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    return server, server.sockets[0].getsockname()[1], told


async def dial(port, fingerprint):
    async with line(Place("127.0.0.1", port, fingerprint, SERIAL), CODE):
        raise AssertionError("it logged in")


@pytest.mark.clause("L22")
@pytest.mark.attack(12)
def test_fail__not_one_byte_is_sent_to_a_server_with_another_certificate(tmp_path):
    papers = Authority(tmp_path, "somebody").issue(SERIAL)
    seen = digest(papers[0])

    async def tale():
        server, port, told = await listening(papers)
        async with server:
            for known in (b"", bytes(32), bytes.fromhex(digest(Authority(tmp_path, "other").issue(SERIAL)[0]))):
                with pytest.raises(SourceError) as refused:
                    await dial(port, known)
                text = str(refused.value)
                assert seen in text and "nothing was sent" in text and "compare" in text
                assert ("is not set" in text) == (known == b"")
                chain = "".join(traceback.format_exception(refused.value))
                assert CODE not in chain and SERIAL not in chain
                while len(told) == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert told.pop() == b""
            with pytest.raises(SourceError):  # the control: the right one is told who we are
                await dial(port, bytes.fromhex(seen))
            assert b"bblp" in told[0] and CODE.encode() in told[0]

    asyncio.run(asyncio.wait_for(tale(), 60))


def test_fail__a_refused_code_is_said_without_it_and_a_right_one_is_taken_without_a_restart(printer, tmp_path):
    file = tmp_path / "code"
    file.write_text("canary-wrong")
    source = Source(place(printer), code=file.read_text, again=0.0)

    async def tale():
        said = await source.trouble()
        assert "the access code is refused; read it on the printer's screen" in said and "`code_file`" in said
        assert "canary" not in said.lower()
        file.write_text(CODE)
        await source.until(state("idle"))
        printer.code("canary-new")  # the owner makes another one on the screen
        printer.restart()
        await source.trouble()
        await source.trouble("code is refused")
        file.write_text("canary-new")
        await source.until(state("idle"))

    story(source, tale)


@pytest.mark.attack(12)
def test_fail__a_certificate_that_changes_is_said_never_trusted_and_the_known_one_recovers(printer):
    source = Source(place(printer), again=0.0)

    async def tale():
        await source.until(state("idle"))
        changed = printer.certify("second")
        printer.restart()
        said = await source.trouble("not the one that `fingerprint` names")
        assert changed in said and not source.heard
        for _ in range(20):  # and it stays so
            with pytest.raises(SourceError):
                await source.read()
            await asyncio.sleep(0.1)
        assert len(printer.sent()) == 1
        printer.certify("first")
        printer.restart()
        await source.until(state("idle"))

    story(source, tale)


def test_fail__a_printer_that_goes_is_said_and_its_status_forgotten_and_when_it_is_back_it_is_heard(printer):
    source = Source(place(printer), again=0.0)

    async def tale():
        await source.until(state("idle"))
        printer.stop()
        await source.trouble("ended the connection", "nothing listens there")
        assert not source.heard
        await source.trouble("nothing listens there")
        printer.start()
        assert (await source.until(state("idle")))["nozzle_temperature"] == 21.5

    story(source, tale)


def test_fail__a_printer_that_does_not_answer_its_request_is_said_and_recovers(printer):
    printer.full = None
    source = Source(place(printer), again=0.0, quiet=0.5)

    async def tale():
        said = await source.trouble()
        assert "reports nothing; compare the serial number on it with `serial_file`" in said and SERIAL not in said
        printer.full = IDLE
        await source.until(state("idle"))

    story(source, tale)


@pytest.mark.clause("L6")
def test_fail__at_rest_no_connection_stands_and_nothing_is_remembered(printer):
    source = Source(place(printer))

    async def tale():
        await source.until(state("idle"))
        await source.rest()
        assert not source.heard
        await asyncio.to_thread(wait_for, lambda: "closed" in "".join(lines_of(printer)[-3:]))
        count = printer.broker.connections()
        await asyncio.sleep(1.5)
        assert printer.broker.connections() == count

    def lines_of(printer):
        return [one for one in printer.broker.log.read_text().splitlines(True) if "lient" in one]

    story(source, tale)


NUMBERS = (math.nan, math.inf, -1, 10**400, 1e308, True, "7", None, [], {}, "NaN", 135440576)


def hostile(rng):
    """A report in which anything may be anything."""

    def value(depth):
        kind = rng.randrange(9 if depth else 7)
        if kind < 3:
            return rng.choice(NUMBERS)
        if kind < 6:
            return rng.choice(("RUNNING", "canary", "x" * 2000, "\ud800", "", "a.b", "print"))
        if kind == 6:
            return rng.random()
        if kind == 7:
            return [value(depth - 1) for _ in range(rng.randrange(6))]
        return {rng.choice(PARTS): value(depth - 1) for _ in range(rng.randrange(8))}

    status = {rng.choice(PARTS): value(4) for _ in range(rng.randrange(20))}
    return rng.choice(({"print": status}, status, {"print": value(3)}, {"info": value(5), "print": status}))


PARTS = ("gcode_state", "mc_percent", "mc_remaining_time", "nozzle_temper", "print_error", "hms", "command", "attr")
PARTS += ("code", "net", "info", "ip", "subtask_name", "gcode_file", "x" * 1500, "", "\n", "sn")


@pytest.mark.attack(13)
def test_fail__generated_hostile_reports_never_raise_and_stay_in_bounds():
    rng = random.Random(60_801)
    heard = Heard(lambda: 1000)
    reports = Reports(heard, SERIAL)
    for turn in range(3000):
        text = json.dumps(hostile(rng)).encode("utf-8", "surrogatepass")
        if turn % 3 == 0:
            text = bytearray(text)
            for _ in range(rng.randrange(1, 4)):
                text[rng.randrange(len(text))] = rng.randrange(256)
            text = bytes(text[: rng.randrange(1, len(text) + 1)])
        reports.tell(text)
        for record in heard.take():
            assert len(record.fields) <= FIELDS
            for name, found in record.fields.items():
                assert len(name) <= TEXT and isinstance(found, (str, bool, int, float)) and len(str(found)) <= TEXT
                if name in OFFERS and name != "state":
                    assert type(found) in (int, float) and -300 < found < 2**33
            assert record.fields.get("state") in (None, "printing")
    assert heard.dropped > 100
    reports.tell(json.dumps(IDLE).encode())  # the control: it still hears
    assert heard.take()[0].fields["state"] == "idle"


@pytest.mark.parametrize(
    "report",
    [b"", b"[]", b"{", b'{"print": NaN}', b"\xff\xfe", b'{"print": ' + b"[" * 50_000, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=range(7),
)
def test_fail__what_is_no_report_is_counted_and_tells_nothing(report):
    heard = Heard(lambda: 1000)
    assert not Reports(heard, SERIAL).tell(report) and not heard and heard.dropped == 1


def test_ok__names_that_only_the_printer_knows_leave_room_for_the_known_ones():
    heard = Heard(lambda: 1000)
    reports = Reports(heard, SERIAL)
    for turn in range(10):
        reports.tell(json.dumps({"print": {f"n{turn}.{one}": one for one in range(300)}}).encode())
    reports.tell(json.dumps(IDLE).encode())
    fields = heard.take()[0].fields
    assert fields["state"] == "idle" and fields["serial"] == SERIAL and len(fields) < FIELDS


def test_ok__codes_of_the_health_system_are_numbers_that_go_when_they_are_gone():
    heard = Heard(lambda: 1000)
    reports = Reports(heard, SERIAL)
    two = [{"attr": 50335744, "code": 65543}, {"attr": "canary", "code": 131074}]
    reports.tell(json.dumps({"print": {"hms": two}}).encode())
    fields = heard.take()[0].fields
    assert fields["bambu.print.hms.0.attr"] == 50335744 and fields["bambu.print.hms.1.code"] == 131074
    reports.tell(json.dumps({"print": {"hms": []}}).encode())
    assert heard.take()[0].fields == {"serial": SERIAL}


def test_ok__what_others_ask_of_the_printer_is_no_status():
    said = {"print": {"command": "project_file", "gcode_state": "RUNNING", "mc_percent": 5, "print_error": 1}}
    assert not set(OFFERS) & set(normalise(said))
    assert normalise(said)["bambu.print.mc_percent"] == 5


def packet(kind, body):
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 127
        length += bytes([low | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def test_ok__packets_are_cut_wherever_the_stream_is_torn():
    rng = random.Random(60_802)
    sizes = [2, 125, 127, 128, 16_383, 16_384, LARGEST]
    whole = [packet(0x20, b"\0\0"), packet(0x90, b"\0\1\0"), packet(0xD0, b"")]
    whole += [packet(rng.choice((0x30, 0x31)), bytes(size)) for size in sizes]
    stream, buffer, found = b"".join(whole), bytearray(), []
    while stream:
        step = rng.choice((1, 2, 3, 1000, 70_000))
        buffer += stream[:step]
        stream = stream[step:]
        while (one := cut(buffer)) is not None:
            found.append(one)
    assert found == whole and not buffer


@pytest.mark.parametrize(
    "data",
    [
        packet(0x30, bytes(LARGEST + 1))[:5],
        b"\x30\xff\xff\xff\xff\x7f",
        b"\x30\xff\xff\xff",
        b"\x30\x01",
        b"\x20\x03",
        b"\xd0\x01",
        *(bytes([kind, 2]) for kind in (0x00, 0x10, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x82, 0xB0, 0xC0, 0xE0, 0xF0)),
    ],
)
def test_fail__what_no_broker_has_to_say_is_strange_before_its_body_is_read(data):
    with pytest.raises(Strange):
        cut(bytearray(data))


def report(body):
    topic = f"device/{SERIAL}/report".encode()
    return packet(0x30, len(topic).to_bytes(2, "big") + topic + body)


WELCOME = packet(0x20, b"\0\0") + packet(0x90, b"\0\1\0")
GOOD = report(json.dumps(IDLE).encode())


async def spoken(papers, tale, answers):
    """A TLS server that says `answers` (bytes, or a function of a writer) once it is logged in to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers)

    async def serve(reader, writer):
        try:
            await reader.read(1)
            if callable(answers):
                await answers(writer)
            else:
                writer.write(answers)
            await reader.read()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        where = Place("127.0.0.1", server.sockets[0].getsockname()[1], bytes.fromhex(digest(papers[0])), SERIAL)
        source = Source(where)
        try:
            await asyncio.wait_for(tale(source), 60)
        finally:
            await source.rest()


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("papers"), "printers").issue(SERIAL)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (packet(0x20, b"\0\5"), "access code is refused"),
        (packet(0x20, b"\0\4"), "access code is refused"),
        (packet(0x20, b"\0\3"), "refuses to be read"),
        (packet(0x20, b"\0\1"), "does not speak MQTT"),
        (packet(0x20, b"\0\0") + packet(0x90, b"\0\1\x80"), "does not let us listen; compare the serial number"),
        (WELCOME + packet(0x30, b"\0\3abc" + b"canary"), "nobody asked for"),
        (WELCOME + packet(0x30, b"\xff\xffcanary"), "does not speak MQTT"),
        (WELCOME + packet(0x30, b"\0\3\xff\xfe\xfdcanary"), "does not speak MQTT"),
        (WELCOME + b"\x30\xff\xff\xff\xffcanary", "does not speak MQTT"),
        (b"HTTP/1.1 200 OK\r\n\r\ncanary", "does not speak MQTT"),
        (packet(0xD0, b"") * 500 + GOOD * 500, "nobody asked for"),
        (WELCOME + packet(0x90, b"\0\1\0") * 500, "nobody asked for"),
    ],
    ids=range(12),
)
def test_fail__a_broker_that_refuses_or_lies_is_said_in_words_of_ours(papers, answers, says):
    async def tale(source):
        said = await source.trouble()
        assert says in said and "canary" not in said.lower()

    asyncio.run(spoken(papers, tale, answers))


@pytest.mark.attack(13)
def test_fail__generated_noise_on_the_line_ends_in_a_source_error_and_nothing_else(papers):
    rng = random.Random(60_803)
    good = 0

    async def tale(source):
        nonlocal good
        feed, heard = source._feed, Heard(lambda: 1000)
        for _ in range(60):
            following, news = asyncio.create_task(feed.follow(heard)), asyncio.create_task(heard.news.wait())
            await asyncio.wait({following, news}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({following}, timeout=0.05)  # noise may yet turn into a packet, or follow a good one
            good += heard.alive
            news.cancel()
            following.cancel()
            (ended,) = await asyncio.gather(following, return_exceptions=True)
            assert isinstance(ended, SourceError | asyncio.CancelledError) and "canary" not in str(ended).lower()
            heard.forget()

    async def noise(writer):
        data = bytearray(WELCOME + GOOD * 2 + report(b"canary"))
        for _ in range(rng.randrange(6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        at = rng.randrange(len(data))
        if rng.random() < 0.3:
            data[at:at] = rng.randbytes(rng.randrange(200))
        writer.write(bytes(data))

    asyncio.run(spoken(papers, tale, noise))
    assert 0 < good < 60, "some were heard, some were not"


def test_fail__a_flood_is_looked_at_in_bounds_and_stalls_the_sender(papers):
    sent = 0

    async def flood(writer):
        nonlocal sent
        writer.write(WELCOME + GOOD)
        while True:
            writer.write(report(b'{"print": {"gcode_state": "RUNNING", "pad": "%s"}}' % (b"x" * 20_000)))
            await writer.drain()
            sent += 1

    async def tale(source):
        await source.until(state("printing"))
        looked = 0
        real = source.heard.status
        largest = 0

        def count(*args, **more):
            nonlocal looked
            looked += 1
            real(*args, **more)

        source.heard.status = count
        start, clock = sent, asyncio.get_running_loop().time
        begun = clock()
        while looked < 300:
            largest = max(largest, sent - start - looked)
            await asyncio.sleep(0.01)
        # what waits in between is what two kernels and two buffers hold, and no more of it with time
        assert largest * 20_000 < 32 << 20
        assert looked <= (clock() - begun + 0.2) * 200 + 20

    asyncio.run(spoken(papers, tale, flood))


def test_fail__a_server_that_takes_the_connection_and_says_nothing_is_given_up(papers):
    async def silent(writer):
        """Not a word."""

    async def tale(source):
        with pytest.raises(SourceError, match="does not answer"):
            async with line(source._feed._place, CODE, patience=0.3):
                pass

    asyncio.run(spoken(papers, tale, silent))


@pytest.mark.parametrize(
    ("host", "says"), [("127.0.0.1", "nothing listens there"), ("no-such-printer.invalid", "cannot be looked up")]
)
def test_fail__a_place_where_no_printer_is_says_what_to_do(host, says):
    async def tale():
        with pytest.raises(SourceError, match=says):
            async with line(Place(host, free_port(), bytes(32), SERIAL), CODE):
                pass

    asyncio.run(tale())


def test_fail__a_server_without_tls_is_told_nothing(tmp_path):
    with Broker(tmp_path) as broker:

        async def tale():
            with pytest.raises(SourceError, match=r"does not speak TLS|connection failed"):
                async with line(Place("127.0.0.1", broker.inside, bytes(32), SERIAL), CODE):
                    pass

        asyncio.run(tale())
        assert CODE not in broker.log.read_text()


def section(printer, directory, fingerprint):
    for name, text in (("serial", SERIAL), ("code", CODE)):
        (directory / name).write_text(text + "\n")
        (directory / name).chmod(0o600)
    files = 'serial_file = "serial"\ncode_file = "code"'
    return f'[source.bambu]\nhost = "127.0.0.1"\nport = {printer.port}\n{files}\nfingerprint = "{fingerprint}"'


def findings(directory, printer, fingerprint):
    file = directory / "agent.toml"
    top = 'profile = "lightmake"\nstate = "state"\npresence = "terminal"\n'
    file.write_text(top + section(printer, directory, fingerprint))
    made = build.parts(config.load(file), Rig(directory, plain(1)).device)
    return asyncio.run(doctor._sources(made, False))


def test_ok__doctor_shows_the_fingerprint_to_compare_and_then_the_printer(printer, tmp_path):
    [(kind, said)] = findings(tmp_path, printer, "")
    assert kind == "wrong" and printer.fingerprint in said and "compare" in said
    openssl = ":".join(printer.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
    [(kind, said)] = findings(tmp_path, printer, openssl)
    assert (kind, said) == ("ok", "bambu: answers with 6 fields")


def canaries():
    """A report of everything as small models make it, with a canary in every text and every name that is free."""
    count = 0

    def canary():
        nonlocal count
        count += 1
        return f"canary-{count:03}-e71b"

    tray = {"id": canary(), "tag_uid": canary(), "tray_uuid": canary(), "tray_id_name": canary(), "remain": 73}
    status = {
        "command": "push_status",
        "gcode_state": "RUNNING",
        "mc_percent": 41,
        "mc_remaining_time": 12,
        "nozzle_temper": 219.8,
        "bed_temper": 60.1,
        "layer_num": 12,
        "total_layer_num": 200,
        "print_error": 0,
        "hms": [{"attr": 50335744, "code": 65543}],
        "ams": {"ams": [{"id": canary(), "tray": [tray]}], "tray_now": canary()},
        "ipcam": {"rtsp_url": f"rtsps://192.168.1.77/{canary()}", "tutk_server": canary()},
        "net": {"conf": 0, "info": [{"ip": 135440576, "mask": 16777215}]},
        "upload": {"oss_url": canary(), "file_size": 0, "status": canary()},
        "upgrade_state": {"sn": canary(), "message": canary(), "new_ver_list": [{"name": canary(), "sn": canary()}]},
        **{name: canary() for name in TEXTS},
    }
    status[canary()] = 1
    module = [{"name": canary(), "sn": canary(), "hw_ver": canary()}]
    return {"print": status, "info": {"command": canary(), "module": module}, canary(): {canary(): canary()}}


TEXTS = ("subtask_name", "gcode_file", "task_id", "project_id", "profile_id", "subtask_id", "wifi_signal")
TEXTS += ("printer_type", "nozzle_type", "lifecycle", "sequence_id", "url", "msg", "user_name", "dev_name")
TEXTS += ("fail_reason", "gcode_start_time", "design_id")


@pytest.mark.clause("L6", "L8", "L9", "L10", "L21", "L22", "P1")
@pytest.mark.attack(13, 14, 16)
def test_ok__state_progress_and_temperatures_arrive_and_no_name_does(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    full = canaries()
    words = [f"canary-{one:03}-e71b" for one in range(1, 100) if f"canary-{one:03}-e71b" in json.dumps(full)]
    with (
        Printer(tmp_path / "printer", full) as printer,
        Broker(tmp_path) as broker,
        Subscriber(broker.inside) as maker,
    ):
        rig = Rig(tmp_path, plain(broker.port), sources=section(printer, tmp_path, printer.fingerprint))

        async def tale():
            agent, before = rig.agent(), printer.broker.connections()
            await forward(rig, agent, 30, step=10.0)
            assert printer.broker.connections() == before  # nothing is permitted: not even a connection
            for purpose, recipient in rig.parts.catalogue.pairs():
                rig.grant(purpose, recipient)
            agent.tick()
            source = next(one.source for one in agent._sources if one.source.name == "bambu")
            raw = {}
            for turn in range(200):
                await forward(rig, agent, 10, step=10.0)
                await asyncio.sleep(0.02)
                raw = {**source.heard._status, **raw}
                if turn == 20:
                    printer.prints(gcode_state="FINISH", mc_percent=100)
                if turn > 60 and len(maker.messages) > 3:
                    break
            await until(agent, lambda: not any(uplink.waiting() for uplink in agent.uplinks.values()))
            await agent.close()
            return raw, agent.gate.undeclared

        raw, undeclared = asyncio.run(asyncio.wait_for(tale(), 100))
        said = repr(raw)
        assert len(words) > 30 and not [one for one in words if one not in said]  # the control: all were there to leak
        assert raw["serial"] == SERIAL and raw["address"] == 135440576 and undeclared > len(words)
        assert any(b"printing" in payload for payload in maker.payloads())
        state_files = b"".join(one.read_bytes() for one in Path(tmp_path, "state").rglob("*") if one.is_file())
        topics = "".join(topic for topic, *_ in maker.messages).encode()
        everything = b"".join(maker.payloads()) + topics + broker.log.read_bytes() + state_files + caplog.text.encode()
        for word in (b"canary", b"e71b", SERIAL.encode(), CODE.encode(), b"192.168", printer.fingerprint.encode()):
            assert word.lower() not in everything.lower(), word
        for payload in maker.payloads():
            for field, value in (pair for event in cbor2.loads(payload)[3] for pair in event):
                assert field in range(1, 11) and (isinstance(value, int) or field == 1) and value != 135440576
        assert set(printer.sent()) == {REQUEST}
