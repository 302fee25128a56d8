"""Whatever stands where an OctoPrint should: it does not stop the agent, fill its memory, or make it say more."""

import asyncio
import contextlib
import json
import logging
import math
import random
import tracemalloc

import pytest
import wsproto
from wsproto import events

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import LEAVES
from firmware_agent.telemetry.following import FIELDS, RECORDS, TEXT, Following, Heard
from firmware_agent.telemetry.line import LARGEST
from firmware_agent.telemetry.octoprint_fields import OFFERS, Status, material, normalise
from firmware_agent.telemetry.octoprint_talk import SUBSCRIBE, THROTTLE, Talk, begin, may
from firmware_agent.telemetry.sources.octoprint import OctoPrintFeed, _tell
from firmware_agent.telemetry.websocket import Frames
from host_tests.fakes_octoprint import CURRENT, KNOWN, SESSION, USER, Octo, flags, message
from host_tests.rigs.certificates import Authority
from host_tests.test_moonraker_hostile import damaged, mutated

CANARY = "canary-2c7d"
KEY = "key-" + CANARY


def nested(depth):
    inner = {"leaf": CANARY}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


HOSTILE = [None, True, "x", "", [], {}, [[]], math.nan, math.inf, -math.inf, -1, 10**400, {"length": "x"}, nested(5000)]
PATHS = [
    "job",
    "progress",
    "state",
    "state.error",
    "job.file",
    "job.user",
    "job.filament",
    "job.filament.tool0",
    "state.flags",
    "job.file.name",
    "progress.completion",
    "progress.printTime",
    "temps",
    "temperature",
    "temperature.tool0",
    "temperature.tool0.actual",
    "temperature.bed.target",
    "state.flags.printing",
    "state.flags.operational",
    "job.filament.tool0.length",
]
FINITE = {
    name: (0, 100) if name == "progress" else (-274, 10**9)
    for name in OFFERS
    if name not in ("state", "job_start", "job_finish", "job_material")
}


@pytest.mark.parametrize("path", PATHS)
def test_ok__any_value_anywhere_is_normalised_or_left_out(path):
    for value in HOSTILE:
        document = value
        for name in reversed(path.split(".")):
            document = {name: document}
        for fields in normalise(document), Status().said(document), Status().said({"temps": [value], "state": value}):
            assert fields.get("state", "idle") in ("offline", "idle", "printing", "paused", "finishing", "error")
            for name in FINITE.keys() & fields.keys():
                assert FINITE[name][0] <= fields[name] <= FINITE[name][1]
            assert all(
                isinstance(fields.get(name, ""), str) for name in ("job_file", "job_path", "job_user", "message")
            )
            assert CANARY not in repr(fields)
        length = material(document)
        assert length is None or 0 <= length < math.inf


def test_ok__a_bad_value_stays_visible_among_the_others():
    fields = normalise({"progress": {"completion": "half"}, "job": {"user": ["ann"]}})
    assert fields == {"octoprint.progress.completion": "half", "octoprint.job.user.0": "ann"}


def test_ok__what_stays_on_board_is_bounded():
    many = {str(number): {"leaf": number} for number in range(100_000)}
    assert len(normalise(many)) == LEAVES
    assert normalise({"a.b": 1, "a": {"b": 2}}) == {"octoprint.a.b": 1, "octoprint.a.b#1": 2}
    status = Status()
    for number in range(1000):
        status.beside("kind%d" % number, many)
    assert len(status._aside) == LEAVES


def test_ok__the_filament_of_all_tools_is_added():
    tools = {"tool0": {"length": 20.5}, "tool1": {"length": 4}, "tool2": {"length": None}, "tool3": 7}
    assert material({"job": {"filament": tools}}) == 24.5
    assert material({"job": {"filament": {"length": None, "volume": None}}}) is None


@pytest.mark.parametrize(
    "said, state",
    [
        (flags("operational", "ready"), "idle"),
        (flags("operational", "printing"), "printing"),
        (flags("operational", "printing", "pausing"), "printing"),
        (flags("operational", "paused", "printing"), "paused"),
        (flags("operational", "printing", "finishing"), "finishing"),
        (flags("operational", "printing", "cancelling"), "printing"),
        (flags("closedOrError"), "offline"),
        (flags("closedOrError", "error"), "error"),
        (flags("closedOrError", error="it burns"), "error"),
        (flags(), "offline"),  # it is being looked for
    ],
)
def test_ok__each_state_has_one_name(said, state):
    assert Status().said({"state": said})["state"] == state


