"""What a print notices of the camera: how late a loop like a step generator wakes, with and without viewers.

The loop runs at normal priority and shares one core with the camera process, the worst place; the stream's source and
its viewers have another. The camera process has its unit's Nice=, and its CPUWeight= where cgroups can be made here.
"""

import contextlib
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches.relay import RATE, SIZE
from benches.relays import HERE, STREAM, ours, running, script
from benches.rows import Row, row
from host_tests.rigs.broker import free_port

NICE, WEIGHT = 10, 20  # as the camera's unit has them
VIEWERS = 4
ROUNDS = 5
SECONDS = 10  # of one measurement: 1,000 steps a second
SHARES = ("p50", "p99", "longest")
_TREES = (  # where a group is made, its knob, what stands for systemd's CPUWeight= there
    (Path("/sys/fs/cgroup/cpu"), "cpu.shares", WEIGHT * 1024 // 100),
    (Path("/sys/fs/cgroup"), "cpu.weight", WEIGHT),
)


def print_along() -> Iterator[Row]:
    """us that a loop of 1 ms steps is late, with the camera serving 4 viewers at 1080p30, and alone; on one core."""
    ways = {"nice 10": (NICE, False), "nice 10, weight 20": (NICE, True), "nice 0, no unit": (0, False)}
    times: dict[str, list[list[float]]] = {"alone": [], **{name: [] for name in ways}}
    with tempfile.TemporaryDirectory() as name, group() as weighed:
        program = Path(name) / "steps"
        subprocess.run(["gcc", "-O2", "-o", program, HERE / "steps.c"], check=True)  # noqa: S603, S607
        if weighed is None:
            del ways["nice 10, weight 20"]
        for _ in range(ROUNDS):
            times["alone"].append(late(program))
            for way, (nice, weigh) in ways.items():
                with camera(Path(name), nice, weighed if weigh else None):
                    times[way].append(late(program))
    for place, share in enumerate(SHARES):
        alone = middle(times["alone"], place)
        for way in ways:
            yield row(f"{share}, camera at {way}", middle(times[way], place), "us", ("alone", round(alone, 1)))


def middle(values: list[list[float]], place: int) -> float:
    """The median round."""
    return statistics.median(one[place] for one in values)


def late(program: Path) -> list[float]:
    """us: the percentiles of SHARES, of SECONDS on core 0."""
    done = subprocess.run(  # noqa: S603 - built here
        [program, str(SECONDS)], stdout=subprocess.PIPE, text=True, check=True, preexec_fn=on_first_core
    )
    return [float(one) for one in done.stdout.split()]


def on_first_core() -> None:
    """To be called in a new process."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@contextlib.contextmanager
def camera(folder: Path, nice: int, weighed: Path | None) -> Iterator[None]:
    """The camera process on core 0 with VIEWERS viewers; the rest of it elsewhere, if there is an elsewhere."""
    cores = os.sched_getaffinity(0)
    source, listen = free_port(), free_port()
    os.sched_setaffinity(0, cores - {min(cores)} or cores)  # what is started below inherits it
    try:
        with (
            running(*script("relay_feeder.py", source, RATE, SIZE), ready=True),
            ours(folder, source, listen, nice) as pid,
        ):
            os.sched_setaffinity(pid, {min(cores)})
            if weighed is not None:
                (weighed / "cgroup.procs").write_text(str(pid))
            with running(*script("relay_drain.py", listen, VIEWERS, STREAM), ready=True):
                os.sched_setaffinity(0, cores)
                time.sleep(1)
                yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def group() -> Iterator[Path | None]:
    """A cgroup with the unit's weight; None if none can be made here."""
    for tree, knob, value in _TREES:
        place = tree / f"bench-{os.getpid()}"
        try:
            place.mkdir()
        except OSError:
            continue
        try:
            (place / knob).write_text(str(value))
        except OSError:
            place.rmdir()
            continue
        try:
            yield place
        finally:
            with contextlib.suppress(OSError):
                place.rmdir()
        return
    yield None
