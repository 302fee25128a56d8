"""The ledger's files: rotation, power cuts, retention, heads, and what somebody with the files may try (L17)."""

import hashlib

import pytest

from firmware_agent.egress import entry as form
from firmware_agent.egress.ledger import START, Broken, Ledger, entries
from firmware_agent.egress.signed import message, newest
from firmware_agent.errors import LedgerError
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, MemoryStorage, PowerCut

FILE = "ledger.0"
SIZE, KEEP = 2048, 3
PURGED = ("purged", PURPOSE, RECIPIENT)


class Signer:
    """Implements the ledger's view of a signer; it signs for the tests only."""

    public = bytes(range(32))

    def sign(self, data):
        return hashlib.sha256(self.public + data).digest() * 2


def small(storage, signer=None, retention=None, now=lambda: NOW):
    """A ledger that rotates often."""
    return Ledger(storage, now, None, signer, SIZE, KEEP, retention)


def long(signer=None, count=45):
    """A storage whose oldest segments were dropped, with a signed head if there is a signer."""
    storage = MemoryStorage()
    ledger = small(storage, signer)
    for number in range(count):
        ledger.purged(PURPOSE, RECIPIENT, number)
    ledger.settle()
    return storage


def rows(storage):
    return [row for row, _, _ in entries(storage)]


def numbers(storage):
    return [row["number"] for row, _, _ in entries(storage)]


def last_head(storage):
    for found in entries(storage, True):
        head = found[2]
    return head


def copy(storage):
    return MemoryStorage(storage.files)


def patched(storage, name, place, data):
    """A copy with `data` at `place`."""
    other = copy(storage)
    old = other.files[name]
    other.files[name] = old[:place] + data + old[place + len(data) :]
    return other


def refuses(storage, signer=None):
    """The error with which the agent's start refuses this storage."""
    with pytest.raises(Broken) as caught:
        small(storage, signer)
    assert not caught.value.torn
    return caught.value


def checkpoint(data):
    return form.decode(bytes(data[11 : 11 + int.from_bytes(data[9:11], "big")]))


def by_age(storage):
    """The live files, oldest first."""
    live = [(checkpoint(data)["number"], name) for name, data in storage.files.items() if data[:1] == b"\xa7"]
    return [name for _, name in sorted(live)]


