"""Marlin on a serial port (`device`, `baud`): temperatures, and how far a print from its own card is.

Sent: M115 once (again if the board restarts), then M155 S5 if the firmware says that it can report temperatures by
itself, else, or if no report comes, M105 each 5 s; M27 each 5 s. M155 changes a setting of the firmware, one that it
forgets when it restarts: the last thing sent is M155 S0, which undoes it, if the line still stands then. Never M27 C,
which tells the file's name, and nothing else: serial_line.py has the table. Each answer is awaited before the next
query.

A print that another program streams, or that comes through another port of the board, is not seen.
"""

import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent.telemetry.following import Following
from firmware_agent.telemetry.serial_feed import SILENCE, SerialFeed
from firmware_agent.telemetry.serial_line import SerialLine

OFFERS = (
    "state", "progress", "nozzle_temperature", "nozzle_target", "bed_temperature", "bed_target",
    "job_start", "job_finish", "firmware_version",
)  # fmt: skip
PACE = 5.0  # s
_QUIET = 2.0  # s of listening at first: a board that restarts has no ear for queries
_AGAIN = 20.0  # s without an answer, then a query counts as lost; "busy" begins them anew
_STALE = 20.0  # s without the report that it promised: then it is asked for
_PARTS = re.compile(r"(?:^| )([A-Z][A-Z_]{2,31}):")
_HEAT = re.compile(r"(?:^| )(T\d{0,2}|B|C|P|R):(-?\d{1,4}(?:\.\d{1,4})?)(?: ?/(-?\d{1,4}(?:\.\d{1,4})?))?(?= |$)")
_CAP = re.compile(r"Cap:([A-Z0-9_]{1,40}):([01])")
_BYTE = re.compile(r"(?:echo:)?SD printing byte (\d{1,12})/(\d{1,12})")
_FILE = re.compile(r"(?:echo:)?(?:File opened|Now fresh file|Now doing file|Current file): ?(.+?)(?: Size: ?\d+)?")
_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,9}){1,3}")
_NAMES = {"FIRMWARE_NAME": "marlin.firmware_name", "MACHINE_TYPE": "device_name", "UUID": "serial"}
_HEATERS = {"T": "nozzle", "B": "bed"}
_PAUSED = {"pause": True, "paused": True, "resume": False, "resumed": False, "cancel": False}


def firmware(line: str) -> dict[str, Any]:
    """The fields of the first line of M115's answer."""
    words = _PARTS.split(line)
    found = {_NAMES.get(name, "marlin.%s" % name.lower()): text for name, text in zip(words[1::2], words[2::2])}
    name = found.get("marlin.firmware_name", "")
    number = _NUMBER.search(name)
    if name:
        found["firmware_version"] = name if number is None else number.group()
    return found


def temperatures(line: str) -> dict[str, float]:
    """The fields (degrees C) of a report like "T:20.0 /0.0 B:21.0 /0.0 T1:20.5 /0.0 @:0"; none, if it is none."""
    found = {}
    rows = _HEAT.findall(line)
    one = any(heater == "T" for heater, _, _ in rows)
    for heater, actual, target in rows:
        name = _HEATERS.get("T" if heater == "T0" and not one else heater)
        found["%s_temperature" % name if name else "marlin.%s.actual" % heater] = float(actual)
        if target:
            found["%s_target" % name if name else "marlin.%s.target" % heater] = float(target)
    return found


