"""Who may look stands in a book: no secret in it, and whoever was taken out stays out."""

import hashlib
import itertools
import json
import os

import pytest

from firmware_agent.camera.viewers.book import LONGEST, MOST, SLOTS, Book, is_name
from firmware_agent.consent.slots import SlotPair
from firmware_agent.errors import AgentError
from firmware_agent.refusals import Refused
from host_tests.fakes import KEY, NOW, MemoryStorage, PowerCut
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.broker import free_port
from host_tests.rigs.lived import kept

LIVE = ("live_view", "owner")


class Unlocked:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def book(storage, key=KEY, now=NOW):
    """A new object each time: what counts stands on the flash."""
    return Book(SlotPair(storage, "viewers", key), Unlocked, os.urandom, lambda: now)


@pytest.fixture
def storage():
    return MemoryStorage()


def names(storage):
    return [one.name for one in book(storage).all()]


def test_ok__an_accent_is_one_letter_however_it_is_sent():
    one = book(MemoryStorage())
    viewer, secret = one.add("Ku\u0308che", "live_view", "owner", "basic")
    assert viewer.name == "K\u00fcche"
    assert one.by_basic("Ku\u0308che", secret) == one.by_basic("K\u00fcche", secret) == viewer
    with pytest.raises(Refused):
        one.add("K\u00fcche", "live_view", "owner", "basic")


@pytest.mark.parametrize("name", ["\u3164", "a\u2800b", "\u00a0", "a\u3000b", "\u200b"])
def test_fail__a_name_that_shows_nothing(name):
    with pytest.raises(AgentError, match="a viewer's name"):
        book(MemoryStorage()).add(name, "live_view", "owner", "basic")


def test_ok__let_in_found_listed_taken_out(storage):
    viewer, secret = book(storage).add("Küche", *LIVE, "address")
    other, password = book(storage).add("Home Assistant", "local_service", "home", "basic")
    assert (viewer.name, viewer.purpose, viewer.recipient, viewer.way, viewer.since) == ("Küche", *LIVE, "address", NOW)
    assert len(secret) == len(password) == 22 and secret != password
    assert book(storage).by_address(secret) == viewer
    assert book(storage).by_basic("Home Assistant", password) == other
    assert book(storage).remove("Küche") == viewer
    assert names(storage) == ["Home Assistant"] and book(storage).by_address(secret) is None
    with pytest.raises(Refused) as caught:
        book(storage).remove("Küche")
    assert caught.value.reason == "viewer_unknown"


@pytest.mark.attack(9)
def test_fail__a_wrong_secret_or_one_of_another_way(storage):
    _, secret = book(storage).add("page", *LIVE, "address")
    _, password = book(storage).add("program", *LIVE, "basic")
    now = book(storage)
    for wrong in ("", secret[:-1], secret + "A", secret.swapcase(), password, "é", "\udc80"):
        assert now.by_address(wrong) is None, wrong
    for user, wrong in (("program", secret), ("page", secret), ("page", password), ("", password), ("program", "")):
        assert now.by_basic(user, wrong) is None
    assert now.by_basic("program", password) is not None  # the control


@pytest.mark.clause("L22")
def test_ok__of_a_secret_only_its_hash_is_kept_and_nothing_shows_that(storage):
    viewer, secret = book(storage).add("page", *LIVE, "address")
    flash = b"".join(storage.files.values())
    assert secret.encode() not in flash and hashlib.sha256(secret.encode()).digest() in flash
    assert viewer.digest.hex() not in repr(viewer) and repr(viewer.digest) not in repr(viewer)


