"""A number that stands for this device: another for each purpose, epoch and consent, and of no use without a secret."""

import hmac

import pytest

from firmware_agent import cbor
from firmware_agent.egress.pseudonyms import Pseudonyms
from firmware_agent.egress.requests import Requests
from firmware_agent.egress.vault import pseudonym_slot
from firmware_agent.errors import FormatError, Unsealed
from firmware_agent.model import Record
from firmware_agent.transforms import Unfit, pseudonym
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, FakeCipher, MemoryStorage, PowerCut, World

DAY = 86400
PRINTER = 31
RECORD = {"progress": 40, "printer": "printer"}


def granted():
    world = World()
    world.grant()
    return world


def slot(world):
    return pseudonym_slot(world.storage, PURPOSE, RECIPIENT)


def sent(payload):
    """The pseudonyms of a message, one an event."""
    return [dict([(number, value) for number, value in event])[PRINTER] for event in cbor.decode(payload)[3]]


def taken(world):
    """The pseudonym of one event that is taken and sealed now."""
    return sent(world.one(fields=RECORD).payload)[0]


@pytest.mark.clause("L11")
def test_ok__the_same_within_an_epoch_and_another_in_the_next():
    world = granted()
    world.time = NOW // DAY * DAY
    first = taken(world)
    world.time += DAY - 1
    assert taken(world) == first and len(first) == 16
    world.time += 1
    assert taken(world) != first


