"""Time of the scrubber from bytes in to bytes out, as the command runs it, on long files and on bad shapes.

A scrubber whose time grows faster than the file is one that somebody's log can hang. All shapes are timed at 1 and
4 MB; the TRIED of them that would take longest at 64 MB, if they went on growing so, are timed at 16 and 64 MB as well.
"""

import io
import statistics
import time
from collections.abc import Callable, Iterator

from benches.rows import Row, row

MEGA = 1_000_000
SIZES = (1, 4, 16, 64)  # MB
TRIED = 10
PATIENCE = 120.0  # s; a size that would take longer by the growth so far is not tried
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

    taken: dict[str, list[float]] = {}
    sizes = (0.01, 0.04) if quick else SIZES
    for name in list(SHAPES)[: TRIED if quick else None]:
        say(f"shape {name}, {sizes[0]} and {sizes[1]} MB")
        taken[name] = [seconds(SHAPES[name](int(size * MEGA)), "auto") for size in sizes[:2]]
    slow = sorted(taken, key=lambda name: -taken[name][1] * growth(taken[name]) ** 2)[:TRIED]
    for name in slow:
        for size in sizes[2:]:
            if taken[name][-1] * growth(taken[name]) > PATIENCE:
                say(f"shape {name}: not tried at {size} MB")
                break
            say(f"shape {name}, {size} MB")
            taken[name].append(seconds(SHAPES[name](size * MEGA), "auto"))
    for name in slow:
        for size, each in zip(sizes, taken[name], strict=False):
            yield row(f"shape, {name}, {size} MB", each, "s CPU")
        for at in range(1, len(taken[name])):
            times = growth(taken[name][: at + 1])
            yield row(f"shape, {name}, {sizes[at - 1]} to {sizes[at]} MB", times, "times the time")
    steepest = max(growth(one) for one in taken.values())
    yield row(f"shapes, the steepest of {len(taken)}", steepest, "times the time for 4 times the size")


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
