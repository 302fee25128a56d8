"""A history that shows any change, and holds names, sizes and hashes only (L17, L22)."""

import hashlib

import pytest

from firmware_agent.egress.ledger import ENTRY, Broken, Ledger, entries
from firmware_agent.errors import LedgerError, Refused
from firmware_agent.model import Record
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, MemoryStorage, PowerCut, World

CANARY = "canary-anns-printer"
FILE = "ledger.0"


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


def places(storage):
    """Of each entry in the only file, checkpoint and all: where it begins; at last where the next would."""
    return [9] + [offset for _, offset, _ in entries(storage, True)]


def patched(storage, place, data):
    """The only file alone, with `data` at `place`."""
    old = storage.files[FILE]
    return MemoryStorage({FILE: old[:place] + data + old[place + len(data) :]})


def test_ok__what_left_is_told_in_order():
    events = [row["event"] for row in rows(told().storage)]
    assert events == ["decided"] + ["attempted", "acknowledged"] * 3 + ["refused", "decided"]


@pytest.mark.clause("L22")
@pytest.mark.attack(16)
def test_ok__names_never_values():
    world = told()
    data = bytes(world.storage.files[FILE])
    assert CANARY.encode() not in data
    for release in world.wire.arrived:
        assert release.payload not in data
    assert b"consent_missing" in data and b"performance" in data


@pytest.mark.clause("L17")
def test_fail__any_flipped_byte_is_found_and_placed():
    storage = told().storage
    starts = places(storage)
    data = storage.files[FILE]
    for place in range(starts[-1] + 40):  # beyond the end, too
        data[place] ^= 1 << place % 8
        with pytest.raises(Broken) as caught:
            rows(storage)
        data[place] ^= 1 << place % 8
        number = max(1, len([start for start in starts if start <= place]))
        assert caught.value.entry == number and caught.value.offset == starts[number - 1], place
    rows(storage)


@pytest.mark.clause("L17")
def test_fail__an_entry_removed_or_moved():
    storage = told().storage
    data = bytes(storage.files[FILE])
    starts = places(storage)
    for at in range(1, len(starts) - 2):
        first, second = data[starts[at - 1] : starts[at]], data[starts[at] : starts[at + 1]]
        for changed in (
            data[: starts[at - 1]] + data[starts[at] :],
            data[: starts[at - 1]] + second + first + data[starts[at + 1] :],
            data[: starts[at]] + first + data[starts[at] :],
        ):
            with pytest.raises(Broken):
                rows(MemoryStorage({FILE: changed}))


def test_fail__a_broken_ledger_stops_the_agent_and_says_where():
    world = told()
    with pytest.raises(LedgerError) as caught:
        Ledger(patched(world.storage, 40, b"\x00"), world.now)
    assert "ledger.0: entry 1 at byte 9" in str(caught.value) and "move it away" in str(caught.value)


@pytest.mark.attack(5)
def test_ok__a_torn_tail_is_cut_and_said():
    storage = told().storage
    starts = places(storage)
    last, end = starts[-2], starts[-1]
    data = bytes(storage.files[FILE])
    for cut in range(last + 1, len(data[:end].rstrip(b"\0"))):  # an entry may end in zeros: without them it is whole
        torn = data[:cut] + bytes(len(data) - cut)
        visible = len(torn[last:].rstrip(b"\0"))
        other = MemoryStorage({FILE: torn})
        Ledger(other, lambda: 0)
        found = rows(other)
        if visible:
            assert found[-1]["event"] == "recovered" and len(found) == 9 and found[-1]["size"] == visible, cut
            assert found[-1]["payload"] == hashlib.sha256(torn[last:].rstrip(b"\0")).digest()
        else:
            assert len(found) == 8


@pytest.mark.attack(5)
def test_ok__a_lost_sector_of_the_last_entry_is_a_torn_tail():
    world = World()
    while True:
        world.ledger.decided(world.grant())
        starts = places(world.storage)
        last, end = starts[-2], starts[-1]
        border = end - end % 512
        if last + 2 < border < end - 2:
            break
    for start, stop in ((last, border), (border, end)):
        other = patched(world.storage, start, bytes(stop - start))
        Ledger(other, world.now)
        assert rows(other)[-1]["event"] == "recovered"
    whole = patched(world.storage, last + 5, bytes(4))  # no sector is missing: somebody did that
    with pytest.raises(Broken) as caught:
        Ledger(whole, world.now)
    assert not caught.value.torn and caught.value.entry == len(starts) - 1


