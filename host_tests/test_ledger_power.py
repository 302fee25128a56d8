"""The ledger through power cuts at every byte, and on a disk that keeps any subset of the sectors not yet synced."""

import pytest

from firmware_agent.egress.ledger import Broken, Ledger, entries
from firmware_agent.model import Release
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, Dice, MemoryStorage, PowerCut

SIZE, KEEP = 2048, 2
LIFE = 4096  # holds a checkpoint with all the releases that may be open
SECTOR = 512


class SectorStorage(MemoryStorage):
    """What is not synced survives a power cut sector by sector, in any subset; `honest` False: sync does nothing."""

    def __init__(self, files=None, honest=True):
        super().__init__(files)
        self.honest = honest
        self.pending = []  # (name, offset, bytes) of each sector written and not synced, in order
        self.durable = {name: bytearray(data) for name, data in self.files.items()}
        self.writes_left = None

    def append(self, name, data):
        super().append(name, data)
        self.durable[name] = bytearray(self.files[name])

    def allocate(self, name, size):
        super().allocate(name, size)
        self.durable.setdefault(name, bytearray(self.files[name]))

    def patch(self, name, offset, data, sync=True):
        super().patch(name, offset, data)
        at = 0
        while at < len(data):
            end = at + SECTOR - (offset + at) % SECTOR
            self.pending.append((name, offset + at, bytes(data[at:end])))
            at = end
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise PowerCut
        if sync:
            self.sync(name)

    def sync(self, name):
        if self.honest:
            for other, offset, data in self.pending:
                if other == name:
                    self.durable[name][offset : offset + len(data)] = data
            self.pending = [row for row in self.pending if row[0] != name]

    def remove(self, name):
        super().remove(name)
        self.durable.pop(name, None)
        self.pending = [row for row in self.pending if row[0] != name]

    def crash(self, dice):
        """One of the states in which the disk may be found: of each sector any version since the last sync."""
        files = {name: bytearray(data) for name, data in self.durable.items()}
        sectors = {}
        for name, offset, data in self.pending:
            sectors.setdefault((name, offset // SECTOR), []).append((offset, data))
        for (name, _), versions in sectors.items():
            for offset, data in versions[: dice.below(len(versions) + 1)]:
                files[name][offset : offset + len(data)] = data
        return {name: bytes(data) for name, data in files.items()}


def release(number):
    ident = number.to_bytes(8, "big")
    return Release(ident, PURPOSE, RECIPIENT, b"payload", 1, ("performance",), False, bytes(32), 1, b"")


def live(ledger, dice, steps):
    """Let it work; return what was told by calls that returned and promise to be on the disk: {ident: event}."""
    promised = {}
    for _ in range(steps):
        one = release(dice.below(1 << 30))
        ledger.open(one)
        promised[one.ident] = "attempted"
        if dice.below(4):
            ledger.close(one, "acknowledged")  # promises nothing
        elif dice.below(2):
            ledger.purged(PURPOSE, RECIPIENT, 1)
    return promised


def history(honest, seed):
    """(promised, found after the crash, what went wrong) of one life that ends in the middle of a write."""
    dice = Dice(seed)
    storage = SectorStorage(honest=honest)
    ledger = Ledger(storage, lambda: NOW, size=LIFE, keep=KEEP)
    promised = {}
    storage.writes_left = dice.below(120)
    try:
        while True:
            promised.update(live(ledger, dice, 1))
    except PowerCut:
        pass
    try:
        for _ in range(3):  # the power may fail again while it recovers
            storage = SectorStorage(storage.crash(dice), honest)
            storage.writes_left = dice.below(12)
            try:
                Ledger(storage, lambda: NOW, size=LIFE, keep=KEEP)
            except PowerCut:
                pass
        again = Ledger(MemoryStorage(storage.crash(dice)), lambda: NOW, size=LIFE, keep=KEEP)
    except Broken as broken:
        return promised, {}, str(broken)
    return promised, again.totals(), ""


@pytest.mark.attack(5)
def test_ok__no_synced_entry_is_lost_whatever_the_disk_kept():
    for seed in range(400):
        promised, found, trouble = history(True, seed)
        assert trouble == "", seed
        assert found.get(("attempted", PURPOSE, RECIPIENT), 0) >= len(promised), seed


def test_fail__a_disk_that_ignores_sync_does_lose_entries():
    """The control: without sync the same histories lose entries or do not verify."""
    bad = 0
    for seed in range(60):
        promised, found, trouble = history(False, seed)
        bad += bool(trouble) or found.get(("attempted", PURPOSE, RECIPIENT), 0) < len(promised)
    assert bad > 20


@pytest.mark.attack(5)
@pytest.mark.parametrize("spare", [False, True])
def test_ok__a_power_cut_at_every_byte_of_a_rotation(spare):
    before = after = MemoryStorage()
    live_before = 0
    while True:
        before = MemoryStorage(after.files)
        ledger = Ledger(after, lambda: NOW, size=SIZE, keep=KEEP)
        ledger.purged(PURPOSE, RECIPIENT, 1)
        number = [row["number"] for row, _, _ in entries(after, True) if row["event"] == "checkpoint"][-1]
        if number != live_before and (len(before.files) > KEEP) == spare and live_before:
            break
        live_before = number
    known = [row["number"] for row, _, _ in entries(before)][-1]
    cut = 0
    while True:
        storage = MemoryStorage(before.files)
        ledger = Ledger(storage, lambda: NOW, size=SIZE, keep=KEEP)
        storage.cut_after = cut
        try:
            ledger.purged(PURPOSE, RECIPIENT, 1)
            break
        except PowerCut:
            storage.cut_after = None
        Ledger(storage, lambda: NOW, size=SIZE, keep=KEEP)
        assert known in [row["number"] for row, _, _ in entries(storage)], cut
        cut += 1
    assert cut > SIZE
