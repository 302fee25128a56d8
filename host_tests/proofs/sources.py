"""What no printer should say, told to every source: nothing but a reason comes of it, and nothing passes.

The pure parts get inputs by the hundred thousand (hostile/parsers.py), the feeds connections (hostile/feeds.py). What a
source kept is held against both shipped policies, by an oracle that shares no code with the gate. Each source is also
run with defects put in on purpose, which must show.
"""

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from host_tests.proofs.fuzz import runner
from host_tests.proofs.fuzz.target import Target
from host_tests.proofs.hostile import feeds, parsers

GROWTH = 16 << 20  # bytes by which this process may grow over all inputs of one source, after the first ones
_WARM = 0.1  # of the inputs: until then caches fill
_PAGE = 4096


def prove(
    count: int = 1_000_000,
    connections: int = 5_000,
    seed: int = 1,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """`count` inputs over all parsers, `connections` over all feeds, and each control until it is noticed."""
    begun = time.monotonic()
    counts: dict[str, int] = {"inputs": 0, "connections": 0}
    failures: list[str] = []
    noticed: dict[str, int] = {}
    grown: dict[str, int] = {}
    for make in parsers.TARGETS:
        found = run(make(), count * make.share // 100, seed, progress)
        counts["inputs"] += sum(found.counts.values())
        counts |= {f"{make.name}: {how}": number for how, number in sorted(found.counts.items())}
        failures += found.failures
        grown[make.name] = found.grown
        for what, broken in parsers.controls(make):
            after = runner.control(broken(), seed)
            noticed[f"{make.name}: {what}"] = after
            if not after:
                failures.append(f"control: {make.name}: {what}: nothing was noticed in {runner.CONTROL} inputs")
    for name, (story, share) in feeds.FEEDS.items():
        progress(f"connections of {name}")
        with tempfile.TemporaryDirectory() as directory:
            before = resident()
            said, wrong = asyncio.run(story(connections * share // 100, Random(f"{seed} {name}"), Path(directory)))
            grown["connections of " + name] = resident() - before
        counts["connections"] += sum(number for how, number in said.items() if how != feeds.REFUSED)
        counts |= {f"connections of {name}: {how}": number for how, number in sorted(said.items())}
        failures += [f"{name}: {one}" for one in wrong]
    failures += [f"{name}: grew by {size:,} bytes" for name, size in grown.items() if size > GROWTH]
    return {
        "seed": seed,
        "counts": counts,
        "grown by, KiB": {name: size // 1024 for name, size in grown.items()},
        "controls, noticed at input": noticed,
        "failures": failures,
        "seconds": round(time.monotonic() - begun, 1),
    }


class Grown(runner.Found):
    """What became of the inputs, and by how many bytes the process grew meanwhile."""

    grown = 0


def run(target: Target, count: int, seed: int, progress: Callable[[str], None] = lambda line: None) -> Grown:
    """`count` inputs of `seed`, the first of them before the memory is looked at."""
    first = int(count * _WARM)
    found, whole = runner.run(target, first, seed, progress), Grown()
    before = resident()
    rest = runner.run(target, count - first, seed + 1, progress)
    whole.grown = resident() - before
    whole.counts = found.counts + rest.counts
    whole.failures = [*found.failures, *rest.failures]
    return whole


def resident() -> int:
    """Bytes of this process that lie in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