def test_ok__what_is_published_is_what_is_computed():
    world = granted()
    out = taken(world)
    inner = hmac.digest(slot(world).read(), cbor.encode([PURPOSE, NOW // DAY]), "sha256")
    assert out == hmac.digest(inner, cbor.encode(["printer", "printer"]), "sha256")[:16]


@pytest.mark.clause("L11")
def test_ok__two_purposes_two_recipients_and_two_devices_have_nothing_in_common():
    worlds = World(), World()
    worlds[1].drawn = 1000
    keys = set()
    for world in worlds:
        for purpose, recipient in (("a", "x"), ("b", "x"), ("a", "y")):
            for number in (1, 2):
                keys.add(world.pseudonyms.key(purpose, recipient, bytes(32), number))
    assert len(keys) == 12


def test_ok__no_two_values_or_fields_are_joined_alike():
    key = bytes(32)
    outs = [pseudonym(value, {"kind": "a", "key": key}) for value in ("1", b"1", 1, -1, "11", "x" * 256, 2**64 - 1)]
    outs += [pseudonym("1", {"kind": kind, "key": key}) for kind in ("b", "a1", "")]
    assert len(set(outs)) == len(outs) and all([len(out) == 16 for out in outs])
    assert pseudonym(bytearray(b"1"), {"kind": "a", "key": key}) == outs[1]


def test_fail__values_that_are_none_or_without_bounds():
    for value in ("", b"", "x" * 257, b"x" * 257, 2**64, -(2**64) - 1, 1.5, True, None, ["a"], {"a": 1}, "\ud800"):
        with pytest.raises(Unfit):
            pseudonym(value, {"kind": "a", "key": bytes(32)})


@pytest.mark.clause("L11")
def test_fail__two_epochs_in_one_message():
    world = granted()
    world.gate.collect(Record(RECORD), PURPOSE, RECIPIENT)
    world.time = (NOW // DAY + 1) * DAY
    for fields in (RECORD, {"progress": 41}):  # an event without a number has its own time all the same
        with pytest.raises(Unsealed) as caught:
            world.gate.collect(Record(fields), PURPOSE, RECIPIENT)
        assert caught.value.reason == "epoch_over"
    assert world.gate.collected(PURPOSE, RECIPIENT) == 1 and world.gate.unfit == world.gate.undeclared == 0


@pytest.mark.clause("L11")
def test_ok__what_was_begun_in_another_epoch_leaves_in_a_message_of_its_own():
    world = World(online=False)
    world.grant()
    world.time = (NOW // DAY + 1) * DAY - 2
    for _ in range(4):
        world.offer(1, fields=RECORD)
        world.time += 1
    world.wire.online = True
    world.pump()
    found = [sent(release.payload) for release in world.wire.arrived]
    assert [len(numbers) for numbers in found] == [2, 2]
    assert [len(set(numbers)) for numbers in found] == [1, 1] and found[0][0] != found[1][0]


def test_ok__without_a_clock_it_stays_and_the_rest_leaves():
    world = granted()
    world.time = None
    world.gate.collect(Record(RECORD), PURPOSE, RECIPIENT)
    assert world.gate.unfit == 1 and slot(world).read() is None
    assert dict(world.gate.explain(Record(RECORD), PURPOSE, RECIPIENT)[1])["printer"] == "no_time"
    world.time = NOW  # the clock is back: what was taken without it goes first
    with pytest.raises(Unsealed):
        world.gate.collect(Record(RECORD), PURPOSE, RECIPIENT)
    assert cbor.decode(world.gate.release(PURPOSE, RECIPIENT).payload)[3] == [[[2, 40]]]


@pytest.mark.clause("L12", "L11")
def test_ok__a_withdrawal_destroys_the_secret():
    world = granted()
    before = taken(world)
    world.withdraw()
    assert slot(world).read() is not None
    world.uplink.purge(PURPOSE)
    assert slot(world).read() is None and not any(world.storage.files[slot(world).name])
    world.grant()
    assert taken(world) != before


@pytest.mark.clause("L11")
def test_ok__consent_that_is_given_anew_has_another_secret_though_nobody_destroyed_the_old_one():
    world = granted()
    before = taken(world)
    world.grant()
    assert taken(world) != before
    assert slot(world).serves(world.gate.decide(PURPOSE, RECIPIENT).consent)


def test_ok__after_a_restart_it_is_the_same():
    world = granted()
    before = taken(world)
    assert taken(world.restarted()) == before


@pytest.mark.clause("L13")
def test_ok__a_request_for_deletion_destroys_it_and_hands_over_another_secret():
    world = granted()
    world.gate.collect(Record(RECORD), PURPOSE, RECIPIENT)
    secret, named = slot(world).read(), world.idents.slot(PURPOSE, RECIPIENT).read()
    requests = Requests(world.storage, FakeCipher(), world.entropy, world.idents, RECIPIENT, world.now, 2048)
    request = requests.ask(PURPOSE)
    assert request.key == named and secret != named and slot(world).read() is None
    with pytest.raises(Unsealed) as caught:  # what waits has the old number: nothing new goes with it
        world.gate.collect(Record(RECORD), PURPOSE, RECIPIENT)
    assert caught.value.reason == "epoch_over"
    old = world.gate.release(PURPOSE, RECIPIENT)
    assert hmac.digest(named, old.ident[:8], "sha256")[:8] == old.ident[8:]  # the recipient finds and deletes it
    new = world.one(fields=RECORD)
    assert sent(new.payload) != sent(old.payload)
    assert hmac.digest(named, new.ident[:8], "sha256")[:8] != new.ident[8:]


def test_ok__a_request_between_the_two_reads_leaves_a_new_number_under_a_new_ident():
    world = granted()
    old = taken(world)
    gate = world.gate
    ident, asked = gate._ident, []

    def interrupted(purpose, recipient):
        made = ident(purpose, recipient)  # of the old secret; then another process destroys both
        if not asked:
            asked.append(made)
            slot(world).shred()
        return made

    gate._ident = interrupted
    release = world.one(fields=RECORD)
    assert asked and release.ident != asked[0] and sent(release.payload) != [old]


@pytest.mark.attack(2)
def test_ok__a_power_cut_in_a_request_leaves_no_old_number_under_a_new_ident():
    whole = MemoryStorage()
    drawn = []

    def entropy(count):
        drawn.append(count)
        return hmac.digest(b"%d" % len(drawn), b"test", "sha256")[:count]

    from firmware_agent.egress.idents import Idents

    Idents(whole, entropy).new(PURPOSE, RECIPIENT)
    Pseudonyms(whole, entropy).key(PURPOSE, RECIPIENT, bytes(32), 1)
    states = set()
    for cut in list(range(0, 2048, 300)) + list(range(2048, 2700, 13)):
        torn = MemoryStorage(whole.files)
        torn.cut_after = cut
        for storage in (torn, None):
            storage = storage or MemoryStorage(torn.files)
            requests = Requests(storage, FakeCipher(), entropy, Idents(storage, entropy), RECIPIENT, lambda: NOW, 2048)
            try:
                requests.refresh() if storage is not torn else requests.ask(PURPOSE)
            except PowerCut:
                continue
        named = Idents(storage, entropy).slot(PURPOSE, RECIPIENT).read()
        secret = pseudonym_slot(storage, PURPOSE, RECIPIENT).read()
        assert (named is None) <= (secret is None), cut
        states.add((named is None, secret is None))
    assert (False, False) in states and (True, True) in states


def test_ok__to_look_makes_no_secret():
    world = granted()
    payload, fates = world.gate.explain(Record(RECORD), PURPOSE, RECIPIENT)
    assert sent(payload) == [bytes(16)] and dict(fates)["printer"] == "leaves"
    assert slot(world).read() is None


def test_fail__a_message_that_waited_holds_only_values_of_their_declaration():
    world = granted()
    permit = world.gate.decide(PURPOSE, RECIPIENT)

    def again(*pairs):
        payload = cbor.encode([2, bytes(16), PURPOSE, [[list(pair) for pair in pairs]]])
        return world.gate.readmit(permit, payload)

    again((1, "idle"), (2, 100), (7, 5), (PRINTER, bytes(16)), (32, 99999), (33, 9999))  # the control
    for pair in ((2, 105), (2, -5), (2, 41), (2, True), (7, 6), (1, "asleep"), (33, 10000), (32, 100000), (3, 10**9)):
        with pytest.raises(FormatError):
            again(pair)
    for value in (bytes(15), bytes(17), "x" * 16, 7):
        with pytest.raises(FormatError):
            again((PRINTER, value))
    for row in ([], [[]], [[[2]]], [[[2, 40, 1]]], [[["2", 40]]], [[[True, "idle"]]], 7, [7]):
        with pytest.raises(FormatError):
            world.gate.readmit(permit, cbor.encode([2, bytes(16), PURPOSE, row]))
    with pytest.raises(FormatError):
        world.gate.readmit(permit, cbor.encode([2, bytes(15), PURPOSE, [[[2, 40]]]]))
