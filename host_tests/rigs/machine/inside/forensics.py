"""Streams under memory pressure with swap and ext4 attached: `forensics locked|memory|shm|unlinked PICTURES SEED`.

locked: the real camera process, watched by a viewer. The others: keeper.py. Pictures come from /out/frames. What came
out is in /out/told (JSON) in the end: `pictures`, digests of what was shown or kept; `before`, `after`: memory of that
process in KiB, before and after the hardest pressure; `seconds`. Swap gets pages with needles of a hog (hog.py), and
ext4 a file of FILE_CANARY that is deleted again: both show that what is looked for can be found.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from firmware_agent.camera.settings import SourceSettings
from host_tests.rigs.camera import Worker
from host_tests.rigs.machine.frames import digest
from host_tests.rigs.machine.inside.guest import OUT, Webcam, memory, python, squeeze, use_disks
from host_tests.rigs.machine.inside.multipart import pictures
from host_tests.rigs.machine.usb_camera import lock_memory

RATE = 60  # pictures a second, if this machine can
LIMIT, HOG = 80, 96  # MiB that the processes under pressure have together, and that one of them wants for itself
FILE_CANARY = hashlib.sha256(b"a file that was deleted").digest()


class Pressure:
    """enter: what a process must call to come under it. It begins with `begin`, once that process works."""

    def __init__(self, seed: int, enter: Callable[[], None]) -> None:
        self.enter = enter
        self._seed = seed
        self._hog: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Memory becomes scarce."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._hog = python("hog", HOG, self._seed, preexec_fn=self.enter, **pipes)

    def press(self) -> None:
        """Until the hog went over all of its memory once more."""
        hog = self._hog
        assert hog is not None and hog.stdout is not None and hog.stdin is not None
        assert hog.stdout.readline() == "full\n"
        hog.stdin.write("\n")
        hog.stdin.flush()
        assert hog.stdout.readline() == "again\n"


def main() -> None:
    """As the top of this file says."""
    how, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    lock_memory()  # it is the viewer as well
    folder = use_disks()
    (folder / "deleted").write_bytes(FILE_CANARY * 1024)
    os.sync()
    (folder / "deleted").unlink()
    webcam = Webcam(OUT / "frames", RATE)
    enter = squeeze(LIMIT)
    pressure = Pressure(seed, enter)
    begun = time.monotonic()
    told = watch(webcam, count, pressure) if how == "locked" else keep(how, str(folder), webcam, count, pressure)
    os.sync()
    (OUT / "told").write_text(json.dumps({**told, "seconds": round(time.monotonic() - begun, 1)}))


def watch(webcam: Webcam, count: int, pressure: Pressure) -> dict[str, object]:
    """The real camera process and one viewer."""
    settings = SourceSettings("v4l2", str(webcam.node), rate=120)
    with Worker(settings, preexec_fn=pressure.enter) as worker, worker.view() as looking:
        stream = map(digest, pictures(looking.socket))
        shown = different(stream, 1)
        pressure.begin()
        shown += different(stream, count)
        before = memory(worker.process.pid)
        pressure.press()
        shown += different(stream, 20)  # it goes on
        after = memory(worker.process.pid)
        return {"lock": worker.report, "facts": worker.facts, "before": before, "after": after, "pictures": shown}


def keep(how: str, folder: str, webcam: Webcam, count: int, pressure: Pressure) -> dict[str, object]:
    """A process that keeps what it sees."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    keeper = python("keeper", how, webcam.node, folder, preexec_fn=pressure.enter, **pipes)
    assert keeper.stdout is not None and keeper.stdin is not None
    kept = different(map(str.strip, keeper.stdout), 1)
    pressure.begin()
    kept += different(map(str.strip, keeper.stdout), count)
    before = memory(keeper.pid)
    pressure.press()
    after = memory(keeper.pid)
    keeper.stdin.close()
    kept += [line.strip() for line in keeper.stdout]
    keeper.wait()
    return {"before": before, "after": after, "pictures": kept}


def different(digests: Iterator[str], count: int) -> list[str]:
    """As many different ones as are wanted."""
    found: dict[str, None] = {}
    for one in digests:
        found[one] = None
        if len(found) >= count:
            return list(found)
    raise EOFError("the pictures ended")


if __name__ == "__main__":
    main()