def test_ok__a_conversation_ends_in_the_known_fields():
    talk, heard = Talk(), Heard(lambda: 1, OFFERS)
    assert [json.loads(one) for one in begin(SESSION)] == [SUBSCRIBE, THROTTLE, {"auth": "ann:a session"}]
    _tell(talk, message("connected", version="1.11.0", permissions=[{"key": CANARY}] * 40), heard)
    assert not heard.alive  # nothing is known of the printer yet
    _tell(talk, message("current", **CURRENT), heard)
    [status] = heard.take()
    assert {name: status.fields[name] for name in KNOWN} == KNOWN
    assert status.fields["octoprint.connected.version"] == "1.11.0"
    assert status.fields["octoprint.connected.permissions"] == 40 and heard.dropped == 0


def test_ok__of_a_history_only_the_newest_temperatures_stay():
    heard = Heard(lambda: 1, OFFERS)
    temps = [{"time": n, "tool0": {"actual": n / 10, "target": 0}} for n in range(900)]
    heap = {"temps": temps, "logs": [CANARY] * 300, "messages": [CANARY] * 300}
    _tell(Talk(), message("history", **{**CURRENT, **heap}), heard)
    fields = heard.take()[0].fields
    assert fields["nozzle_temperature"] == 89.9
    assert CANARY not in repr(fields) and len(fields) < 40


def test_ok__temperatures_last_until_newer_ones_and_no_longer_than_the_printer():
    talk, heard = Talk(), Heard(lambda: 1, OFFERS)
    _tell(talk, message("current", **CURRENT), heard)
    _tell(talk, message("current", **{**CURRENT, "temps": []}), heard)
    assert heard.take()[0].fields["nozzle_temperature"] == 205.1
    off = {**CURRENT, "state": flags("closedOrError"), "job": {}, "progress": {}, "temps": [{"time": 3}]}
    _tell(talk, message("current", **off), heard)
    fields = heard.take()[0].fields
    assert fields["state"] == "offline"
    assert not {name for name in fields if "temperature" in name or "target" in name or "job" in name}
    _tell(talk, message("current", **{**CURRENT, "temps": []}), heard)
    assert "nozzle_temperature" not in heard.take()[0].fields


def test_fail__a_wanted_log_in_ends_the_connection():
    with pytest.raises(SourceError, match="wants a new log-in"):
        Talk().hear(message("reauthRequired", reason=CANARY))


BAD_USERS = [{}, {"name": None, "permissions": ["STATUS"]}, {"name": ["ann"], "permissions": ["STATUS"]}]
BLIND = [{"name": "ann"}, {"name": "ann", "permissions": "STATUS"}, {"name": "ann", "permissions": ["PRINT", None, {}]}]
BAD_LOGINS = [
    {},
    {"name": "ann"},
    {"name": "ann", "session": 5},
    {"name": "ann:x", "session": CANARY},
    {"name": CANARY, "session": "\n"},
    {"name": "", "session": "x"},
    {"name": "x" * 300, "session": "x"},
]


def test_fail__no_answer_to_a_log_in_is_taken_for_another():
    may(USER)  # the control
    for user in BAD_USERS:
        with pytest.raises(SourceError, match="key is refused"):
            may(user)
    for user in BLIND:
        with pytest.raises(SourceError, match="may not see"):
            may(user)
    for answer in BAD_LOGINS:
        with pytest.raises(SourceError, match="cannot be understood") as caught:
            begin(answer)
        assert CANARY not in str(caught.value)


GOOD = [
    message("connected", version="1.11.0", permissions=[{"key": "STATUS"}]),
    message("history", **{**CURRENT, "logs": [CANARY], "messages": []}),
    message("current", **CURRENT),
    message("current", **{**CURRENT, "state": flags("closedOrError", error=CANARY)}),
    message("current", **{**CURRENT, "state": flags("operational", "ready")}),
    message("timelapse"),
    message("event", type="PrintStarted", payload={"name": CANARY}),
    message("slicingProgress", source_path=CANARY, progress=3),
    message("plugin", plugin=CANARY, data={"grant": "camera"}),
    b'{"current": {}, "history": {}}',
    b'{"current": 5}',
]


