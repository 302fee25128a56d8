"""How many bytes an event costs on the block device: of the agent's outbox, and of SQLite. Needs root (rigs.disk).

Both get the same events, the same number of them at a time, on the same ext4; a figure is what the device's own sector
counter saw, flushed. What is made once (rings, keys, tables) is counted apart: it costs no event.
"""

import contextlib
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from firmware_agent.egress.door import Door
from firmware_agent.egress.outbox import Outbox
from firmware_agent.egress.uplink import Uplink
from firmware_agent.model import Record
from host_tests.fakes import PURPOSE, RECIPIENT, FakeWire, World
from host_tests.proofs import sqlite_peer
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.disk import Disk

EVENTS = 4096
BATCHES = (1, 16, 32, 64)
ROOM = 8192  # KiB of flash: nothing is dropped, whatever the batch
WRITEBACK = 3  # events online (one each 10 s) between two of the kernel's own write-backs (30 s)


class Wear(NamedTuple):
    """written: bytes on the device, for `events`. made: bytes once, before the first. stored: bytes handed to be kept
    (ours: sealed frames with their padding; SQLite's: payloads). waits: events that are still there at the end."""

    written: int
    events: int
    made: int
    stored: int
    waits: int

    @property
    def each(self) -> float:
        """Bytes an event."""
        return self.written / self.events


Measure = Callable[[Disk, int, int, bool], Wear]


