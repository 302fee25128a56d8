"""GRBL or FluidNC on a serial port (`device`, `baud`): laser engravers and small mills.

Sent: `?` each 2 s, a byte that the board takes out of its input wherever it stands and answers with its status; `$I`
with a newline once, and only when the status says Idle or Alarm, for within a job it would be refused. Nothing else:
serial_line.py has the table. Positions are handed over raw, under names that no catalogue declares.

A finished job is known from FluidNC only, and only of files on its own card: GRBL has no jobs, only lines.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent.telemetry.following import Following
from firmware_agent.telemetry.serial_feed import SILENCE, SerialFeed
from firmware_agent.telemetry.serial_line import SerialLine

OFFERS = ("state", "progress", "feed", "laser_power", "job_start", "job_finish", "firmware_version")
PACE = 2.0  # s
_QUIET = 1.0  # s of listening at first: a board that restarts has no ear for queries
_STATES = {
    "Idle": "idle",
    "Run": "printing",
    "Hold": "paused",
    "Door": "paused",
    "Alarm": "error",
    "Home": "idle",  # it moves, and no job is under way
    "Jog": "idle",
    "Check": "idle",  # a rehearsal: nothing moves
    "Sleep": "idle",
}
_PARTS = 32  # of one status that are looked at
_STATUS = re.compile(r"<([A-Za-z]{1,12})(?::(\d{1,3}))?((?:[|,].*)?)>")
_TOLD = re.compile(r"\[([A-Za-z0-9]{1,12}):(.*)\]")
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,6})?")
_HELLO = re.compile(r"Grbl(?:HAL)? .*\[.*", re.IGNORECASE)
_DONE = " file job succeeded"


def status(line: str) -> dict[str, Any] | None:
    """The fields of "<Run|MPos:1.000,2.000,0.000|FS:500,800|SD:42.10,/sd/a.nc>"; None, if it is no status.

    feed: mm a minute. laser_power: the S of its spindle, from 0 to what its setting $30 says. progress: percent.
    """
    found = _STATUS.fullmatch(line)
    if found is None:
        return None
    state, below, rest = found.groups()
    fields: dict[str, Any] = {"state": _STATES.get(state), "grbl.state": state, "progress": None, "job_file": None}
    fields["grbl.substate"] = None if below is None else int(below)
    for part in rest[1:].split("|")[:_PARTS]:
        name, _, value = part.partition(":")
        values = value.split(",")
        numbers = [float(one) for one in values[:_PARTS] if _NUMBER.fullmatch(one)]
        if name == "SD":
            fields["job_file"] = ",".join(values[1:]) or None
            fields["progress"] = next((one for one in numbers[:1] if 0 <= one <= 100), None)
        elif len(numbers) < len(values):
            fields["grbl.%s" % name] = value
        elif name in ("FS", "F"):
            fields.update(zip(("feed", "laser_power"), numbers))
        else:
            fields.update(("grbl.%s.%d" % (name, number), one) for number, one in enumerate(numbers))
    return fields


def told_by(line: str) -> dict[str, Any]:
    """The fields of any other line."""
    found = _TOLD.fullmatch(line)
    if found is None:
        return {"message" if line.lower().startswith(("alarm:", "error:")) else "grbl.line": line}
    name, text = found.groups()
    if name == "VER":
        version, _, owner = text.partition(":")
        return {"firmware_version": version, "device_name": owner or None}
    if name != "MSG":
        return {"grbl.%s" % name: text}
    fields: dict[str, Any] = {"message": text}
    for part in text.split(":")[:_PARTS] if "=" in text else ():
        key, _, value = part.strip().partition("=")
        fields["address" if key == "IP" else "grbl.net.%s" % key] = value
    _, machine, text = text.partition("Machine: ")
    return {**fields, "device_name": text} if machine else fields


class Grbl:
    """Implements Talk. pace, quiet: s."""

    farewell: bytes | None = None
    halted = False  # an alarm does not keep it from answering

    def __init__(self, pace: float = PACE, quiet: float = _QUIET) -> None:
        self._pace = pace
        self.next = 0.0
        self._quiet: float | None = quiet
        self._begin()

    def _begin(self) -> None:
        self.complete = self._introduced = self._free = False
        self._state: str | None = None

    def ask(self, now: float) -> bytes | None:
        if self._quiet is not None:
            self.next, self._quiet = now + self._quiet, None
        if now < self.next:
            return None
        if self._free and not self._introduced:
            self._introduced = True
            return b"$I\n"  # and the status at once after it
        self.next = now + self._pace
        return b"?"

    def hear(self, line: str, now: float) -> dict[str, Any]:
        fields = status(line)
        if fields is None:
            if _HELLO.match(line):  # it has restarted
                self._begin()
                return {"grbl.line": line, "state": None, "progress": None, "message": None}
            self.complete = self.complete or (line.startswith("[MSG:") and _DONE in line)
            return told_by(line)
        if fields["state"] == "printing" and self._state in ("idle", "error", None):
            self.complete = False
        if self._state == "idle":  # what ended has been told
            self.complete = False
        self._state = fields["state"]
        self._free = fields["grbl.state"] in ("Idle", "Alarm")
        return fields


def grbl(
    device: Path, baud: int, now: Callable[[], int | None], pace: float = PACE, quiet: float = _QUIET,
    silence: float = SILENCE,
) -> Following:  # fmt: skip
    """The source. now: epoch s."""
    feed = SerialFeed(SerialLine("grbl", device, baud), lambda: Grbl(pace, quiet), silence)
    return Following("grbl", OFFERS, feed, now, pace, exclusive=True)
