"""The OctoPrint source against a real OctoPrint; its HTTP and its normalisation against hostile answers."""

import asyncio
import math
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firmware_agent.addresses import readable
from firmware_agent.errors import SourceError
from firmware_agent.model import Record
from firmware_agent.telemetry.http import StatusError, get_json
from firmware_agent.telemetry.sources.octoprint import OctoPrintSource, material, normalise
from host_tests.rigs.octoprint import OctoPrint, octoprint

CANARY = "canary-7f3a"
FILE = CANARY + " Anns birthday.gcode"
# Pauses in the middle by itself, so that a test waits for a state and never for a time. 20 mm of filament in all.
# The feed rate keeps the virtual printer from taking its time over each move.
PAUSING = b"M104 S200\nG92 E0\nG1 X10 E12 F600000\n@pause\nG1 X20 E20\n"
ENDLESS = b"G1 X10 F600000\nG1 X20\n" * 200_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OctoPrint]:
    with octoprint(tmp_path_factory.mktemp("peer")) as running:
        yield running


class Clock:
    def __init__(self) -> None:
        self.time: int | None = 1000

    def __call__(self) -> int | None:
        return self.time


def source_of(server: OctoPrint, clock: Callable[[], int | None] | None = None) -> OctoPrintSource:
    return OctoPrintSource(server.url, server.key, clock or Clock())


def read(source: OctoPrintSource) -> list[Record]:
    return asyncio.run(source.read())


def until(server: OctoPrint, source: OctoPrintSource, holds: Callable[[dict[str, Any]], bool]) -> list[Record]:
    """Read until a status holds; all records of the last read."""
    last: list[Record] = []

    def once() -> bool:
        last[:] = read(source)
        return holds(last[0].fields)

    server.wait("in the state that the test waits for", once)
    return last


