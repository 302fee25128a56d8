"""The sealed ring: what was written synced is found again, after any crash and any number of laps."""

import pytest

from firmware_agent.egress.ring import UNIT, Ring
from firmware_agent.egress.vault import KeySlot, Vault
from firmware_agent.errors import FormatError
from host_tests.fakes import KEY, NOW, Dice, FakeCipher, MemoryStorage, PowerCut

OTHER = bytes(32)
CANARY = b"canary-anns-printer"


class Entropy:
    """Never the same twice."""

    def __init__(self, start=0):
        self.drawn = start

    def __call__(self, count):
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")


def ring(storage=None, size=4096, entropy=None):
    return Ring(storage or MemoryStorage(), FakeCipher(), entropy or Entropy(), "ring", size)


def bodies(one, key=KEY):
    return [one.read(key, frame) for frame in one.frames]


def found(storage, size=4096):
    """What a restart finds."""
    again = ring(MemoryStorage(storage.files), size)
    again.load(KEY)
    return bodies(again)


def test_ok__frames_come_back_in_order():
    storage = MemoryStorage()
    one = ring(storage)
    for number in range(3):
        one.append(KEY, number + 1, NOW + number, b"body %d" % number)
    again = ring(storage)
    again.load(KEY)
    assert bodies(again) == [b"body 0", b"body 1", b"body 2"]
    assert [(frame.count, frame.time) for frame in again.frames] == [(1, NOW), (2, NOW + 1), (3, NOW + 2)]


@pytest.mark.clause("L15")
@pytest.mark.attack(11)
def test_ok__nothing_readable_stands_on_flash_and_another_key_opens_nothing():
    storage = MemoryStorage()
    ring(storage).append(KEY, 1, NOW, CANARY)
    assert CANARY not in storage.files["ring"]
    again = ring(MemoryStorage(storage.files))
    again.load(OTHER)
    assert again.frames == []


def test_ok__the_newest_push_out_the_oldest_over_many_laps():
    storage, dice = MemoryStorage(), Dice(3)
    one = ring(storage)
    wrote = []
    for number in range(120):
        body = (b"%d " % number) * (1 + dice.below(300))
        _, pushed = one.append(KEY, 1, None, body)
        wrote.append(body)
        for _ in pushed:
            wrote.pop(0)
        assert bodies(one) == wrote
        if number % 7 == 0:
            assert found(storage) == wrote
        if dice.below(3) == 0 and one.frames:
            one.clear(one.frames[0])
            wrote.pop(0)


def test_ok__a_ring_that_was_given_less_room_keeps_what_it_holds():
    storage = MemoryStorage()
    one = ring(storage, 4096)
    for number in range(30):
        one.append(KEY, 1, NOW, b"body %d" % number)
    again = ring(storage, 1024)
    again.load(KEY)
    assert bodies(again) == bodies(one)
    again.append(KEY, 1, NOW, b"more")
    assert found(storage, 1024)[-1] == b"more"


def test_fail__a_body_that_never_fits():
    with pytest.raises(FormatError):
        ring(size=1024).append(KEY, 1, None, bytes(1024))


@pytest.mark.attack(5)
def test_ok__a_power_cut_at_any_byte_loses_nothing_that_was_written_before():
    """At the start, in the middle, and where the ring begins its second lap."""
    for before in (0, 8, 9, 10):
        whole = MemoryStorage()
        one = ring(whole, 640)
        for number in range(before):
            one.append(KEY, 1, NOW, b"%d" % number)
        kept = bodies(one)
        cut = 0
        while True:
            storage = MemoryStorage(whole.files)
            torn = ring(storage, 640, Entropy(1000))
            torn.load(KEY)
            storage.cut_after = cut
            try:
                torn.append(KEY, 1, NOW, b"new" * 20)
                break
            except PowerCut:
                storage.cut_after = None
                left = found(storage, 640)
                # what had to make room may be gone, the new one may be there: all else must be
                old = [body for body in left if body != b"new" * 20]
                assert kept[len(kept) - len(old) :] == old and len(old) >= before - 2, (before, cut)
                cut += 1
        assert cut > 100


def test_fail__the_control_a_ring_that_does_not_seal_would_show_torn_bytes():
    """A torn frame is there, and only the seal tells: the tag is what refuses it."""
    storage = MemoryStorage()
    one = ring(storage)
    frame, _ = one.append(KEY, 1, NOW, CANARY * 3)
    data = storage.files["ring"]
    storage.files["ring"] = data[:60] + b"\x00" + data[61:]
    with pytest.raises(FormatError):
        one.read(KEY, frame)
    assert found(storage) == []


def test_fail__moved_copied_renamed_or_edited_frames_do_not_open():
    storage = MemoryStorage()
    one = ring(storage)
    one.append(KEY, 1, NOW, b"first")
    one.append(KEY, 1, NOW, b"second")
    data = bytes(storage.files["ring"])
    first, second, rest = data[:UNIT], data[UNIT : 2 * UNIT], data[2 * UNIT :]
    assert found(MemoryStorage({"ring": second + first + rest})) == []
    assert found(MemoryStorage({"ring": first + second + first + rest[UNIT:]})) == [b"first", b"second"]
    renamed = Ring(MemoryStorage({"other": data}), FakeCipher(), Entropy(), "other", 4096)
    renamed.load(KEY)
    assert renamed.frames == []
    for place in range(24 + 12 + 5):  # head, nonce, body
        edited = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert found(MemoryStorage({"ring": edited})) == [b"second"], place


