"""A history that shows any change, and holds names, sizes and hashes only (L17, L22)."""

import hashlib

import pytest

from firmware_agent.egress import entry as form
from firmware_agent.egress.ledger import ENTRY, START, Broken, Ledger, entries
from firmware_agent.egress.signed import message, newest
from firmware_agent.errors import LedgerError, Refused
from firmware_agent.model import Record
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, MemoryStorage, PowerCut, World

CANARY = "canary-anns-printer"
FILE = "ledger.0"
SIZE, KEEP = 4096, 3


class Signer:
    """Implements the ledger's view of a signer; it signs for the tests only."""

    public = bytes(range(32))

    def sign(self, data):
        return hashlib.sha256(self.public + data).digest() * 2


def told():
    """A world whose ledger has a bit of everything."""
    world = World()
    world.ledger.decided(world.grant())
    for progress in range(3):
        world.uplink.offer(world.gate.release(Record({"progress": progress, CANARY: CANARY}), PURPOSE, RECIPIENT))
        world.pump()
    world.ledger.refused(Refused("consent_missing", "snapshot", RECIPIENT))
    world.ledger.decided(world.withdraw())
    return world


def small(storage, signer=None, retention=None, now=lambda: NOW):
    """A ledger that rotates often."""
    return Ledger(storage, now, None, signer, SIZE, KEEP, retention)


def long(signer=None, count=100):
    """A storage whose oldest segments were dropped, with a signed head if there is a signer."""
    storage = MemoryStorage()
    ledger = small(storage, signer)
    for number in range(count):
        ledger.purged(PURPOSE, RECIPIENT, number)
    ledger.settle()
    return storage


def rows(storage):
    return [row for row, _, _ in entries(storage)]


def places(storage):
    """Of each entry in the only file, checkpoint and all: where it begins; at last where the next would."""
    return [9] + [offset for _, offset, _ in entries(storage, True)]


def copy(storage):
    return MemoryStorage(storage.files)


def patched(storage, name, place, data):
    """A copy with `data` at `place`."""
    other = copy(storage)
    old = other.files[name]
    other.files[name] = old[:place] + data + old[place + len(data) :]
    return other


def flipped(storage, name, place):
    return patched(storage, name, place, bytes([storage.files[name][place] ^ (1 << place % 8)]))


def refuses(storage, signer=None):
    """The error with which the agent's start refuses this storage."""
    with pytest.raises(Broken) as caught:
        small(storage, signer)
    assert not caught.value.torn
    return caught.value


def by_age(storage):
    """The live files, oldest first."""
    found = []
    for name, data in storage.files.items():
        if data[:1] == b"\xa7":
            length = int.from_bytes(data[9:11], "big")
            found.append((form.decode(bytes(data[11 : 11 + length]))["number"], name))
    return [name for _, name in sorted(found)]


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
        Ledger(flipped(world.storage, FILE, 40), world.now)
    assert "ledger.0: entry 1 at byte 9" in str(caught.value) and "move it away" in str(caught.value)


@pytest.mark.attack(5)
def test_ok__a_torn_tail_is_cut_and_said():
    storage = told().storage
    starts = places(storage)
    last, end = starts[-2], starts[-1]
    data = bytes(storage.files[FILE])
    for cut in range(last + 1, end):
        torn = data[:cut] + bytes(len(data) - cut)
        visible = len(torn[last:].rstrip(b"\0"))
        other = MemoryStorage({FILE: torn})
        Ledger(other, lambda: NOW)
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
        other = patched(world.storage, FILE, start, bytes(stop - start))
        Ledger(other, world.now)
        assert rows(other)[-1]["event"] == "recovered"
    whole = patched(world.storage, FILE, last + 5, bytes(4))  # no sector is missing: somebody did that
    assert refuses(whole).entry == len(starts) - 1


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
                storage = patched(world.storage, FILE, place, bytes([value]))
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
    world.uplink.offer(world.gate.release(Record({"progress": 3}), PURPOSE, RECIPIENT))
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