def test_ok__two_writers_rotate_and_each_sees_every_entry():
    storage = MemoryStorage()
    seen = []
    first = Ledger(storage, lambda: NOW, lambda row: seen.append(row["count"]), size=SIZE, keep=KEEP)
    second = small(storage)
    for number in range(80):
        (first if number % 7 < 3 else second).purged(PURPOSE, RECIPIENT, number)
    first.refresh()
    second.refresh()
    assert seen == list(range(80))
    assert first.head == second.head == last_head(storage)
    for _ in range(60):  # everything that the first had read is gone
        second.purged(PURPOSE, RECIPIENT, 1)
    first.purged(PURPOSE, RECIPIENT, 1)
    assert first.totals() == small(storage).totals() == {PURGED: 80 * 79 // 2 + 61}
    second.erase()
    first.lost(PURPOSE, RECIPIENT, 5)
    assert [(row["event"], row["number"]) for row in rows(storage)] == [("lost", 2)]


@pytest.mark.attack(5)
def test_ok__a_power_cut_at_a_rotation_loses_nothing():
    before = after = long(count=66)
    while by_age(before) == by_age(after):
        before = copy(after)
        small(after).purged(PURPOSE, RECIPIENT, 7)
    after = None  # a board's heap is small
    total = small(before).totals()[PURGED]
    cut, whole = 0, False
    while not whole:
        storage = copy(before)
        ledger = small(storage)
        storage.cut_after = cut
        try:
            ledger.purged(PURPOSE, RECIPIENT, 7)
            whole = True
        except PowerCut:
            pass
        storage.cut_after = None
        again = small(storage)
        assert len(by_age(storage)) <= KEEP and again.totals()[PURGED] - total in (0, 7), cut
        again.purged(PURPOSE, RECIPIENT, 7)
        assert len(storage.files) <= KEEP + 1
        # every byte, but amid the thousands of zeros; test_ledger_power.py tries each of those, too
        cut += 1 if cut < 170 or cut >= SIZE + 150 else 94
    assert cut > SIZE + 200


@pytest.mark.attack(5)
def test_ok__a_power_cut_while_a_torn_tail_is_cut():
    storage = long(count=5)
    data = bytes(storage.files[FILE])
    places = [offset for _, offset, _ in entries(storage)]
    for torn in (places[-2] + 30, places[-1] - 1):
        for cut in range(0, 200, 7):
            other = MemoryStorage({FILE: data[:torn] + bytes(len(data) - torn)})
            other.cut_after = cut
            try:
                small(other)
            except PowerCut:
                pass
            other.cut_after = None
            small(other)
            assert numbers(other)[:4] == [2, 3, 4, 5], cut


def test_ok__what_is_too_old_is_destroyed():
    time = [NOW]
    storage = MemoryStorage()
    ledger = small(storage, None, 1000, lambda: time[0])
    for _ in range(30):
        ledger.purged(PURPOSE, RECIPIENT, 1)
        time[0] += 10
    assert rows(storage)[0]["time"] == NOW
    ledger.settle()
    time[0] += 1400
    assert ledger.expire(time[0]) > 0
    assert rows(storage) == []
    for data in storage.files.values():  # beyond the checkpoint, which holds the sums, nothing is left
        assert PURPOSE.encode() not in bytes(data[300:])
    assert small(storage).totals() == {PURGED: 30}
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
    small(storage, Signer())
    assert [row["event"] for row in rows(storage)] == ["erased"]


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
    assert last_head(other) == last_head(storage)  # which file holds what is no part of the history
    one, two = storage.files[names[0]], storage.files[names[1]]
    other.files[names[0]], other.files[names[1]] = one[:900] + two[900:], two[:900] + one[900:]
    assert refuses(other).name == names[0]


@pytest.mark.clause("L17")
def test_fail__any_flipped_byte_of_a_checkpoint_is_found_and_placed():
    storage = long()
    names = by_age(storage)
    for name in names:
        data = storage.files[name] = bytearray(storage.files[name])
        number = checkpoint(data)["number"]
        for place in range(0, 280, 3):
            data[place] ^= 1 << place % 8
            with pytest.raises(Broken) as caught:
                rows(storage)
            data[place] ^= 1 << place % 8
            wrong = caught.value
            assert wrong.name == name, (name, place)
            assert (wrong.entry, wrong.offset) == (number, 9) or (wrong.entry > number and wrong.offset > 100), place


@pytest.mark.clause("L17")
def test_fail__an_older_copy_put_back():
    storage = MemoryStorage()
    ledger = small(storage, Signer())
    copies = []
    for number in range(30):
        ledger.purged(PURPOSE, RECIPIENT, number)
        if number % 10 == 5:
            copies.append({name: bytes(data) for name, data in storage.files.items() if name != "ledger.head"})
    ledger.settle()
    tried = 0
    for files in copies:
        for name in files:
            if files[name] != bytes(storage.files[name]):
                other = copy(storage)
                other.files[name] = files[name]
                refuses(other, Signer())
                tried += 1
        other = MemoryStorage(files)  # all of an older state, but not the head
        other.files["ledger.head"] = storage.files["ledger.head"]
        assert "were cut off" in str(refuses(other, Signer()))
    assert tried >= 3


@pytest.mark.clause("L17")
def test_fail__the_end_cut_off_all_gone_or_hashed_anew_against_a_signed_head():
    storage = long(Signer(), 8)
    signed = newest(storage)
    head = last_head(storage)
    assert (signed.number, signed.head, signed.public) == (9, head, Signer.public)
    assert signed.signature == Signer().sign(message(9, head, NOW))
    places = [offset for _, offset, _ in entries(storage, True)]
    for place in places[:-1]:
        other = patched(storage, FILE, place, bytes(places[-1] - place))
        rows(other)  # by itself it is whole
        wrong = refuses(other, Signer())
        assert wrong.offset == place and "entry 9 was signed" in str(wrong)
    other = copy(storage)
    del other.files[FILE]
    assert "entries after 0 were cut off" in str(refuses(other, Signer()))
    for left_out in range(1, 9):  # one entry deleted, all others numbered and hashed anew
        other = patched(storage, FILE, 9, hashed_anew(storage, left_out, places[-1] - 9))
        assert len(rows(other)) == 7
        assert refuses(other, Signer()).entry == 9
    for more in (0, 3):  # the same, and then enough of it made up
        other = patched(storage, FILE, 9, hashed_anew(storage, 4, places[-1] - 9))
        del other.files["ledger.head"]
        forged = small(other)
        for _ in range(1 + more):
            forged.purged(PURPOSE, RECIPIENT, 1)
        other.files["ledger.head"] = storage.files["ledger.head"]
        assert "another one was signed" in str(refuses(other, Signer()))
    ledger = small(storage)
    ledger.purged(PURPOSE, RECIPIENT, 1)
    small(storage, Signer())  # the control: an older head is still in a longer ledger


def hashed_anew(storage, left_out, size):
    """All frames but one, as somebody without the key can make them."""
    head, frames, number = START, b"", 0
    for at, found in enumerate(entries(storage, True)):
        if at != left_out:
            number += 1
            row = found[0]
            row["number"] = number
            body = form.encode(row)
            head = hashlib.sha256(head + body).digest()
            frames += len(body).to_bytes(2, "big") + body + head
    return frames + bytes(size - len(frames))


def test_ok__a_torn_head_falls_back_to_the_one_before():
    storage = MemoryStorage()
    ledger = small(storage, Signer())
    for _ in range(3):
        ledger.purged(PURPOSE, RECIPIENT, 1)
        ledger.settle()
    for cut in range(0, 160, 7):
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
    for size, keep, retention in ((2047, 8, None), (2048, 1, None), (2048, 2, 0)):
        with pytest.raises(LedgerError):
            Ledger(MemoryStorage(), lambda: NOW, None, None, size, keep, retention)
