"""Damage, loss, old copies and power cuts can only narrow what is allowed (attacks 2 and 5)."""

import pytest

from firmware_agent.consent.store import ConsentStore, storage_key
from firmware_agent.errors import FormatError
from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN
from host_tests.fakes import Dice, MemoryStorage, PowerCut, World

FILES = ("consent.0", "consent.1", "floor.0", "floor.1")
HISTORIES = 12


def histories():
    """Repeatable sequences of decisions, each ending in another state."""
    purposes = ("improvement_program", "print_history", "snapshot")
    for seed in range(HISTORIES):
        dice = Dice(seed + 1)
        yield [(dice.pick(purposes), dice.pick((GIVEN[0], GIVEN[0], WITHDRAWN, REFUSED))) for _ in range(1 + seed)]


def played(history, keep=False):
    world = World()
    world.storage.history = [] if keep else None
    for purpose, state in history:
        world.decide(purpose, state)
    return world


def reopened(files):
    return World(storage=MemoryStorage(files)).allowed()


def test_ok__the_last_decision_counts():
    for history in histories():
        last = dict(history)
        assert played(history).allowed() == {purpose for purpose, state in last.items() if state in GIVEN}


def test_ok__decisions_survive_a_restart():
    for history in histories():
        world = played(history)
        assert reopened(world.storage.files) == world.allowed()


@pytest.mark.clause("L1")
def test_fail__a_fresh_device_allows_nothing():
    world = World()
    assert world.allowed() == set()
    assert world.gate.decide("snapshot", "lightmake").reason == "consent_missing"


@pytest.mark.attack(5)
def test_fail__any_flipped_byte_never_widens():
    tried = narrowed = 0
    for history in list(histories())[1::3]:
        world = played(history)
        allowed = world.allowed()
        for name in FILES:
            data = world.storage.files.get(name)
            for place in range(len(data or b"")):
                files = dict(world.storage.files)
                files[name] = data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
                found = reopened(files)
                assert found <= allowed, (name, place)
                tried += 1
                narrowed += found != allowed
    assert tried > 1000 and narrowed > 0  # the control: damage is noticed at all


