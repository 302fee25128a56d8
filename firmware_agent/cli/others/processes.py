"""Which processes have something open: /proc, read. Other users' processes show that to root only."""

import os
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_OWN = "firmware_agent.camera.worker"
_ARGUMENTS = 4  # how many of them can name the program: an interpreter, its options, a script or a module


@dataclass(frozen=True)
class Process:
    """words: names by which a table may know it. unit: of the system, "" if none. own: called as ours is."""

    pid: int
    uid: int
    name: str
    words: tuple[str, ...]
    unit: str

    @property
    def own(self) -> bool:
        return _OWN in self.words


@dataclass(frozen=True)
class Seen:
    """What a look at all processes found. hidden: how many do not show this user what they have open."""

    processes: tuple[Process, ...]
    hidden: int


def holders(proc: Path, nodes: Iterable[Path]) -> Seen:
    """Processes that have one of these device nodes open, or mapped: memory keeps a camera taken after a close."""
    places = tuple(nodes)
    numbers = {found.st_rdev for found in map(os.stat, places) if stat.S_ISCHR(found.st_mode)}
    found, hidden = [], 0
    for pid in _pids(proc):
        try:
            open_now = any(_number(one) in numbers for one in (proc / str(pid) / "fd").iterdir())
            held = open_now or _mapped(proc / str(pid) / "maps", places)
        except PermissionError:
            hidden += 1
            continue
        except OSError:
            continue  # it ended meanwhile
        if held and (one := _process(proc, pid)):
            found.append(one)
    return Seen(tuple(found), hidden)


def owners(proc: Path, sockets: set[int]) -> dict[int, Process]:
    """Inode of a socket -> a process that has it open, as far as this user may see."""
    found: dict[int, Process] = {}
    for pid in _pids(proc):
        for number in _sockets(proc / str(pid) / "fd") & sockets:
            if number not in found and (one := _process(proc, pid)):
                found[number] = one
    return found


def running(proc: Path) -> list[Process]:
    """All of them, as far as this user may see."""
    return [one for one in (_process(proc, pid) for pid in _pids(proc)) if one is not None]


def _pids(proc: Path) -> list[int]:
    return sorted(int(one) for one in os.listdir(proc) if one.isdecimal())


def _number(place: Path) -> int | None:
    """The device that is open there; None for anything else."""
    try:
        found = place.stat()
    except FileNotFoundError:
        return None
    return found.st_rdev if stat.S_ISCHR(found.st_mode) else None


def _sockets(folder: Path) -> set[int]:
    found = set()
    with suppress(OSError):
        for place in folder.iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                name = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(place))
                found |= {int(name[1])} if name else set()
    return found


def _mapped(maps: Path, places: tuple[Path, ...]) -> bool:
    names = tuple(f" {one}" for one in places)
    with suppress(PermissionError):  # stricter than the list of what is open
        return any(line.endswith(names) for line in maps.read_text("utf-8", "replace").splitlines())
    return False


def _process(proc: Path, pid: int) -> Process | None:
    place = proc / str(pid)
    try:
        name = (place / "comm").read_text("utf-8", "replace").strip()
        arguments = (place / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        group = (place / "cgroup").read_text("utf-8", "replace")
        uid = place.stat().st_uid
    except OSError:
        return None
    words = {name, *(os.path.basename(one) for one in arguments[:_ARGUMENTS]), *_modules(arguments)} - {""}
    unit = re.search(r"/system\.slice/(?:[^/\n]+\.slice/)*([^/\n]+\.service)(?=/|$)", group, re.MULTILINE)
    return Process(pid, uid, name, tuple(sorted(words)), unit[1] if unit else "")


def _modules(arguments: list[str]) -> list[str]:
    """What `-m` names: moonraker_obico.app is that, and moonraker_obico."""
    named = [after for before, after in pairwise(arguments) if before == "-m"][:1]
    return [part for one in named for part in (one, one.partition(".")[0])]
