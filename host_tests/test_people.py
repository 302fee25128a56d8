"""Who is paired: at most sixteen, each with a role; a removal holds whatever becomes of one of the two slots."""

import itertools

import pytest

from firmware_agent.consent.people import MOST, People, Person
from firmware_agent.errors import AgentError
from firmware_agent.refusals import Refused
from host_tests.fakes import KEY, NOW, MemoryStorage, PowerCut
from host_tests.rigs.owners import Phone

FILES = ("people.0", "people.1")
PHONES = [Phone() for _ in range(4)]


class Now:
    def __init__(self):
        self.time = NOW

    def __call__(self):
        return self.time


class Flat:
    """People on a flash; each look is by a new object."""

    def __init__(self, files=None, now=None):
        self.storage = MemoryStorage(files)
        self.now = now or Now()

    @property
    def people(self):
        return People(self.storage, KEY, self.now)

    def add(self, phone, role="owner", until=None, counter=0, name="a phone"):
        self.people.add(Person(phone.public, role, name, NOW, until, "4711" if until else "", counter))

    def paired(self):
        return {one.key for one in self.people.all()}

    def counter(self, phone):
        return self.people.find(phone.key).counter


def test_ok__added_found_listed_removed():
    flat = Flat()
    assert flat.people.all() == [] and flat.people.find(PHONES[0].key) is None
    flat.add(PHONES[0])
    flat.add(PHONES[1], "viewer", name="Bob's")
    assert [(one.role, one.name) for one in flat.people.all()] == [("owner", "a phone"), ("viewer", "Bob's")]
    assert flat.people.role(PHONES[1].key) == "viewer" and flat.people.role(PHONES[2].key) is None
    gone = flat.people.remove(PHONES[0].key)
    assert gone.key == PHONES[0].key and flat.paired() == {PHONES[1].key}
    with pytest.raises(Refused) as caught:
        flat.people.remove(PHONES[0].key)
    assert caught.value.reason == "key_unknown"


def test_fail__one_more_than_fits():
    flat = Flat()
    phones = [Person(bytes([number]) * 65, "viewer", "x", NOW) for number in range(MOST + 1)]
    for one in phones[:MOST]:
        flat.people.add(one)
    with pytest.raises(AgentError, match="16 phones are paired; remove one first"):
        flat.people.add(phones[MOST])
    flat.people.add(phones[3])  # who is paired may pair anew
    assert len(flat.paired()) == MOST
    flat.people.remove(phones[0].key)
    flat.people.add(phones[MOST])
    assert len(flat.paired()) == MOST


@pytest.mark.clause("L16")
@pytest.mark.attack(4)
def test_fail__service_is_out_at_its_end_and_without_a_clock():
    flat = Flat()
    flat.add(PHONES[0], "service", NOW + 60)
    flat.add(PHONES[1])
    for now, there in ((NOW + 59, True), (NOW + 60, False), (None, False), (NOW + 59, True)):
        flat.now.time = now
        assert (PHONES[0].key in flat.paired()) == there and PHONES[1].key in flat.paired()
    flat.now.time = None
    assert flat.people.expire() == []  # nobody knows yet: out, and not forgotten
    flat.now.time = NOW + 60
    assert [one.key for one in flat.people.expire()] == [PHONES[0].key]
    flat.now.time = NOW
    assert flat.paired() == {PHONES[1].key}


def histories():
    """(flat with every version that was ever written, what was removed)."""
    for spare in range(3):
        flat = Flat()
        flat.storage.history = []
        for phone in PHONES[: 2 + spare]:
            flat.add(phone)
        flat.people.count(PHONES[0].key, 5)
        flat.people.remove(PHONES[0].key)
        if spare == 1:
            flat.people.count(PHONES[1].key, 9)
        if spare == 2:
            flat.add(PHONES[3], "viewer")
        yield flat


