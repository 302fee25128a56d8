"""What it costs to pass a camera's stream on: our locked camera process beside three other relays, on the same bytes.

All in one run, in turns, so that whatever else the machine does meets each of them. Ours also takes the metadata out of
each picture; the others pass them as they are.
"""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches.procfs import memory, on_core
from benches.relay_feeder import picture
from benches.relays import RELAYS, STREAM, Relay, ours, running, script
from benches.rows import Row, row
from host_tests.rigs.broker import free_port

RATE = 30  # pictures a second
SIZE = 375_000  # bytes of a picture
VIEWERS = (1, 4, 16)
ROUNDS = 5
SECONDS = 4.0  # of one measurement
_WARM = 1.0
_CROWD = 100
_SLOW = 5  # of them take nothing at all
_MINUTE = 60.0
_ENOUGH = 0.97  # of the pictures must arrive, or the relays did not do the same work


def relay() -> Iterator[Row]:
    """CPU ms a source picture (1080p, 30/s) for 1, 4 and 16 viewers, beside C, nginx, asyncio; 100 for a minute."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taken: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for _ in range(ROUNDS):
            for count in VIEWERS:
                for kind, start in RELAYS.items():
                    taken.setdefault((kind, count), []).append(measure(folder, start, count, SECONDS))
        middle = {key: statistics.median(one for one, _ in values) for key, values in taken.items()}
        for count in VIEWERS:
            for kind in RELAYS:
                if kind == "ours":
                    continue
                peer = kind, round(middle[kind, count], 3)
                yield row(f"a picture to {count} viewers", middle["ours", count], "ms CPU", peer)
        for (kind, count), values in taken.items():
            share = statistics.median(share for _, share in values)
            if share < _ENOUGH:
                yield row(f"{kind}, {count} viewers: share that arrived", share, "of 1")
        yield from _crowd(folder)


def measure(folder: Path, start: Relay, count: int, seconds: float) -> tuple[float, float]:
    """(ms of CPU for each picture of the source, share of the pictures that reached the viewers)."""
    source, listen = free_port(), free_port()
    with (
        running(*script("relay_feeder.py", source, RATE, SIZE), ready=True),
        start(folder, source, listen) as pid,
        running(*script("relay_drain.py", listen, count, STREAM), ready=True) as viewers,
    ):
        time.sleep(_WARM)
        before, busy, begun = got(viewers), on_core(pid), time.monotonic()
        time.sleep(seconds)
        after, spent, passed = got(viewers), on_core(pid) - busy, time.monotonic() - begun
    pictures = passed * RATE
    arrived = sum(after) - sum(before)
    return spent / pictures * 1000, arrived / (pictures * count * len(picture(SIZE, 0)))


def got(viewers: "subprocess.Popen[str]") -> list[int]:
    """Bytes that each viewer has."""
    assert viewers.stdin is not None
    assert viewers.stdout is not None
    viewers.stdin.write("\n")
    viewers.stdin.flush()
    found: list[int] = json.loads(viewers.stdout.readline())
    return found


def _crowd(folder: Path) -> Iterator[Row]:
    """A hundred viewers, some of which take nothing: memory must stay as it is."""
    source, listen = free_port(), free_port()
    with (
        running(*script("relay_feeder.py", source, RATE, SIZE), ready=True),
        ours(folder, source, listen) as pid,
        running(*script("relay_drain.py", listen, _CROWD, STREAM, _SLOW), ready=True) as viewers,
    ):
        time.sleep(5)
        first, before, begun = memory(pid)["rss"], got(viewers), time.monotonic()
        time.sleep(_MINUTE - 5)
        last, after, passed = memory(pid)["rss"], got(viewers), time.monotonic() - begun
    rates = sorted((end - start) / passed / SIZE for start, end in zip(before[_SLOW:], after[_SLOW:], strict=True))
    yield row(f"{_CROWD} viewers, memory after 5 s", first, "MiB")
    yield row(f"{_CROWD} viewers, memory after a minute", last, "MiB", ("after 5 s", round(first, 1)))
    yield row("pictures a second that the slowest of those who read got", rates[0], "1/s")
    yield row("and the fastest", rates[-1], "1/s")
