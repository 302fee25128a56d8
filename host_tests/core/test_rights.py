"""Deletion upstream: asked once, sent on its own, repeated until answered, and never lost or revived."""

import hashlib
import hmac

import pytest

from firmware_agent import cbor
from firmware_agent.egress.door import Door
from firmware_agent.egress.envelope import ANSWER
from firmware_agent.egress.idents import Idents
from firmware_agent.egress.ledger import entries
from firmware_agent.egress.requests import KEEP, Requests
from firmware_agent.egress.rights import Rights
from firmware_agent.errors import AgentError, FormatError, Refused, Unsealed
from firmware_agent.model import Release
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, Dice, FakeCipher, FakeWire, MemoryStorage, PowerCut, World

PUBLIC = bytes(range(32))
RING = "vault.rights_request.lightmake.outbox"
KEYS = "vault.rights_request.lightmake.key"
SECRET = "ident.improvement_program.lightmake.key"


def sign(key, data):
    return hmac.new(key, data, hashlib.sha256).digest() * 2


def verify(public, signature, data):
    return sign(public, data) == signature


class Asking:
    """A world, its requests to one recipient and what brings them there."""

    def __init__(self, storage=None, public=PUBLIC, online=True, later=0, spread=600):
        self.world = World(storage=storage)
        self.world.time += later
        self.wire = FakeWire(RECIPIENT, online)
        requests = Requests(
            self.world.storage,
            FakeCipher(),
            self.world.entropy,
            self.world.idents,
            RECIPIENT,
            self.world.clock.latest,
            2048,
        )
        self.requests = requests
        gate, ledger = self.world.gate, self.world.ledger
        row = gate.catalogue.recipients[RECIPIENT]
        before = row["answers"]
        row["answers"] = public
        door = Door(gate, ledger, {RECIPIENT: self.wire})
        self.rights = Rights(
            requests, self.wire, door, gate, ledger, verify, self.world.entropy, self.world.ticks, spread
        )
        row["answers"] = before

    def left(self):
        """Something of the purpose left, so that there is a secret."""
        self.world.grant()
        self.world.one()
        return self.world.idents.slot(PURPOSE, RECIPIENT).read()

    def ask(self):
        request = self.requests.ask(PURPOSE)
        self.world.ledger.asked("deletion_asked", PURPOSE, RECIPIENT, request.ident)
        return request

    def wait(self, seconds, step=10):
        for _ in range(seconds // step):
            self.world.passed += step
            self.world.time += step
            self.rights.tick()

    def send(self, days=2):
        """Let time pass until one more has arrived."""
        count = len(self.wire.arrived)
        for _ in range(days * 1440):
            if len(self.wire.arrived) > count:
                return
            self.wait(60, 60)
        raise AssertionError("it was not sent")

    def answer(self, kind, *more, key=PUBLIC, prefix=ANSWER, topic=None):
        """What the recipient says to the last request that arrived."""
        _, ident, _, body = cbor.decode(self.wire.arrived[-1].payload)
        self.say(cbor.encode([kind, body[3], ident] + list(more)), key, prefix, topic)

    def say(self, body, key=PUBLIC, prefix=ANSWER, topic=None):
        data = cbor.encode([1, body, sign(key, prefix + body)])
        self.rights._heard(topic or self.wire.subscriptions[0], data)

    def restarted(self, later=0, **more):
        later += self.world.time - NOW
        return Asking(MemoryStorage(self.world.storage.files), later=later, **more)

    def events(self):
        self.world.ledger.settle()
        return [row["event"] for row, _, _ in entries(self.world.storage)]

    def refused(self):
        self.world.ledger.settle()
        return [row["detail"] for row, _, _ in entries(self.world.storage) if row["event"] == "refused"]


@pytest.mark.clause("L13")
def test_ok__asked_acknowledged_deleted():
    one = Asking()
    key = one.left()
    request = one.ask()
    one.send()
    assert len(one.wire.arrived) == 1
    payload = cbor.decode(one.wire.arrived[0].payload)
    assert payload == [2, request.ident, "rights_request", ["delete", PURPOSE, key, request.reply]]
    one.answer("acknowledge")
    again = one.restarted()
    again.requests.refresh()
    assert [found.acknowledged for found in again.requests.pending] == [True]
    one.answer("receipt", 12, NOW)
    one.answer("receipt", 12, NOW)
    one.wait(10)
    assert one.requests.pending == [] and not one.wire.connected
    assert not any(one.world.storage.files[RING]) and not any(one.world.storage.files[KEYS])
    assert one.events()[-5:] == [
        "deletion_asked",
        "attempted",
        "acknowledged",
        "deletion_acknowledged",
        "deletion_done",
    ]
    rows = [row for row, _, _ in entries(one.world.storage)]
    assert rows[-1]["count"] == 12 and rows[-1]["ident"] == request.ident
    one.wait(90000, 600)
    assert len(one.wire.arrived) == 1


@pytest.mark.clause("L13")
def test_ok__what_leaves_after_the_request_has_another_secret():
    one = Asking()
    key = one.left()
    before = one.world.idents.new(PURPOSE, RECIPIENT)
    one.ask()
    assert not any(one.world.storage.files[SECRET])
    after = one.world.idents.new(PURPOSE, RECIPIENT)  # by the object that knew the old one
    assert hmac.digest(key, before[:8], "sha256")[:8] == before[8:]
    assert hmac.digest(key, after[:8], "sha256")[:8] != after[8:]


def test_ok__nothing_left_nothing_to_ask():
    one = Asking()
    assert one.requests.ask(PURPOSE) is None and one.requests.pending == []
    one.left()
    one.ask()
    assert one.requests.ask(PURPOSE) is None  # nothing left since


@pytest.mark.clause("L13")
def test_ok__it_leaves_after_a_withdrawal_and_nothing_else_does():
    one = Asking()
    one.left()
    one.world.withdraw()
    one.ask()
    one.send()
    assert [release.purpose for release in one.wire.arrived] == ["rights_request"]


@pytest.mark.clause("L13")
def test_ok__it_survives_restart_and_an_erase_of_everything_else():
    one = Asking()
    one.left()
    request = one.ask()
    files = {name: data for name, data in one.world.storage.files.items() if name in (RING, KEYS)}
    again = Asking(MemoryStorage(files))
    again.send()
    assert again.wire.arrived[0].ident == request.ident
    again.answer("receipt", 0, NOW)
    assert again.requests.pending == []


def test_ok__repeated_ever_more_rarely_until_acknowledged():
    one = Asking(online=False)
    one.left()
    one.ask()
    one.wait(5 * 86400, 1200)
    assert 8 < one.wire.opened < 100 and one.wire.arrived == []
    one.wire.online = True
    one.send()
    one.send()
    assert len(one.wire.arrived) == 2 and one.wire.arrived[0].payload == one.wire.arrived[1].payload
    one.answer("acknowledge")
    one.answer("acknowledge")
    one.send()  # the receipt did not follow
    one.answer("acknowledge")
    one.answer("receipt", 3, NOW)
    assert one.events().count("deletion_acknowledged") == 1 and one.requests.pending == []


def test_ok__without_a_key_the_broker_is_the_last_who_can_say():
    one = Asking(public=b"")
    one.left()
    one.ask()
    one.send()
    assert one.events()[-3:] == ["attempted", "acknowledged", "deletion_handed_over"]
    assert one.requests.pending == [] and not any(one.world.storage.files[RING])


def test_ok__each_at_its_own_time_on_a_connection_of_its_own():
    one = Asking()
    one.world.grant("print_history")
    one.world.one("print_history", {"job_material": 900})
    one.left()
    one.ask()
    one.requests.ask("print_history")
    topics = []
    times = []
    for second in range(0, 800, 20):
        seen = len(one.wire.arrived)
        one.wait(20, 20)
        if len(one.wire.arrived) > seen:
            times.append(second)
            topics.append(list(one.wire.subscriptions))
            assert len(one.wire.arrived) == seen + 1
            one.answer("receipt", 1, NOW)
    assert len(times) == 2 and times[0] != times[1]
    assert [len(found) for found in topics] == [1, 1] and topics[0] != topics[1] and one.wire.opened == 2


@pytest.mark.clause("L13")
def test_ok__given_up_after_30_days_and_its_secret_is_gone():
    one = Asking(online=False)
    key = one.left()
    one.ask()
    one.wait(KEEP - 3600, 20700)
    assert len(one.requests.pending) == 1 and "deletion_expired" not in one.events()
    one.wait(7200, 3600)
    assert one.requests.pending == [] and one.events()[-1] == "deletion_expired"
    assert not any(one.world.storage.files[RING]) and not any(one.world.storage.files[KEYS])
    assert key not in b"".join([bytes(data) for data in one.world.storage.files.values()])


def test_ok__one_without_a_clock_ages_from_its_first_time_on():
    one = Asking()
    one.left()
    one.requests._latest = lambda: 0
    one.ask()
    assert one.requests.expire() == [] and one.requests.pending[0].asked == 0
    one.requests._latest = lambda: NOW
    assert one.requests.expire() == [] and one.requests.pending[0].asked == NOW
    one.requests._latest = lambda: NOW + KEEP
    assert len(one.requests.expire()) == 1


@pytest.mark.attack(12)
def test_fail__forged_answers_change_nothing():
    one = Asking()
    one.left()
    one.ask()
    one.send()
    one.answer("receipt", 1, NOW, key=bytes(32))
    one.answer("receipt", 1, NOW, prefix=b"firmware_agent command 1\0")
    one.answer("receipt", 1, NOW, topic="lightmake/agent/1/reply/" + "00" * 16)
    for more in ((), (1,), (-1, NOW), (True, NOW), ("1", NOW), (1, NOW, 1), (1 << 60, NOW)):
        one.answer("receipt", *more)
    one.answer("acknowledge", 1)
    one.answer("refuse")
    _, ident, _, body = cbor.decode(one.wire.arrived[-1].payload)
    one.say(cbor.encode(["receipt", body[3], bytes(16), 1, NOW]))
    one.say(cbor.encode(["receipt", bytes(16), ident, 1, NOW]))
    one.say(cbor.encode({"receipt": 1}))
    one.say(b"")
    for data in (b"", b"\x83", cbor.encode([2, b"", bytes(64)]), cbor.encode([1, b"", b""]), bytes(5000)):
        one.rights._heard(one.wire.subscriptions[0], data)
    assert len(one.requests.pending) == 1 and not one.requests.pending[0].acknowledged
    assert set(one.refused()) == {"answer_forged"}
    one.answer("receipt", 1, NOW)  # the control
    assert one.requests.pending == []


@pytest.mark.attack(12)
def test_fail__noise_changes_nothing():
    one = Asking()
    one.left()
    one.ask()
    one.send()
    _, ident, _, body = cbor.decode(one.wire.arrived[-1].payload)
    said = cbor.encode(["receipt", body[3], ident, 3, NOW])
    good = cbor.encode([1, said, sign(PUBLIC, ANSWER + said)])
    dice = Dice(7)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(1 + dice.below(3)):
            bad[dice.below(len(bad))] ^= 1 << dice.below(8)
        if dice.below(4) == 0:
            bad = bad[: dice.below(len(bad))]
        if bytes(bad) != good:
            one.rights._heard(one.wire.subscriptions[0], bytes(bad))
    assert len(one.requests.pending) == 1 and not one.requests.pending[0].acknowledged
    one.rights._heard(one.wire.subscriptions[0], good)
    assert one.requests.pending == []


def test_fail__the_gate_makes_no_other_request():
    gate = Asking().world.gate
    for right, purpose, recipient, reason in (
        ("grant", PURPOSE, RECIPIENT, "unknown_right"),
        ("delete", "elsewhere", RECIPIENT, "unknown_purpose"),
        ("delete", "rights_request", RECIPIENT, "unknown_purpose"),
        ("delete", PURPOSE, "elsewhere", "unknown_recipient"),
    ):
        with pytest.raises(Refused) as caught:
            gate.request(right, purpose, recipient, bytes(32), bytes(16), bytes(16))
        assert caught.value.reason == reason
    for parts in ((bytes(31), bytes(16), bytes(16)), (bytes(32), bytes(17), bytes(16)), (bytes(32), bytes(16), b"")):
        with pytest.raises(FormatError):
            gate.request("delete", PURPOSE, RECIPIENT, *parts)


def test_fail__a_request_that_was_changed_or_settled_does_not_leave():
    gate = Asking().world.gate
    release = gate.request("delete", PURPOSE, RECIPIENT, bytes(32), bytes(16), bytes(16))
    gate.verify(release)
    parts = [release.ident, release.purpose, release.recipient, release.payload, 1, ("rights_request",), False, b"", 0]
    for place, other in ((2, "elsewhere"), (3, release.payload + b"\0"), (1, PURPOSE), (0, b"")):
        changed = list(parts)
        changed[place] = other
        with pytest.raises(Unsealed):
            gate.verify(Release(*changed + [release.seal]))
    gate.close(release)
    with pytest.raises(Unsealed):
        gate.verify(release)


def test_fail__too_many_are_refused_and_none_is_lost():
    one = Asking()
    for _ in range(3):
        one.left()
        assert one.requests.ask(PURPOSE) is not None
    key = one.left()
    with pytest.raises(AgentError):
        one.requests.ask(PURPOSE)
    assert one.world.idents.slot(PURPOSE, RECIPIENT).read() == key
    again = one.restarted()
    again.requests.refresh()
    assert len(again.requests.pending) == 3
    again.requests.remove(again.requests.pending[0])
    assert again.requests.ask(PURPOSE) is not None and len(again.requests.pending) == 3


class Stored:
    """Requests alone, on a storage."""

    def __init__(self, files=None):
        self.storage = MemoryStorage(files)
        self.drawn = 0
        self.idents = Idents(self.storage, self.entropy)
        self.requests = Requests(self.storage, FakeCipher(), self.entropy, self.idents, RECIPIENT, lambda: NOW, 2048)
        self.requests.refresh()

    def entropy(self, count):
        self.drawn += 1
        return hashlib.sha256(b"%d %d" % (self.drawn, len(self.storage.files))).digest()[:count]

    def secret(self):
        return self.idents.slot(PURPOSE, RECIPIENT).read()


@pytest.mark.attack(2)
def test_ok__a_power_cut_anywhere_loses_no_secret_and_no_request():
    one = Stored()
    one.idents.new(PURPOSE, RECIPIENT)
    key = one.secret()
    cuts = 0
    for cut in list(range(0, 2048, 300)) + list(range(2048, 2500, 11)):
        torn = Stored(one.storage.files)
        torn.storage.cut_after = cut
        try:
            torn.requests.ask(PURPOSE)
        except PowerCut:
            cuts += 1
        after = Stored(torn.storage.files)
        kept = after.secret() == key
        assert [found.key for found in after.requests.pending] == ([] if kept else [key]), cut
    assert 20 < cuts < 48


@pytest.mark.attack(2)
def test_ok__a_power_cut_between_two_states_leaves_one_of_them():
    one = Stored()
    idents = []
    for _ in range(2):
        one.idents.new(PURPOSE, RECIPIENT)
        idents.append(one.requests.ask(PURPOSE).ident)
    gone = 0
    for change in ("acknowledge", "remove"):
        for cut in range(0, 1700, 97):
            torn = Stored(one.storage.files)
            torn.storage.cut_after = cut
            try:
                getattr(torn.requests, change)(torn.requests.pending[0])
            except PowerCut:
                pass
            found = [one.ident for one in Stored(torn.storage.files).requests.pending]
            assert idents[1] in found and (idents[0] in found or change == "remove"), (change, cut)
            gone += idents[0] not in found
    assert gone
