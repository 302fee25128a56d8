"""Whatever stands where a Moonraker should: it does not stop the agent, fill its memory, or make it say more."""

import asyncio
import contextlib
import json
import random
import ssl
import tracemalloc

import pytest
import wsproto
from wsproto import events

from firmware_agent.addresses import talkable
from firmware_agent.config import load
from firmware_agent.errors import ConfigError, SourceError
from firmware_agent.telemetry import line
from firmware_agent.telemetry.following import FIELDS, RECORDS, TEXT, Following, Heard
from firmware_agent.telemetry.line import LARGEST
from firmware_agent.telemetry.moonraker_fields import OFFERS
from firmware_agent.telemetry.moonraker_talk import METHODS as SENT
from firmware_agent.telemetry.moonraker_talk import Talk
from firmware_agent.telemetry.sources.moonraker import END, MoonrakerFeed, _tell, moonraker
from firmware_agent.telemetry.unix_line import unix_line
from firmware_agent.telemetry.websocket import Frames, websocket
from host_tests.fakes_moonraker import KNOWN, METHODS, STATUS, Web, answer, news, refusal, results, unix
from host_tests.rigs.certificates import Authority

CANARY = "canary-e611"
WEIRD = [
    None,
    True,
    -1,
    0.5,
    10**300,
    -(10**400),
    1e308,
    "",
    "ready",
    "printing",
    "x" * 3000,
    "\ud800",
    [],
    {},
    [[[[[[[[1]]]]]]]],
    {"": {"": {"": 1}}},
    {"state": "ready"},
    {"job": {"filename": CANARY}},
    ["history", 5, None],
]


def followed(talk, heard, components=("history",)):
    """The whole beginning of a conversation."""
    talk.begin()
    for method, result in results(components).items():
        _tell(talk, answer(method, result), heard)


def test_ok__a_conversation_asks_five_things_and_ends_in_the_known_fields():
    talk, heard = Talk("a key"), Heard(lambda: 1)
    [first] = talk.begin()
    assert json.loads(first)["params"]["api_key"] == "a key"
    asked = [json.loads(first)["method"]]
    for method, result in results().items():
        asked += [json.loads(one)["method"] for one in _tell(talk, answer(method, result), heard).requests]
    assert asked == list(SENT) == list(METHODS)
    [status] = heard.take()
    assert {name: status.fields[name] for name in KNOWN} == KNOWN and talk.settled
    rest = {name: value for name, value in status.fields.items() if name not in KNOWN}
    assert all(name.startswith("moonraker.") for name in rest)
    assert rest["moonraker.webcams"] == 2 and "Ann's" not in str(rest)  # counted only
    assert rest["moonraker.objects.gcode_macro ANNS_MACRO"] is True  # such a name identifies, too
    assert heard.dropped == 0


def test_ok__another_agent_of_that_name_is_no_reason_to_stop():
    talk = Talk()
    talk.begin()
    said = talk.hear(refusal("server.connection.identify", 400))
    assert [json.loads(one)["method"] for one in said.requests] == ["server.info", "server.webcams.list"]


@pytest.mark.parametrize("method", ["server.connection.identify", "server.info"])
def test_fail__who_is_told_nothing_without_a_key_is_told_what_to_do(method):
    talk = Talk("secret-" + CANARY)
    talk.begin()
    talk.look()
    with pytest.raises(SourceError, match=r"key is refused, or one is wanted; put .* `key_file`") as caught:
        talk.hear(refusal(method, -32602))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("method", ["server.connection.identify", "server.info", "printer.objects.subscribe"])
def test_ok__a_question_that_it_does_not_understand_is_no_refused_key(method):
    """Moonraker numbers both -32602, and begins the words of only one with these."""
    talk = Talk("a key")
    followed(talk, Heard(lambda: 1))
    talk.begin()
    talk.look()
    talk.hear(answer("server.info", {**results()["server.info"], "klippy_state": "disconnected"}))
    talk.look()
    talk.hear(answer("server.info", results()["server.info"]))
    talk.hear(answer("printer.objects.list", results()["printer.objects.list"]))
    talk.look()
    dropped = talk.dropped
    talk.hear(refusal(method, -32602, "Invalid params:\nmissing 1 argument"))
    assert talk.dropped == dropped  # the control: it was the answer to a question under way


