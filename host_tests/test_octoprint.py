"""The OctoPrint source against a real OctoPrint: each state, each way to fail and recover, each word it sends."""

import asyncio
import contextlib
import json
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import wsproto
from wsproto import events

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import Following
from firmware_agent.telemetry.octoprint_fields import OFFERS
from firmware_agent.telemetry.octoprint_talk import SUBSCRIBE, THROTTLE
from firmware_agent.telemetry.sources.octoprint import OctoPrintFeed
from firmware_agent.telemetry.sources.octoprint import octoprint as source_at
from host_tests.rigs.octoprint import OctoPrint, octoprint

CANARY = "canary-7f3a"
FILE = CANARY + " Anns birthday.gcode"
# Pauses in the middle by itself, so that a test waits for a state and never for a time. 20 mm of filament in all.
# The feed rate keeps the virtual printer from taking its time over each move.
PAUSING = b"M104 S200\nG92 E0\nG1 X10 E12 F600000\n@pause\nG1 X20 E20\n"
ENDLESS = b"G1 X10 F600000\nG1 X20\n" * 200_000
Holds = Callable[[dict[str, Any]], bool]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OctoPrint]:
    with octoprint(tmp_path_factory.mktemp("peer")) as running:
        yield running


@pytest.fixture(autouse=True)
def over(request: pytest.FixtureRequest) -> Iterator[None]:
    """No job is left under way for the next test."""
    yield
    if "server" in request.fixturenames:
        running: OctoPrint = request.getfixturevalue("server")
        running.quiet()


class Clock:
    def __init__(self) -> None:
        self.time: int | None = 1000

    def __call__(self) -> int | None:
        return self.time


def eager(url: str, key: Callable[[], str], look: float = 0.2) -> Following:
    """Looks often whether its key counts, and tries again soon."""
    return Following("octoprint", OFFERS, OctoPrintFeed(url, key, look), Clock(), jitter=lambda: 0.0)


def story(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 120))


async def comes(source: Following, holds: Holds, seen: "list[dict[str, Any]] | None" = None) -> dict[str, Any]:
    """Read until one record holds; that one's fields. seen: gets all."""
    while True:
        with contextlib.suppress(SourceError):
            found = [record.fields for record in await source.read()]
            if seen is not None:
                seen.extend(found)
            for fields in found:
                if holds(fields):
                    return fields
        await asyncio.sleep(0.05)


async def trouble(source: Following, words: str = "") -> str:
    """Read until it says what is wrong, in such words."""
    while True:
        try:
            await source.read()
        except SourceError as error:
            if words in str(error):
                return str(error)
        await asyncio.sleep(0.05)


def state(name: str) -> Holds:
    return lambda fields: fields.get("state") == name


def ended(fields: dict[str, Any]) -> bool:
    return "job_finish" in fields


def told(server: OctoPrint, tale: Callable[[Following, Clock], Any]) -> Any:
    """`tale(source, clock)` with a source that knows of an idle printer; at rest afterwards."""

    async def whole() -> Any:
        clock = Clock()
        source = source_at(server.url, lambda: server.key, clock)
        await comes(source, state("idle"))
        try:
            return await tale(source, clock)
        finally:
            await source.rest()
            assert not source.heard

    return story(whole())


def stored(server: OctoPrint) -> None:
    server.upload(FILE, PAUSING)
    server.wait("done with its analysis", lambda: server.analysed(FILE))


def test_ok__an_idle_printer_is_known_in_bounds(server: OctoPrint) -> None:
    async def tale(source: Following, clock: Clock) -> None:
        # Right after it connects, OctoPrint knows no temperatures: its first report comes later.
        status = await comes(source, lambda fields: "nozzle_temperature" in fields)
        assert status["state"] == "idle"
        for name in ("nozzle_temperature", "nozzle_target", "bed_temperature", "bed_target"):
            assert 0 <= status[name] <= 500
        assert not {"progress", "elapsed", "job_file"} & set(status)

    told(server, tale)