def test_ok__two_writers_rotate_and_each_sees_every_entry():
    storage = MemoryStorage()
    seen = []
    first = Ledger(storage, lambda: NOW, lambda row: seen.append(row["count"]), size=SIZE, keep=KEEP)
    second = small(storage)
    for number in range(120):
        (first if number % 7 < 3 else second).purged(PURPOSE, RECIPIENT, number)
    first.refresh()
    second.refresh()
    assert seen == list(range(120))
    assert first.head == second.head == [head for _, _, head in entries(storage, True)][-1]
    for _ in range(200):  # everything that the first had read is gone
        second.purged(PURPOSE, RECIPIENT, 1)
    first.purged(PURPOSE, RECIPIENT, 1)
    assert first.totals() == small(storage).totals() == {("purged", PURPOSE, RECIPIENT): 120 * 119 // 2 + 201}
    second.erase()
    first.lost(PURPOSE, RECIPIENT, 5)
    assert [row["event"] for row in rows(storage)] == ["lost"] and rows(storage)[0]["number"] == 2


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
    world.uplink.offer(world.gate.release(Record({"progress": 3}), PURPOSE, RECIPIENT))
    world.uplink.pump()
    Ledger(world.storage, world.now).close_open()
    found = rows(world.storage)
    assert [row["event"] for row in found] == ["attempted", "unknown"]
    assert found[0]["ident"] == found[1]["ident"] and found[1]["payload"] == found[0]["payload"]
    assert sorted(found[0]) == sorted(ENTRY)


def test_ok__open_releases_sums_and_decisions_outlive_their_segments():
    world = World(answers=False)
    ledger = small(world.storage)
    record = world.grant()
    ledger.decided(record)
    release = world.gate.release(Record({"progress": 3}), PURPOSE, RECIPIENT)
    ledger.open(release)
    for _ in range(150):
        ledger.purged(PURPOSE, RECIPIENT, 2)
    ledger.dropped("snapshot", RECIPIENT, 7)
    ledger.dropped("snapshot", RECIPIENT, 8)
    assert "attempted" not in [row["event"] for row in rows(world.storage)]
    again = small(world.storage)
    assert again.totals()["purged", PURPOSE, RECIPIENT] == 300 and again.totals()["attempted", PURPOSE, RECIPIENT] == 1
    assert (
        again.totals()["dropped", "snapshot", RECIPIENT] == 7
        and ledger.totals()["dropped", "snapshot", RECIPIENT] == 15
    )
    again.close_open()
    last = rows(world.storage)[-1]
    assert last["event"] == "unknown" and last["ident"] == release.ident
    assert last["payload"] == hashlib.sha256(release.payload).digest()
    checkpoint = next(entries(world.storage, True))[0]["checkpoint"]
    assert checkpoint["told"] == [[PURPOSE, RECIPIENT, record.digest()]]


def test_ok__a_release_counts_its_events():
    world = World(answers=False)
    world.grant()
    release = world.gate.release(Record({"progress": 3}), PURPOSE, RECIPIENT)
    release.count = 12
    world.ledger.open(release)
    world.ledger.close(release, "acknowledged")
    world.ledger.forgotten(release)
    world.ledger.erased()
    found = [(row["event"], row["count"]) for row in rows(world.storage)]
    assert found == [("attempted", 12), ("acknowledged", 12), ("dropped", 12), ("erased", 1)]


def test_ok__the_oldest_of_many_open_releases_is_unknown():
    world = World(answers=False)
    world.grant()
    for progress in range(10):
        world.ledger.open(world.gate.release(Record({"progress": progress}), PURPOSE, RECIPIENT))
    found = rows(world.storage)
    assert [row["event"] for row in found].count("unknown") == 2
    assert [row["ident"] for row in found if row["event"] == "unknown"] == [row["ident"] for row in found[:2]]


@pytest.mark.attack(5)
def test_ok__a_power_cut_at_a_rotation_loses_nothing():
    before = long(count=83)  # the next entry rotates and drops, or soon after
    while True:
        after = copy(before)
        ledger = small(after)
        head = ledger._chain.segments[-1].segment
        ledger.purged(PURPOSE, RECIPIENT, 7)
        if ledger._chain.segments[-1].segment != head:
            break
        before = after
    count = len(rows(before))
    known = rows(before)[-1]["number"]
    total = small(before).totals()["purged", PURPOSE, RECIPIENT]
    # every byte of what is written with content; of the zeros every 61st (test_ledger_power.py tries all of them)
    cuts = list(range(420)) + list(range(420, SIZE + 800, 61))
    done = 0
    for cut in cuts:
        storage = copy(before)
        ledger = small(storage)
        storage.cut_after = cut
        try:
            ledger.purged(PURPOSE, RECIPIENT, 7)
            done += 1
        except PowerCut:
            pass
        storage.cut_after = None
        again = small(storage)
        again.purged(PURPOSE, RECIPIENT, 7)
        found = rows(storage)
        assert known in [row["number"] for row in found], cut
        assert again.totals()["purged", PURPOSE, RECIPIENT] in (total + 7, total + 14), cut
        assert len(storage.files) <= KEEP + 1
    assert count > 40 and 0 < done < len(cuts)


@pytest.mark.attack(5)
def test_ok__a_power_cut_while_a_torn_tail_is_cut():
    storage = told().storage
    last = places(storage)[-2]
    data = bytes(storage.files[FILE])
    for torn in (last + 30, len(data)):
        for cut in range(0, 260, 3):
            other = MemoryStorage({FILE: data[:torn] + bytes(len(data) - torn)})
            other.cut_after = cut
            try:
                Ledger(other, lambda: NOW)
            except PowerCut:
                pass
            other.cut_after = None
            Ledger(other, lambda: NOW)
            assert len(rows(other)) >= 8


def test_ok__what_is_too_old_is_destroyed():
    time = [NOW]
    storage = MemoryStorage()
    ledger = small(storage, None, 1000, lambda: time[0])
    for _ in range(60):
        ledger.purged(PURPOSE, RECIPIENT, 1)
        time[0] += 10
    assert rows(storage)[0]["time"] == NOW
    ledger.settle()
    time[0] += 1400
    assert ledger.expire(time[0]) > 0
    assert rows(storage) == [] and PURPOSE.encode() not in b"".join(
        [storage.files[name][600:] for name in storage.files]
    )
    assert small(storage).totals() == {("purged", PURPOSE, RECIPIENT): 60}
    assert ledger.expire(time[0]) == 0
    ledger.purged(PURPOSE, RECIPIENT, 1)
    assert len(rows(storage)) == 1 and ledger.expire(None) == 0
    time[0] += 400
    ledger.settle()  # half-way: the segment ends, so that its first entry does not wait for its last
    ledger.purged(PURPOSE, RECIPIENT, 1)
    time[0] += 700
    assert ledger.expire(time[0]) == 1 and len(rows(storage)) == 1


def test_ok__erased_leaves_nothing():
    storage = long(Signer())
    ledger = small(storage, Signer())
    ledger.erase()
    assert storage.files == {} and ledger.totals() == {} and ledger.head == START
    ledger.erased()
    ledger.settle()
    assert [row["event"] for row in rows(small(storage, Signer())._storage)] == ["erased"]


@pytest.mark.clause("L17")
def test_fail__a_segment_removed_duplicated_or_exchanged():
    storage = long(Signer())
    small(copy(storage), Signer())  # the control: untouched it is whole
    names = by_age(storage)
    assert len(names) == KEEP
    for name in names:
        other = copy(storage)
        del other.files[name]
        assert "removed" in str(refuses(other, Signer())) or "cut off" in str(refuses(other, Signer())), name
    for name in names[:2]:  # the newest is a cut end: only a head that was kept shows it
        other = copy(storage)
        del other.files[name]
        assert refuses(other).name == "ledger"
    for name in names:
        other = copy(storage)
        other.files["ledger.9"] = other.files[name]
        assert "the same part of the history" in str(refuses(other))
    other = copy(storage)
    other.files[names[0]], other.files[names[1]] = other.files[names[1]], other.files[names[0]]
    assert rows(other) == rows(storage)  # which file holds what is no part of the history
    one, two = storage.files[names[0]], storage.files[names[1]]
    other.files[names[0]], other.files[names[1]] = one[:600] + two[600:], two[:600] + one[600:]
    assert refuses(other).name == names[0]


@pytest.mark.clause("L17")
def test_fail__any_flipped_byte_of_a_checkpoint_is_found_and_placed():
    storage = long()
    names = by_age(storage)
    for name in names:
        data = storage.files[name] = bytearray(storage.files[name])
        number = form.decode(bytes(data[11 : 11 + int.from_bytes(data[9:11], "big")]))["number"]
        for place in range(0, 280, 3):
            data[place] ^= 1 << place % 8
            with pytest.raises(Broken) as caught:
                rows(storage)
            data[place] ^= 1 << place % 8
            wrong = caught.value
            assert wrong.name == name, (name, place)
            assert (wrong.entry, wrong.offset) == (number, 9) or (wrong.entry > number and wrong.offset > 100), place


@pytest.mark.clause("L17")
def test_fail__an_older_copy_of_a_segment_put_back():
    storage = MemoryStorage()
    ledger = small(storage, Signer())
    copies = []
    for number in range(100):
        ledger.purged(PURPOSE, RECIPIENT, number)
        if number % 20 == 10:
            copies.append({name: bytes(data) for name, data in storage.files.items()})
    ledger.settle()
    for files in copies:
        for name in by_age(storage):
            if name in files and files[name][:1] == b"\xa7" and files[name] != storage.files[name]:
                other = copy(storage)
                other.files[name] = files[name]
                refuses(other, Signer())
        other = MemoryStorage(files)
        other.files["ledger.head"] = storage.files["ledger.head"]
        assert "cut off" in str(refuses(other, Signer()))


@pytest.mark.clause("L17")
def test_fail__the_end_cut_off_all_gone_or_hashed_anew_against_a_signed_head():
    world = told()
    ledger = Ledger(world.storage, world.now, None, Signer())
    ledger.settle()
    signed = newest(world.storage)
    assert signed.number == 10 and signed.head == ledger.head and signed.public == Signer.public
    assert signed.signature == Signer().sign(message(10, ledger.head, NOW))
    starts = places(world.storage)
    for start in starts[1:-1]:
        other = patched(world.storage, FILE, start, bytes(starts[-1] - start))
        assert len(rows(other)) < 9  # by itself it is whole
        wrong = refuses(other, Signer())
        assert wrong.offset == start and "entry 10 was signed" in str(wrong)
    other = copy(world.storage)
    del other.files[FILE]
    assert "entries after 0 were cut off" in str(refuses(other, Signer()))
    for left_out in range(1, 9):  # one entry deleted, all others numbered and hashed anew
        head, frames = START, b""
        kept = [row for row, _, _ in entries(world.storage, True)]
        del kept[left_out]
        for number, row in enumerate(kept):
            row["number"] = number + 1
            body = form.encode(row)
            head = hashlib.sha256(head + body).digest()
            frames += len(body).to_bytes(2, "big") + body + head
        other = patched(world.storage, FILE, 9, frames + bytes(starts[-1] - 9 - len(frames)))
        assert len(rows(other)) == 8
        refuses(other, Signer())
    world.ledger.purged(PURPOSE, RECIPIENT, 1)
    Ledger(world.storage, world.now, None, Signer())  # an older head is still in it


def test_ok__a_torn_head_falls_back_to_the_one_before():
    storage = MemoryStorage()
    ledger = small(storage, Signer())
    for _ in range(3):
        ledger.purged(PURPOSE, RECIPIENT, 1)
        ledger.settle()
    for cut in range(160):
        other = copy(storage)
        again = small(other, Signer())
        again.purged(PURPOSE, RECIPIENT, 1)
        other.cut_after = cut
        try:
            again.settle()
            assert newest(other).number == 5
        except PowerCut:
            assert newest(other).number == 4
        other.cut_after = None
        small(other, Signer()).settle()
        assert newest(other).number == 5


def test_fail__sizes_that_cannot_work():
    for size, keep, retention in ((4095, 8, None), (4096, 1, None), (4096, 2, 0)):
        with pytest.raises(LedgerError):
            Ledger(MemoryStorage(), lambda: NOW, None, None, size, keep, retention)
