"""The model of power cuts: keeps what was synced, and takes anything else in every way that a medium may."""

import itertools

import pytest

from host_tests.fakes import PURPOSE, Dice, MemoryStorage, PowerCut, World
from host_tests.rigs.power import SECTOR, SectorDisk

SIZE = 3 * SECTOR + 100
CUTS = 400  # states looked at where all of few must turn up


def filled(letter: bytes, size: int = SIZE) -> bytes:
    return letter * size


def letters(data: bytes) -> bytes:
    """The content of each sector, one letter each; fails if a sector is mixed, for media do not tear sectors."""
    sectors = [data[at : at + SECTOR] for at in range(0, len(data), SECTOR)]
    assert all(len(set(one)) == 1 for one in sectors)
    return bytes(one[0] for one in sectors)


def crashes(disk: SectorDisk, name: str, dice: Dice) -> set[bytes | None]:
    """The states of one file that many power cuts now leave."""
    return {disk.crash(dice).get(name) for _ in range(CUTS)}


def step(dice: Dice, *storages) -> None:
    """The same random call on each storage."""
    name = dice.pick(["a", "b"])
    size = storages[0].size(name)
    data = bytes([65 + dice.below(26)]) * dice.below(3 * SECTOR)
    call = dice.below(7)
    place = dice.below(size - len(data) + 1) if len(data) <= size else None
    short = dice.below(size + 1)
    there = storages[0].read(name) is not None
    for storage in storages:
        if call == 0:
            storage.write(name, data)
        elif call == 1:
            storage.append(name, data)
        elif call == 2 and there:
            storage.truncate(name, short)
        elif call == 3:
            storage.allocate(name, len(data))
        elif call in (4, 5) and there and place is not None:
            storage.patch(name, place, data, sync=call == 4)
        elif call == 6 and short % 4 == 0:
            storage.remove(name)


def test_ok__reads_like_any_storage():
    for seed in range(60):
        dice, disk, plain = Dice(seed), SectorDisk({"a": b"begin"}), MemoryStorage({"a": b"begin"})
        for _ in range(40):
            step(dice, disk, plain)
            assert disk.names() == plain.names()
            for name in ("a", "b"):
                assert disk.read(name) == plain.read(name)
                assert disk.size(name) == plain.size(name)
                assert disk.read(name, 7, 9) == plain.read(name, 7, 9)


def test_ok__all_kept_is_what_was_read_and_after_a_sync_it_is_all_there_is():
    for seed in range(60):
        dice, disk = Dice(seed), SectorDisk()
        for _ in range(40):
            step(dice, disk)
            now = {name: disk.read(name) for name in disk.names()}
            _, kept, *_ = disk.snapshots(dice, 1)
            assert kept == now
        for name in disk.names():
            disk.sync(name)
        assert all(state == now for state in disk.snapshots(dice, 20))


def test_ok__unsynced_sectors_survive_in_any_subset():
    disk = SectorDisk({"ring": filled(b"o")})
    disk.patch("ring", 0, filled(b"n"), sync=False)
    seen = {letters(state) for state in crashes(disk, "ring", Dice(1))}
    assert seen == {bytes(one) for one in itertools.product(b"on", repeat=4)}
    lost, kept, *_ = disk.snapshots(Dice(1), 0)
    assert (lost["ring"], kept["ring"]) == (filled(b"o"), filled(b"n"))


def test_ok__unsynced_writes_survive_in_any_order():
    disk = SectorDisk({"ring": filled(b"0", 2 * SECTOR)})
    disk.patch("ring", 0, filled(b"1", SECTOR), sync=False)
    disk.patch("ring", SECTOR, filled(b"2", SECTOR), sync=False)
    disk.patch("ring", 0, filled(b"3", SECTOR), sync=False)
    seen = {letters(state) for state in crashes(disk, "ring", Dice(2))}
    assert seen == {
        b"00",
        b"10",
        b"30",
        b"02",
        b"12",
        b"32",
    }  # the last without the first, an early one over a late one


@pytest.mark.parametrize("how", ["patch", "sync", "append", "write"])
def test_ok__what_is_synced_survives(how):
    disk = SectorDisk({"ring": filled(b"o")})
    disk.patch("ring", 0, filled(b"n"), sync=how == "patch")
    if how == "sync":
        assert len(crashes(disk, "ring", Dice(3))) > 1  # it was not safe before
        disk.sync("ring")
    elif how == "append":
        disk.append("ring", b"")
    elif how == "write":
        disk.write("ring", filled(b"n"))
    assert crashes(disk, "ring", Dice(3)) == {filled(b"n")}