@pytest.mark.clause("L7")
def test_ok__without_a_history_the_end_of_a_job_is_seen_all_the_same():
    heard, talk = Heard(iter(range(1000, 2000)).__next__), Talk()
    followed(talk, heard, components=())
    for state in "standby", "printing", "complete":
        _tell(talk, news("notify_status_update", {"print_stats": {"state": state, "filament_used": 77.5}}, 1.0), heard)
    [ended] = [record.fields for record in heard.take() if "job_finish" in record.fields]
    assert ended["job_start"] < ended["job_finish"] and ended["job_material"] == 77.5
    _tell(talk, news("notify_status_update", {"print_stats": {"state": "printing"}}, 1.0), heard)
    _tell(talk, news("notify_status_update", {"print_stats": {"state": "cancelled"}}, 1.0), heard)
    assert not any("job_finish" in record.fields for record in heard.take())


def mutated(rng, value, depth=0):
    """`value` with something of it put out of shape."""
    if rng.random() < 0.15:
        return rng.choice(WEIRD)
    if isinstance(value, dict):
        found = {name: mutated(rng, inner, depth + 1) for name, inner in value.items() if rng.random() > 0.05}
        if rng.random() < 0.1:
            found["n" * rng.choice((1, 5, 2 * TEXT)) + str(rng.random())] = rng.choice(WEIRD)
        return found
    if isinstance(value, list):
        return [mutated(rng, inner, depth + 1) for inner in value]
    return value


def damaged(rng, data):
    """Torn, doubled, or with other bytes in it."""
    kind, at = rng.randrange(5), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + rng.randbytes(rng.randrange(1, 8)) + data[at + 1 :]
    if kind == 2:
        return data[:at] + rng.choice((b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"[" * 5000)) + data[at:]
    if kind == 3:
        return data + data
    return rng.randbytes(rng.randrange(300))


GOOD = [answer(method, result) for method, result in results().items()] + [
    news("notify_status_update", STATUS, 3.5),
    news("notify_klippy_ready"),
    news("notify_klippy_shutdown"),
    news("notify_klippy_disconnected"),
    news("notify_gcode_response", "// canary"),
    news("notify_webcams_changed", {"webcams": [{"name": "canary"}]}),
    news(
        "notify_history_changed", {"action": "finished", "job": {"status": "completed", "end_time": 5.5, "user": "Ann"}}
    ),
    news("notify_proc_stat_update", {"network": {"wlan0": {"rx_bytes": 5}}}),
    b'{"jsonrpc": "2.0", "method": "grant", "id": 99, "params": {"purpose": "camera"}}',
    refusal("printer.objects.list", 503),
]


@pytest.mark.attack(13)
@pytest.mark.parametrize("seed", range(8))
def test_fail__no_message_raises_anything_else_or_fills_memory(seed):
    rng = random.Random(seed)
    heard, talk, refused = Heard(lambda: 1), Talk(), 0
    talk.begin()
    for turn in range(1500):
        message = rng.choice(GOOD)
        if turn % 2:
            message = json.dumps(mutated(rng, json.loads(message))).encode()
        if turn % 3 == 0 and message:
            message = damaged(rng, message)
        try:
            said = _tell(talk, message, heard)
            assert all(json.loads(one)["method"] in METHODS for one in said.requests + talk.look())
        except SourceError:
            refused += 1
        assert len(heard._status) <= FIELDS and len(heard._records) <= RECORDS and len(talk._names) <= 300
        assert all(len(name) <= TEXT for name in talk._names)
    assert heard.dropped > 100
    talk, heard = Talk(), heard  # the control: a new connection is understood
    heard.lost()
    followed(talk, heard)
    status = heard.take()[0].fields
    assert {name: status[name] for name in KNOWN} == KNOWN


def test_fail__names_without_end_leave_room_for_what_is_known():
    heard, talk = Heard(lambda: 1), Talk()
    talk.begin()
    for turn in range(50):
        _tell(talk, news(f"notify_{turn}", {f"n{turn}.{one}": one for one in range(150)}), heard)
    followed(talk, heard)
    status = heard.take()[0].fields
    assert {name: status[name] for name in KNOWN} == KNOWN and len(status) < FIELDS and heard.dropped > 5000


