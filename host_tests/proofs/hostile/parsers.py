"""The pure part of each source, told what no printer should say."""

from collections.abc import Callable
from random import Random
from typing import Any

import wsproto
from wsproto import events

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import parse
from firmware_agent.telemetry.frames import Strange, cut
from firmware_agent.telemetry.lines import Lines
from firmware_agent.telemetry.moonraker_talk import METHODS, Talk
from firmware_agent.telemetry.octoprint_talk import Talk as OctoPrintTalk
from firmware_agent.telemetry.sources.bambu import Reports
from firmware_agent.telemetry.sources.grbl import Grbl as GrblTalk
from firmware_agent.telemetry.sources.intake import LARGEST, tell
from firmware_agent.telemetry.sources.marlin import Marlin as MarlinTalk
from firmware_agent.telemetry.sources.moonraker import _tell
from firmware_agent.telemetry.sources.octoprint import _tell as _hear
from firmware_agent.telemetry.websocket import Frames
from host_tests.fakes_moonraker import STATUS, results
from host_tests.proofs.fuzz.target import Broken, Control, mutated
from host_tests.proofs.hostile.target import NOISE, Boundless, Said, careless, document, lines, talkative

_HISTORY = {
    "status": "completed",
    "start_time": 1.5,
    "end_time": 5.5,
    "filament_used": 9.5,
    "user": "u",
    "filename": "f",
}


