"""Our camera process beside ustreamer on the same webcam, in the emulated machine, by the kernel's own driver."""

import json
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benches.rows import Row, row
from host_tests.rigs.machine import frames, machine

_PICTURES = 30  # different ones
_WIDTH, _HEIGHT, _GRAIN = 1920, 1080, 6  # about 375 KB each
_PATIENCE = 900.0  # s for all of it


def ustreamer() -> Iterator[Row]:
    """CPU a picture of an emulated webcam (1080p) for 0, 1 and 4 viewers, ours beside ustreamer; needs the machine."""
    if shutil.which("ustreamer") is None:
        raise RuntimeError("ustreamer is missing: apt-get install ustreamer")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        frames.make(out / "frames", _PICTURES, _WIDTH, _HEIGHT, grain=_GRAIN)
        command = [machine.PYTHON, "tools/benches/relay_inside.py", "/out/frames"]
        done = machine.run(command, out, sets=["camera"], memory=1024, seconds=_PATIENCE)
        said = [line for line in done.output.splitlines() if line.startswith("{")]  # ustreamer talks there as well
        if done.status or not said:
            raise RuntimeError(f"it failed in the machine: {done.output[-600:]}")
        found = {key: statistics.median(values) for key, values in json.loads(said[-1]).items()}
    peer = "ustreamer busy without a viewer", round(found["ustreamer 0 busy"], 2)
    yield row("emulated: a core, without a viewer", found["ours 0 busy"], "%", peer)
    for count in (1, 4):
        theirs = "ustreamer", round(found[f"ustreamer {count}"], 2)
        yield row(f"emulated: a picture to {count} viewers", found[f"ours {count}"], "ms CPU", theirs)
        rates = "ustreamer", round(found[f"ustreamer {count} rate"], 1)
        yield row(f"emulated: pictures a second, {count} viewers", found[f"ours {count} rate"], "1/s", rates)
