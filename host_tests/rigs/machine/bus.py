"""The camera's side of the bus, as the emulated webcam wrote it down (usb_camera.py)."""

from pathlib import Path
from typing import NamedTuple


class Event(NamedTuple):
    """when: s, CLOCK_MONOTONIC of the machine. number: what belongs to it, 0 if nothing does."""

    when: float
    name: str
    number: int


def events(log: Path) -> list[Event]:
    """All that was written down so far."""
    found = []
    for line in log.read_text("ascii").splitlines(keepends=True):
        if line.endswith("\n"):  # the last one may be under way
            when, name, *rest = line.split()
            found.append(Event(float(when), name, int(rest[-1]) if rest else 0))
    return found