def saved(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """Ours, that cannot leave: taken by the gate, sealed `batch` at a time, saved and synced.

    calm: after each batch all is flushed, the changed time stamp of the file too, as a printer's file system does by
    itself within seconds. This is the most it can cost; without `calm` it is the least.
    """
    with _ours(disk, online=False) as ours:
        before, made = ours.begin()
        for start in range(0, events, batch):
            ours.offer(min(batch, events - start))
            ours.save()
            if calm:
                disk.flush()
        return ours.wear(before, events, made)


def lived(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """Ours, all its life: saved while the link is down, sent later, acknowledged, cleared; copy and ledger included.

    calm: as in `saved`; what was saved leaves without a pause, as it does when the link is back.
    """
    with _ours(disk, online=False) as ours:
        before, made = ours.begin()
        for start in range(0, events, batch):
            ours.offer(min(batch, events - start))
            ours.save()
            if calm:
                disk.flush()
        stored = ours.stored()
        ours.wire.online = True
        ours.send()
        return ours.wear(before, events, made)._replace(stored=stored)


def online(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """Ours, acknowledged within the window: nothing is saved; copy and ledger included.

    calm: what is written without a sync reaches the device every WRITEBACK events or with each batch, if that is more.
    """
    with _ours(disk, online=True) as ours:
        before, made = ours.begin()
        since = 0
        for start in range(0, events, batch):
            ours.offer(min(batch, events - start))
            ours.send()
            since += batch
            if calm and since >= WRITEBACK:
                disk.flush()
                since = 0
        return ours.wear(before, events, made)


def sqlite_filled(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """SQLite, WAL, synchronous=FULL: `batch` rows a transaction, then closed."""
    return _sqlite(disk, events, batch, calm, drain=False)


def sqlite_lived(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """SQLite: in, and out again, `batch` rows a transaction each way. No ledger, no copy: it does less than ours."""
    return _sqlite(disk, events, batch, calm, drain=True)


def sqlite_bundled(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """SQLite with one row for `batch` events, as big as our message of as many: the bundling is not what counts."""
    return _sqlite(disk, events, batch, calm, drain=False, bundled=True)


def idle(disk: Disk, events: int, batch: int, calm: bool) -> Wear:
    """The control: ours, with nothing offered. Nothing is taken, so nothing may be written."""
    with _ours(disk, online=False) as ours:
        before = disk.written()
        for _ in range(0, events, batch):
            ours.save()
        return ours.wear(before, events, 0)


WAYS: dict[str, Measure] = {
    "saved": saved,
    "lived": lived,
    "online": online,
    "sqlite_filled": sqlite_filled,
    "sqlite_lived": sqlite_lived,
    "sqlite_bundled": sqlite_bundled,
}


def event(number: int) -> Record:
    """One reading of the improvement program; 38 bytes in a message of many, about 75 in one of its own."""
    dice = random.Random(number)
    fields = {"state": "printing", "progress": dice.uniform(30, 100), "elapsed": dice.uniform(0, 90_000)}
    fields |= {"nozzle_temperature": dice.uniform(190, 250), "nozzle_target": 210.0}
    fields |= {"bed_temperature": dice.uniform(25, 90), "bed_target": 60.0}
    return Record(fields)


class _Ours:
    """The agent's own parts from the gate to the outbox, on the disk; `wire` stands for the link."""

    def __init__(self, disk: Disk, directory: Path, reachable: bool) -> None:
        self._disk = disk
        self._rig = Rig(directory, plain(1), extra=f"outbox = {ROOM}")
        self._rig.grant(PURPOSE)
        parts = self._rig.parts
        self.wire = FakeWire(RECIPIENT, reachable)
        self._outbox = Outbox(PURPOSE, RECIPIENT, parts.gate, parts.vault(PURPOSE, RECIPIENT), parts.device.storage)
        ledger = parts.ledger()
        door = Door(parts.gate, ledger, {RECIPIENT: self.wire})
        window = parts.config.window
        self._uplink = Uplink(
            self.wire, door, parts.gate, ledger, [self._outbox], window, parts.clock.now, parts.device.ticks
        )
        self._uplink.load()
        self._window = window
        self._number = 0

    def begin(self) -> "tuple[int, int]":
        """(bytes written so far, how many of them by the first event, which makes every file)."""
        before = self._disk.written()
        link, self.wire.online = self.wire.online, True
        self.offer(1)
        self.save()
        self.send()
        self.wire.online, self.wire.connected = link, False
        after = self._disk.written()
        return after, after - before

    def offer(self, count: int) -> None:
        for _ in range(count):
            self._uplink.offer(event(self._number), PURPOSE)
            self._number += 1

    def save(self) -> None:
        """As if the window had passed."""
        self._rig.device.passed += self._window
        self._uplink.tick()

    def send(self) -> None:
        """Let all leave that waits."""
        while self._uplink.waiting():
            before = self._uplink.waiting(), self.wire.opened
            self._uplink.pump()
            self.wire.arrived.clear()
            if before == (self._uplink.waiting(), self.wire.opened):
                raise RuntimeError(f"{before[0]} events do not leave; see why the wire is not ready")

    def stored(self) -> int:
        return sum(frame.size for frame in self._outbox.vault.outbox.frames)

    def wear(self, before: int, events: int, made: int) -> Wear:
        return Wear(self._disk.written() - before, events, made, self.stored(), self._uplink.waiting())


@contextlib.contextmanager
def _ours(disk: Disk, online: bool) -> "Iterator[_Ours]":
    with tempfile.TemporaryDirectory(dir=disk.mount) as directory:
        yield _Ours(disk, Path(directory), online)


def _sqlite(disk: Disk, events: int, batch: int, calm: bool, drain: bool, bundled: bool = False) -> Wear:
    with tempfile.TemporaryDirectory(dir=disk.mount) as name:
        directory = Path(name)
        begun = disk.written()
        with sqlite_peer.connected(directory):
            pass  # makes the table
        before = disk.written()
        queued = sqlite_peer.payloads(events)
        of = batch if bundled else 1  # events in a row
        if bundled:
            size = message_size(batch)
            queued = [random.Random(start).randbytes(size) for start in range(0, events, batch)]
            batch = 1
        with sqlite_peer.connected(directory) as connection:
            for start in range(0, len(queued), batch):
                with sqlite_peer.transaction(connection):
                    rows = [(PURPOSE, payload) for payload in queued[start : start + batch]]
                    connection.executemany("INSERT INTO queue (purpose, payload) VALUES (?, ?)", rows)
                if calm:
                    disk.flush()
        if drain:
            sqlite_peer.drain(directory, batch)
        waits = len(sqlite_peer.waiting(directory)) * of
        written = disk.written() - before
        return Wear(written, events, before - begun, sum(map(len, queued)), waits)


def message_size(batch: int) -> int:
    """Bytes of our message of `batch` events."""
    world = World()
    world.grant()
    for number in range(batch):
        world.gate.collect(event(number), PURPOSE, RECIPIENT)
    return len(world.gate.release(PURPOSE, RECIPIENT).payload)