def test_ok__a_sync_of_one_file_says_nothing_of_another():
    disk = SectorDisk({"one": filled(b"o"), "other": filled(b"o")})
    for name in ("one", "other"):
        disk.patch(name, 0, filled(b"n"), sync=False)
    disk.sync("one")
    assert crashes(disk, "one", Dice(4)) == {filled(b"n")}
    assert len(crashes(disk, "other", Dice(4))) == 16


def test_fail__medium_that_lies_about_syncs_loses_what_was_synced():
    disk = SectorDisk({"ring": filled(b"o")}, honest=False)
    disk.patch("ring", 0, filled(b"n"))
    disk.sync("ring")
    disk.write("fresh", b"new")
    disk.remove("ring")
    assert {None, filled(b"o"), filled(b"n")} <= crashes(disk, "ring", Dice(5))
    assert None in crashes(disk, "fresh", Dice(5))


def test_ok__a_cut_inside_a_write_leaves_any_part_of_it():
    seen = set()
    for name, offset in (("log", SIZE), ("fresh", 0)):
        disk = SectorDisk({"log": filled(b"o")})
        disk.append("log", b"")
        disk.cut_after_writes = 0
        with pytest.raises(PowerCut):
            disk.append(name, filled(b"n", 3 * SECTOR))
        for state in crashes(disk, name, Dice(6)):
            assert (state or b"")[:offset] == filled(b"o", offset)
            assert set((state or b"")[offset:]) <= {0, ord("n")}
            seen.add((name, None if state is None else len(state)))
    log = [SIZE, 4 * SECTOR, 5 * SECTOR, 6 * SECTOR, SIZE + 3 * SECTOR]
    fresh = [None, SECTOR, 2 * SECTOR, 3 * SECTOR]
    assert seen == {("log", size) for size in log} | {("fresh", size) for size in fresh}


def test_ok__a_cut_counts_whole_writes_and_ends_everything():
    disk = SectorDisk({"ring": filled(b"o")})
    disk.cut_after_writes = 2
    disk.patch("ring", 0, b"n")
    disk.patch("ring", 1, b"n")
    with pytest.raises(PowerCut):
        disk.patch("ring", 2, b"n")
    assert disk.writes == 2
    assert {state[:3] for state in crashes(disk, "ring", Dice(7))} == {b"nno", b"nnn"}
    calls = [lambda: disk.read("ring"), lambda: disk.write("x", b""), lambda: disk.sync("ring"), disk.names]
    for call in calls:
        with pytest.raises(PowerCut):
            call()


def test_ok__truncation_waits_for_a_sync_and_a_removal_does_not():
    disk = SectorDisk({"log": filled(b"o"), "old": b"o"})
    disk.truncate("log", 10)
    disk.remove("old")
    assert crashes(disk, "log", Dice(8)) == {filled(b"o"), filled(b"o", 10)}
    assert crashes(disk, "old", Dice(8)) == {None}
    disk.sync("log")
    disk.cut_after_writes = 0
    with pytest.raises(PowerCut):
        disk.append("log", filled(b"n"))
    for state in crashes(disk, "log", Dice(8)):
        assert state[:10] == filled(b"o", 10)
        assert set(state[10:]) <= {0, ord("n")}  # what was cut off stays gone


def withdrawn_but_allowed(honest: bool) -> int:
    """After how many power cuts a withdrawal that was answered is forgotten; the agent's own stores on this model."""
    forgotten = 0
    storage = SectorDisk(honest=honest)
    world = World(storage=storage)
    world.grant()
    assert world.allowed() == {PURPOSE}
    world.withdraw()
    for state in storage.snapshots(Dice(9), 200):
        forgotten += bool(World(storage=MemoryStorage(state)).allowed())
    return forgotten


def test_ok__withdrawal_survives_power_cuts_on_an_honest_medium():
    assert withdrawn_but_allowed(honest=True) == 0


def test_fail__withdrawal_is_forgotten_by_a_medium_that_lies():
    assert withdrawn_but_allowed(honest=False) > 0
