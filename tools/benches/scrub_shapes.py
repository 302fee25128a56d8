"""Time of the scrubber from bytes in to bytes out, as the command runs it, on long files and on bad shapes.

A scrubber whose time grows faster than the file is one that somebody's log can hang. All shapes are timed up to
4 MB; the TRIED of them that would take longest at 64 MB, if they went on growing so, are timed at 16 and 64 MB as well.
"""

import io
import statistics
import time
from collections.abc import Callable, Iterator

from benches.rows import Row, row

MEGA = 1_000_000
SIZES = (0.016, 0.062, 0.25, 1, 4, 16, 64)  # MB; from small ones on, so that none hangs this
FIRST = SIZES[:5]  # of all shapes
TRIED = 10
PATIENCE = 300.0  # s; a size that would take longer by the growth so far is not tried
LONG = {"klippy.log": 8, "moonraker.log": 8, "configuration": 4, "JSON": 4, "G-code": 64}  # MB
KINDS = {"configuration": "config", "JSON": "json", "G-code": "gcode"}  # others: log
Say = Callable[[str], object]


def whole(quick: bool) -> Iterator[Row]:
    """Megabytes a second from bytes in to bytes out, on generated files."""
    from host_tests.rigs.printer_texts import written

    for name, size in LONG.items():
        text = written(name, 0, MEGA // 4 if quick else size * MEGA, MEGA // 5 if quick else 2 * MEGA)[0].encode()
        taken = [seconds(text, KINDS.get(name, "log")) for _ in range(1 if quick else 3)]
        unit = f"MB/s, on {len(text) / MEGA:.2g} MB"
        yield row(f"in and out, {name}, generated", len(text) / MEGA / statistics.median(taken), unit)


def shapes(quick: bool, say: Say) -> Iterator[Row]:
    """Seconds of CPU by size, and how many times that for four times the size: 4 is a line, 16 a square."""
    from host_tests.rigs.shapes import SHAPES

    names = list(SHAPES)[: TRIED if quick else None]
    taken: dict[str, list[float]] = {}
    for name in names:
        say(f"shape {name}")
        taken[name] = further([], SHAPES[name], FIRST[:2] if quick else FIRST)
    slow = sorted(names, key=lambda name: -expected(taken[name]))[:TRIED]
    for name in slow:
        say(f"shape {name}, to {SIZES[-1]} MB")
        each = taken[name] if quick else further(taken[name], SHAPES[name], SIZES)
        for at, (size, now) in enumerate(zip(SIZES, each, strict=False)):
            if at and (at + 1 == len(each) or size >= 1):
                yield row(f"shape, {name}, {size} MB", now, "s CPU")
                yield row(f"shape, {name}, {SIZES[at - 1]} to {size} MB", growth(each[: at + 1]), "times the time")
        if len(each) < len(SIZES) and not quick:
            say(f"shape {name}: not tried at {SIZES[len(each)]} MB, it would take {each[-1] * growth(each):.0f} s")
    reached = [each for each in taken.values() if len(each) > 1]
    unit = "times the time for 4 times the size"
    yield row(f"shapes, the steepest of {len(reached)}", max(map(growth, reached)), unit)


def further(taken: "list[float]", make: Callable[[int], bytes], sizes: "tuple[float, ...]") -> "list[float]":
    """The same and the sizes that are still missing, as long as PATIENCE allows it."""
    taken = list(taken)
    for size in sizes[len(taken) :]:
        if len(taken) > 1 and taken[-1] * growth(taken) > PATIENCE:
            break
        taken.append(seconds(make(int(size * MEGA)), "auto"))
    return taken


def expected(taken: "list[float]") -> float:
    """Seconds at the greatest size, if it goes on growing so."""
    return float(taken[-1] * growth(taken) ** (len(SIZES) - len(taken)))


def growth(taken: "list[float]") -> float:
    """Of the last step; the clock's own grain is no growth."""
    return taken[-1] / max(taken[-2], 0.001)


def seconds(data: bytes, kind: str) -> float:
    """CPU time of reading, finding, and writing what is shared."""
    from firmware_agent.scrub.given import given
    from firmware_agent.scrub.models import NeverShared
    from firmware_agent.scrub.report import Report

    begun = time.process_time()
    try:
        file, report, out = given(io.BytesIO(data).read, "a file", kind), Report(), io.BytesIO()
        file.learn(report)
        file.share(report, out.write)
    except NeverShared:
        pass  # to refuse it is an answer, too
    return time.process_time() - begun