class Marlin:
    """Implements Talk. pace, quiet: s."""

    def __init__(self, pace: float = PACE, quiet: float = _QUIET) -> None:
        self._pace = pace
        self._quiet = quiet
        self.next = 0.0
        self._begin()

    def _begin(self) -> None:
        self.complete = self.halted = False
        self.farewell: bytes | None = None
        self._listened = self._answers = self._reports = self._printing = self._paused = False
        self._card, self._warm = True, 0.0
        self._todo = deque([b"M115\n"])
        self._waits: bytes | None = None

    def ask(self, now: float) -> bytes | None:
        if not self._listened:
            self._listened, self.next = True, now + self._quiet
        if now < self.next:
            return None
        if self._waits == b"M115\n":
            self._todo.appendleft(self._waits)
        if not self._todo:
            self._todo.extend([b"M27\n"] if self._card else [])
            fresh = self._reports and now - self._warm < _STALE
            self._todo.extend([] if fresh and self._card else [b"M105\n"])
        self._waits = self._todo.popleft()
        if self._waits == b"M155 S5\n":
            self.farewell, self._warm = b"M155 S0\n", now
        self.next = now + _AGAIN
        return self._waits

    def hear(self, line: str, now: float) -> dict[str, Any]:
        fields = self._tell(line, now)
        if self._answers or self.halted:
            fields["state"] = self._state()
            if fields["state"] == "idle":
                fields["progress"] = None
        return fields

    def _state(self) -> str:
        if self.halted:
            return "error"
        return "paused" if self._paused else "printing" if self._printing else "idle"

    def _tell(self, line: str, now: float) -> dict[str, Any]:
        if line == "start":  # it has restarted, and knows nothing of what was said before
            self._begin()
            return {"state": None, "progress": None, "message": None}
        if line == "ok" or line.startswith("ok "):
            self._answered(now)
            return self._heat(line, now)
        if line.startswith(("Error:", "!!")):
            self.halted = True  # until it answers again
            return {"message": line}
        if "busy:" in line[:12]:
            self.next = now + _AGAIN if self._waits is not None else self.next
            self._paused = self._paused or "paused" in line
            return {"message": line}
        if line.startswith("FIRMWARE_NAME:"):
            return firmware(line)
        return self._heat(line, now) or self._card_line(line) or self._other(line)

    def _answered(self, now: float) -> None:
        if self._waits is not None or self.halted:
            more = self._todo or self._waits in (b"M115\n", b"M155 S5\n")
            self.next = now if more else now + self._pace
        self._answers, self.halted, self._waits = True, False, None

    def _card_line(self, line: str) -> dict[str, Any]:
        done = _BYTE.fullmatch(line)
        if done is not None:
            at, size = int(done[1]), int(done[2])
            if not self._printing:
                self._printing, self.complete = True, False
            fields: dict[str, Any] = {"marlin.byte": at, "marlin.size": size}
            return {**fields, "progress": 100 * at / size} if at <= size and size else fields
        if line in ("Not SD printing", "echo:Not SD printing"):
            self._printing = self._paused = False
        elif line in ("Done printing file", "echo:Done printing file"):
            self.complete, self._printing, self._paused = True, False, False
        else:
            opened = _FILE.fullmatch(line)
            return {} if opened is None else {"job_file": opened[1]}
        return {"marlin.line": line}

    def _other(self, line: str) -> dict[str, Any]:
        capable = _CAP.fullmatch(line)
        if capable is not None:
            if capable[1] == "AUTOREPORT_TEMP" and capable[2] == "1" and not self._reports:
                self._reports = True
                self._todo.append(b"M155 S5\n")
            return {"marlin.cap.%s" % capable[1]: capable[2] == "1"}
        if line.startswith("//action:"):
            self._paused = _PAUSED.get(line[9:], self._paused)
            return {"message": line[9:]}
        if line.startswith("echo:"):
            if line.startswith("echo:Unknown command"):
                self._card = self._card and self._waits != b"M27\n"
                self._reports = self._reports and self._waits != b"M155 S5\n"
            return {"message": line[5:]}
        return {"marlin.line": line}

    def _heat(self, line: str, now: float) -> dict[str, Any]:
        found = temperatures(line)
        self._warm = now if found else self._warm
        return dict(found)


def marlin(
    device: Path, baud: int, now: Callable[[], int | None], pace: float = PACE, quiet: float = _QUIET,
    silence: float = SILENCE,
) -> Following:  # fmt: skip
    """The source. now: epoch s."""
    feed = SerialFeed(SerialLine("marlin", device, baud), lambda: Marlin(pace, quiet), silence)
    return Following("marlin", OFFERS, feed, now, pace, exclusive=True)