@pytest.mark.clause("L21")
def test_ok__everything_that_octoprint_says_is_raw_and_no_offered_field_names_anybody(server: OctoPrint) -> None:
    """The positive control: what the gate must keep back is really there."""
    stored(server)

    async def tale(source: Following, clock: Clock) -> dict[str, Any]:
        server.print_stored(FILE)
        return await comes(source, lambda fields: state("paused")(fields) and fields.get("nozzle_target") == 200)

    status = told(server, tale)
    assert 0 < status["progress"] < 100 and status["elapsed"] >= 0 and 0 < status["nozzle_temperature"] <= 500
    assert status["job_file"] == status["job_path"] == FILE
    assert status["job_user"] == server.user
    assert status["message"] == "Paused"
    assert status["octoprint.job.file.display"] == FILE
    assert status["octoprint.job.file.size"] == len(PAUSING)
    assert status["octoprint.job.filament.tool0.length"] == 20
    assert status["octoprint.state.flags.paused"] is True
    assert status["octoprint.connected.version"].startswith("1.") and status["octoprint.connected.permissions"] > 5
    offered = {name: status[name] for name in OFFERS if name in status}
    assert offered.pop("state") == "paused"
    assert offered and all(isinstance(value, int | float) for value in offered.values())
    assert not any("logs" in name or "temps" in name for name in status)  # its console and its past are not kept


@pytest.mark.clause("L7")
def test_ok__a_job_that_ended_yields_start_finish_and_material_once(server: OctoPrint) -> None:
    stored(server)
    seen: list[dict[str, Any]] = []

    async def tale(source: Following, clock: Clock) -> None:
        server.print_stored(FILE)
        await comes(source, state("paused"), seen)
        clock.time = 2000
        server.resume()
        status = await comes(source, state("idle"), seen)
        assert status["progress"] == 100
        for _ in range(20):
            await asyncio.sleep(0.1)
            seen.extend(record.fields for record in await source.read())

    told(server, tale)
    assert [fields for fields in seen if ended(fields)] == [{"job_start": 1000, "job_finish": 2000, "job_material": 20}]


def further(first: dict[str, Any]) -> Holds:
    """Paused again, later in the job."""
    return lambda fields: state("paused")(fields) and fields["progress"] > first["progress"]


def test_ok__a_pause_is_not_taken_for_a_new_job(server: OctoPrint) -> None:
    async def tale(source: Following, clock: Clock) -> dict[str, Any]:
        server.upload_and_print("two pauses.gcode", PAUSING + b"@pause\nG1 X10\n")
        first = await comes(source, state("paused"))
        clock.time = 2000
        server.resume()
        await comes(source, further(first))
        server.resume()
        return await comes(source, ended)

    assert told(server, tale)["job_start"] == 1000


def test_ok__a_job_that_is_begun_again_is_another(server: OctoPrint) -> None:
    async def tale(source: Following, clock: Clock) -> dict[str, Any]:
        server.upload_and_print("two pauses.gcode", PAUSING + b"@pause\nG1 X10\n")
        first = await comes(source, state("paused"))
        server.resume()
        await comes(source, further(first))
        clock.time = 2000
        server.call("job", {"command": "restart"})
        await comes(source, lambda fields: state("paused")(fields) and fields["progress"] == first["progress"])
        server.resume()
        await comes(source, further(first))
        server.resume()
        return await comes(source, ended)

    assert told(server, tale)["job_start"] == 2000


@pytest.mark.clause("L7")
def test_fail__a_cancelled_job_yields_no_end(server: OctoPrint) -> None:
    seen: list[dict[str, Any]] = []

    async def tale(source: Following, clock: Clock) -> None:
        server.upload_and_print("endless.gcode", ENDLESS)
        # the first moments of a job have no progress yet
        status = await comes(source, lambda fields: state("printing")(fields) and "progress" in fields, seen)
        assert 0 <= status["progress"] < 100
        server.cancel()
        await comes(source, state("idle"), seen)
        seen.extend(record.fields for record in await source.read())

    told(server, tale)
    assert seen and not any(ended(fields) for fields in seen)