def _answer(method: str, result: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": METHODS.index(method), "result": result}


def _news(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notify_" + method, "params": list(params)}


class Moonraker(Said):
    name = "moonraker"
    share = 18
    allowed = (SourceError,)
    samples = (
        *(_answer(method, result) for method, result in results().items()),
        *(_news("status_update", STATUS, 3.5), _news("klippy_ready"), _news("klippy_shutdown")),
        *(_news("klippy_disconnected"), _news("gcode_response", "// x"), _news("proc_stat_update", {"net": {"a": 5}})),
        _news("webcams_changed", {"webcams": [{"name": "x"}]}),
        _news("history_changed", {"action": "finished", "job": _HISTORY}),
        {"jsonrpc": "2.0", "id": 3, "error": {"code": 503, "message": "x"}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Invalid params: x"}},
    )

    def begin(self) -> None:
        self.talk = Talk()
        self.talk.begin()

    def case(self, rng: Random) -> bytes:
        return document(rng, self.samples)

    def tell(self, data: bytes) -> bool:
        before = self.talk.dropped
        said = _tell(self.talk, data, self.heard)
        for one in [*said.requests, *self.talk.look()]:
            asked = parse(one)
            if asked is None or asked["method"] not in METHODS:
                raise Broken("it asks what is not on the list")
        return self.talk.dropped == before


class OctoPrint(Said):
    """What comes over its push socket."""

    name = "octoprint"
    share = 14
    allowed = (SourceError,)
    _JOB = {"file": {"name": "f", "path": "p", "size": 5}, "user": "u", "filament": {"tool0": {"length": 9.5}}}
    _FLAGS = {"operational": True, "printing": True, "error": False}
    _HEAT = {"tool0": {"actual": 205.1, "target": 205.0}, "bed": {"actual": 5000.0, "target": 60.0}, "time": 5}
    _SAID = {
        "job": _JOB,
        "progress": {"completion": 41.5, "printTime": 61, "printTimeLeft": 90},
        "state": {"text": "Printing", "error": "", "flags": _FLAGS},
        "temps": [_HEAT],
    }
    samples = (
        {"current": _SAID},
        {"history": _SAID},
        {"event": {"type": "PrintDone", "payload": {"name": "f"}}},
        {"connected": {"version": "1.11", "config_hash": "x"}},
    )

    def begin(self) -> None:
        self.talk = OctoPrintTalk()

    def case(self, rng: Random) -> bytes:
        return document(rng, self.samples)

    def tell(self, data: bytes) -> bool:
        before = self.heard.dropped
        _hear(self.talk, data, self.heard)
        return self.heard.dropped == before


class Bambu(Said):
    name = "bambu"
    share = 16
    samples = (
        {
            "print": {
                **{"command": "push_status", "gcode_state": "RUNNING", "mc_percent": 41, "mc_remaining_time": 12},
                **{"nozzle_temper": 219.8, "nozzle_target_temper": 220, "bed_temper": 60.1, "print_error": 5},
                **{"subtask_name": "n", "gcode_file": "f", "fail_reason": "r"},
                "hms": [{"attr": 50335744, "code": 65543}],
                "ams": {"ams": [{"id": "0", "tray": [{"id": "0", "tag_uid": "x"}]}]},
                "net": {"info": [{"ip": 135440576, "mask": 16777215}]},
            }
        },
        {"print": {"gcode_state": "FINISH", "mc_percent": 100, "nozzle_temper": 5000, "bed_temper": -270}},
        {"info": {"command": "get_version", "module": [{"name": "x", "sn": "y"}]}},
    )

    def begin(self) -> None:
        self.reports = Reports(self.heard, "01P00A000000000")

    def case(self, rng: Random) -> bytes:
        return document(rng, self.samples)

    def tell(self, data: bytes) -> bool:
        return self.reports.tell(data)


class Intake(Said):
    """Datagrams."""

    name = "intake"
    share = 14
    samples = (
        {"intake": 1, "status": {"state": "printing", "progress": 41.5, "elapsed": 60, "nozzle_temperature": 205.5}},
        {
            "intake": 1,
            "status": {"link_type": "wifi", "link_signal": -60, "alive": "on", "job_file": "f", "a": {"b": 5}},
        },
        {"intake": 1, "event": {"job_start": 1_795_000_000, "job_finish": 1_795_000_060, "job_material": 5.5}},
        {"intake": 1, "event": {"error_code": 7, "message": "m", "serial": "s", "address": 135440576}},
    )

    def case(self, rng: Random) -> bytes:
        return document(rng, self.samples)[:LARGEST]

    def tell(self, data: bytes) -> bool:
        return tell(data, self.heard)


class _Serial(Said):
    """talk: what hears the lines; samples: lines, in which NAME stands for what people name."""

    talk: Callable[[], Any]
    samples: tuple[str, ...] = ()

    def begin(self) -> None:
        self._lines, self._talk, self._now = Lines(), type(self).talk(), 0.0

    def case(self, rng: Random) -> bytes:
        return lines(rng, self.samples)

    def tell(self, data: bytes) -> bool:
        lost, told = self._lines.lost, False
        for line in self._lines.feed(data):
            self._now += 1
            self._talk.ask(self._now)
            found = self._talk.hear(line, self._now)
            told = told or bool(found)
            self.heard.status(found, complete=self._talk.complete)
        if len(self._lines._part) > 1024:
            raise Broken("a line without an end is kept")
        return told and self._lines.lost == lost

    def trip(self, data: bytes) -> None:
        data.decode()


class Marlin(_Serial):
    name = "marlin"
    share = 14
    talk = MarlinTalk
    samples = (
        *(
            "start",
            "ok",
            "ok T:205.10 /205.00 B:60.20 /60.00 T1:21.0 /0.0 @:64 B@:32",
            " T:20.5 /0.0 B:21.0 /0.0",
            " T:9999 /0.0 B:9999",
        ),
        *("FIRMWARE_NAME:Marlin 2.1.2.1 (NAME) SOURCE_CODE_URL:x MACHINE_TYPE:NAME UUID:NAME", "Cap:AUTOREPORT_TEMP:1"),
        *("SD printing byte 500/1000", "Not SD printing", "Done printing file", "File opened: NAME.gco Size: 1000"),
        *("Error:Printer halted. NAME", "echo:busy: processing", "//action:paused", "echo:NAME", "NAME"),
    )


class Grbl(_Serial):
    name = "grbl"
    share = 14
    talk = GrblTalk
    samples = (
        *("<Run|MPos:12.345,-7.000,0.000|FS:1200,800|Ov:100,100,100|SD:42.00,/sd/NAME.nc>", "<Idle|FS:0,0>"),
        *(
            "<Hold:0|WPos:1,2,3|F:5|Pn:XYZ|A:S>",
            "[VER:3.7 FluidNC v3.7.8:NAME]",
            "[OPT:V,15,128]",
            "ALARM:1",
            "error:8",
        ),
        *(
            "[MSG: Mode=STA:SSID=NAME:Status=Connected:IP=192.168.1.2:MAC=AA-BB]",
            "[MSG:INFO: /sd/NAME file job succeeded]",
        ),
        *("Grbl 1.1h ['$' for help]", "ok", "NAME"),
    )


class Websocket(Said):
    """Bytes of a connection, before anything is read in them."""

    name = "websocket"
    share = 5
    allowed = (SourceError,)
    _HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"
    _begun = 0

    def begin(self) -> None:
        """Most of them are agreed on first."""
        self.frames, self._begun = Frames("here"), self._begun + 1
        server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        server.receive_data(self.frames.begin("here", "/"))
        next(iter(server.events()))
        if self._begun % 4:
            self.frames.feed(server.send(events.AcceptConnection()))

    def case(self, rng: Random) -> bytes:
        kind, size = rng.choice((0x81, 0x81, 0x01, 0x80, 0x89, 0x88, 0x82, 0xF1)), rng.choice((5, 5, 126, 127, 0x85))
        frame = bytes([kind, size]) + rng.choice((b"12345", rng.randbytes(9)))
        if rng.random() < 0.4:
            return frame
        return mutated(rng, rng.choice((self._HEAD, frame, frame)), (*NOISE, b"\r\n", frame))

    def tell(self, data: bytes) -> bool:
        self.frames.feed(data)
        found = len(self.frames.messages)
        if len(self.frames._part) > 1 << 18:
            raise Broken("a message without an end is kept")
        self.frames.messages.clear()
        return found > 0

    def trip(self, data: bytes) -> None:
        data.decode()


class Mqtt(Said):
    """The packets of a printer's broker."""

    name = "mqtt"
    share = 5
    allowed = (Strange,)

    def begin(self) -> None:
        self.buffer = bytearray()

    def case(self, rng: Random) -> bytes:
        report = b"\x30\x0b\0\3abc" + rng.randbytes(6)
        return mutated(
            rng, rng.choice((b"\x20\2\0\0", b"\x90\3\0\1\0", b"\xd0\0", report, report * 3)), (b"\xff" * 4, report)
        )

    def tell(self, data: bytes) -> bool:
        self.buffer += data
        found = False
        while (packet := cut(self.buffer)) is not None:
            found = True
            if len(packet) > (1 << 18) + 5:
                raise Broken("a packet longer than may be")
        return found

    def trip(self, data: bytes) -> None:
        data[data[1] + 1]


TARGETS: tuple[type[Said], ...] = (Moonraker, OctoPrint, Bambu, Intake, Marlin, Grbl, Websocket, Mqtt)


def controls(target: type[Said]) -> list[Control]:
    """That source with a defect that must be found."""
    made: list[Control] = [("an error that is none of ours", lambda: target(brittle=True))]
    if target not in (Websocket, Mqtt):
        made.append(("a text passes that is declared as staying", lambda: target(made=talkative)))
    if target not in (Websocket, Mqtt, Grbl):  # what that one measures always fits
        made.append(("a value passes that does not fit", lambda: target(made=careless)))
    if target not in (Websocket, Mqtt, OctoPrint):
        made.append(("what it keeps has no bounds", lambda: target(heard=Boundless)))
    return made