@pytest.mark.attack(5)
def test_fail__any_missing_emptied_or_cut_file_never_widens():
    for history in histories():
        world = played(history)
        for name in list(world.storage.files):
            files = dict(world.storage.files)
            data = files.pop(name)
            assert reopened(files) <= world.allowed(), name
            for cut in (0, 1, len(data) // 2, len(data) - 1):
                assert reopened(dict(files, **{name: data[:cut]})) <= world.allowed(), (name, cut)


@pytest.mark.attack(2)
def test_fail__an_older_copy_of_any_one_file_never_widens():
    restored = 0
    for history in histories():
        world = played(history, keep=True)
        for name, data in world.storage.history:
            if world.storage.files[name] != data:
                restored += 1
            assert reopened(dict(world.storage.files, **{name: data})) <= world.allowed(), name
    assert restored > 50


@pytest.mark.attack(2)
def test_fail__a_slot_copied_over_the_other_or_under_another_name_never_widens():
    for history in histories():
        world = played(history)
        for name in FILES:
            for other in FILES:
                if other in world.storage.files:
                    assert reopened(dict(world.storage.files, **{name: world.storage.files[other]})) <= world.allowed()


@pytest.mark.attack(5)
def test_fail__a_power_cut_at_any_byte_never_widens():
    cuts = 0
    for history in list(histories())[2::4]:
        world = played(history)
        for purpose, state in (("snapshot", WITHDRAWN), ("snapshot", GIVEN[0]), ("print_history", REFUSED)):
            before = world.allowed()
            after = before | {purpose} if state in GIVEN else before - {purpose}
            for at in range(0, 2000, 5):
                torn = World(storage=MemoryStorage(world.storage.files))
                torn.storage.cut_after = at
                try:
                    torn.decide(purpose, state)
                except PowerCut:
                    cuts += 1
                    assert reopened(torn.storage.files) <= (before | after), at
                    continue
                assert reopened(torn.storage.files) == after
                break
            world.decide(purpose, state)
    assert cuts > 100


@pytest.mark.attack(5)
def test_ok__a_power_cut_keeps_the_other_decisions():
    world = played([("improvement_program", GIVEN[0]), ("print_history", GIVEN[0])])
    for state in (WITHDRAWN, GIVEN[0]):
        for at in range(0, 2000, 7):
            torn = World(storage=MemoryStorage(world.storage.files))
            torn.storage.cut_after = at
            try:
                torn.decide("print_history", state)
                break
            except PowerCut:
                assert "improvement_program" in reopened(torn.storage.files), at


def test_fail__a_key_that_is_not_ours():
    world = played([("snapshot", GIVEN[0])])
    other = ConsentStore(world.storage, bytes(32))
    assert other.current("snapshot", "lightmake")[2] == "consent_unreadable"
    assert len(other.trouble()) == len([name for name in FILES if name in world.storage.files])


def test_ok__deciding_again_after_damage_revives_nothing_else():
    world = played([("snapshot", GIVEN[0]), ("improvement_program", GIVEN[0])])
    for name in ("floor.0", "floor.1"):
        world.storage.files.pop(name, None)
    assert world.allowed() == set()
    world.grant("print_history")
    assert world.allowed() == {"print_history"}
    for name in FILES:
        files = dict(world.storage.files)
        files.pop(name, None)
        assert reopened(files) <= {"print_history"}


@pytest.mark.attack(2)
def test_fail__a_lost_key_that_comes_back_revives_nothing():
    storage = MemoryStorage()
    keys = [bytes([number]) * 32 for number in (1, 2)]

    def entropy(count):
        return keys.pop(0)

    policy = World().catalogue.policy("snapshot", "lightmake")

    def put(state):
        ConsentStore(storage, storage_key(storage, entropy)).put("snapshot", "lightmake", state, policy, "o", "t", 1)

    put(REFUSED)
    put(GIVEN[0])
    old = storage.files.pop("consent.key")
    put(WITHDRAWN)
    storage.files["consent.key"] = old
    record, floor, trouble = ConsentStore(storage, storage_key(storage, entropy)).current("snapshot", "lightmake")
    assert record is None and floor is None and trouble == "consent_unreadable"


@pytest.mark.attack(2)
def test_fail__a_damaged_key_that_is_put_right_revives_nothing():
    for history in histories():
        world = played(history)
        wrong = ConsentStore(world.storage, bytes(32))  # what a changed byte of the key file does
        policy = world.catalogue.policy("snapshot", "lightmake")
        wrong.put("snapshot", "lightmake", WITHDRAWN, policy, "owner", "test", 1)
        assert reopened(world.storage.files) == set()


def test_fail__a_decision_that_could_not_be_read_back_is_not_stored():
    world = played([("snapshot", GIVEN[0])])
    for state, until in (("Yes", None), (GIVEN[0], "soon"), (GIVEN[0], True)):
        with pytest.raises(FormatError):
            world.decide("snapshot", state, until)
    assert reopened(world.storage.files) == {"snapshot"}


def test_ok__the_first_start_takes_the_slots_room_on_the_disk():
    storage = MemoryStorage()
    store = ConsentStore(storage, storage_key(storage, bytes_of(1)))
    assert [storage.size(name) for name in FILES] == [1024] * 4
    assert store.blank() and store.trouble() == []
    assert store.current("snapshot", "lightmake") == (None, None, "consent_missing")
    del storage.files["consent.key"]
    assert ConsentStore(storage, storage_key(storage, bytes_of(2))).blank()
    world = World()
    world.grant("snapshot")  # the control: what was written with a lost key is neither blank nor left
    lost = ConsentStore(world.storage, storage_key(world.storage, bytes_of(3)))
    assert not lost.blank() and lost.trouble() == [] and lost.records() == []
    assert all([world.storage.size(name) and not any(world.storage.files[name]) for name in FILES])  # a block each
    assert lost.current("snapshot", "lightmake")[2] == "consent_unreadable"


@pytest.mark.attack(5)
def test_fail__a_power_cut_at_the_first_start_leaves_a_fresh_device():
    for at in range(0, 4 * 1024 + 32, 96):
        storage = MemoryStorage()
        storage.cut_after = at
        try:
            storage_key(storage, bytes_of(1))
            raise AssertionError(at)
        except PowerCut:
            again = MemoryStorage(storage.files)
        assert ConsentStore(again, storage_key(again, bytes_of(2))).blank(), at


def bytes_of(number):
    return lambda count: bytes([number]) * count
