"""Which units of systemd are installed, and which of them start by themselves: its folders, read."""

import re
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.cli.others.programs import PROGRAMS, Program

_FOLDERS = (  # an earlier one overrides a later one
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
_STARTERS = ("etc/init.d",)
NAME = re.compile(r"[A-Za-z0-9:_.@-]{1,120}\.service")  # more can never be in a command


@dataclass(frozen=True)
class Unit:
    """name: `camera-streamer@.service` stands for all of that template. enabled: something starts it. masked: nothing
    can."""

    name: str
    program: Program
    enabled: bool
    masked: bool


def there(root: Path) -> bool:
    """Whether this machine runs systemd."""
    return (root / "run/systemd/system").is_dir()


def installed(root: Path) -> list[Unit]:
    """The units of known programs, by name."""
    found: dict[str, Unit] = {}
    for folder in _FOLDERS:
        for program in PROGRAMS:
            for pattern in program.units:
                for file in sorted((root / folder).glob(pattern)):
                    if file.name not in found and NAME.fullmatch(file.name) and not file.is_dir():
                        found[file.name] = Unit(file.name, program, _enabled(root, file.name), _masked(file))
    return [found[name] for name in sorted(found)]


def scripts(root: Path) -> list[tuple[str, Program]]:
    """What an older way of starting starts: (path, program), by path. Nothing here can stop those."""
    found = []
    for folder in _STARTERS:
        for file in sorted((root / folder).glob("*")):
            name = re.sub(r"^[SK]\d\d", "", file.name)
            found += [(f"/{folder}/{file.name}", row) for row in PROGRAMS if name in row.words and row.stops]
    return found


def _masked(file: Path) -> bool:
    return file.is_symlink() and str(file.readlink()) == "/dev/null"


def _enabled(root: Path, name: str) -> bool:
    """A template is, if one of its instances is."""
    stem = name.removesuffix("@.service")
    wanted = f"{stem}@*.service" if stem != name else name
    places = [root / folder for folder in _FOLDERS]
    return any(any(place.glob(f"*.{kind}/{wanted}")) for place in places for kind in ("wants", "requires", "upholds"))
