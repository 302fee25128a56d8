"""The printer sides of `tools/bench telemetry`: each says a number that goes up, in the words of its kind.

`count` is said as degrees Celsius of the nozzle, hundredths of them from 150 on, or as percent of the file on the card
by a board that knows no temperature: what a printer says a hundred times a second are measurements, not names.
"""

import asyncio
import contextlib
import json
import os
import pwd
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from host_tests.rigs import bambu
from host_tests.rigs.grbl import Grbl
from host_tests.rigs.marlin import Marlin
from host_tests.rigs.moonraker import moonraker
from host_tests.rigs.octoprint_mouth import OctoPrintMouth

NOZZLE, PROGRESS = "nozzle_temperature", "progress"  # the field that counts
_COLD = 150.0
_STEPS = 100  # counts in a degree, or in a percent
MOST = 9000  # counts: then a percent would be over
_BAUD = 115_200


@dataclass
class Side:
    """A printer that can be read. sections: of the agent's configuration. tell: says a count. single: whether each is
    a record of its own, not the newest of a status. peer: the process that serves it, if it is a program of its own."""

    sections: str
    tell: Callable[[int], None]
    field: str = NOZZLE
    single: bool = False
    peer: int | None = None


Start = Callable[[Path], AbstractAsyncContextManager[Side]]  # the directory is new, and its path short


def counted(field: str, value: object) -> int | None:
    """The count in a raw record; None: it holds none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round((value - (_COLD if field == NOZZLE else 0.0)) * _STEPS)


def _degrees(count: int) -> float:
    return round(_COLD + count / _STEPS, 2)


def _intake(kind: str) -> Start:
    @contextlib.asynccontextmanager
    async def start(directory: Path) -> AsyncIterator[Side]:
        place = directory / "intake.sock"
        section = f'[source.intake]\npath = "{place}"\nusers = ["{pwd.getpwuid(os.getuid()).pw_name}"]\n'
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            ours.setblocking(False)

            def tell(count: int) -> None:
                said = {"state": "printing", NOZZLE: _degrees(count)}
                with contextlib.suppress(OSError):  # as docs/intake.md has it: it is not wanted now
                    ours.sendto(json.dumps({"intake": 1, kind: said}).encode(), str(place))

            yield Side(section, tell, single=kind == "event")

    return start


def _moonraker(way: str) -> Start:
    @contextlib.asynccontextmanager
    async def start(directory: Path) -> AsyncIterator[Side]:
        with moonraker(directory) as (server, klippy):
            url = server.url.replace("http", "ws", 1) + "/websocket"
            where = f'path = "{server.socket}"' if way == "path" else f'url = "{url}"'

            def tell(count: int) -> None:
                klippy.change("extruder", temperature=_degrees(count))

            klippy.change("print_stats", state="printing")
            tell(0)
            yield Side(f"[source.moonraker]\n{where}\n", tell, peer=server.pid)

    return start


@contextlib.asynccontextmanager
async def _octoprint(directory: Path) -> AsyncIterator[Side]:
    key = directory / "key"
    key.write_text("0" * 32)
    async with OctoPrintMouth() as mouth:
        mouth.change(_degrees(0))
        yield Side(
            f'[source.octoprint]\nurl = "{mouth.url}"\nkey_file = "{key}"\n',
            lambda count: mouth.change(_degrees(count)),
        )


@contextlib.asynccontextmanager
async def _marlin(directory: Path) -> AsyncIterator[Side]:
    board = Marlin(directory / "port", reports=False).plug()

    def tell(count: int) -> None:
        board.nozzle = _degrees(count), 210.0
        board.say(" " + board.temperatures())

    tell(0)
    try:
        yield Side(f'[source.marlin]\ndevice = "{directory / "port"}"\nbaud = {_BAUD}\n', tell)
    finally:
        board.pull()


@contextlib.asynccontextmanager
async def _grbl(directory: Path) -> AsyncIterator[Side]:
    board = Grbl(directory / "port").plug()
    board.state = "Run"

    def tell(count: int) -> None:
        board.job = count / _STEPS
        board.say(board.status())

    tell(0)
    try:
        yield Side(f'[source.grbl]\ndevice = "{directory / "port"}"\nbaud = {_BAUD}\n', tell, PROGRESS)
    finally:
        board.pull()


@contextlib.asynccontextmanager
async def _bambu(directory: Path) -> AsyncIterator[Side]:
    full = {"print": {"command": "push_status", "gcode_state": "RUNNING", "nozzle_temper": _COLD, "bed_temper": 60.1}}
    with bambu.Printer(directory / "broker", full) as printer:
        for name, word in (("serial", bambu.SERIAL), ("code", bambu.CODE)):
            (directory / name).write_text(word)
        files = f'serial_file = "{directory / "serial"}"\ncode_file = "{directory / "code"}"'
        where = f'host = "127.0.0.1"\nport = {printer.port}\nfingerprint = "{printer.fingerprint}"'
        yield Side(f"[source.bambu]\n{where}\n{files}\n", lambda count: printer.prints(nozzle_temper=_degrees(count)))


PRINTERS: dict[str, Start] = {
    "intake, status": _intake("status"),
    "intake, events": _intake("event"),
    "moonraker, Unix socket": _moonraker("path"),
    "moonraker, websocket": _moonraker("url"),
    "octoprint": _octoprint,
    "marlin": _marlin,
    "grbl": _grbl,
    "bambu": _bambu,
}


async def say(side: Side, counts: range, rate: float) -> dict[int, float]:
    """Tell these counts, so many a second; {count: when it was told, s of the monotonic clock}.

    Each comes at a random moment of its share of a second: the agent reads by the clock, and they must not march along.
    """
    loop, rng = asyncio.get_running_loop(), random.Random(counts[0])  # noqa: S311 - seeded
    begun, told = loop.time(), {}
    for number, count in enumerate(counts):
        await asyncio.sleep(max(0.0, begun + (number + rng.random()) / rate - loop.time()))
        told[count] = loop.time()
        side.tell(count)
    await asyncio.sleep(max(0.0, begun + len(counts) / rate - loop.time()))
    return told
