"""A Bambu printer on the own network, read over its own MQTT broker (TLS, port 8883).

Read-only. Besides logging in and subscribing to its reports, one thing is ever sent, and it changes nothing: the
request for a report of everything, after connecting and then every five minutes (telemetry/mqtt_line.py), and after a
reconnection half a minute after the last one at the earliest. Most models
report only what changed; the reports of others are heard as well, for the topic is one for all.
"""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Any

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import LEAVES, leaves, number, parse
from firmware_agent.telemetry.following import FIELDS, Following, Heard
from firmware_agent.telemetry.mqtt_line import TURN, Place, line

_EVERY = 300.0  # small models stutter if they are asked more often
_AGAIN = 30.0
_QUIET = 30.0
_LOOK = 10.0  # s between two looks whether the connection needs a sign of life, at most
_LEAST = 0.01  # s
_RATE = 200  # packets a second that are looked at; behind more of them the connection stalls
_DEPTH = 8  # of nesting: the printer's spools lie deep
_HMS = 8  # messages of its health system that are known at one time
_STATES = {
    "IDLE": "idle",
    "SLICING": "idle",  # a computer elsewhere does it
    "PREPARE": "printing",
    "RUNNING": "printing",
    "PAUSE": "paused",
    "FINISH": "idle",  # the job is complete, and its part lies on the bed
    "FAILED": "error",  # or cancelled: it says the same of both
    "OFFLINE": "offline",
}
# field: (where in "print", lowest, highest); outside of it a number is no measurement.
_NUMBERS = {
    "progress": ("mc_percent", 0, 100),
    "remaining": ("mc_remaining_time", 0, 10**7),  # minutes there, s here
    "nozzle_temperature": ("nozzle_temper", -274, 10**4),
    "nozzle_target": ("nozzle_target_temper", -274, 10**4),
    "bed_temperature": ("bed_temper", -274, 10**4),
    "bed_target": ("bed_target_temper", -274, 10**4),
    "error_code": ("print_error", 0, 2**32 - 1),  # 0: none
}
_TEXTS = {"job_file": "subtask_name", "job_path": "gcode_file", "message": "fail_reason"}
OFFERS = ("state", *_NUMBERS, "job_start", "job_finish")


def normalise(said: dict[str, Any]) -> dict[str, Any]:
    """What one report says, as newer values of fields; never raises, whatever the shapes.

    Known parts go by the catalogue's names (state, percent, s, degrees C, error_code as the printer numbers it) or as
    job_file, job_path, message (texts) and address (a packed number); None, when what it says is no value of theirs.
    The codes of its health system are numbers under "bambu.print.hms.N.attr" and ".code", None where there are fewer.
    Every other leaf that is not null is "bambu.<dotted path>", 200 of a report at most, 8 levels deep.
    """
    fields: dict[str, Any] = {}
    status = said.get("print")
    known: set[str] = set()
    if isinstance(status, dict) and status.get("command", "push_status") == "push_status":
        known = _status(status, fields)
    others = ((path, value) for path, value in leaves(said, "", _DEPTH) if path not in known)
    for path, value in islice(others, LEAVES):
        fields["bambu." + path] = value
        if path.endswith(".ip"):
            fields["address"] = value
    return fields


def _status(status: dict[str, Any], fields: dict[str, Any]) -> set[str]:
    """Puts what is known into `fields`; the paths of it."""
    known = set()
    if "gcode_state" in status:
        state = status["gcode_state"]
        fields["state"] = _STATES.get(state) if isinstance(state, str) else None
    for name, (part, low, high) in _NUMBERS.items():
        if part in status:
            value = status[part]
            fits = number(value, low, high)
            fields[name] = (value * 60 if name == "remaining" else value) if fits else None
            known.update(["print." + part] if fits else [])
    for name, part in _TEXTS.items():
        if isinstance(status.get(part), str):
            fields[name] = status[part]
            known.add("print." + part)
    if isinstance(status.get("hms"), list):
        for place in range(_HMS):
            entry = status["hms"][place] if place < len(status["hms"]) else None
            for part in ("attr", "code"):
                value = entry.get(part) if isinstance(entry, dict) else None
                fields["bambu.print.hms.%d.%s" % (place, part)] = value if number(value, 0, 2**32 - 1) else None
    return known


class Reports:
    """Tells `heard` what the reports of one connection say. Names that only the printer knows get a part of the room
    there, so that no flood of them takes the place of those that everybody knows."""

    def __init__(self, heard: Heard, serial: str) -> None:
        self._heard = heard
        self._serial = serial
        self._others: set[str] = set()

    def tell(self, report: bytes) -> bool:
        """Hand over a report; False if it is none."""
        said = parse(report)
        if said is None:
            self._heard.dropped += 1
            return False
        fields = {"serial": self._serial, **normalise(said)}  # it stands in the topic of every report
        for name in [name for name in fields if name.startswith("bambu.") and name not in self._others]:
            if len(self._others) < FIELDS // 2:
                self._others.add(name)
            else:
                del fields[name]
                self._heard.dropped += 1
        status: Any = said.get("print")
        self._heard.status(fields, complete="state" in fields and status["gcode_state"] == "FINISH")
        return True


class BambuFeed:
    """Implements Feed. code: reads the access code, anew for each connection, for owners change it on the screen.

    s: every, between two requests on one connection; again, between two requests at least, however often connections
    end; quiet, that the answer to one may take.
    """

    def __init__(
        self, place: Place, code: Callable[[], str], every: float = _EVERY, again: float = _AGAIN, quiet: float = _QUIET
    ) -> None:
        self._place = place
        self._code = code
        self._every = every
        self._again = again
        self._quiet = quiet
        self._asked: float | None = None

    async def follow(self, heard: Heard) -> None:
        """Until it is cancelled; SourceError: why the connection ended."""
        clock = asyncio.get_running_loop().time
        async with line(self._place, self._code()) as printer:
            reports = Reports(heard, self._place.serial)
            due = clock() if self._asked is None else max(clock(), self._asked + self._again)
            unanswered: float | None = None  # since when
            while True:
                if clock() >= due:
                    printer.ask()
                    self._asked = clock()
                    due = self._asked + self._every
                    unanswered = self._asked if unanswered is None else unanswered
                end = due if unanswered is None else min(due, unanswered + self._quiet)
                told = [reports.tell(report) for report in await printer.hear(min(_LOOK, max(_LEAST, end - clock())))]
                if any(told):
                    unanswered = None
                if unanswered is not None and clock() > unanswered + self._quiet:
                    why = "it is connected and reports nothing; compare the serial number on it with `serial_file`"
                    raise SourceError("cannot read %s: %s" % (self._place.where, why), "quiet")
                await printer.pause(TURN / _RATE)


def bambu(place: Place, code: Callable[[], str], now: Callable[[], int | None]) -> Following:
    """The source. now: epoch s."""
    return Following("bambu", OFFERS, BambuFeed(place, code), now)
