"""The peers of `tools/bench event`: each in an environment of its own under .peers, never a dependency of ours.

Here is also what both scripts share, so that each peer records the same event and is timed in the same way. Standard
library only: the peers' Pythons import this file.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
RUNS = 7
EVENTS = 2000  # a run; with fewer than 2048, OpenTelemetry's default queue cannot overflow and drop some
LIMIT = 60.0  # seconds for one peer's script
MAKING = 600.0  # seconds for one step of making its environment
# peer: (script, the environment's packages). Pinned: a figure belongs to a version.
PEERS = {
    "glean": ("glean_event.py", ("glean-sdk==71.0.0",)),
    "opentelemetry": (
        "otel_event.py",
        (
            "opentelemetry-sdk==1.45.2",
            "opentelemetry-exporter-otlp-proto-common==1.45.2",  # its protobuf form
            "opentelemetry-exporter-otlp-json-file==0.66b1",  # its own exporter to a file
        ),
    ),
}
# The content of LightMake's improvement_program, after its transforms. Degrees Celsius, percent, seconds.
EVENT = {
    "state": "printing",
    "progress": 85,
    "nozzle_temperature": 210,
    "nozzle_target": 210,
    "bed_temperature": 60,
    "bed_target": 60,
    "elapsed": 3600,
}


class PeerError(Exception):
    """A peer could not be set up or measured: what, where, what to do."""


def run(peer: str) -> dict[str, object]:
    """Measure one peer, in its own environment (made on first use, which needs a package index).

    Returns {peer, version, runs, events, recorded, denied, others}. `recorded` and `denied` are the cheapest way that a
    careful integrator would choose, `others` more of them; each is {way, us, us_least, us_most, bytes}: microseconds of
    CPU for one event (the median run, and the extremes), user and system time of all threads until the event is stored,
    and bytes stored for it. PeerError if the environment cannot be made, or the script fails or exceeds LIMIT.
    """
    script, packages = PEERS[peer]
    python = environment(ROOT / ".peers" / peer, packages)
    with tempfile.TemporaryDirectory() as directory:
        # A bare environment: OTEL_* and GLEAN_* variables of this shell would change what is measured.
        said = _call(f"measuring {peer}", LIMIT, python, HERE / script, directory, env={"PATH": os.defpath})
    return {"peer": peer, "runs": RUNS, "events": EVENTS} | json.loads(said)


def environment(place: Path, packages: tuple[str, ...]) -> Path:
    """The Python of the environment at `place`, which is made unless it already has exactly these packages."""
    python = place / "bin/python"
    done = place / f".installed-{hashlib.sha256(repr(packages).encode()).hexdigest()[:16]}"
    if not done.exists():
        _call(f"making {place}", MAKING, sys.executable, "-m", "venv", place)
        _call(f"installing {', '.join(packages)}", MAKING, python, "-m", "pip", "install", "-q", *packages)
        done.touch()
    return python


def _call(what: str, limit: float, *command: str | Path, env: dict[str, str] | None = None) -> str:
    """What the command printed on standard output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=env)  # noqa: S603 - ours
    except subprocess.TimeoutExpired:
        raise PeerError(f"{what}: not done after {limit:.0f} s; try again when the machine is less busy")
    if done.returncode:
        raise PeerError(f"{what}: exit {done.returncode}; repair what it says, and try again:\n{done.stderr.strip()}")
    return done.stdout


# --- What the peers' scripts share ----------------------------------------------------------------------------------


def one_core() -> None:
    """Keep this process, and the threads it starts from now on, on one core.

    Waking a thread on another core made Glean a half dearer in some runs and not in others (90 or 130 us); this is the
    lower figure, and it repeats.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measured(way: str, record: Callable[[], None], settle: Callable[[], object]) -> dict[str, object]:
    """Time `record`, RUNS runs of EVENTS each after one run to warm up; `settle` returns when all of them are stored.

    The clock is the CPU time of the process: user and system time of all its threads; waiting is free.
    """
    taken = []
    for _ in range(RUNS + 1):
        begun = time.process_time()
        for _ in range(EVENTS):
            record()
        settle()
        taken.append((time.process_time() - begun) / EVENTS * 1e6)
    taken = taken[1:]
    figures = {"us": statistics.median(taken), "us_least": min(taken), "us_most": max(taken)}
    return {"way": way} | {name: round(value, 2) for name, value in figures.items()}


def stored(way: dict[str, object], where: Path, events: list[dict[str, object]]) -> dict[str, object]:
    """Add to `way` the bytes of the file `where` for one event; exit unless `events`, read back from it, are all there.

    A peer that drops events is fast: the figure of such a run must not be reported.
    """
    expected = (RUNS + 1) * EVENTS
    if len(events) != expected:
        sys.exit(f"{way['way']}: {where} holds {len(events)} events, not {expected}; find out where they are dropped")
    wrong = next((event for event in events if event != EVENT), None)
    if wrong is not None:
        sys.exit(f"{way['way']}: {where} holds {wrong}, not {EVENT}; make the script record the same event")
    if where not in holders(where.parent):  # the control for nothing()
        sys.exit(f"{way['way']}: {where} holds events, but none is seen in its bytes; repair peers.holders")
    return way | {"bytes": round(where.stat().st_size / expected, 1)}


def nothing(way: dict[str, object], directory: Path) -> dict[str, object]:
    """Add to `way` that nothing was stored; exit if any file under `directory` holds the event."""
    held = holders(directory)
    if held:
        sys.exit(f"{way['way']}: {held[0]} holds a denied event; find out why it was recorded")
    return way | {"bytes": 0}


def holders(directory: Path) -> list[Path]:
    """The files under `directory` that name the event's fields; every form measured here keeps names as they are."""
    return [path for path in directory.rglob("*") if path.is_file() and b"nozzle_target" in path.read_bytes()]


if __name__ == "__main__":
    for name in sys.argv[1:] or PEERS:
        print(json.dumps(run(name), indent=1))
