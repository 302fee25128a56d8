"""The boards that speak over a serial port, and what a story that fits all of them needs to know of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_agent.telemetry.sources import grbl, marlin
from host_tests.rigs.grbl import CANARY as GRBL_CANARY
from host_tests.rigs.grbl import Grbl
from host_tests.rigs.marlin import CANARY as MARLIN_CANARY
from host_tests.rigs.marlin import Marlin

HARMLESS = {"M115", "M105", "M27", "M155 S5", "M155 S0"}


@dataclass(frozen=True)
class Family:
    """name: of the source. asked: all that it may ever be asked. told: (field, its value at first, and after `warm`).

    mute: it falls silent, or speaks again. begin: a job. leak: all that people could have named. leaked: whether the
    source has it. secrets: what is then in its fields and must never leave; hints: parts of them, in lower case.
    forbidden: what no line may send; allowed: what it may. samples: lines of such a board, and the bounds that must
    hold for what is read from changed ones. plain: the board without reports of its own.
    """

    name: str
    board: Callable[..., Any]
    source: Callable[..., Any]
    talk: Callable[..., Any]
    offers: tuple[str, ...]
    asked: set[str]
    told: tuple[str, float, float]
    warm: Callable[[Any, float], None]
    mute: Callable[[Any, bool], None]
    begin: Callable[[Any], None]
    leak: Callable[[Any], None]
    leaked: Callable[[str], bool]
    secrets: tuple[str, ...]
    hints: tuple[str, ...]
    forbidden: tuple[bytes, ...]
    allowed: bytes
    samples: tuple[str, ...]
    bounds: dict[str, tuple[float, float]]
    plain: dict[str, Any]

    def reads(self, board: Any, now: Callable[[], int] = lambda: 1000, silence: float = 5.0) -> Any:
        """A source of it, with the shortest pauses."""
        source = self.source(board.cable.path, 115_200, now, pace=0.05, quiet=0.05, silence=silence)
        source._jitter = lambda: 0.0
        return source

    def plugged(self, directory: Path, **given: Any) -> Any:
        """A board at `directory`/port."""
        return self.board(directory / "port", **given).plug()


def _marlin_warm(board: Marlin, value: float) -> None:
    board.nozzle = (value, 80.0)


def _marlin_mute(board: Marlin, silent: bool) -> None:
    board.dead = silent


def _grbl_warm(board: Grbl, value: float) -> None:
    board.feed = int(value)


def _grbl_mute(board: Grbl, silent: bool) -> None:
    board.mute = silent


def _grbl_begin(board: Grbl) -> None:
    board.state, board.job = "Run", 41.5


def _grbl_leak(board: Grbl) -> None:
    board.chatter()
    board.alarm()


MARLIN = Family(
    name="marlin",
    board=Marlin,
    source=marlin.marlin,
    talk=marlin.Marlin,
    offers=marlin.OFFERS,
    asked=HARMLESS,
    told=("nozzle_temperature", 200.4, 77),
    warm=_marlin_warm,
    mute=_marlin_mute,
    begin=Marlin.begin,
    leak=Marlin.chatter,
    leaked=lambda status: "canary_93be" in status.lower(),
    secrets=(MARLIN_CANARY,),
    hints=("93be",),
    forbidden=(b"M104 S200\n", b"M27 C\n", b"M115", b"?", b"", b"\x18", b"M105\nG28\n"),
    allowed=b"M105\n",
    samples=(
        "ok T:200.40 /210.00 B:60.10 /60.00 T0:200.40 /210.00 @:64",
        "FIRMWARE_NAME:Marlin 2.1 SOURCE_CODE_URL:x PROTOCOL_VERSION:1.0 UUID:y",
        "Cap:AUTOREPORT_TEMP:1",
        "SD printing byte 123/456",
        "Not SD printing",
        "Done printing file",
        "echo:busy: paused for user",
        "Error:Printer halted. kill() called!",
        "//action:pause",
        "echo:Unknown command",
        "File opened: x.gco Size: 5",
        "start",
        "ok",
    ),
    bounds={"nozzle_temperature": (-10_000, 10_000), "bed_temperature": (-10_000, 10_000)},
    plain={"reports": False},
)
GRBL = Family(
    name="grbl",
    board=Grbl,
    source=grbl.grbl,
    talk=grbl.Grbl,
    offers=grbl.OFFERS,
    asked={"?", "$I"},
    told=("feed", 321, 77),
    warm=_grbl_warm,
    mute=_grbl_mute,
    begin=_grbl_begin,
    leak=_grbl_leak,
    leaked=lambda status: "grbl.canaryc04d" in status and "'message'" in status and "192.168.7.31" in status,
    secrets=(GRBL_CANARY, "192.168.7.31"),
    hints=("c04d",),
    forbidden=(b"~", b"!", b"\x18", b"\x84", b"$H\n", b"$X\n", b"$$\n", b"$RST=*\n", b"M105\n", b"G0X1\n", b"$I"),
    allowed=b"?",
    samples=(
        "<Run|MPos:12.345,-7.000,0.000|FS:1200,800|Ov:100,100,100|SD:42.00,/sd/a.nc>",
        "<Hold:0|WPos:1,2,3|F:5|Pn:XYZ|A:S>",
        "<Idle|FS:0,0>",
        "[VER:1.1h.20190825:mine]",
        "[OPT:V,15,128]",
        "[MSG: Mode=STA:SSID=x:Status=Connected:IP=1.2.3.4:MAC=AA-BB]",
        "[MSG:INFO: /sd/a.nc file job succeeded]",
        "ALARM:1",
        "error:8",
        "Grbl 1.1h ['$' for help]",
        "ok",
    ),
    bounds={"feed": (-(10**9), 10**9), "laser_power": (-(10**9), 10**9)},
    plain={},
)
FAMILIES = (MARLIN, GRBL)
