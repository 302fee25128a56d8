"""What every bench yields: one row a result."""

import statistics
import time
from collections.abc import Callable

RUNS = 7
Row = dict[str, object]


def row(name: str, value: float, unit: str, peer: "tuple[str, float] | None" = None) -> Row:
    """One result; with a peer also what it is held against, and our value over theirs."""
    out: Row = {"name": name, "value": round(value, 4 if value < 0.1 else 2 if value < 10 else 1), "unit": unit}
    if peer is not None:
        out |= {"peer": peer[0], "peer_value": peer[1], "ratio": float(f"{value / peer[1]:.2g}")}
    return out


def microseconds(what: Callable[[], object], rounds: int = 2000) -> float:
    """CPU time of one call: the median of RUNS runs."""
    taken = []
    for _ in range(RUNS):
        begun = time.process_time()
        for _ in range(rounds):
            what()
        taken.append((time.process_time() - begun) / rounds * 1e6)
    return statistics.median(taken)