OUTSIDE = [
    ("extruder", "temperature", "nozzle_temperature", -300),
    ("extruder", "temperature", "nozzle_temperature", "hot"),
    ("extruder", "target", "nozzle_target", None),
    ("heater_bed", "temperature", "bed_temperature", 1e300),
    ("display_status", "progress", "progress", 1.5),
    ("print_stats", "print_duration", "elapsed", True),
    ("print_stats", "state", "state", "canary"),
]


@pytest.mark.parametrize("name, part, field, value", OUTSIDE)
def test_fail__what_is_no_measurement_makes_the_field_unknown(name, part, field, value):
    heard, talk = Heard(lambda: 1), Talk()
    followed(talk, heard)
    _tell(talk, news("notify_status_update", {"virtual_sdcard": {"progress": None}, name: {part: value}}, 1.0), heard)
    status = heard.take()[0].fields
    assert field not in status
    assert value is None or status[f"moonraker.{name}.{part}"] == value  # raw, it is seen


def story(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def trouble(source, words=""):
    """Read until it says what is wrong, in such words."""
    while True:
        try:
            await source.read()
        except SourceError as error:
            if words in str(error):
                return str(error)
        await asyncio.sleep(0.02)


async def alive(source, state="printing"):
    while True:
        with contextlib.suppress(SourceError):
            if any(record.fields.get("state") == state for record in await source.read()):
                return
        await asyncio.sleep(0.02)


def source_at(opener, silence=10.0):
    return Following("moonraker", OFFERS, MoonrakerFeed(opener, "", silence), lambda: 1, jitter=lambda: 0.0)


def test_ok__a_websocket_in_frames_and_pings_and_a_head_that_says_nothing_of_us():
    async def tale():
        async with Web() as server:
            source = moonraker("", server.url, "", lambda: 1)
            await alive(source)
            assert server.asked == list(METHODS)
            await source.rest()
            return server.heads[0]

    head = story(tale()).decode().lower()
    names = {one.partition(":")[0] for one in head.split("\r\n")[1:] if ":" in one}
    assert names == {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}


@pytest.mark.parametrize(
    "status, words", [(401, "key is refused"), (404, "no such page"), (503, "no more"), (500, "log")]
)
def test_fail__a_websocket_that_is_refused_says_why(status, words):
    async def tale():
        async with Web(status=status) as server:
            source = moonraker("", server.url, "", lambda: 1)
            said = await trouble(source)
            await source.rest()
            return said

    said = story(tale())
    assert words in said and str(status) in said


def test_ok__a_certificate_that_changes_is_said_and_the_right_one_is_taken_again(tmp_path, monkeypatch):
    right, wrong = Authority(tmp_path, "right"), Authority(tmp_path, "wrong")
    monkeypatch.setenv("SSL_CERT_FILE", str(right.path))
    good, bad = right.issue("server", "127.0.0.1"), wrong.issue("server", "127.0.0.1")

    async def tale():
        async with Web(good) as server:
            port, url = server.port, server.url
            source = source_at(lambda: websocket(url))
            await alive(source)
        async with Web(bad, port):
            said = await trouble(source, "certificate is not trusted")
            assert "authority" in said and not source.heard.alive
        async with Web(good, port):
            await alive(source)
        await source.rest()

    assert ssl.get_default_verify_paths().cafile == str(right.path)
    story(tale())


def served(*parts, pause=0.0):
    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            await reader.read(-1)
        writer.close()

    return serve


LINES = [
    (served(b"x" * (2 * LARGEST)), "more than 262144 bytes"),
    (served(*[b"x"] * 2000, pause=0.01), "says nothing any more"),  # a slow line
    (served(), "says nothing any more"),
    (served(b"\xff\x00\x03" * 50), "says nothing any more"),
    (lambda reader, writer: writer.close(), "ended the connection"),
]


@pytest.mark.parametrize("serve, words", LINES, ids=range(len(LINES)))
def test_fail__a_socket_that_says_nothing_sensible_is_given_up_with_a_reason(tmp_path, serve, words):
    path = tmp_path / "s"

    async def tale():
        async with unix(path, serve):
            source = source_at(lambda: unix_line(path, END), silence=0.2)
            await trouble(source, words)
            await source.rest()

    story(tale())


def test_fail__a_socket_that_is_not_there_or_not_ours_says_so(tmp_path, monkeypatch):
    async def tale():
        source = moonraker(str(tmp_path / "none"), "", "", lambda: 1)
        assert "start that program, or correct the path" in await trouble(source)
        await source.rest()

        async def denied(*arguments, **options):
            raise PermissionError(13, "denied")

        monkeypatch.setattr(asyncio, "open_unix_connection", denied)  # tests may run as root, who may do all
        source = moonraker(str(tmp_path / "none"), "", "", lambda: 1)
        assert "this user may not use it" in await trouble(source)
        await source.rest()

    story(tale())


def replying(then):
    """A Moonraker on a Unix socket that, once it is asked for everything, does `then(writer)`."""

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                method = json.loads((await reader.readuntil(END))[:-1])["method"]
                writer.write(answer(method, results()[method]) + END)
                if method == "printer.objects.subscribe":
                    break
            await then(writer)
            await reader.read(-1)
        writer.close()

    return serve


def test_fail__a_flood_waits_at_its_sender_and_memory_stays(tmp_path):
    path, sent = tmp_path / "s", [0]
    whole = 64 << 20

    async def flood(writer):
        message = news("notify_gcode_response", "x" * 200) + END
        while sent[0] < whole:
            writer.write(message)
            await writer.drain()
            sent[0] += len(message)

    async def tale():
        async with unix(path, replying(flood)):
            source = source_at(lambda: unix_line(path, END))
            await alive(source)
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(30):  # others go on, meanwhile
                await asyncio.sleep(0.05)
            now, _ = tracemalloc.get_traced_memory()
            assert source.heard._status["moonraker.gcode_response.0"] == "x" * 200  # the control: it is heard
            await source.rest()
            return now - before

    tracemalloc.start()
    try:
        grown = story(tale())
    finally:
        tracemalloc.stop()
    assert sent[0] < whole / 4 and grown < 4 << 20


def test_fail__who_takes_nothing_is_hung_up_on(tmp_path, monkeypatch):
    path = tmp_path / "s"
    monkeypatch.setattr("firmware_agent.telemetry.unix_line.PATIENCE", 0.3)

    async def never(reader, writer):
        await asyncio.sleep(3600)

    async def tale():
        async with unix(path, never), unix_line(path, END) as one:
            with pytest.raises(SourceError, match="no answer within"):
                for _ in range(1000):
                    await one.give(b"x" * 65536)

    story(tale())


def opened():
    """A client's frames and a server's, joined."""
    client, server = Frames("ws://here"), wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    server.receive_data(client.begin("here", "/websocket"))
    list(server.events())
    return client, server, server.send(events.AcceptConnection())


def fed(client, data, rng):
    """In pieces of any size."""
    while data:
        cut = rng.randrange(1, 400)
        client.feed(data[:cut])
        data = data[cut:]


@pytest.mark.attack(13)
def test_fail__no_bytes_on_a_websocket_raise_anything_else():
    broken = 0
    for seed in range(3000):
        rng = random.Random(seed)
        client, server, head = opened()
        frames = b"".join(server.send(events.TextMessage(message.decode())) for message in rng.sample(GOOD, 3))
        frames += server.send(events.Ping(b"?"))
        if seed % 3 == 0:
            head = damaged(rng, head)
        elif seed % 3 == 1:
            frames = damaged(rng, frames)
        try:
            fed(client, head + frames, rng)
        except SourceError as error:
            broken += 1
            assert "canary" not in str(error)
        else:
            assert seed % 3 != 2 or len(client.messages) == 3  # the control: whole ones come through
        assert all(len(message) <= LARGEST for message in client.messages)
    assert broken > 300


def test_fail__a_message_of_endless_frames_is_too_long():
    client, server, head = opened()
    client.feed(head)
    with pytest.raises(SourceError, match="more than 262144 bytes"):
        for _ in range(LARGEST // 1000 + 1):
            client.feed(server.send(events.TextMessage("x" * 1000, message_finished=False)))


def test_ok__pauses_grow_with_what_was_read(monkeypatch):
    naps = []

    async def nap(seconds):
        naps.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)

    async def tale():
        pace = line.Pace()
        await pace.wait()
        for _ in range(20):
            pace.owe(100, 0)
            await pace.wait()
        pace.owe(0, LARGEST)
        await pace.wait()

    asyncio.run(tale())
    assert len(naps) == 21 and sum(naps[:20]) == pytest.approx(10) and naps[20] == pytest.approx(1)


def test_ok__words_close_behind_each_other_are_heard_together(monkeypatch):
    """Whether the other side says little or much in a row: only then is there a pause, and it is the short one."""
    naps = []

    async def nap(seconds):
        naps.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", nap)

    async def tale(apart, size=10):
        clock = [100.0]
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])
        pace = line.Pace()
        for _ in range(40):
            clock[0] += apart
            pace.owe(1, size)
            await pace.wait()

    asyncio.run(tale(0.02))
    assert len(naps) > 20
    naps.clear()
    asyncio.run(tale(0.02, 4000))
    assert sum(naps) < 40 * (1 / 200 + 4000 / (1 << 18)) + 0.1  # much at once: more waits, and no pause is made up
    naps.clear()
    asyncio.run(tale(1.0))
    assert 0 < len(naps) <= 4  # what is owed, and nothing else
    naps.clear()


