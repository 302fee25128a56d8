"""Time of the scrubber from bytes in to bytes out, as the command runs it: on long files, and on shapes made to be slow.

A scrubber whose time grows faster than the file is one that somebody's log can hang.
"""

import io
import statistics
import time
from collections.abc import Callable, Iterator

from benches.rows import Row, row

MEGA = 1_000_000
SIZES = (1, 4, 16, 64)  # MB
PATIENCE = 120.0  # s that one size may be expected to take; beyond it the shape is not tried
LONG = {"logs": 16, "configuration": 8, "JSON": 8, "G-code": 64}  # MB


def shapes(quick: bool, say: Callable[[str], object]) -> Iterator[Row]:
    """Seconds of CPU for each shape at 1, 4, 16 and 64 MB, and how much more for four times the size (4 is a line)."""
    from host_tests.rigs.printer_texts import written
    from host_tests.rigs.shapes import SHAPES

    for family, size in LONG.items():
        text = written(family, 1000, MEGA // 4 if quick else size * MEGA)[0].encode()
        taken = [seconds(text, _KINDS[family]) for _ in range(1 if quick else 3)]
        unit = f"MB/s, on {len(text) / MEGA:.2g} MB"
        yield row(f"in and out, {family}, generated", len(text) / MEGA / statistics.median(taken), unit)
    for name, make in SHAPES.items():
        say(f"shape {name}")
        before = 0.0
        for size in SIZES[:2] if quick else SIZES:
            if before * 16 > PATIENCE:
                say(f"shape {name}: not tried at {size} MB, {before:.0f} s at {size // 4}")
                break
            now = seconds(make(size * MEGA), "auto")
            yield row(f"shape, {name}, {size} MB", now, "s CPU")
            if before:
                yield row(f"shape, {name}, {size // 4} to {size} MB", now / before, "times the time")
            before = now


_KINDS = {"logs": "log", "configuration": "config", "JSON": "json", "G-code": "gcode"}


def seconds(data: bytes, kind: str) -> float:
    """CPU time of reading, finding, and writing what is shared."""
    from firmware_agent.scrub.given import given
    from firmware_agent.scrub.report import Report

    begun = time.process_time()
    file, report, out = given(io.BytesIO(data).read, "a file", kind), Report(), io.BytesIO()
    file.learn(report)
    file.share(report, out.write)
    return time.process_time() - begun