def test_ok__no_nonce_twice_whatever_a_crash_forgot():
    """The sequence may begin anew when all frames are gone; nonces do not count, they are drawn."""
    entropy, seen = Entropy(), []
    storage = MemoryStorage()
    for _ in range(20):
        one = ring(storage, 2048, entropy)
        one.load(KEY)
        frame, _ = one.append(KEY, 1, NOW, b"x")
        seen.append(storage.read("ring", frame.offset + 24, 12))
        if len(seen) % 2:
            one.clear(frame)
    assert len(set(seen)) == len(seen)


def test_ok__wiped_is_zero_and_counted():
    storage = MemoryStorage()
    one = ring(storage)
    for number in range(3):
        one.append(KEY, 5 + number, NOW, CANARY)
    assert ring(storage).wipe() == 18  # without a key: by the heads
    assert storage.files["ring"] == bytes(4096)
    one.load(KEY)
    assert one.frames == [] and one.wipe() == 0


def test_ok__what_a_crash_tore_is_zeroed_at_the_next_start():
    storage = MemoryStorage()
    one = ring(storage)
    one.append(KEY, 1, NOW, b"whole")
    data = bytearray(storage.files["ring"])
    data[UNIT : UNIT + 100] = b"\x55" * 100
    storage.files["ring"] = bytes(data)
    one.load(KEY)
    assert bodies(one) == [b"whole"] and storage.files["ring"][UNIT:] == bytes(4096 - UNIT)


def test_ok__a_key_is_overwritten_in_place():
    storage = MemoryStorage()
    slot = KeySlot(storage, "key")
    assert slot.read() is None
    key = slot.make(Entropy(5))
    assert slot.make(Entropy(9)) == slot.read() == key
    storage.history = []
    slot.shred()
    assert storage.history == [("key", bytes(96))] and slot.read() is None
    assert slot.make(Entropy(9)) != key


@pytest.mark.attack(5)
def test_ok__a_torn_key_is_none():
    slot = KeySlot(MemoryStorage(), "key")
    slot.make(Entropy(7))
    data = slot._storage.files["key"]
    for cut in range(96):
        for torn in (data[:cut], data[:cut] + bytes(96 - cut)):
            assert KeySlot(MemoryStorage({"key": torn}), "key").read() is None


@pytest.mark.clause("L12", "P6")
@pytest.mark.attack(5, 24)
def test_ok__a_power_cut_in_a_withdrawal_never_leaves_a_key_with_its_frames_behind_the_next_start():
    def vault(storage):
        return Vault(storage, FakeCipher(), Entropy(50), ("p", "r"), 2048, 1024)

    whole = MemoryStorage()
    one = vault(whole)
    for body in (CANARY, CANARY):
        one.outbox.append(one.key(), 1, NOW, body)
    one.sent.append(one.key(), 1, NOW, CANARY)
    for cut in list(range(0, 100)) + list(range(100, 4000, 61)):
        storage = MemoryStorage(whole.files)
        torn = vault(storage)
        torn.load()
        storage.cut_after = cut
        try:
            assert torn.shred() == 2
        except PowerCut:
            pass
        storage.cut_after = None
        again = vault(storage)
        again.load()
        assert not again.outbox.frames or cut < 96, cut  # from the key's last byte on nothing opens
        again.shred()  # what the next start does, for consent was taken back before
        assert not any([any(data) for data in storage.files.values()])


def test_ok__a_removed_vault_leaves_no_file():
    storage = MemoryStorage()
    one = Vault(storage, FakeCipher(), Entropy(), ("p", "r"), 2048, 1024)
    one.outbox.append(one.key(), 1, NOW, CANARY)
    one.remove()
    one.remove()
    assert storage.names() == []


def test_ok__a_key_serves_one_consent_only():
    """Granted anew while a power cut had kept the old key: what was kept under it is destroyed, not taken over."""
    first, second = b"1" * 32, b"2" * 32
    for how in ("load", "key"):
        storage = MemoryStorage()
        one = Vault(storage, FakeCipher(), Entropy(), ("p", "r"), 2048, 1024)
        key = one.key(first)
        one.outbox.append(key, 3, NOW, CANARY)
        one.sent.append(key, 1, NOW, CANARY)
        again = Vault(storage, FakeCipher(), Entropy(99), ("p", "r"), 2048, 1024)
        if how == "load":
            assert again.load(first) == 0 and len(again.outbox.frames) == 1
            assert again.load(second) == 3
        else:
            assert again.key(second) != key
        assert again.outbox.frames == [] and again.sent.frames == []
        assert key not in b"".join([bytes(data) for data in storage.files.values()])
        assert not any(storage.files["vault.p.r.outbox"]) and not any(storage.files["vault.p.r.sent"])
