"""How long a withdrawal takes at the camera, in the emulated machine: a webcam over USB, a slow viewer, a whole agent.

Everything runs on one emulated processor there, several times slower than a printer's: how the times are spread says
more than how long they are.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benches.rows import Row, row
from host_tests.proofs.camera import together, withdrawals
from host_tests.rigs.machine.machine import accelerator

RUNS = 20  # of each way
WAYS = {"agent": "decided in the agent", "file": "decided by another program"}
WHAT = {
    "wire": ("last byte on the wire to a slow viewer", "ms"),
    "told": ("the slow viewer has read to its end", "ms"),
    "off": ("all USB transfers taken back", "ms"),
    "bytes": ("on the wire after the decision", "bytes"),
}
SHARES = {"p50": 0.5, "p90": 0.9, "most": 1.0}


def camera(runs: int = RUNS) -> Iterator[Row]:
    """Rows for each way, what is measured, and share of the runs that it holds for."""
    with tempfile.TemporaryDirectory() as name:
        places = {way: Path(name, way) for way in WAYS}
        for place in places.values():
            place.mkdir()
        found = together(*(partial(withdrawals, way, runs, place) for way, place in places.items()))
    emulated = f"emulated ({accelerator()})"
    yield row(f"{emulated}: runs of each way", runs, "runs")
    for way, figures in zip(WAYS.values(), found):
        for what, (title, unit) in WHAT.items():
            values = sorted(one[what] for one in figures)
            for label, share in SHARES.items():
                value = values[max(0, round(share * len(values)) - 1)]
                yield row(f"{emulated}: {way}: {title}, {label}", value, unit)