@pytest.mark.attack(13)
@pytest.mark.parametrize("seed", range(8))
def test_fail__no_message_raises_anything_else_or_fills_memory(seed):
    rng = random.Random(seed)
    heard, talk = Heard(lambda: 1, OFFERS), Talk()
    for turn in range(1500):
        one = rng.choice(GOOD)
        if turn % 2:
            one = json.dumps(mutated(rng, json.loads(one))).encode()
        if turn % 3 == 0:
            one = damaged(rng, one)
        _tell(talk, one, heard)
        assert len(heard._status) <= FIELDS + len(OFFERS) and len(heard._records) <= RECORDS
        assert len(talk._status._aside) <= LEAVES and len(talk._status._told) <= 2 * LEAVES + 20
        assert all(len(name) <= TEXT for name in talk._status._aside)
    assert heard.dropped > 100
    heard.lost()
    _tell(Talk(), message("current", **CURRENT), heard)  # the control: a new connection is understood
    status = heard.take()[0].fields
    assert {name: status[name] for name in KNOWN} == KNOWN


def story(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def source_at(url, look=30.0):
    return Following("octoprint", OFFERS, OctoPrintFeed(url, lambda: KEY, look), lambda: 1, jitter=lambda: 0.0)


async def trouble(source, words=""):
    """Read until it says what is wrong, in such words."""
    while True:
        try:
            await source.read()
        except SourceError as error:
            assert CANARY not in str(error)
            if words in str(error):
                return str(error)
        await asyncio.sleep(0.02)


async def alive(source):
    while True:
        with contextlib.suppress(SourceError):
            for record in await source.read():
                if record.fields.get("state") == "printing":
                    return record.fields
        await asyncio.sleep(0.02)


def test_ok__what_is_asked_of_an_octoprint_and_what_no_head_says():
    async def tale():
        async with Octo() as server:
            source = source_at(server.url)
            fields = await alive(source)
            await source.rest()
            return server, fields

    server, fields = story(tale())
    assert {name: fields[name] for name in KNOWN} == KNOWN
    assert [head.split(b" HTTP")[0] for head in server.heads] == [
        b"GET /api/currentuser",
        b"POST /api/login",
        b"GET /sockjs/websocket",
    ]
    assert server.said == [SUBSCRIBE, THROTTLE, {"auth": "ann:a session"}]
    names = {one.partition(":")[0].lower() for one in server.heads[-1].decode().split("\r\n")[1:] if ":" in one}
    assert names == {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}


@pytest.mark.parametrize(
    "page, status, words",
    [
        ("/api/currentuser", 401, "answered 401: the key is refused"),
        ("/api/currentuser", 403, "answered 403: the key is refused"),
        ("/api/currentuser", 302, "answered 302: it leads elsewhere"),
        ("/api/login", 403, "answered 403: the key is refused"),
        ("/api/login", 429, "wants fewer requests; wait some minutes"),
        ("/api/login", 307, "answered 307: it leads elsewhere"),
        ("/sockjs/websocket", 302, "answered 302: it leads elsewhere"),
        ("/sockjs/websocket", 403, "answered 403"),
        ("/sockjs/websocket", 502, "answered 502"),
    ],
)
def test_fail__each_refusal_says_what_to_do_and_it_is_found_again(page, status, words):
    async def tale():
        async with Octo(refused={page: status}) as server:
            source = source_at(server.url)
            await trouble(source, words)
            assert not source.heard.alive
            server.refused.clear()
            await alive(source)
            await source.rest()

    story(tale())


def test_fail__the_key_goes_to_no_other_address():
    async def tale():
        async with Octo() as other, Octo(refused={"/api/currentuser": 302}, location=other.url) as server:
            source = source_at(server.url)
            await trouble(source, "answered 302")
            await source.rest()
            assert server.heads and other.heads == []

    story(tale())


def test_ok__only_a_certificate_that_is_trusted_gets_the_key(tmp_path, monkeypatch):
    right, wrong = Authority(tmp_path, "right"), Authority(tmp_path, "wrong")
    monkeypatch.setenv("SSL_CERT_FILE", str(right.path))

    async def tale():
        async with Octo(wrong.issue("server", "127.0.0.1")) as server:
            source, port = source_at(server.url), server.port
            await trouble(source, "certificate is not trusted")
            assert server.heads == []
        async with Octo(right.issue("server", "127.0.0.1"), port) as server:
            await alive(source)
            assert len(server.heads) == 3  # the control
        await source.rest()

    story(tale())


def test_fail__a_key_that_no_longer_counts_ends_it_though_the_socket_goes_on():
    async def tale():
        async with Octo() as server:
            source = source_at(server.url, look=0.05)
            await alive(source)
            server.user = {"groups": ["guests"], "name": None, "permissions": []}
            await trouble(source, "may have been taken back")
            assert not source.heard.alive
            server.user = USER
            await alive(source)
            await source.rest()

    story(tale())


def impatient(monkeypatch):
    """Half a second for each answer."""
    monkeypatch.setattr("firmware_agent.telemetry.http.get_json.__defaults__", (0.5, 1 << 20))
    monkeypatch.setattr("firmware_agent.telemetry.http.ask.__defaults__", (None, "", 0.5, 1 << 20))
    monkeypatch.setattr("firmware_agent.telemetry.websocket.PATIENCE", 0.5)


def test_fail__a_server_that_hangs_is_given_up(monkeypatch):
    impatient(monkeypatch)

    async def tale():
        async with Octo() as server:
            source = source_at(server.url, look=0.05)
            await alive(source)
            server.hangs = True
            await trouble(source, "no answer within")
            server.hangs = False
            await alive(source)
            await source.rest()

    story(tale())


def test_ok__a_history_that_is_too_long_is_passed_over():
    async def tale():
        long = message("history", **{**CURRENT, "state": flags("closedOrError"), "logs": ["x" * 1000] * 400})
        assert len(long) > LARGEST
        async with Octo(says=[long, message("current", **CURRENT)]) as server:
            source = source_at(server.url)
            await alive(source)
            assert len(server.heads) == 3  # it is the same connection
            await source.rest()

    story(tale())


@pytest.mark.parametrize("skip", [False, True])
def test_fail__a_message_of_endless_frames_takes_no_memory(skip):
    server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    client = Frames("ws://here", skip)
    server.receive_data(client.begin("here", "/sockjs/websocket"))
    list(server.events())
    client.feed(server.send(events.AcceptConnection()))
    ending = contextlib.nullcontext() if skip else pytest.raises(SourceError, match="more than 262144 bytes")
    with ending:
        for _ in range(3 * LARGEST // 1000):
            client.feed(server.send(events.TextMessage("x" * 1000, message_finished=False)))
            assert len(client._part) <= LARGEST
        client.feed(server.send(events.TextMessage("x", message_finished=True)))
        assert not client.messages
        client.feed(server.send(events.TextMessage("whole")))
        assert list(client.messages) == [b"whole"]  # the control


def test_fail__a_flood_waits_at_its_sender_and_memory_stays():
    whole = 64 << 20

    async def tale():
        async with Octo(flood=message("plugin", plugin="x", data="y" * 200), whole=whole) as server:
            source = source_at(server.url)
            await alive(source)
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(30):  # others go on, meanwhile
                await asyncio.sleep(0.05)
            now, _ = tracemalloc.get_traced_memory()
            await source.rest()
            return server.sent, now - before

    tracemalloc.start()
    try:
        sent, grown = story(tale())
    finally:
        tracemalloc.stop()
    assert 0 < sent < whole / 4 and grown < 4 << 20


@pytest.mark.attack(13)
@pytest.mark.parametrize("seed", range(3))
def test_fail__damaged_bytes_on_any_connection_are_a_trouble_and_nothing_else(seed, caplog, monkeypatch):
    """Torn, doubled and mixed with binary, now in an answer, now in frames; slowly, byte by byte, now and then."""
    impatient(monkeypatch)
    caplog.set_level(logging.DEBUG)
    rng = random.Random(seed)

    async def tale():
        async with Octo() as server:
            server.spoil = lambda data: damaged(rng, data) if data and rng.random() < 0.5 else data
            server.slow = lambda: rng.random() < 0.1
            failed = fine = 0
            for _ in range(80):
                heard = Heard(lambda: 1, OFFERS)
                following = asyncio.create_task(OctoPrintFeed(server.url, lambda: KEY, 0.5).follow(heard))
                known = asyncio.create_task(heard.news.wait())
                await asyncio.wait({following, known}, return_when=asyncio.FIRST_COMPLETED)
                fine += heard.alive
                following.cancel()
                known.cancel()
                found, _ = await asyncio.gather(following, known, return_exceptions=True)
                assert isinstance(found, SourceError | asyncio.CancelledError) and CANARY not in str(found)
                failed += isinstance(found, SourceError)
                assert len(heard._status) <= FIELDS + len(OFFERS)
            server.spoil, server.slow = lambda data: data, lambda: False
            source = source_at(server.url)
            await alive(source)  # the control
            await source.rest()
            return failed, fine

    failed, fine = story(tale())
    assert failed > 5 and fine > 0
    assert CANARY not in caplog.text
