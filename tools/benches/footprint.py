"""Memory, idle CPU and start of the whole agent, beside OctoPrint and Moonraker in one run, each idle (see idle.py).

Three agents: one that is allowed nothing, one that reads its printer each 10 s and sends what it read, and the whole
of it, which takes and sends a test picture each 10 s as well.
"""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches import idle, procfs
from benches.rows import Row, row

STARTS = 5
READINGS = 5  # of memory, one each second
WINDOWS = 5
WINDOW = 60.0  # s
SETTLE = 30.0  # s after a start, before anything is read
NOTHING, TELEMETRY, WHOLE = "nothing allowed", "printer data", "printer data and pictures"
PURPOSES: dict[str, tuple[str, ...]] = {
    NOTHING: (),
    TELEMETRY: ("improvement_program", "print_history"),
    WHOLE: ("improvement_program", "print_history", "snapshot"),
}
MAIN, ALL = "main process", "all processes"
Pids = dict[str, int]
Memory = dict[tuple[str, str], dict[str, float]]  # (program, MAIN or ALL) -> pss and rss in MiB
Share = dict[tuple[str, str], float]  # (program, MAIN or ALL) -> percent of a core


def footprint() -> Iterator[Row]:
    """MiB, idle CPU and start of the whole agent, beside OctoPrint and Moonraker, each idle. Seven minutes."""
    idle.bring()
    with tempfile.TemporaryDirectory(prefix="fp") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        sections = stack.enter_context(idle.outside(directory))
        agents = {
            which: idle.agent(directory / f"agent{number}", sections, purposes)
            for number, (which, purposes) in enumerate(PURPOSES.items())
        }
        peers = idle.starts(directory)
        started = {which: start_of(start) for which, start in {TELEMETRY: agents[TELEMETRY], **peers}.items()}
        for which in peers:
            yield row("start", started[TELEMETRY], "s", (which, round(started[which], 2)))
        # One agent beside the peers: a second one would share its pages, and halve what either counts.
        pids = {which: stack.enter_context(start()) for which, start in {WHOLE: agents.pop(WHOLE), **peers}.items()}
        time.sleep(SETTLE)
        yield from _memory_rows(_memory(pids), list(peers))
        pids |= {which: stack.enter_context(start()) for which, start in agents.items()}
        time.sleep(SETTLE)
        yield from _cpu_rows(_cpu(pids), list(peers))


def start_of(start: idle.Start) -> float:
    """Seconds from exec to ready, the median."""
    taken = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        with start():
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _memory(pids: Pids) -> Memory:
    """The median of READINGS."""
    found: list[Memory] = []
    for _ in range(READINGS):
        once: Memory = {}
        for which, pid in pids.items():
            each = [procfs.memory(one) for one in procfs.tree(pid)]
            once[which, MAIN] = each[0]
            once[which, ALL] = {kind: sum(one[kind] for one in each) for kind in each[0]}
        found.append(once)
        time.sleep(1)
    return {key: {kind: statistics.median(once[key][kind] for once in found) for kind in found[0][key]} for key in once}


def _cpu(pids: Pids) -> Share:
    """The median of WINDOWS."""
    found: list[Share] = []
    for _ in range(WINDOWS):
        before = {which: _used(pid) for which, pid in pids.items()}
        time.sleep(WINDOW)
        once: Share = {}
        for which, pid in pids.items():
            at, used = _used(pid)
            for kind in (MAIN, ALL):
                once[which, kind] = 100 * (used[kind] - before[which][1][kind]) / (at - before[which][0])
        found.append(once)
    return {key: statistics.median(once[key] for once in found) for key in found[0]}


def _used(pid: int) -> tuple[float, dict[str, float]]:
    """(the moment, seconds on a core until then)."""
    each = [procfs.on_core(one) for one in procfs.tree(pid)]
    return time.perf_counter(), {MAIN: each[0], ALL: sum(each)}


def _memory_rows(memory: Memory, peers: list[str]) -> Iterator[Row]:
    for kind in (MAIN, ALL):
        for size, what in (("pss", "memory (PSS)"), ("rss", "memory (resident)")):
            for peer in peers:
                beside = peer, round(memory[peer, ALL][size], 1)
                yield row(f"{what}, {kind}", memory[WHOLE, kind][size], "MiB", beside)


def _cpu_rows(share: Share, peers: list[str]) -> Iterator[Row]:
    for which in PURPOSES:
        for kind in (MAIN, ALL) if which == WHOLE else (ALL,):
            for peer in peers:
                beside = peer, round(share[peer, ALL], 3)
                yield row(f"idle CPU, {which}, {kind}", share[which, kind], "% of a core", beside)