def test_ok__what_comes_during_a_pause_wakes_nobody_and_is_not_lost(tmp_path):
    path, calls = tmp_path / "s", []

    class Notes(asyncio.Protocol):
        def data_received(self, data):
            calls.append(data)

    async def serve(reader, writer):
        await reader.read(1)
        for _ in range(20):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read(1)
        writer.close()

    async def tale():
        async with unix(path, serve):
            transport, _ = await asyncio.get_running_loop().create_unix_connection(Notes, path)
            with line.held(transport):
                transport.write(b"a")
                await asyncio.sleep(0.1)
                assert calls == [] and not transport.is_reading()
            assert transport.is_reading()
            while b"".join(calls) != b"x" * 20:  # noqa: ASYNC110 - the kernel sets no event
                await asyncio.sleep(0.01)
            transport.pause_reading()
            with line.held(transport):
                pass
            assert not transport.is_reading()  # whoever stopped it lets it go on
            transport.abort()
        with line.held(None):
            pass

    story(tale())


def test_ok__messages_on_a_socket_come_whole_however_they_were_cut(tmp_path):
    path, said = tmp_path / "s", [b"", b"a", b"b" * 9000, b"{}", b"c" * LARGEST]

    async def serve(reader, writer):
        data = b"".join(message + END for message in said)
        for place in (1, 2, 5000, 9005, len(data)):
            writer.write(data[:place])
            data = data[place:]
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.close()

    async def tale():
        async with unix(path, serve), unix_line(path, END) as one:
            assert [await one.take() for _ in said] == said
            with pytest.raises(SourceError, match="ended the connection"):
                await one.take()

    story(tale())