def state(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda fields: fields.get("state") == name


def reconnected(server: OctoPrint) -> None:
    server.call("connection", {"command": "connect", "port": "VIRTUAL"})
    server.wait("operational", server.operational)


@pytest.fixture
def paused(server: OctoPrint) -> Iterator[OctoPrint]:
    """A job named with a canary, halted in its middle; over when the test is."""
    server.upload(FILE, PAUSING)
    server.wait("done with its analysis", lambda: server.analysed(FILE))
    server.print_stored(FILE)
    until(server, source_of(server), state("paused"))
    yield server
    if not state("idle")(read(source_of(server))[0].fields):
        server.cancel()
    until(server, source_of(server), state("idle"))


def test_ok__an_idle_printer_is_read_in_bounds(server: OctoPrint) -> None:
    # Right after it connects, OctoPrint knows no temperatures: its first report comes later.
    [status] = until(server, source_of(server), lambda fields: "nozzle_temperature" in fields)
    assert status.fields["state"] == "idle"
    for name in ("nozzle_temperature", "nozzle_target", "bed_temperature", "bed_target"):
        assert 0 <= status.fields[name] <= 500
    assert not {"progress", "elapsed", "job_file"} & set(status.fields)


def test_ok__a_paused_job_is_read_in_bounds(paused: OctoPrint) -> None:
    [status] = until(paused, source_of(paused), lambda fields: fields.get("nozzle_target") == 200)
    assert status.fields["state"] == "paused"
    assert 0 < status.fields["progress"] < 100
    assert status.fields["elapsed"] >= 0
    assert 0 < status.fields["nozzle_temperature"] <= 500


def test_ok__everything_that_octoprint_says_is_in_the_raw_record(paused: OctoPrint) -> None:
    """The positive control: what the gate must keep back is really there."""
    [status] = read(source_of(paused))
    assert status.fields["job_file"] == FILE
    assert status.fields["job_path"] == FILE
    assert status.fields["job_user"] == paused.user
    assert status.fields["message"] == "Paused"
    assert status.fields["octoprint.job.file.display"] == FILE
    assert status.fields["octoprint.job.file.size"] == len(PAUSING)
    assert status.fields["octoprint.job.filament.tool0.length"] == 20
    assert status.fields["octoprint.state.flags.paused"] is True


@pytest.mark.clause("L21")
def test_ok__no_offered_field_names_the_job_its_owner_or_the_printer(paused: OctoPrint) -> None:
    [status] = read(source_of(paused))
    offered = {name: status.fields[name] for name in OctoPrintSource.offers if name in status.fields}
    assert CANARY in repr(status.fields) and paused.user in repr(status.fields)
    assert offered.pop("state") == "paused"
    assert offered and all(isinstance(value, int | float) for value in offered.values())


def test_ok__a_job_that_ended_yields_start_finish_and_material_once(server: OctoPrint) -> None:
    server.upload(FILE, PAUSING)
    server.wait("done with its analysis", lambda: server.analysed(FILE))
    clock = Clock()
    source = source_of(server, clock)
    assert len(read(source)) == 1
    server.print_stored(FILE)
    until(server, source, state("paused"))
    clock.time = 2000
    server.resume()
    status, ended = until(server, source, state("idle"))
    assert status.fields["progress"] == 100
    assert ended.fields == {"job_start": 1000, "job_finish": 2000, "job_material": 20}
    assert len(read(source)) == 1


def test_ok__a_pause_is_not_taken_for_a_new_job(server: OctoPrint) -> None:
    clock = Clock()
    source = source_of(server, clock)
    read(source)
    server.upload_and_print("two pauses.gcode", PAUSING + b"@pause\nG1 X10\n")
    [first] = until(server, source, state("paused"))
    clock.time = 2000
    server.resume()
    until(server, source, lambda fields: fields["state"] == "paused" and fields["progress"] > first.fields["progress"])
    server.resume()
    _, ended = until(server, source, state("idle"))
    assert ended.fields["job_start"] == 1000


def test_ok__two_jobs_between_two_reads_are_not_taken_for_one(server: OctoPrint) -> None:
    clock = Clock()
    source = source_of(server, clock)
    read(source)
    server.upload_and_print("two pauses.gcode", PAUSING + b"@pause\nG1 X10\n")
    [first] = until(server, source, state("paused"))
    server.resume()
    until(server, source, lambda fields: fields["state"] == "paused" and fields["progress"] > first.fields["progress"])
    clock.time = 2000
    server.call("job", {"command": "restart"})
    other = source_of(server)  # the watched source reads nothing until the new job has come to its first pause
    until(server, other, lambda fields: state("paused")(fields) and fields["progress"] == first.fields["progress"])
    read(source)
    server.resume()
    until(server, source, lambda fields: fields["state"] == "paused" and fields["progress"] > first.fields["progress"])
    server.resume()
    _, ended = until(server, source, state("idle"))
    assert ended.fields["job_start"] == 2000


def test_fail__a_cancelled_job_yields_no_end(server: OctoPrint) -> None:
    source = source_of(server)
    read(source)
    server.upload_and_print("endless.gcode", ENDLESS)
    # the first moments of a job have no progress yet
    [status] = until(server, source, lambda fields: fields.get("state") == "printing" and "progress" in fields)
    assert 0 <= status.fields["progress"] < 100
    server.cancel()
    assert len(until(server, source, state("idle"))) == 1


@pytest.mark.clause("L6")
def test_fail__the_start_of_a_job_is_not_kept_over_a_rest(paused: OctoPrint) -> None:
    clock = Clock()
    source = source_of(paused, clock)
    read(source)
    asyncio.run(source.rest())
    clock.time = 2000
    read(source)
    paused.resume()
    _, ended = until(paused, source, state("idle"))
    assert ended.fields == {"job_finish": 2000, "job_material": 20}


@pytest.mark.clause("L6")
def test_fail__a_job_that_ran_before_a_rest_is_never_told(paused: OctoPrint) -> None:
    source = source_of(paused)
    read(source)
    asyncio.run(source.rest())
    paused.resume()
    until(paused, source_of(paused), state("idle"))  # another reader: the source rests meanwhile
    assert len(read(source)) == 1


def test_ok__a_printer_that_is_not_connected_is_offline(server: OctoPrint) -> None:
    server.call("connection", {"command": "disconnect"})
    [status] = until(server, source_of(server), state("offline"))
    assert "nozzle_temperature" not in status.fields
    reconnected(server)


def test_ok__a_printer_that_failed_is_an_error_with_its_text(server: OctoPrint) -> None:
    server.call("printer/command", {"command": "M112"})
    [status] = until(server, source_of(server), state("error"))
    assert "M112" in status.fields["message"]
    reconnected(server)


def test_fail__a_wrong_key_is_named_and_not_shown(server: OctoPrint) -> None:
    wrong = "0123456789ABCDEF0123456789ABCDEF"
    with pytest.raises(SourceError, match="403: the key is refused; make a new one") as refused:
        read(OctoPrintSource(server.url, wrong, Clock()))
    assert wrong not in "".join(traceback.format_exception(refused.value))


def test_fail__a_missing_page_says_so(server: OctoPrint) -> None:
    with pytest.raises(StatusError, match="404: there is no such page") as missing:
        read(OctoPrintSource(server.url + "/elsewhere", server.key, Clock()))
    assert missing.value.status == 404


def test_fail__a_stopped_server_is_a_source_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    with octoprint(tmp_path_factory.mktemp("stopping")) as short:
        source = source_of(short)
        read(source)
        short.stop()
        with pytest.raises(SourceError, match="nothing listens there; start it"):
            read(source)


def answered(raw: bytes, **bounds: Any) -> Any:
    """What get_json makes of these bytes from a real socket; b"" never answers."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not raw:
            await reader.read()
        writer.write(raw)
        writer.close()

    async def ask() -> Any:
        async with await asyncio.start_server(peer, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            return await get_json("http://127.0.0.1:%d/api/job?q=%s" % (port, CANARY), {"X-Api-Key": CANARY}, **bounds)

    return asyncio.run(ask())


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "raw", [ok(b'{"a": 1}'), CHUNKED + b'8\r\n{"a": 1}\r\n0\r\n\r\n', b"HTTP/1.0 200\r\n\r\n" + b'{"a": 1}']
)
def test_ok__an_object_arrives_however_it_is_framed(raw: bytes) -> None:
    assert answered(raw) == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (ok(b"<html>canary-7f3a"), "not a JSON object"),
        (ok(b'["canary-7f3a"]'), "not a JSON object"),
        (ok(b'{"canary-7f3a": NaN}'), "not a JSON object"),
        (ok(b'{"canary-7f3a": "\xff"}'), "not a JSON object"),
        (ok(b'{"canary-7f3a": ' + b"[" * 50_000), "not a JSON object"),
        (ok(b'{"canary-7f3a": ' + b"1" * 5_000 + b"}"), "not a JSON object"),
        (ok(b'{"canary-7f3a": "' + b"a" * 70_000 + b'"}'), "more than 65536 bytes"),
        (CHUNKED + b"20000\r\n" + b"a" * 0x20000 + b"\r\n0\r\n\r\n", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncanary-7f3a", "broke off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, "does not speak HTTP"),
        (b"SSH-2.0-canary-7f3a\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/canary-7f3a\r\n\r\n", "answered 302"),
        (b"HTTP/1.1 500 canary-7f3a\r\n\r\n", "answered 500"),
    ],
)
def test_fail__a_hostile_answer_is_a_source_error_that_shows_nothing(raw: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says) as failed:
        answered(raw, limit=65536)
    assert "\n" not in str(failed.value)
    assert CANARY not in str(failed.value)
    chain = traceback.TracebackException.from_exception(failed.value)
    assert chain.__context__ is None and chain.__cause__ is None


def test_fail__a_server_that_never_answers_times_out() -> None:
    with pytest.raises(SourceError, match="no answer within"):
        answered(b"", timeout=0.2)


@pytest.mark.parametrize("key", [CANARY + "\r\nX: y", CANARY + "\u20ac", CANARY + "\x00"])
def test_fail__a_key_that_cannot_be_sent_is_not_shown(key: str) -> None:
    with pytest.raises(SourceError, match="copy it again") as failed:
        asyncio.run(get_json("http://127.0.0.1:9/", {"X-Api-Key": key}))
    assert CANARY not in "".join(traceback.format_exception(failed.value))


def test_fail__http_to_another_machine_is_never_tried() -> None:
    with pytest.raises(SourceError, match="an address is refused: use https"):
        asyncio.run(get_json("http://192.0.2.1/api/job?" + CANARY, {}))


LOCAL = [
    "http://127.0.0.1:5000",
    "http://127.9.9.9/x",
    "http://[::1]:80",
    "http://localhost/",
    "https://printer.example",
]
ELSEWHERE = [
    "http://192.0.2.1",
    "http://localhost.example",
    "http://127.1",
    "http://127.0.0.1@192.0.2.1/",
    "http://[::1",
]
ODD = [
    "",
    "ftp://127.0.0.1",
    "https://",
    "https://a:b@c",
    "http://127.0.0.1:x",
    "http://127.0.0.1/\n",
    "https://\u00fc.de",
]


@pytest.mark.parametrize("url", LOCAL)
def test_ok__https_or_this_machine(url: str) -> None:
    assert readable(url)


@pytest.mark.parametrize("url", ELSEWHERE + ODD)
def test_fail__any_other_address(url: str) -> None:
    assert not readable(url)


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"leaf": CANARY}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


HOSTILE: list[Any] = [
    None,
    True,
    "x",
    "",
    [],
    {},
    [[]],
    math.nan,
    math.inf,
    -math.inf,
    -1,
    10**400,
    {"length": "x"},
    nested(5000),
]
PATHS = [
    "job",
    "progress",
    "state",
    "error",
    "job.file",
    "job.user",
    "job.filament",
    "job.filament.tool0",
    "state.flags",
]
PATHS += ["job.file.name", "progress.completion", "progress.printTime", "temperature", "temperature.tool0"]
PATHS += ["temperature.tool0.actual", "temperature.bed.target", "state.flags.printing", "job.filament.tool0.length"]
FINITE = {name: (0, 100) if name == "progress" else (-274, 10**9) for name in OctoPrintSource.offers if name != "state"}


@pytest.mark.parametrize("path", PATHS)
def test_ok__any_value_anywhere_is_normalised_or_left_out(path: str) -> None:
    for value in HOSTILE:
        document = value
        for name in reversed(path.split(".")):
            document = {name: document}
        printers: list[Any] = [None, {}, document]
        for printer in printers:
            fields = normalise(document, printer)
            assert fields.get("state", "idle") in ("offline", "idle", "printing", "paused", "finishing", "error")
            for name in FINITE.keys() & fields.keys():
                assert FINITE[name][0] <= fields[name] <= FINITE[name][1]
            assert all(
                isinstance(fields.get(name, ""), str) for name in ("job_file", "job_path", "job_user", "message")
            )
            assert CANARY not in repr(fields)
        length = material(document)
        assert length is None or 0 <= length < math.inf


def test_ok__a_bad_value_stays_visible_among_the_others() -> None:
    fields = normalise({"progress": {"completion": "half"}, "job": {"user": ["ann"]}}, {})
    assert fields == {"octoprint.progress.completion": "half", "octoprint.job.user.0": "ann"}


def test_ok__what_stays_on_board_is_bounded() -> None:
    many = {str(number): {"leaf": number} for number in range(100_000)}
    assert len(normalise(many, many)) <= 200
    assert normalise({"a.b": 1, "a": {"b": 2}}, {}) == {"octoprint.a.b": 1, "octoprint.a.b#1": 2}


def test_ok__the_filament_of_all_tools_is_added() -> None:
    tools = {"tool0": {"length": 20.5}, "tool1": {"length": 4}, "tool2": {"length": None}, "tool3": 7}
    assert material({"job": {"filament": tools}}) == 24.5
    assert material({"job": {"filament": {"length": None, "volume": None}}}) is None
