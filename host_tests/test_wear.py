"""The figures of wear are of what they say: the counters see every side's bytes, and only those. Needs root."""

import pytest

from host_tests.proofs import sqlite_peer, wear
from host_tests.rigs.disk import Disk

EVENTS = 192  # a multiple of every batch


@pytest.fixture(scope="module")
def disk():
    with Disk() as one:
        yield one


@pytest.mark.parametrize("calm", [False, True])
@pytest.mark.parametrize("batch", [1, 16, 64])
def test_ok__the_counters_see_what_is_saved(disk, batch, calm):
    figure = wear.saved(disk, EVENTS, batch, calm)
    messages = EVENTS // batch
    assert figure.waits == figure.events == EVENTS
    assert figure.stored >= messages * wear.message_size(batch)  # frames hold the messages
    assert figure.written >= figure.stored
    assert figure.made > 0  # keys and files


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_ok__a_whole_life_costs_more_than_to_be_saved(disk, batch):
    saved, lived, online = (measure(disk, EVENTS, batch, False) for measure in (wear.saved, wear.lived, wear.online))
    assert lived.waits == online.waits == online.stored == 0
    assert lived.written > saved.written
    assert online.written > 0  # the ledger's entries, and the copies


@pytest.mark.parametrize("batch", [1, 16, 64])
def test_ok__the_counters_see_what_sqlite_stores(disk, batch):
    filled, lived, bundled = (
        measure(disk, EVENTS, batch, False) for measure in (wear.sqlite_filled, wear.sqlite_lived, wear.sqlite_bundled)
    )
    assert filled.waits == bundled.waits == EVENTS and lived.waits == 0
    assert filled.stored == EVENTS * sqlite_peer.EVENT <= filled.written < lived.written
    assert bundled.stored == EVENTS // batch * wear.message_size(batch) <= bundled.written


def test_ok__both_sides_get_an_event_of_the_same_size():
    assert abs(wear.message_size(1) - sqlite_peer.EVENT) <= 5


def test_fail__the_control_without_events_nothing_is_counted(disk):
    assert wear.idle(disk, EVENTS, 1, False).written == 0


def test_fail__the_control_one_block_more_is_counted(disk):
    before = disk.written()
    (disk.mount / "one").write_bytes(b"x" * 4096)
    assert disk.written() - before >= 4096
