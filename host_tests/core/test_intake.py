"""Commands from afar: a signed withdrawal is obeyed once; nothing else ever is (attacks 1 and 12)."""

import hashlib
import hmac

import pytest

from firmware_agent import cbor
from firmware_agent.consent.slots import SlotPair
from firmware_agent.egress.envelope import COMMAND
from firmware_agent.egress.intake import Intake, Mailbox
from firmware_agent.egress.ledger import Ledger, entries
from host_tests.fakes import KEY, NOW, PURPOSE, RECIPIENT, Dice, MemoryStorage

PUBLIC = bytes(range(32))


def sign(key, data):
    return hmac.new(key, data, hashlib.sha256).digest() * 2


def verify(public, signature, data):
    return sign(public, data) == signature


class Listening:
    """An intake on a storage: `withdrawn` holds what it was told to withdraw."""

    def __init__(self, files=None):
        self.storage = MemoryStorage(files)
        self.withdrawn = []
        self.fails = False
        self.mailbox = Mailbox(SlotPair(self.storage, "mailbox.lightmake", KEY), lambda count: bytes(range(count)))
        self.ledger = Ledger(self.storage, lambda: NOW, size=3072)
        self.address = self.mailbox.read()[1]
        purposes = [PURPOSE, "print_history"]
        self.intake = Intake(RECIPIENT, PUBLIC, self.mailbox, purposes, self.withdraw, self.ledger, verify)

    def withdraw(self, purpose):
        if self.fails:
            raise OSError
        self.withdrawn.append(purpose)

    def say(self, *body, key=PUBLIC, prefix=COMMAND):
        self.hear(envelope(list(body), key, prefix))

    def hear(self, data):
        self.intake.heard("topic", data)

    def refused(self):
        """The reasons so far, in order; repeated ones once."""
        return [row["detail"] for row, _, _ in entries(self.storage) if row["event"] == "refused"]


def envelope(body, key=PUBLIC, prefix=COMMAND):
    data = cbor.encode(body)
    return cbor.encode([1, data, sign(key, prefix + data)])


@pytest.mark.clause("L12")
def test_ok__a_withdrawal_is_obeyed():
    one = Listening()
    one.say("withdraw", one.address, 1, PURPOSE)
    one.say("withdraw", one.address, 2, "")
    assert one.withdrawn == [PURPOSE, ""] and one.refused() == []


@pytest.mark.attack(1)
def test_fail__a_grant_by_the_makers_own_key():
    one = Listening()
    for number, body in enumerate((["grant"], ["grant", PURPOSE])):
        one.say(body[0], one.address, number + 1, *body[1:])
    assert one.withdrawn == [] and one.refused() == ["remote_grant"]


@pytest.mark.attack(12)
def test_fail__replayed_reordered_foreign_forged():
    one = Listening()
    one.say("withdraw", one.address, 7, PURPOSE)
    one.say("withdraw", one.address, 7, PURPOSE)  # the copy that the broker keeps
    assert one.refused() == []
    one.say("withdraw", one.address, 6, "")
    one.say("withdraw", bytes(16), 8, "")
    one.say("withdraw", one.address, 8, "", key=bytes(32))
    one.say("withdraw", one.address, 8, "", prefix=b"firmware_agent answer 1\0")
    one.say("configure", one.address, 8, "")
    assert one.refused() == ["command_replayed", "command_foreign", "command_forged", "command_unknown"]
    assert one.withdrawn == [PURPOSE]
    one.say("withdraw", one.address, 9, "")  # the control
    assert one.withdrawn == [PURPOSE, ""]


@pytest.mark.attack(12)
def test_fail__signed_and_not_a_command():
    one = Listening()
    for body in (
        [],
        ["withdraw"],
        ["withdraw", one.address],
        ["withdraw", one.address, -1, ""],
        ["withdraw", one.address, True, ""],
        ["withdraw", one.address, "1", ""],
        ["withdraw", one.address, 1 << 60, ""],
        ["withdraw", one.address, 1],
        ["withdraw", one.address, 2, "", ""],
        ["withdraw", one.address, 3, "elsewhere"],
        ["withdraw", one.address, 4, 5],
        [["withdraw"], one.address, 5, ""],
        {"withdraw": one.address},
        "withdraw",
    ):
        one.hear(envelope(body))
    assert one.withdrawn == [] and one.refused() == ["command_unknown"]


@pytest.mark.attack(2)
def test_ok__the_counter_survives_a_restart():
    one = Listening()
    one.say("withdraw", one.address, 7, PURPOSE)
    again = Listening(one.storage.files)
    assert again.address == one.address
    again.say("withdraw", again.address, 7, PURPOSE)
    again.say("withdraw", again.address, 5, PURPOSE)
    assert again.withdrawn == [] and again.refused() == ["command_replayed"]


def test_ok__a_withdrawal_that_failed_is_not_counted():
    one = Listening()
    one.fails = True
    with pytest.raises(OSError):
        one.say("withdraw", one.address, 1, PURPOSE)
    again = Listening(one.storage.files)
    again.say("withdraw", again.address, 1, PURPOSE)
    assert again.withdrawn == [PURPOSE]


def test_ok__a_damaged_mailbox_is_a_new_one():
    one = Listening()
    one.say("withdraw", one.address, 1, PURPOSE)
    for name in ("mailbox.lightmake.0", "mailbox.lightmake.1"):
        one.storage.files[name] = b"damaged"
    one.mailbox._entropy = lambda count: bytes([9] * count)
    count, address = one.mailbox.read()
    assert count == 0 and address == bytes([9] * 16)


@pytest.mark.attack(12)
def test_fail__noise_is_not_obeyed():
    one = Listening()
    good = envelope(["withdraw", one.address, 3, PURPOSE])
    dice = Dice(11)
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(1 + dice.below(3)):
            bad[dice.below(len(bad))] ^= 1 << dice.below(8)
        if dice.below(4) == 0:
            bad = bad[: dice.below(len(bad))]
        if bytes(bad) != good:
            one.hear(bytes(bad))
    one.hear(bytes(5000))
    assert one.withdrawn == [] and one.refused() == ["command_forged"]
    one.hear(good)
    assert one.withdrawn == [PURPOSE]
