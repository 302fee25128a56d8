"""A history that shows any change, and holds names, sizes and hashes only (L17, L22)."""

import pytest

from firmware_agent.egress.ledger import ENTRY, NAME, Broken, Ledger, entries
from firmware_agent.errors import LedgerError, Refused
from firmware_agent.model import Record
from host_tests.fakes import PURPOSE, RECIPIENT, MemoryStorage, PowerCut, World

CANARY = "canary-anns-printer"


def told():
    """A world whose ledger has a bit of everything."""
    world = World()
    world.ledger.decided(world.grant())
    for progress in range(3):
        world.uplink.offer(Record({"progress": progress, CANARY: CANARY}), PURPOSE)
        world.pump()
    world.ledger.refused(Refused("consent_missing", "snapshot", RECIPIENT))
    world.ledger.decided(world.withdraw())
    return world


def rows(storage):
    return [row for row, _, _ in entries(storage)]


def test_ok__what_left_is_told_in_order():
    events = [row["event"] for row in rows(told().storage)]
    assert events == ["decided"] + ["attempted", "acknowledged"] * 3 + ["refused", "decided"]


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_ok__names_never_values():
    world = told()
    data = bytes(world.storage.files[NAME])
    assert CANARY.encode() not in data
    for release in world.wire.arrived:
        assert release.payload not in data
    assert b"consent_missing" in data and b"performance" in data


@pytest.mark.clause("L17")
def test_fail__any_flipped_byte_is_found_and_placed():
    world = told()
    data = bytes(world.storage.files[NAME])
    starts = [0] + [offset for _, offset, _ in entries(world.storage)]
    for place in range(len(data)):
        world.storage.files[NAME] = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        with pytest.raises(Broken) as caught:
            rows(world.storage)
        entry = len([start for start in starts if start <= place])
        assert caught.value.entry == entry and caught.value.offset == starts[entry - 1], place


@pytest.mark.clause("L17")
def test_fail__an_entry_removed_or_moved():
    world = told()
    data = bytes(world.storage.files[NAME])
    starts = [0] + [offset for _, offset, _ in entries(world.storage)]
    for at in range(1, len(starts) - 2):
        first, second = data[starts[at - 1] : starts[at]], data[starts[at] : starts[at + 1]]
        for changed in (
            data[: starts[at - 1]] + data[starts[at] :],
            data[: starts[at - 1]] + second + first + data[starts[at + 1] :],
        ):
            with pytest.raises(Broken):
                rows(MemoryStorage({NAME: changed}))


def test_fail__a_broken_ledger_stops_the_agent_and_says_where():
    world = told()
    data = bytes(world.storage.files[NAME])
    world.storage.files[NAME] = data[:40] + b"\x00" + data[41:]
    with pytest.raises(LedgerError) as caught:
        Ledger(world.storage, world.now)
    assert "entry 1 at byte 0" in str(caught.value)


@pytest.mark.attack(5)
def test_ok__a_torn_tail_is_cut_and_said():
    world = told()
    data = bytes(world.storage.files[NAME])
    last = [offset for _, offset, _ in entries(world.storage)][-2]
    for cut in range(last + 1, len(data)):
        for tail in (data[last:cut], bytes(cut - last)):  # the beginning of an entry, or zeros in its place
            storage = MemoryStorage({NAME: data[:last] + tail})
            Ledger(storage, world.now)
            found = rows(storage)
            assert found[-1]["event"] == "recovered" and len(found) == 9, cut
            assert found[-1]["size"] == len(tail)


@pytest.mark.clause("L17")
def test_fail__a_changed_length_cuts_no_history_in_silence():
    world = told()
    for _ in range(4):
        world.ledger.decided(world.grant())
    data = bytes(world.storage.files[NAME])
    starts = [0] + [offset for _, offset, _ in entries(world.storage)]
    cut = 0
    for start in starts[:-1]:
        for place in (start, start + 1):
            for bit in range(8):
                storage = MemoryStorage({NAME: data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]})
                try:
                    Ledger(storage, world.now)
                except Broken as broken:
                    assert broken.offset == start
                    continue
                found = rows(storage)[-1]  # taken for a torn tail: only near the end, and said with its size
                assert found["event"] == "recovered" and found["size"] == len(data) - start <= 1058
                cut += 1
    assert cut < len(starts)


def test_fail__nothing_leaves_when_the_ledger_cannot_be_written():
    world = World()
    world.grant()
    world.uplink.wire.connected = True
    world.storage.cut_after = 10
    world.uplink.offer(Record({"progress": 3}), PURPOSE)
    with pytest.raises(PowerCut):
        world.uplink.pump()
    assert world.wire.arrived == []


def test_ok__two_writers_share_one_chain():
    world = told()
    other = Ledger(world.storage, world.now)
    for _ in range(3):
        world.ledger.decided(world.grant())
        other.decided(world.withdraw())
    assert other.head == [head for _, _, head in entries(world.storage)][-1]
    seen = []
    watching = Ledger(world.storage, world.now, lambda row: seen.append(row["event"]))
    other.decided(world.grant())
    watching.refresh()
    assert seen == ["decided"]


def test_ok__equal_refusals_are_counted_not_repeated():
    world = World()
    for _ in range(500):
        world.ledger.refused(Refused("consent_missing", "snapshot", RECIPIENT))
    world.ledger.refused(Refused("consent_refused", "snapshot", RECIPIENT))
    world.ledger.settle()
    found = [(row["detail"], row["count"]) for row in rows(world.storage)]
    assert sorted(found) == [("consent_missing", 1), ("consent_missing", 499), ("consent_refused", 1)]
    world.ledger.refused(Refused("consent_missing", "snapshot", RECIPIENT))
    world.time += 3601
    world.ledger.refused(Refused("consent_missing", "snapshot", RECIPIENT))
    assert sum(row["count"] for row in rows(world.storage)) == 503


def test_ok__what_a_crash_left_open_is_unknown():
    world = World(answers=False)
    world.grant()
    world.uplink.offer(Record({"progress": 3}), PURPOSE)
    world.uplink.pump()
    Ledger(world.storage, world.now).close_open(set())
    found = rows(world.storage)
    assert [row["event"] for row in found] == ["attempted", "unknown"]
    assert found[0]["ident"] == found[1]["ident"] and found[1]["payload"] == found[0]["payload"]
    assert sorted(found[0]) == sorted(ENTRY)
