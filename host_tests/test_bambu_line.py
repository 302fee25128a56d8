"""The connection to a Bambu printer: pinned, one closed list of packets out, and every kind of broken broker."""

import asyncio
import contextlib
import json
import random
import ssl
import traceback

import pytest

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import Heard
from firmware_agent.telemetry.frames import LARGEST, Strange, cut
from firmware_agent.telemetry.mqtt_line import Place, _Pipe, line
from host_tests.rigs.bambu import CODE, PUSHALL, SERIAL, digest
from host_tests.rigs.bambu_source import IDLE, Source
from host_tests.rigs.broker import Broker, free_port
from host_tests.rigs.certificates import Authority
from host_tests.rigs.told import state


def packet(kind, body):
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 127
        length += bytes([low | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def report(body):
    topic = f"device/{SERIAL}/report".encode()
    return packet(0x30, len(topic).to_bytes(2, "big") + topic + body)


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