@pytest.mark.clause("L17")
def test_fail__a_changed_length_cuts_no_history_in_silence():
    world = told()
    for _ in range(4):
        world.ledger.decided(world.grant())
    starts = places(world.storage)
    count = len(starts) - 1
    cut = 0
    for start in starts[:-1]:
        for place in (start, start + 1):
            for bit in range(8):
                value = world.storage.files[FILE][place] ^ (1 << bit)
                storage = patched(world.storage, place, bytes([value]))
                try:
                    Ledger(storage, world.now)
                except Broken as broken:
                    assert broken.offset == start
                    continue
                found = rows(storage)[-1]  # taken for a torn tail: only near the end, and said with its size
                assert found["event"] == "recovered" and starts[-1] - start - 32 <= found["size"] <= 1059
                cut += 1
    assert cut < count


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
    assert world.ledger.totals() == {("refused", "snapshot", RECIPIENT): 501}
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


def test_ok__open_releases_sums_and_decisions_outlive_their_segments():
    world = World(answers=False)
    ledger = Ledger(world.storage, world.now, size=2048, keep=2)
    record = world.grant()
    ledger.decided(record)
    release = world.one()
    ledger.open(release)
    for _ in range(50):
        ledger.purged(PURPOSE, RECIPIENT, 2)
    ledger.dropped("snapshot", RECIPIENT, 7)
    ledger.dropped("snapshot", RECIPIENT, 8)
    assert "attempted" not in [row["event"] for row in rows(world.storage)]
    again = Ledger(world.storage, world.now)
    assert again.totals()["purged", PURPOSE, RECIPIENT] == 100 and again.totals()["attempted", PURPOSE, RECIPIENT] == 1
    assert (
        again.totals()["dropped", "snapshot", RECIPIENT] == 7
        and ledger.totals()["dropped", "snapshot", RECIPIENT] == 15
    )
    again.close_open(set())
    last = rows(world.storage)[-1]
    assert last["event"] == "unknown" and last["ident"] == release.ident
    assert last["payload"] == hashlib.sha256(release.payload).digest()
    checkpoint = next(entries(world.storage, True))[0]["checkpoint"]
    assert checkpoint["told"] == [[PURPOSE, RECIPIENT, record.digest()]]


def test_ok__a_release_counts_its_events():
    world = World(answers=False)
    world.grant()
    release = world.one()
    release.count = 12
    world.ledger.open(release)
    world.ledger.close(release, "acknowledged")
    assert world.ledger.forgotten(release) is False
    world.ledger.dropped(PURPOSE, RECIPIENT, 12)
    world.ledger.erased()
    found = [(row["event"], row["count"]) for row in rows(world.storage)]
    assert found == [("attempted", 12), ("acknowledged", 12), ("dropped", 12), ("erased", 1)]


def test_ok__the_oldest_of_many_open_releases_is_unknown():
    world = World(answers=False)
    world.grant()
    for _ in range(10):
        world.ledger.open(world.one())
    found = rows(world.storage)
    assert [row["event"] for row in found].count("unknown") == 2
    assert [row["ident"] for row in found if row["event"] == "unknown"] == [row["ident"] for row in found[:2]]


def _reading(wall):
    return lambda: wall[0]


def test_ok__a_clock_that_leapt_for_a_moment_destroys_no_history():
    for settled in (True, False):
        storage, wall = MemoryStorage(), [NOW]
        lasting = (lambda: NOW) if settled else None
        ledger = Ledger(storage, _reading(wall), size=2048, retention=30 * 86400, settled=lasting)
        for _ in range(20):
            ledger.purged(PURPOSE, RECIPIENT, 1)
        ledger.refused(Refused("consent_missing", PURPOSE, RECIPIENT))
        first = next(entries(storage))[0]["number"]
        wall[0] += 60 * 86400
        ledger.refused(Refused("consent_missing", PURPOSE, RECIPIENT))
        after = next(entries(storage))[0]["number"]
        assert (after == first) == settled  # without: the control, the leap counts at once
