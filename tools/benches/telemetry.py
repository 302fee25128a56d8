"""What each source of telemetry costs, and the agent beside Moonraker with one connection held.

The way measured is the whole one: from the printer's bytes to a sealed message that a broker over TLS acknowledged, in
a real process, with a policy in which each record is an event. Sources hold a connection and keep the newest value of
each field; what is read of it once in a second (Marlin, OctoPrint: five; GRBL: two) is the record. So of a hundred
changes a second a hundred are heard, and one record leaves. Events of the intake are records of their own; 64 wait.
"""

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches import footprint, idle, procfs
from benches.rows import Row, row
from benches.telemetry_printers import PRINTERS, Start, say
from benches.telemetry_run import Noted, Told, measured
from benches.withdraw import percentile
from host_tests.rigs.disk import Disk

HELD = "moonraker, Unix socket"  # the one that is looked at beside Moonraker
PURPOSES = ("improvement_program", "print_history")
SETTLE = 30.0  # s after a start, before anything is read
IDLE, IDLES = 60.0, 3  # s of a window without a word, and how many
READINGS = 5  # of memory, one each second
WRITING = 120.0  # s of records, one each second, of which the bytes on disk are counted
_HOUR = 3600


def telemetry() -> Iterator[Row]:
    """CPU and latency of a record by source, at 1 and 100 changes a second; idle, memory and wear. 16 minutes."""
    idle.bring("Moonraker")
    with tempfile.TemporaryDirectory(prefix="tl") as name, idle.link(Path(name)) as link:
        for number, (source, start) in enumerate(PRINTERS.items()):
            for told in asyncio.run(measured(Path(name) / f"s{number}", start, link)):
                yield from _records(source, told)
        yield from asyncio.run(_held(Path(name) / "h", link))
        yield from asyncio.run(_quiet(Path(name) / "q", link))
        if os.geteuid() == 0:  # a file system of its own, whose device counts
            yield row("written to disk at 1 record/s", asyncio.run(written(Path(name) / "w", link)), "MB an hour")


def _records(source: str, told: Told) -> Iterator[Row]:
    name = f"{source}, {told.rate}/s"
    cpu, changes = statistics.median(told.cpu), told.rate * told.seconds
    served = statistics.median(told.peer)
    beside = ("Moonraker itself", round(1000 * served / changes, 3)) if served else None
    yield row(f"{name}: CPU", 1000 * cpu / changes, "ms a change", beside)
    yield row(f"{name}: CPU", 100 * cpu / told.seconds, "% of a core")
    yield row(f"{name}: records", told.taken / (len(told.cpu) * told.seconds), "a second")
    yield row(f"{name}: heard", 100 * told.reached / told.told, "% of the changes")
    for what, times in (("to the gate", told.to_gate), ("to its acknowledgement", told.to_broker)):
        for share in (50, 99):
            yield row(f"{name}: {what}, p{share}", 1000 * percentile(times, share), "ms")


async def _held(directory: Path, link: str) -> list[Row]:
    """Start and memory of the agent with one Moonraker held, and that Moonraker's."""
    async with PRINTERS[HELD](_new(directory / "p")) as side:
        found = [_started(idle.agent(directory / "a", side.sections + link, PURPOSES), directory)]
        with idle.agent(directory / "b", side.sections + link, PURPOSES)() as pid:
            await asyncio.sleep(SETTLE)
            assert side.peer is not None
            sizes = []
            for _ in range(READINGS):
                sizes.append((procfs.memory(pid), procfs.memory(side.peer)))
                await asyncio.sleep(1)
        for kind, what in (("pss", "memory (PSS)"), ("rss", "memory (resident)")):
            ours, theirs = (statistics.median(one[place][kind] for one in sizes) for place in (0, 1))
            found.append(row(f"{what}, Moonraker held", ours, "MiB", ("Moonraker itself", round(theirs, 1))))
    return found


def _started(start: idle.Start, directory: Path) -> Row:
    ours = footprint.start_of(start)
    theirs = footprint.start_of(idle.starts(directory)["Moonraker"])
    return row("start to the first record acknowledged", ours, "s", ("Moonraker, until it is ready", round(theirs, 2)))


async def _quiet(directory: Path, link: str, settle: float = SETTLE, window: float = IDLE) -> list[Row]:
    """All agents at once, each with its connection held; the printers say nothing but what they are asked."""
    async with contextlib.AsyncExitStack() as stack:
        pids: dict[str, int] = {}
        peers: dict[str, int] = {}
        for number, (source, start) in enumerate(PRINTERS.items()):
            side = await stack.enter_async_context(start(_new(directory / f"p{number}")))
            if source.startswith("intake"):
                continue  # it waits for what the printer says: until then it has nothing
            agent = idle.agent(directory / f"a{number}", side.sections + link, PURPOSES)
            pids[source] = await asyncio.to_thread(stack.enter_context, agent())
            if side.peer is not None:
                peers[source] = side.peer
        await asyncio.sleep(settle)
        shares: dict[str, list[float]] = {source: [] for source in pids}
        wakes: dict[str, list[float]] = {source: [] for source in pids}
        served: dict[str, list[float]] = {source: [] for source in peers}
        for _ in range(IDLES):
            begun, before = time.monotonic(), {pid: _used(pid) for pid in [*pids.values(), *peers.values()]}
            await asyncio.sleep(window)
            passed = time.monotonic() - begun
            for source, pid in pids.items():
                cpu, woken = _used(pid)
                shares[source].append(100 * (cpu - before[pid][0]) / passed)
                wakes[source].append((woken - before[pid][1]) / passed)
            for source, pid in peers.items():
                served[source].append(100 * (_used(pid)[0] - before[pid][0]) / passed)
    found = []
    for source in pids:
        beside = ("Moonraker itself", round(statistics.median(served[source]), 3)) if source in served else None
        found.append(row(f"{source}, nothing said: CPU", statistics.median(shares[source]), "% of a core", beside))
        found.append(row(f"{source}, nothing said: waits", statistics.median(wakes[source]), "a second"))
    return found


async def written(directory: Path, link: str, seconds: float = WRITING, source: Start = PRINTERS[HELD]) -> float:
    """MB an hour on the block device below the state directory, ledger and journal included, at 1 record a second."""
    with Disk() as disk:
        async with source(_new(directory / "p")) as side, Noted(directory, side, link, disk.mount / "state"):
            count = int(seconds)
            await say(side, range(1, 10), 1.0)
            before = disk.written()
            await say(side, range(10, 10 + count), 1.0)
            return (disk.written() - before) / seconds * _HOUR / 1e6


def _used(pid: int) -> tuple[float, int]:
    return procfs.on_core(pid), procfs.wakes(pid)


def _new(directory: Path) -> Path:
    directory.mkdir(parents=True)
    return directory
