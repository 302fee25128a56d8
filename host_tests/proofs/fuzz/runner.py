"""All fuzzers of the camera's way, and the controls that show that each would notice.

A crash is any error that the part under test does not declare; a hang an input without an answer within PATIENCE. How
long answers take by size of input is measured, and told with the counts.
"""

import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from host_tests.proofs.fuzz import clouds, heads, jpegs, seals, streams
from host_tests.proofs.fuzz.target import Broken, Target

TARGETS: tuple[tuple[Callable[[], Target], Any], ...] = (
    (jpegs.Jpegs, jpegs),
    (clouds.Clouds, clouds),
    (heads.Heads, heads),
    (streams.Streams, streams),
    (seals.Seals, seals),
)
PATIENCE = 60  # s for one input: what takes a thousand times longer than all others never ends
_MOST = 20  # failures of one target that are told
_SIZES = (256, 1024, 4096, 65536, 1 << 20)  # bytes


class Hang(Exception):
    """An input had no answer."""


class Found:
    """What became of one target's inputs. slowest: upper size of input -> seconds that the slowest one took."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.failures: list[str] = []


def prove(count: int = 1_000_000, seed: int = 1, progress: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """`count` inputs altogether, and each control until it is noticed."""
    begun = time.monotonic()
    counts: dict[str, int] = {"inputs": 0}
    failures: list[str] = []
    slowest: dict[str, dict[str, float]] = {}
    noticed: dict[str, int] = {}
    for make, module in TARGETS:
        target = make()
        found = run(target, count * target.share // 100, seed, progress)
        counts["inputs"] += sum(found.counts.values())
        counts |= {f"{target.name}: {how}": number for how, number in sorted(found.counts.items())}
        failures += found.failures
        slowest[target.name] = {size: round(seconds * 1000, 2) for size, seconds in found.slowest.items()}
        for what, broken in module.controls():
            after = control(broken(), seed)
            noticed[f"{target.name}: {what}"] = after
            if not after:
                failures.append(f"control: {target.name}: {what}: nothing was noticed in {CONTROL} inputs")
    seconds = round(time.monotonic() - begun, 1)
    return {
        "seed": seed,
        "counts": counts,
        "slowest by bytes of input, ms": slowest,
        "controls, noticed at input": noticed,
        "failures": failures,
        "seconds": seconds,
    }


CONTROL = 3_000  # inputs within which a defect has to show


def run(target: Target, count: int, seed: int, progress: Callable[[str], None] = lambda line: None) -> Found:
    """`count` inputs of `seed`."""
    found, rng = Found(), Random(f"{seed} {target.name}")
    with _patient():
        for number in range(count):
            state = rng.getstate() if not number % 1000 else None
            if state is not None:
                signal.alarm(PATIENCE)
                progress(f"{target.name}: {number} of {count}")
            case = target.case(rng)
            begun = time.thread_time()  # of the processor: other programs' time says nothing
            try:
                how = target.verdict(case)
            except Hang:
                raise
            except Broken as broken:
                how = _noted(found, f"{target.name} {number}: {broken}: {_shown(case)}")
            except Exception as error:
                how = _noted(found, f"{target.name} {number}: {type(error).__name__}: {_shown(case)}")
            spent = time.thread_time() - begun
            size = next((f"up to {size:,}" for size in _SIZES if target.size(case) <= size), "more")
            found.slowest[size] = max(found.slowest.get(size, 0.0), spent)
            found.counts[how] += 1
    return found


def control(target: Target, seed: int) -> int:
    """At which input, from 1, a defect showed; 0 if it did not."""
    rng = Random(f"{seed} {target.name}")
    for number in range(CONTROL):
        case = target.case(rng)
        try:
            target.verdict(case)
        except Exception:  # Broken, or a crash
            return number + 1
    return 0


def _noted(found: Found, line: str) -> str:
    if len(found.failures) < _MOST:
        found.failures.append(line)
    return "failed"


def _shown(case: Any) -> str:
    """Enough of an input to find it again."""
    return repr(case)[:600]


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """The alarm rings if a thousand inputs take that long together; then the one under way is told."""

    def ring(number: int, frame: object) -> None:
        raise Hang("an input had no answer")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    import json

    print(json.dumps(prove(int(sys.argv[1])), indent=1))