@pytest.mark.attack(5)
def test_fail__any_damage_to_one_slot_brings_no_removed_key_back():
    tried = 0
    for flat in histories():
        for name in FILES:
            data = flat.storage.files[name]
            for place in range(len(data)):
                for bit in (0, 7):
                    changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
                    found = Flat({**flat.storage.files, name: changed}).paired()
                    assert PHONES[0].key not in found, (name, place)
                    assert found <= flat.paired()
                    tried += 1
            for length in (0, 1, 16, len(data) - 1):
                assert PHONES[0].key not in Flat({**flat.storage.files, name: data[:length]}).paired()
            assert (
                PHONES[0].key
                not in Flat({other: flat.storage.files[other] for other in FILES if other != name}).paired()
            )
    assert tried > 2000


@pytest.mark.attack(2)
def test_fail__an_older_copy_of_one_slot_brings_no_removed_key_back():
    restored = 0
    for flat in histories():
        for name, data in flat.storage.history:
            restored += data != flat.storage.files[name]
            assert PHONES[0].key not in Flat({**flat.storage.files, name: data}).paired()
        for name, other in itertools.product(FILES, FILES):
            assert PHONES[0].key not in Flat({**flat.storage.files, name: flat.storage.files[other]}).paired()
    assert restored > 10
    files = dict(flat.storage.history[:4])  # the control: an old copy of both cannot be told
    assert PHONES[0].key in Flat(files).paired()


@pytest.mark.attack(2, 5)
def test_fail__a_role_that_was_taken_away_comes_back_by_no_damage_to_one_slot():
    flat = Flat()
    flat.storage.history = []
    flat.add(PHONES[0], "owner")
    flat.add(PHONES[0], "viewer")
    assert flat.people.role(PHONES[0].key) == "viewer"
    for name in FILES:
        data = flat.storage.files[name]
        for place in range(len(data)):
            files = {**flat.storage.files, name: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]}
            assert Flat(files).people.role(PHONES[0].key) in ("viewer", None), (name, place)
    for name, data in flat.storage.history:
        assert Flat({**flat.storage.files, name: data}).people.role(PHONES[0].key) in ("viewer", None)


@pytest.mark.attack(5)
def test_fail__a_power_cut_at_any_byte_of_a_removal():
    cuts = 0
    for at in range(0, 3000, 4):
        flat = Flat()
        for phone in PHONES[:3]:
            flat.add(phone)
        flat.storage.cut_after = at
        try:
            flat.people.remove(PHONES[0].key)
        except PowerCut:
            cuts += 1
            flat.storage.cut_after = None
            left = flat.paired()
            assert left >= {phone.key for phone in PHONES[1:3]}, at  # the others stay
            if PHONES[0].key in left:
                flat.people.remove(PHONES[0].key)  # nobody was told that it is gone; again, and it is
            assert PHONES[0].key not in flat.paired()
            continue
        break
    assert cuts > 50


def test_ok__counters_stay():
    flat = Flat()
    flat.add(PHONES[0])
    flat.add(PHONES[1])
    for counter in (1, 7, 2**53 - 1):
        flat.people.count(PHONES[0].key, counter)
        assert flat.counter(PHONES[0]) == counter and flat.counter(PHONES[1]) == 0
    for counter in (2**53 - 1, 7, 0):
        with pytest.raises(Refused) as caught:
            flat.people.count(PHONES[0].key, counter)
        assert caught.value.reason == "command_old"
    flat.add(PHONES[0], "viewer")  # paired anew: what was used stays used
    assert flat.counter(PHONES[0]) == 2**53 - 1
    with pytest.raises(Refused) as caught:
        flat.people.count(PHONES[2].key, 1)
    assert caught.value.reason == "key_unknown"


def test_fail__with_another_devices_key_nobody_is_paired():
    flat = Flat()
    flat.add(PHONES[0])
    assert People(flat.storage, bytes(32), flat.now).all() == []
    assert People(flat.storage, bytes(32), flat.now).trouble() and flat.people.trouble() == []