@pytest.mark.clause("L6")
def test_fail__the_start_of_a_job_is_not_kept_over_a_rest(server: OctoPrint) -> None:
    stored(server)

    async def tale(source: Following, clock: Clock) -> dict[str, Any]:
        server.print_stored(FILE)
        await comes(source, state("paused"))
        await source.rest()
        clock.time = 2000
        await comes(source, state("paused"))
        server.resume()
        return await comes(source, ended)

    assert told(server, tale) == {"job_finish": 2000, "job_material": 20}


@pytest.mark.clause("L6")
def test_fail__a_job_that_ended_during_a_rest_is_never_told(server: OctoPrint) -> None:
    stored(server)
    seen: list[dict[str, Any]] = []

    async def tale(source: Following, clock: Clock) -> None:
        server.print_stored(FILE)
        await comes(source, state("paused"))
        await source.rest()
        server.resume()
        server.wait("done", server.ready)
        await comes(source, lambda fields: fields.get("progress") == 100, seen)

    told(server, tale)
    assert not any(ended(fields) for fields in seen)


def test_ok__a_printer_that_is_switched_off_or_fails_is_told_so_and_comes_back(server: OctoPrint) -> None:
    async def tale(source: Following, clock: Clock) -> None:
        await comes(source, lambda fields: "nozzle_temperature" in fields)
        server.call("connection", {"command": "disconnect"})
        status = await comes(source, state("offline"))
        assert not any("temperature" in name or "target" in name for name in status)
        server.call("connection", {"command": "connect", "port": "VIRTUAL"})
        await comes(source, lambda fields: state("idle")(fields) and "nozzle_temperature" in fields)
        server.call("printer/command", {"command": "M112"})
        assert "M112" in (await comes(source, state("error")))["message"]
        server.call("connection", {"command": "connect", "port": "VIRTUAL"})
        assert "M112" not in (await comes(source, state("idle")))["message"]

    told(server, tale)
    server.wait("operational", server.operational)


def test_fail__a_wrong_key_is_said_and_not_shown(server: OctoPrint) -> None:
    wrong = "0123456789ABCDEF" + CANARY

    async def tale() -> SourceError:
        source = source_at(server.url, lambda: wrong, Clock())
        try:
            with pytest.raises(SourceError, match=r"the key is refused.* `firmware-agent key octoprint`") as refused:
                await source.read()
            assert not source.heard
            return refused.value
        finally:
            await source.rest()

    assert CANARY not in "".join(traceback.format_exception(story(tale())))


def key_of(server: OctoPrint, name: str, *permissions: str) -> str:
    """The key of a new user who may only this."""
    user = {"name": name, "password": "x", "active": True, "groups": [], "permissions": list(permissions)}
    server.call("access/users", user)
    return str(server.call("access/users/%s/apikey" % name, {})["apikey"])


def test_fail__a_key_whose_user_may_not_look_is_said(server: OctoPrint) -> None:
    key = key_of(server, "bob", "FILES_LIST")

    async def tale() -> str:
        source = source_at(server.url, lambda: key, Clock())
        try:
            return await trouble(source)
        finally:
            await source.rest()

    assert "may not see how the printer stands; allow that user `Status`" in story(tale())


def test_ok__the_key_of_a_user_who_may_only_look_is_enough(server: OctoPrint) -> None:
    key = key_of(server, "carl", "STATUS")

    async def tale() -> None:
        source = source_at(server.url, lambda: key, Clock())
        await comes(source, lambda fields: state("idle")(fields) and "nozzle_temperature" in fields)
        await source.rest()

    story(tale())


def an_application_s_key(server: OctoPrint) -> str:
    found = server.logged_in()("/api/plugin/appkeys", {"command": "generate", "app": "firmware_agent"})
    return str(found["api_key"])


