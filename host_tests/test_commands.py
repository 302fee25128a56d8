"""A command counts if a paired key signed exactly it, for this device, once and in order; verified before read."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from firmware_agent.consent import commands as module
from firmware_agent.consent.commands import Commands, Nonces
from firmware_agent.consent.people import People, Person
from firmware_agent.device.linux import verify_p256
from firmware_agent.refusals import Refused
from host_tests.fakes import KEY, NOW, MemoryStorage
from host_tests.proofs.authority import CONTROL, malformed
from host_tests.rigs.owners import FORM, Home, Machine, Phone

DEVICE = "d0" * 16
ARGUMENTS = {"choices": [{"purpose": "snapshot", "hours": 1}], "of_age": True}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the group of P-256


class Bench:
    """Commands over a flash that stays; `restart` makes everything else anew."""

    def __init__(self):
        self.storage = MemoryStorage()
        self.machine = Machine()
        self.now = NOW
        self.phone = Phone()
        self.restart()
        self.add(self.phone)

    def restart(self):
        self.people = People(self.storage, KEY, lambda: self.now)
        self.nonces = Nonces(self.machine.entropy, self.machine.ticks)
        self.commands = Commands(self.people, DEVICE, self.nonces, verify_p256)

    def add(self, phone, role="owner", until=None):
        self.people.add(Person(phone.public, role, "a phone", NOW, until))

    def body(self, action="decide", arguments=ARGUMENTS, phone=None, **changes):
        phone = phone or self.phone
        return phone.body(DEVICE, self.nonces.new(), action, arguments, **changes)

    def check(self, body, signature=None, phone=None, action="decide", arguments=ARGUMENTS):
        """The reason why it was refused; "obeyed" if not."""
        phone = phone or self.phone
        signature = phone.sign(body) if signature is None else signature
        try:
            found = self.commands.check(phone.key, body, signature, action, arguments)
        except Refused as refusal:
            return refusal.reason
        assert found.key == phone.key
        return "obeyed"


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.clause("L16")
def test_ok__what_the_paired_key_signed_is_obeyed_once(bench):
    body = bench.body()
    assert len(bench.phone.sign(body)) == 64 and len(bench.phone.public) == 65
    assert bench.check(body) == "obeyed"
    assert bench.check(body) == "command_old"
    assert bench.check(bench.body()) == "obeyed"


@pytest.mark.attack(1)
def test_fail__any_changed_byte_of_the_body_or_the_signature(bench):
    body = bench.body()
    signature = bench.phone.sign(body)
    for place in range(len(body)):
        for other in (chr(ord(body[place]) ^ 1), "é", ""):
            assert bench.check(body[:place] + other + body[place + 1 :], signature) == "signature_wrong", place
    for place in range(64):
        for bit in range(8):
            wrong = bytearray(signature)
            wrong[place] ^= 1 << bit
            assert bench.check(body, bytes(wrong)) == "signature_wrong", place
    for wrong in (b"", signature[:63], signature + b"\0", bytes(64), b"\xff" * 64, signature[32:] + signature[:32]):
        assert bench.check(body, wrong) == "signature_wrong"
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    assert decode_dss_signature(der)
    assert bench.check(body, der) == "signature_wrong"  # browsers write r and s, and only that is taken
    assert bench.check(body, signature) == "obeyed"  # the control: none of it used up the nonce or the counter


def test_ok__the_other_form_of_a_signature_is_no_second_command(bench):
    """Every ECDSA signature has a twin that verifies, too. It is bound to the same nonce, so it changes nothing."""
    body = bench.body()
    signature = bench.phone.sign(body)
    twin = signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    assert verify_p256(bench.phone.public, twin, body.encode()) and twin != signature
    assert bench.check(body, signature) == "obeyed" and bench.check(body, twin) == "command_old"


@pytest.mark.attack(1, 2)
def test_fail__signed_by_the_right_key_and_not_this_command(bench):
    other = Phone()
    bench.add(other)
    nonce = bench.nonces.new
    for changes in (
        {"device": "d1" * 16},
        {"device": DEVICE.upper()},
        {"device": [DEVICE]},
        {"key": other.key.hex()},
        {"key": bench.phone.key.hex().upper()},
        {"form": "firmware_agent command 2"},
        {"form": None},
        {"action": "stop"},
        {"action": "Decide"},
        {"action": ["decide"]},
        {"counter": 0},
        {"counter": -1},
        {"counter": 1.5},
        {"counter": "9999999"},
        {"counter": True},
        {"counter": None},
        {"counter": 2**53},
        {"nonce": 5},
        {"nonce": None},
        {"more": 1},
    ):
        assert bench.check(bench.body(**changes)) == "command_wrong", changes
    for text in ("[]", "{}", "5", "null", '"' + FORM + '"', "[" * 3000, "[1,2,3,4,5,6", "\ufeff[]", ""):
        assert bench.check(text) == "command_wrong", text
    assert bench.check(bench.body(nonce="0" * 32)) == "command_old"  # one that nobody gave out
    assert bench.check(json.dumps(json.loads(bench.phone.body(DEVICE, nonce(), "decide", ARGUMENTS)))) == "obeyed"


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "signed,asked",
    [
        ({"hours": 1}, {"hours": True}),
        ({"hours": 1}, {"hours": 1.0}),
        ({"hours": 1}, {"hours": "1"}),
        ({"hours": 0}, {"hours": False}),
        ({"hours": None}, {}),
        ({"hours": None}, {"hours": 0}),
        ({}, {"hours": 5}),
        ({"list": [1, 2]}, {"list": [2, 1]}),
        ({"list": [[]]}, {"list": [{}]}),
        ({"name": "a"}, {"name": "A"}),
        ({"name": "é"}, {"name": "e\u0301"}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        ([], {}),
    ],
    ids=str,
)
def test_fail__other_arguments_than_the_signed_ones(bench, signed, asked):
    assert bench.check(bench.body(arguments=signed), arguments=asked) == "command_wrong"
    if isinstance(signed, dict):
        assert bench.check(bench.body(arguments=signed), arguments=signed) == "obeyed"  # the control


def test_ok__the_order_of_names_says_nothing(bench):
    assert bench.check(bench.body(arguments={"a": 1, "b": [2]}), arguments={"b": [2], "a": 1}) == "obeyed"


@pytest.mark.attack(2)
def test_fail__a_nonce_that_was_used_is_over_or_was_of_another_run(bench):
    nonce = bench.nonces.new()
    assert bench.check(bench.body(nonce=nonce)) == "obeyed"
    assert bench.check(bench.body(nonce=nonce)) == "command_old"
    late = bench.body()
    bench.machine.passed += 120
    assert bench.check(late) == "command_old"
    kept = bench.body()
    bench.machine.passed += 119
    assert bench.check(kept) == "obeyed"  # the control
    before = bench.body()
    bench.restart()
    assert bench.check(before) == "command_old"
    asked = bench.body()
    for _ in range(10_000):  # whoever asks for many pushes nobody's out
        bench.nonces.new()
    assert bench.check(asked) == "obeyed"
    for made_up in ("", "0" * 32, "z" * 32, nonce.upper(), nonce[:-1], 5):
        assert bench.check(bench.body(nonce=made_up)) in ("command_old", "command_wrong")


@pytest.mark.attack(2)
def test_fail__an_old_or_equal_counter_also_after_a_restart(bench):
    assert bench.check(bench.body(counter=5000)) == "obeyed"
    for counter in (5000, 4999, 1):
        assert bench.check(bench.body(counter=counter)) == "command_old"
    bench.restart()
    for counter in (5000, 4999, 1):
        assert bench.check(bench.body(counter=counter)) == "command_old"
    assert bench.check(bench.body(counter=5001)) == "obeyed"
    assert bench.people.find(bench.phone.key).counter == 5001


@pytest.mark.attack(2)
def test_fail__commands_in_another_order(bench):
    first, second = bench.body(counter=7001), bench.body(counter=7002)
    assert bench.check(second) == "obeyed" and bench.check(first) == "command_old"
    other = Phone()
    bench.add(other)
    assert bench.check(bench.body(phone=other, counter=3), phone=other) == "obeyed"  # each key counts for itself


@pytest.mark.attack(2)
def test_fail__a_command_whose_counter_could_not_be_stored_is_not_obeyed(bench):
    bench.storage.cut_after = 10
    with pytest.raises(Exception) as caught:
        bench.check(bench.body(counter=9001))
    assert type(caught.value).__name__ == "PowerCut"


@pytest.mark.attack(1)
def test_fail__a_key_that_is_not_paired_or_no_more(bench):
    stranger = Phone()
    assert bench.check(bench.body(phone=stranger), phone=stranger) == "key_unknown"
    body = bench.body(phone=stranger, key=bench.phone.key.hex())
    assert bench.check(body, stranger.sign(body)) == "signature_wrong"
    kept = bench.body()
    bench.people.remove(bench.phone.key)
    assert bench.check(kept) == "key_unknown"
    bench.restart()
    assert bench.check(bench.body()) == "key_unknown"


@pytest.mark.clause("L16")
@pytest.mark.attack(3, 4)
def test_fail__a_service_after_its_end_or_without_a_clock(bench):
    service = Phone()
    bench.add(service, "service", NOW + 3600)

    def said():
        return bench.check(bench.body(phone=service), phone=service)

    assert said() == "obeyed"
    bench.now = None
    assert said() == "key_unknown"
    bench.now = NOW + 3599
    assert said() == "obeyed"
    bench.now = NOW + 3600
    assert said() == "key_unknown"


class Reader:
    """Notes what is read as JSON in the module under test, and reads it."""

    def __init__(self):
        self.read = []
        self.dumps = json.dumps

    def loads(self, text):
        self.read.append(text)
        return json.loads(text)


@pytest.mark.attack(1, 12)
def test_fail__what_is_not_signed_is_never_read(monkeypatch, tmp_path):
    home = Home(tmp_path)
    phone, session = home.pair("owner")
    reader = Reader()
    monkeypatch.setattr(module, "json", reader)
    stranger = Phone()
    arguments = {"choices": [home.choice(("snapshot", "lightmake"))], "of_age": True}
    for made in (
        {**home.signed(phone, "decide", arguments), "signature": "11" * 64},
        home.signed(stranger, "decide", arguments, key=phone.key.hex()),
        {**home.signed(phone, "decide", arguments), "body": "[" * 5000},
        {**home.signed(phone, "decide", arguments), "body": "x" * 9000},
    ):
        with pytest.raises(Refused) as caught:
            home.do(session, "decide", arguments, made)
        assert caught.value.reason == "signature_wrong"
        for ask in (home.doorbell.login, home.doorbell.pair):
            with pytest.raises(Refused):
                ask({"name": "x", "secret": "0" * 32, "key": phone.public.hex(), **made})
    assert reader.read == [] and home.allowed() == set()
    home.do(session, "decide", arguments, home.signed(phone, "decide", arguments))  # the control
    home.doorbell.login(home.signed(phone, "login"))
    assert len(reader.read) == 2 and home.allowed() == {("snapshot", "lightmake")}


@pytest.mark.attack(1)
def test_fail__a_sign_in_that_is_another_command_or_of_nobody(tmp_path):
    home = Home(tmp_path)
    phone, _ = home.pair("owner")
    for made, reason in (
        (home.signed(phone, "stop"), "command_wrong"),
        (home.signed(phone, "login", {"role": "owner"}), "command_wrong"),
        (home.signed(Phone(), "login"), "key_unknown"),
        (home.signed(Phone(), "login", key=phone.key.hex()), "key_unknown"),
        (home.signed(phone, "login", key=Phone().key.hex()), "command_wrong"),
        (home.signed(phone, "login", nonce="0" * 32), "command_old"),
        ({}, "command_wrong"),
    ):
        with pytest.raises(Refused) as caught:
            home.doorbell.login(made)
        assert caught.value.reason == reason
    assert home.doorbell.login(home.signed(phone, "login")).role == "owner"


@pytest.mark.clause("L16")
@pytest.mark.attack(1, 10)
def test_fail__generated_malformed_commands_change_nothing_and_stop_nothing():
    """tools/prove authority does it 100,000 times."""
    told = malformed(4000, seed=1)
    assert told.failures == []
    kinds = ("unproved", "shapeless", "sessionless", "unpaired", "signing_in")
    assert sum(told.counts[kind] for kind in kinds) == 4000
    answers = {name for name in told.counts if name.startswith("answered ")}
    assert len(answers) >= 10 and "answered StorageError" not in answers
    assert told.counts["control: right ones that changed something"] == len(CONTROL)
