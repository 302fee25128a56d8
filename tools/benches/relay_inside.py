"""Run in the emulated machine by `tools/bench ustreamer`: ours and ustreamer, in turns, on the same webcam.

`python relay_inside.py FRAMES`: prints JSON, {"ours 4": [ms of CPU for each picture that the camera sent, ...], ...}.
"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from benches.procfs import on_core  # noqa: E402 - the path comes first
from benches.relays import STREAM, camera_process, listens, running, script  # noqa: E402
from firmware_agent.camera import start  # noqa: E402
from firmware_agent.camera.settings import SourceSettings  # noqa: E402
from host_tests.rigs.broker import free_port  # noqa: E402
from host_tests.rigs.machine.inside.guest import Webcam  # noqa: E402

VIEWERS = 0, 1, 4
ROUNDS = 3
SECONDS = 6.0
_WIDTH, _HEIGHT, _RATE = 1920, 1080, 30


@contextlib.contextmanager
def ours(device: Path, listen: int) -> Iterator[int]:
    """Locked, on the device itself."""
    settings = SourceSettings("v4l2", str(device), _WIDTH, _HEIGHT, _RATE)
    with camera_process(settings, None, listen) as pid:
        yield pid


@contextlib.contextmanager
def ustreamer(device: Path, listen: int) -> Iterator[int]:
    """The camera's own JPEG passed on, as crowsnest starts it."""
    words = f"-d {device} -m JPEG -c HW -r {_WIDTH}x{_HEIGHT} -f {_RATE} --host 127.0.0.1 -p {listen} --log-level 0"
    with running("/usr/bin/ustreamer", *words.split()) as process:
        listens(listen)
        time.sleep(2)  # it opens the camera beside
        yield process.pid


def main() -> None:
    start.PATIENCE = 60.0  # an emulated processor
    webcam = Webcam(Path(sys.argv[1]), _RATE, _WIDTH, _HEIGHT)
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for kind, begin in (("ours", ours), ("ustreamer", ustreamer)):
            for count in VIEWERS:
                listen = free_port()
                path = STREAM if kind == "ours" else "/stream"
                with (
                    begin(webcam.node, listen) as pid,
                    running(*script("relay_drain.py", listen, count, path), ready=True),
                ):
                    time.sleep(2)
                    before, busy = webcam.seen("FRAME"), on_core(pid)
                    time.sleep(SECONDS)
                    frames, spent = webcam.seen("FRAME") - before, on_core(pid) - busy
                found.setdefault(f"{kind} {count}", []).append(spent * 1000 / max(1, frames))
                found.setdefault(f"{kind} {count} rate", []).append(frames / SECONDS)
                found.setdefault(f"{kind} {count} busy", []).append(spent / SECONDS * 100)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