def test_ok__a_key_that_is_taken_back_ends_the_connection_and_a_new_one_is_taken(server: OctoPrint) -> None:
    keys = [an_application_s_key(server)]

    async def tale() -> None:
        source = eager(server.url, lambda: keys[-1])
        await comes(source, state("idle"))
        await asyncio.to_thread(server.take_back, "firmware_agent")
        assert "may have been taken back" in await trouble(source)
        assert not source.heard.alive
        keys.append(await asyncio.to_thread(an_application_s_key, server))
        await comes(source, state("idle"))
        await source.rest()

    story(tale())
    assert keys[0] != keys[1]
    server.take_back("firmware_agent")


def test_ok__octoprint_restarts_and_is_found_again(tmp_path: Any) -> None:
    with octoprint(tmp_path) as short:

        async def tale() -> None:
            source = eager(short.url, lambda: short.key, 30.0)
            await comes(source, state("idle"))
            short.stop()
            said = await trouble(source)
            assert "ended the connection" in said or "nothing listens there" in said
            assert not source.heard.alive
            await trouble(source, "nothing listens there; start it")
            short.start()
            await comes(source, state("idle"))
            await source.rest()

        story(tale())


GETS = b"GET /api/currentuser HTTP/1.1\r\n"
POSTS = b"POST /api/login HTTP/1.1\r\n"
JOINS = b"GET /sockjs/websocket HTTP/1.1\r\n"


def spoken(request: bytes) -> list[Any]:
    """The messages in what a client sent on a websocket, its head first."""
    state = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    head, _, frames = request.partition(b"\r\n\r\n")
    state.receive_data(head + b"\r\n\r\n")
    list(state.events())
    state.send(events.AcceptConnection())
    state.receive_data(frames)
    return [json.loads(event.data) for event in state.events() if isinstance(event, events.TextMessage)]


@pytest.mark.attack(14)
def test_ok__only_the_closed_list_is_ever_sent(server: OctoPrint) -> None:
    """On the wire to a real OctoPrint, through log-in, a job, a lost printer and a lost connection."""
    sent: list[bytearray] = []
    writers = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                seen += data
                writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(bytearray())
        writers.append(writer)
        up, down = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
        await asyncio.gather(pump(reader, down, sent[-1]), pump(up, writer, bytearray()))

    async def tale() -> None:
        async with await asyncio.start_server(relay, "127.0.0.1", 0) as tap:
            source = eager("http://127.0.0.1:%d/" % tap.sockets[0].getsockname()[1], lambda: server.key)
            await comes(source, state("idle"))
            await asyncio.to_thread(server.upload_and_print, FILE, PAUSING)
            await comes(source, state("paused"))
            server.resume()
            await comes(source, ended)
            server.call("connection", {"command": "disconnect"})
            await comes(source, state("offline"))
            server.call("connection", {"command": "connect", "port": "VIRTUAL"})
            await comes(source, state("idle"))
            for writer in writers:
                writer.transport.abort()
            await trouble(source)
            await comes(source, state("idle"))
            await source.rest()

    story(tale())
    server.wait("operational", server.operational)
    joins = [bytes(one) for one in sent if one.startswith(JOINS)]
    posts = [bytes(one) for one in sent if one.startswith(POSTS)]
    gets = [bytes(one) for one in sent if one.startswith(GETS)]
    assert len(joins) == len(posts) == 2 and len(gets) > 5
    assert len(joins) + len(posts) + len(gets) == len([one for one in sent if one])
    assert all(one.endswith(b'\r\n\r\n{"passive": true}') and one.count(b"\r\n\r\n") == 1 for one in posts)
    assert all(one.endswith(b"\r\n\r\n") and one.count(b"\r\n\r\n") == 1 for one in gets)
    for one in joins:
        *wanted, last = spoken(one)
        assert wanted == [SUBSCRIBE, THROTTLE] and set(last) == {"auth"}
        assert last["auth"].startswith(server.user + ":")
        assert server.key.encode() not in one  # the key stands in the head of requests, and in no address or message
    for one in posts + gets:
        assert one.count(server.key.encode()) == 1 and b"X-Api-Key: " + server.key.encode() in one
