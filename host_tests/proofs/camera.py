"""The camera in the emulated machine: what is left on its disks, what went over its bus, what a bad process could do.

Each function runs machines, reads what they left in a folder, and tells; the tests and tools/prove judge.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from host_tests.rigs import attempts
from host_tests.rigs.machine import frames
from host_tests.rigs.machine.bus import events
from host_tests.rigs.machine.inside.forensics import FILE_CANARY, HOG
from host_tests.rigs.machine.inside.hog import PAGE, needle
from host_tests.rigs.machine.machine import PYTHON, Ran, accelerator, run
from host_tests.rigs.machine.uvc import SERIAL

KEEPERS = {"memory": "swap", "shm": "swap", "unlinked": "ext4"}  # how pictures are kept: where they must be found
INSIDE = "host_tests.rigs.machine.inside"
WANTED = 500  # pictures that each control must leave
_SPARE = 60  # pictures more than are asked for
_GRAIN = 14  # of the noise: about 40 KB a picture
_MEMORY = 288  # MiB that a machine needs without pictures
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Found(NamedTuple):
    """shown: different pictures that were shown or kept. swap, ext4: of how many of those a needle is on that disk.

    others: of pictures that were not shown. hog: pages of the hog that are in swap; deleted: whether the file that was
    deleted is on ext4. told: what the script said of itself.
    """

    shown: int
    swap: int
    ext4: int
    others: int
    hog: int
    deleted: bool
    told: dict[str, Any]


def inside(script: str, *arguments: object, out: Path, **options: Any) -> Ran:
    """Run a script of inside/ in a machine with a camera. AssertionError, with what it printed, if it failed."""
    done = run([PYTHON, "-m", f"{INSIDE}.{script}", *map(str, arguments)], out, sets=["camera"], **options)
    assert done.status == 0, done.output[-3000:]
    return done


def forensics(
    how: str, count: int, out: Path, seed: int = 1, seconds: float = 280, swap: int = 384, folder: int = 160
) -> Found:
    """Stream `count` pictures under memory pressure, locked or kept in one of KEEPERS' ways, and search both disks.

    swap, folder: MiB of the disk that is swapped to, and of the one with ext4.
    """
    pictures = out / "frames"
    frames.make(pictures, count + _SPARE, seed=seed, grain=_GRAIN)
    disk, other = _disk(out / "ext4", folder, "mkfs.ext4", "-q", "-F"), _disk(out / "swap", swap, "mkswap", "-q")
    memory = _MEMORY + (pictures.stat().st_size >> 20) * 2  # the webcam and what may be kept
    inside("forensics", how, count, seed, out=out, disks=[disk, other], memory=memory, seconds=seconds)
    told = json.loads((out / "told").read_text())
    all_pictures = frames.read(pictures)
    digests = {frames.digest(picture): number for number, picture in enumerate(all_pictures)}
    shown = {digests[one] for one in told.pop("pictures")}
    index = frames.index(all_pictures)
    hog = [needle(seed, page) for page in range(0, (HOG << 20) // PAGE, 16)]
    in_swap, on_disk = frames.search(other, [*index, *hog]), frames.search(disk, [*index, FILE_CANARY])
    found = [{index[one] for one in where if one in index} for where in (in_swap, on_disk)]
    for image in (disk, other):
        image.unlink()
    return Found(
        len(shown),
        len(found[0] & shown),
        len(found[1] & shown),
        len((found[0] | found[1]) - shown),
        sum(one in in_swap for one in hog),
        FILE_CANARY in on_disk,
        told,
    )


def _disk(image: Path, mebibytes: int, *command: str) -> Path:
    with open(image, "xb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run([*command, str(image)], check=True, env={"PATH": _PATH})
    return image


def consent(out: Path) -> dict[str, Any]:
    """What a whole agent and the webcam saw (inside/consent.py); `answer` is the picture that somebody got."""
    frames.make(out / "frames", 300)
    inside("consent", out=out, seconds=280)
    seen: dict[str, Any] = json.loads((out / "seen").read_text())
    return {**seen, "answer": (out / "snapshot").read_bytes(), "log": events(out / "bus")}


def withdrawals(how: str, runs: int, out: Path) -> list[dict[str, float]]:
    """Times and bytes of each withdrawal, decided by the agent or through the file (inside/withdrawal.py)."""
    frames.make(out / "frames", 60, 1280, 720, grain=10)
    inside("withdrawal", how, runs, out=out, seconds=120 + 40 * runs)
    found: list[dict[str, float]] = json.loads((out / "runs").read_text())
    return found


def escapes(out: Path, landlock: bool, modes: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """{mode: {attempt: answer}} with a real camera, on a kernel with or without Landlock (rigs/locked.py)."""
    frames.make(out / "frames", 2)
    inside("escapes", *modes, out=out, landlock=landlock, seconds=280)
    answers: dict[str, dict[str, str]] = json.loads((out / "answers").read_text())
    return answers


def wrong(answers: dict[str, dict[str, str]]) -> list[str]:
    """Attempts that should have failed and did not, or that show nothing because they fail without the lock as well."""
    found = []
    for mode, said in answers.items():
        for attempt in [*attempts.ALL, *attempts.WITH_CAMERA, *attempts.ALLOWED]:
            name, answer = attempt[0], said.get(attempt[0], "missing")
            if mode == "free" or attempt in attempts.ALLOWED:
                good = answer == "ok" or answer in (attempt[3] or "").split()
            else:
                good = answer == ("EPERM" if name in attempts.REFUSED else "SIGSYS")
            found += [] if good else [f"{mode}: {name}: {answer}"]
    return found


def bus(seen: dict[str, Any]) -> list[str]:
    """What is wrong in a story of inside/consent.py."""
    moves, found = {"COMMIT", "FIRST_IN_URB", "FRAME"}, []
    off = {"end": ["ALL_URBS_UNLINKED", "CLEAR_HALT"], "moved": [], "holders": []}
    wanted = {
        "a stream without consent": seen["before"]["statuses"] == [403, 403] and not moves & set(seen["before"]["bus"]),
        "a camera that is open without consent": seen["before"]["holders"] == [],
        "a camera that is on though nobody looks": seen["granted"]["holders"] == []
        and not moves & set(seen["granted"]["bus"]),
        "no stream after a grant": seen["stream"]["status"] == 200 and seen["stream"]["ended"] == "reset",
        "a stream after a withdrawal": seen["withdrawn"] == {**off, "status": 403},
        "a camera that is on after a picture": seen["after a picture"] == off,
        "a camera that is on without a viewer": seen["left"] == off,
        "a picture while covered": seen["covered"]["pictures"] == 0 and seen["covered"]["snapshot"] == 503,
    }
    found += [what for what, good in wanted.items() if not good]
    canaries = (frames.METADATA, SERIAL.encode(), b"Exif")
    return found + [f"it carries {canary!r}" for canary in canaries if canary in seen["answer"]]


def prove(progress: Callable[[str], None], pictures: int = 3000, stories: int = 10) -> dict[str, Any]:
    """The whole proof (tools/prove camera): about half an hour on two cores without KVM."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        place = _Places(Path(name))
        progress("disks")
        hows = ("locked", *KEEPERS)
        many = [partial(forensics, how, pictures, place(), seconds=3000, swap=1024, folder=512) for how in hows]
        disks = dict(zip(hows, together(*many)))
        progress("attempts")
        on, without = together(
            partial(escapes, place(), True, ("free", "locked")), partial(escapes, place(), False, ("locked",))
        )
        progress("the bus")
        told = together(*(partial(consent, place()) for _ in range(stories)))
    locked = disks["locked"]
    failures = [f"with Landlock: {line}" for line in wrong(on)]
    failures += [f"without Landlock: {line}" for line in wrong(without)]
    failures += [f"story {number}: {line}" for number, seen in enumerate(told) for line in bus(seen)]
    if locked.swap or locked.ext4 or locked.others:
        failures.append("pictures of the locked process are on a disk")
    if locked.hog <= WANTED or not locked.deleted or locked.shown < pictures:
        failures.append("the locked process was not put to the test")
    for how, where in KEEPERS.items():
        if getattr(disks[how], where) <= WANTED:
            failures.append(f"control {how}: too little is found")
    counts = {f"{how}: pictures {what}": getattr(found, part) for how, found in disks.items() for what, part in _PARTS}
    counts |= {"attempts, each locked with Landlock": len(on["locked"]), "and without": len(without["locked"])}
    counts |= {"stories on the bus": stories}
    return {
        "machine": f"emulated, {accelerator()}",
        "counts": counts,
        "failures": failures,
        "seconds": round(time.monotonic() - begun),
    }


_PARTS = (("shown or kept", "shown"), ("found in swap", "swap"), ("found on ext4", "ext4"))


class _Places:
    """A new folder at each call."""

    def __init__(self, place: Path) -> None:
        self._place, self._count = place, 0

    def __call__(self) -> Path:
        self._count += 1
        found = self._place / str(self._count)
        found.mkdir()
        return found


def together(*work: Callable[[], Any]) -> list[Any]:
    """What each gives; two at a time, since each machine takes one processor."""
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(one) for one in work]]
