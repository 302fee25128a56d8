"""The block-device rig tells the truth: what it counts, finds and cuts is what a disk has. Needs root."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_agent.device.linux import LinuxStorage
from host_tests.fakes import Dice
from host_tests.proofs import sqlite_peer
from host_tests.rigs.broker import wait_for
from host_tests.rigs.disk import Disk, DiskError, search

BLOCK = 4096
SNAPSHOTS = 20
OLD, ABSENT = (random.Random(seed).randbytes(32) for seed in (11, 12))
MARKS, FAR = (b"-first-counter--", b"second--counter-"), 8 << 20  # bytes between both counters
# Counts up at two places of a file in turn, each number on the disk before the next is begun.
WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY)
number = 0
while True:
    number += 1
    for place in map(int, sys.argv[2:]):
        os.pwrite(file, number.to_bytes(8, "big"), place)
        os.fdatasync(file)
"""


@pytest.fixture(scope="module")
def disk():
    with Disk() as one:
        yield one


@pytest.fixture
def room(disk, request):
    """A directory of the test's own on the disk."""
    directory = disk.mount / request.node.name
    directory.mkdir()
    return directory


def held(place: Path) -> list[str]:
    """What the machine still holds of rigs below `place`: mounts, loop devices, files."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    found = [f"mount {one}" for one in mounts if one.startswith(str(place))]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            found += [f"{backing.parts[3]} {name}" for name in [backing.read_text()] if name.startswith(str(place))]
        except OSError:  # somebody else's loop device went away meanwhile
            continue
    return found + [f"file {one}" for one in place.iterdir()]


def counters(path: Path) -> tuple[int, int]:
    """How far WRITER is, as this file says."""
    data = path.read_bytes()
    return int.from_bytes(data[16:24], "big"), int.from_bytes(data[FAR + 16 : FAR + 24], "big")


def counters_after_start(image: Path) -> tuple[int, int]:
    """The same, as it is found after a start on this image; the image is removed."""
    with Disk.open_snapshot(image) as mount:
        found = counters(mount / "order")
    image.unlink()
    return found


def in_order(first: int, second: int) -> bool:
    """The second is written after the first, the first again only after that."""
    return second <= first <= second + 1


def test_ok__what_is_written_is_counted(disk, room):
    before = disk.written()
    data = random.Random(1).randbytes(1 << 20)
    with open(room / "data", "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    counted = disk.written() - before
    assert 1 << 20 <= counted < 2 << 20
    assert disk.image().count(data[-64:]) == 1


def test_ok__nothing_is_counted_when_nothing_is_written(disk):
    disk.written()
    before = disk.written()
    assert disk.written() == before


def test_ok__search_finds_what_is_there_and_only_that(disk, room):
    across, ends = random.Random(2).randbytes(64), random.Random(3).randbytes(24) + bytes(40)
    data = bytearray(12 * BLOCK)
    for place, needle in (
        (3 * BLOCK, OLD),
        (6 * BLOCK - 32, across),
        (8 * BLOCK - 24, ends),
    ):  # ends: in an empty block
        data[place : place + len(needle)] = needle
    (room / "here").write_bytes(data)
    assert disk.search([OLD, across, ends, ABSENT]) == {OLD: 1, across: 1, ends: 1, ABSENT: 0}
    whole = disk.image()
    assert [whole.count(needle) for needle in (OLD, across, ends, ABSENT)] == [1, 1, 1, 0]
    assert whole.index(across) % BLOCK == BLOCK - 32  # so it does lie over the border of two blocks of the device


@pytest.mark.parametrize("needle", [b"", bytes(8), bytes(BLOCK) + b"x"])
def test_fail__needle_that_cannot_be_told_from_empty_space(disk, needle):
    with pytest.raises(ValueError, match="a needle"):
        disk.search([needle])


@pytest.mark.parametrize("secure", [False, True], ids=["delete", "secure_delete"])
def test_ok__rows_that_sqlite_deleted_are_still_found(disk, room, tmp_path, secure):
    rows = sqlite_peer.fill(room, 300, seed=20 + secure)
    assert sqlite_peer.withdraw(room, secure) == 300
    assert sqlite_peer.waiting(room) == []
    assert sum(disk.search(rows).values()) > 0
    disk.snapshot(tmp_path / "cut")
    assert sum(search(tmp_path / "cut", rows).values()) > 0
    with Disk.open_snapshot(tmp_path / "cut"):
        pass
    assert sum(search(tmp_path / "cut", rows).values()) > 0  # the replay of the journal hides none of it


def test_ok__key_that_was_renamed_over_is_still_found(disk, room, tmp_path):
    old, new = (random.Random(seed).randbytes(32) for seed in (31, 32))
    sqlite_peer.replace_key(room / "key", old)
    sqlite_peer.replace_key(room / "key", new)
    assert (room / "key").read_bytes() == new
    assert disk.search([old, new]) == {old: 1, new: 1}
    disk.snapshot(tmp_path / "cut")
    assert search(tmp_path / "cut", [old, new]) == {old: 1, new: 1}


def test_ok__key_that_was_overwritten_in_place_is_gone(disk, room, tmp_path):
    old, new = (random.Random(seed).randbytes(32) for seed in (41, 42))
    storage = LinuxStorage(room)
    storage.allocate("keys", BLOCK)
    storage.patch("keys", 64, old)
    assert disk.search([old]) == {old: 1}  # else its absence would say nothing
    storage.patch("keys", 64, new)
    disk.snapshot(tmp_path / "cut")  # before anything else is flushed
    assert search(tmp_path / "cut", [old, new]) == {old: 0, new: 1}
    assert disk.search([old, new]) == {old: 0, new: 1}
    with Disk.open_snapshot(tmp_path / "cut") as mount:
        assert LinuxStorage(mount / room.name).read("keys", 64, 32) == new


def test_ok__synced_survives_a_power_cut_and_unsynced_does_not(disk, room, tmp_path):
    storage = LinuxStorage(room)
    storage.allocate("synced", BLOCK)
    storage.allocate("waits", BLOCK)
    disk.flush()
    storage.patch("synced", 0, b"synced")
    storage.patch("waits", 0, b"waits", sync=False)
    disk.snapshot(tmp_path / "cut")
    with Disk.open_snapshot(tmp_path / "cut") as mount:
        after = LinuxStorage(mount / room.name)
        assert after.read("synced", 0, 6) == b"synced"
        assert after.read("waits", 0, 5) == bytes(5)
    assert storage.read("waits", 0, 5) == b"waits"


def test_ok__snapshot_is_one_moment_while_a_writer_goes_on(disk, tmp_path):
    order, dice = disk.mount / "order", Dice(5)
    order.write_bytes(b"".join(mark + bytes(FAR - len(mark)) for mark in MARKS))
    first, second = (disk.image().index(mark) for mark in MARKS)
    assert second - first >= FAR // 2  # far apart on the device too, or a slow copy could pass for one moment
    writer = subprocess.Popen([sys.executable, "-c", WRITER, order, "16", str(FAR + 16)])
    try:
        last, seen = 0, []
        for _ in range(SNAPSHOTS):
            wait_for(lambda last=last: counters(order)[0] > last + 1)  # so that no two snapshots show the same
            time.sleep(dice.below(20) / 1000)
            disk.snapshot(tmp_path / "cut")
            last = counters(order)[0]
            seen.append(counters_after_start(tmp_path / "cut"))
        wait_for(lambda: not in_order(*plain_copy(disk, tmp_path)))  # the control: without the freeze it does show
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    assert [pair for pair in seen if not in_order(*pair)] == []
    assert all(before[0] < after[0] for before, after in itertools.pairwise(seen)), seen


def plain_copy(disk: Disk, directory: Path) -> tuple[int, int]:
    """The counters in a copy of the device that is made while it changes."""
    with open(disk.device, "rb") as device:
        os.posix_fadvise(device.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # what the device has, not what was read before
        with open(directory / "plain", "wb") as copy:
            shutil.copyfileobj(device, copy)
    return counters_after_start(directory / "plain")


def test_fail__snapshot_onto_the_disk_itself(disk):
    with pytest.raises(DiskError, match="put it elsewhere"):
        disk.snapshot(disk.mount / "cut")


def test_ok__nothing_is_left_behind(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    with Disk(16, place) as one:
        one.snapshot(tmp_path / "cut")
        with Disk.open_snapshot(tmp_path / "cut") as mount:
            assert os.path.ismount(mount)
        assert not mount.exists()
        during = held(place)
        assert [line.split()[0] for line in during if "loop" not in line.split()[0]] == ["mount", "mount", "file"]
        assert sum(line.startswith("loop") for line in during) == 2
        assert Path("/sys/block", one.device.name, "loop/backing_file").read_text().startswith(str(place))
    assert held(place) == []


def test_ok__nothing_is_left_behind_after_a_failure(tmp_path):
    with pytest.raises(ZeroDivisionError), Disk(16, tmp_path):
        raise ZeroDivisionError
    assert held(tmp_path) == []
    with pytest.raises(DiskError, match=r"mkfs\.ext4 .* needs the right to mount, and room"):
        Disk(0, tmp_path).__enter__()  # the ground stands already when this fails
    assert held(tmp_path) == []


def test_ok__nothing_is_left_behind_once_a_forgotten_process_ends(tmp_path):
    with pytest.raises(DiskError, match="end its processes before the rig ends"), Disk(16, tmp_path) as one:
        forgotten = subprocess.Popen(["sleep", "60"], cwd=one.mount)
    try:
        assert any(line.startswith("loop") for line in held(tmp_path))
    finally:
        forgotten.send_signal(signal.SIGKILL)
        forgotten.wait()
    wait_for(lambda: held(tmp_path) == [])


def test_fail__machine_without_the_rights(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DiskError, match=r"cannot run: root missing; run it as root"):
        Disk(16, tmp_path).__enter__()
    with pytest.raises(DiskError, match=r"cannot run: root missing"), Disk.open_snapshot(tmp_path / "cut"):
        pass
    assert held(tmp_path) == []


def test_ok__sqlite_hands_out_what_was_queued(disk, room):
    queued = sqlite_peer.fill(room, 100, batch=16)
    assert sqlite_peer.waiting(room) == queued
    assert sqlite_peer.drain(room, batch=7) == queued
    assert sqlite_peer.waiting(room) == []


def test_ok__sqlite_writes_less_an_event_in_batches(disk, room):
    sizes = {}
    for batch in (1, 32):
        directory = room / str(batch)
        directory.mkdir()
        before = disk.written()
        sqlite_peer.fill(directory, 256, batch)
        sizes[batch] = (disk.written() - before) / 256
    assert sizes[32] < sizes[1] / 2
    assert sizes[1] > BLOCK  # at least a page of the log for each transaction