def test_fail__names_that_no_terminal_page_or_password_prompt_could_take(storage):
    for name in ("", " ", " a", "a ", "a:b", "a\nb", "a\x1b[2J", "a\u202eb", "x" * (LONGEST + 1), None, 7):
        assert not is_name(name)
        with pytest.raises(AgentError, match="one line of 1 to 32 characters"):
            book(storage).add(name, *LIVE, "address")
    for name in ("a", "x" * LONGEST, "Küche 2", "摄像头", "Ann's /dev, 50%"):
        book(storage).add(name, *LIVE, "address")
    with pytest.raises(Refused) as caught:
        book(storage).add("a", *LIVE, "basic")
    assert caught.value.reason == "viewer_exists"
    with pytest.raises(AgentError, match="address or basic"):
        book(storage).add("b", *LIVE, "cookie")


def test_fail__one_more_than_fits(storage):
    for number in range(MOST):
        book(storage).add(f"program {number}", *LIVE, "address")
    with pytest.raises(AgentError, match="16 viewers are in the book; remove one first"):
        book(storage).add("one more", *LIVE, "address")
    book(storage).remove("program 3")
    book(storage).add("one more", *LIVE, "address")
    assert len(names(storage)) == MOST


def test_ok__without_a_clock_too(storage):
    viewer, secret = book(storage, now=None).add("page", *LIVE, "address")
    assert viewer.since is None and book(storage).by_address(secret) == viewer


@pytest.mark.attack(5)
def test_fail__damage_to_a_slot_brings_nobody_back(storage):
    _, secret = book(storage).add("gone", *LIVE, "address")
    book(storage).add("stays", *LIVE, "address")
    book(storage).remove("gone")
    whole = dict(storage.files)
    for name in SLOTS:
        for at in range(0, len(whole[name]), 7):
            damaged = bytearray(whole[name])
            damaged[at] ^= 0x40
            other = MemoryStorage({**whole, name: bytes(damaged)})
            assert names(other) == ["stays"] and book(other).by_address(secret) is None
            assert book(other).trouble() in ([f"{name}: damaged"], [f"{name}: not written with this device's key"])
        assert names(MemoryStorage({**whole, name: b""})) == ["stays"]
    assert names(MemoryStorage(dict.fromkeys(SLOTS, b"x" * 80))) == []  # nothing left to trust: nobody may look


@pytest.mark.attack(5)
def test_fail__a_power_cut_while_somebody_is_taken_out(storage):
    """Whatever the cut leaves is a whole book; once the removal has returned, no single slot can undo it."""
    book(storage).add("gone", *LIVE, "address")
    book(storage).add("stays", *LIVE, "address")
    before, seen = dict(storage.files), set()
    for cut in itertools.count(step=9):
        torn = MemoryStorage(before)
        torn.cut_after = cut
        try:
            book(torn).remove("gone")
        except PowerCut:
            found = tuple(names(MemoryStorage(torn.files)))
            assert found in (("gone", "stays"), ("stays",))
            seen.add(found)
        else:
            break
    assert len(seen) == 2  # cuts before and after what counts
    for name in SLOTS:
        assert names(MemoryStorage({**torn.files, name: b""})) == ["stays"]


@pytest.mark.attack(11)
def test_fail__a_book_of_another_device_or_of_another_kind(storage):
    book(storage, key=bytes(32)).add("stranger", *LIVE, "address")
    assert names(storage) == [] and "not written with this device's key" in book(storage).trouble()[0]
    for body in (b"\x01", b"\x81\x80", b"\x81\x86\x00\x00\x00\x00\x40\x00", b"\xa0"):
        slots = SlotPair(storage, "viewers", KEY)
        slots.write(slots.newest(slots.raw())[0] + 1, body)
        assert names(storage) == []


@pytest.mark.clause("L13", "L22")
def test_ok__export_names_the_viewers_and_never_a_secret_or_its_hash(tmp_path):
    rig = Rig(tmp_path, plain(free_port()))
    viewer, secret = rig.parts.viewers.add("Ann's tablet", *LIVE, "basic")
    store = next(one for one in kept(rig) if one.name == "viewers")
    assert {kept(rig).owner(file).name for file in SLOTS} == {"viewers"}
    text = json.dumps(list(store.rows()))
    assert "Ann's tablet" in text and "live_view" in text
    assert secret not in text and viewer.digest.hex() not in text