def test_ok__a_greeting_is_no_reading_and_what_was_not_offered_is_read_all_the_same():
    class Greets:
        async def follow(self, heard):
            heard.status({"unknown": 1})
            await asyncio.sleep(0.01)
            heard.status({"state": "idle"})
            await asyncio.sleep(3600)

    async def tale(offers):
        source = Following("some", offers, Greets(), lambda: 1)
        (record,) = await source.read()
        await source.rest()
        return record.fields

    assert story(tale(("state", "progress"))) == {"unknown": 1, "state": "idle"}
    assert story(tale(())) == {"unknown": 1}


URLS = ["wss://printer.local/websocket", "ws://127.0.0.1:7125/websocket", "ws://[::1]/websocket", "ws://localhost/x"]
NOT_URLS = [
    "ws://printer.local/x",
    "http://127.0.0.1/",
    "ws://a:b@127.0.0.1/",
    "ws://127.0.0.1/?token=x",
    "ws:///",
    5,
    "",
]


def test_ok__only_addresses_that_keep_a_key_are_taken():
    assert [url for url in URLS if not talkable(url)] == []
    assert [url for url in NOT_URLS if talkable(url)] == []


@pytest.mark.parametrize(
    "lines, words",
    [
        ('url = "ws://printer.local/websocket"', "source.moonraker.url: is wrong"),
        ('path = "comms/moonraker.sock"', "source.moonraker.path: is wrong"),
    ],
)
def test_fail__a_wrong_line_in_the_configuration(tmp_path, lines, words):
    file = tmp_path / "agent.toml"
    file.write_text(f'profile = "lightmake"\nstate = "state"\n[source.moonraker]\n{lines}\n')
    with pytest.raises(ConfigError, match=words):
        load(file)
