"""Pairing: a window opened at the device, five guesses, and a wait that no restart shortens (attack 10)."""

from random import Random

import pytest

from firmware_agent.consent.pairing import GUESSES, LASTS, Invitation, Pairing
from firmware_agent.refusals import Refused
from host_tests.fakes import KEY, MemoryStorage, PowerCut
from host_tests.proofs.authority import guessing
from host_tests.rigs.owners import Home, Machine, Phone

OWNER = Invitation("owner")


class House:
    """Pairing on a flash and a machine that stay, while everything else begins anew at each call."""

    def __init__(self):
        self.storage = MemoryStorage()
        self.machine = Machine()

    @property
    def pairing(self):
        return Pairing(self.storage, KEY, self.machine)

    def open(self, invitation=OWNER):
        return self.pairing.open(invitation)

    def guess(self, code):
        """The reason why it did not pair; "paired" if it did."""
        try:
            self.pairing.by_code(code)
        except Refused as refusal:
            return refusal.reason
        return "paired"

    def wait(self):
        """Until the next window may be opened."""
        self.machine.passed += self.pairing.state()[1] + 0.01


def wrong(code):
    return f"{(int(code) + 1) % 10**8:08}"


@pytest.fixture
def house():
    return House()


@pytest.mark.attack(10)
def test_fail__ten_thousand_guesses_across_restarts_never_pair():
    found = guessing(10_000, seed=1)
    assert found["paired"] == 0 and found["guesses"] == 10_000
    assert found["looked at"] <= GUESSES * found["windows"] and found["most of one window"] == GUESSES
    assert found["restarts"] > 100 and found["other boots"] > 100 and found["windows"] > 100
    assert found["refused"] > found["looked at"] > 100
    assert found["control: paired by the right code"] == found["windows of the control"] > 10


@pytest.mark.attack(10)
def test_ok__the_right_code_pairs_even_as_the_fifth_guess(house):
    for tries in range(GUESSES):
        house.wait()
        _, code = house.open()
        assert [house.guess(wrong(code)) for _ in range(tries)] == ["code_wrong"] * tries
        assert house.guess(code) == "paired"
        assert house.guess(code) == "pairing_closed" and house.pairing.state() == (False, 0.0)


@pytest.mark.attack(10)
def test_fail__the_right_code_as_the_sixth_guess(house):
    _, code = house.open()
    assert [house.guess(wrong(code)) for _ in range(GUESSES)] == ["code_wrong"] * GUESSES
    assert house.guess(code) == "pairing_waits"
    house.wait()
    assert house.guess(code) == "pairing_closed"


@pytest.mark.attack(10)
def test_ok__the_wait_doubles_up_to_an_hour_and_ends_with_a_pairing(house):
    waits = []
    for _ in range(10):
        _, code = house.open()
        for _ in range(GUESSES):
            house.guess(wrong(code))
        waits.append(round(house.pairing.state()[1]))
        with pytest.raises(Refused) as caught:
            house.open()
        assert caught.value.reason == "pairing_waits"
        house.wait()
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert house.guess(house.open()[1]) == "paired"
    _, code = house.open()
    for _ in range(GUESSES):
        house.guess(wrong(code))
    assert round(house.pairing.state()[1]) == 30


@pytest.mark.attack(10)
def test_fail__neither_a_restart_nor_a_reboot_shortens_the_wait(house):
    for _ in range(4):
        house.wait()
        _, code = house.open()
        for _ in range(GUESSES):
            house.guess(wrong(code))
    assert round(house.pairing.state()[1]) == 240  # a restart: each look is by a new object
    house.machine.passed += 100
    assert round(house.pairing.state()[1]) == 140
    house.machine.restart(b"second start", 5.0)  # it may have been off for a second or a year
    assert round(house.pairing.state()[1]) == 235
    with pytest.raises(Refused):
        house.open()
    house.machine.passed = 241.0
    _, code = house.open()
    for _ in range(GUESSES):
        house.guess(wrong(code))
    assert round(house.pairing.state()[1]) == 480  # and it is still counted on


def test_ok__the_secret_of_the_code_to_scan_costs_no_guess(house):
    secret, code = house.open(Invitation("service", 4, "4711"))
    assert len(secret) == 32 and len(code) == 8 and code.isdecimal()
    for number in range(500):
        with pytest.raises(Refused) as caught:
            house.pairing.by_secret(f"{number:032x}")
        assert caught.value.reason == "code_wrong"
    assert [house.guess(wrong(code)) for _ in range(GUESSES - 1)] == ["code_wrong"] * (GUESSES - 1)
    assert house.pairing.by_secret(secret) == Invitation("service", 4, "4711")
    for again in (secret, "", "0" * 32):
        with pytest.raises(Refused) as caught:
            house.pairing.by_secret(again)
        assert caught.value.reason == "pairing_closed"


@pytest.mark.attack(10)
@pytest.mark.parametrize("way", ["time", "reboot", "close", "another", "use", "no name of the start"])
def test_fail__a_window_that_is_over(house, way):
    secret, code = house.open()
    if way == "time":
        house.machine.passed += LASTS - 0.01
        assert house.pairing.state() == (True, 0.0)  # the control
        house.machine.passed += 0.02
    elif way == "reboot":
        house.machine.restart(b"second start", 1000.0)
    elif way == "close":
        house.pairing.close()
    elif way == "another":
        house.open()
        house.pairing.close()
    elif way == "use":
        house.pairing.by_secret(secret)
    else:
        house.machine.start = b""
    assert not house.pairing.state()[0]
    assert house.guess(code) == "pairing_closed"
    with pytest.raises(Refused) as caught:
        house.pairing.by_secret(secret)
    assert caught.value.reason == "pairing_closed"


@pytest.mark.attack(10)
def test_fail__an_older_windows_codes_in_a_newer_window(house):
    secret, code = house.open()
    second, _ = house.open()
    assert house.guess(code) == "code_wrong"
    with pytest.raises(Refused) as caught:
        house.pairing.by_secret(secret)
    assert caught.value.reason == "code_wrong"
    assert house.pairing.by_secret(second) == OWNER


@pytest.mark.attack(5, 10)
def test_fail__a_power_cut_at_any_byte_of_an_attempt_never_gives_a_guess_back():
    cuts = 0
    for spent in range(GUESSES):
        house = House()
        _, code = house.open()
        for _ in range(spent):
            house.guess(wrong(code))
        for at in range(0, 1200, 3):
            for asked in (wrong(code), code):
                torn = House()
                torn.storage = MemoryStorage(house.storage.files)
                torn.storage.cut_after = at
                try:
                    said = torn.guess(asked)
                except PowerCut:
                    said = ""
                    cuts += 1
                assert said != "paired" or asked == code
                torn.storage.cut_after = None
                seen = [torn.guess(wrong(code)) for _ in range(GUESSES + 1)]  # a crash: the same start goes on
                left = seen.count("code_wrong")
                assert left <= GUESSES - spent - (said == "code_wrong"), (spent, at)
                assert torn.guess(code) != "paired", (spent, at)
                torn.machine.restart(b"after the power came back")
                assert torn.guess(code) in ("pairing_closed", "pairing_waits"), (spent, at)
    assert cuts > 500


@pytest.mark.attack(5, 10)
def test_fail__a_power_cut_while_a_window_opens_opens_nothing_that_nobody_saw():
    for at in range(0, 400, 3):
        house = House()
        house.storage.cut_after = at
        try:
            house.open()
            break
        except PowerCut:
            house.storage.cut_after = None
            assert house.guess("") in ("pairing_closed", "code_wrong"), at  # nobody saw the code of such a window
            house.machine.restart(b"after the power came back")
            assert house.pairing.state() == (False, 0.0), at
            assert house.guess("00000000") == "pairing_closed", at
    assert at > 100  # the control: it was cut at all


@pytest.mark.attack(5, 10)
@pytest.mark.parametrize("spent", [0, 3, GUESSES], ids=["open", "after three", "waiting"])
def test_fail__damage_to_one_slot_gives_no_guess_back(house, spent):
    _, code = house.open()
    for _ in range(spent):
        house.guess(wrong(code))
    tried = 0
    for name, data in house.storage.files.items():
        for place in range(len(data)):
            hurt = House()
            changed = data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :]
            hurt.storage = MemoryStorage({**house.storage.files, name: changed})
            said = [hurt.guess(wrong(code)) for _ in range(GUESSES + 1)]
            assert said.count("code_wrong") == GUESSES - spent, (name, place)
            assert hurt.guess(code) == "pairing_waits", (name, place)
            tried += 1
    assert tried > 250
    assert house.guess(code) == ("paired" if spent < GUESSES else "pairing_waits")  # the control


def test_ok__codes_are_spread_over_all_of_their_digits(house):
    codes = [house.open()[1] for _ in range(2000)]
    assert len(set(codes)) > 1990
    for place in range(8):
        assert len({code[place] for code in codes}) == 10


class Doors:
    """A real doorbell over real keys."""

    def __init__(self, directory):
        self.home = Home(directory)

    def pair(self, phone=None, name="Ann's phone", **proof):
        """What a browser sends; with a phone it signs as the page does."""
        values = {"name": name, **proof}
        if phone is None:
            return self.home.doorbell.pair(values)
        signed = self.home.signed(phone, "pair", values)
        return self.home.doorbell.pair({**values, "key": phone.public.hex(), **signed})


@pytest.fixture
def doors(tmp_path):
    return Doors(tmp_path)


@pytest.mark.clause("L16")
def test_ok__a_phone_pairs_once_and_signs_in_again_by_itself(doors):
    home, phone = doors.home, Phone()
    secret, _ = home.parts.pairing.open(Invitation("owner"))
    assert home.doorbell.state()["open"]
    session = doors.pair(phone, secret=secret)
    home.sessions.verify(session)
    assert (session.role, session.key, session.name) == ("owner", phone.key, "Ann's phone")
    (person,) = home.parts.people.all()
    assert (person.role, person.name, person.public) == ("owner", "Ann's phone", phone.public)
    assert not home.doorbell.state()["open"]
    home.start()
    again = home.doorbell.login(home.signed(phone, "login"))
    home.sessions.verify(again)
    with pytest.raises(Refused):
        home.sessions.verify(session)  # a restart ends it


@pytest.mark.attack(9, 10)
def test_fail__a_key_that_did_not_sign_for_itself_is_not_paired_and_costs_no_window(doors):
    home, phone, other = doors.home, Phone(), Phone()
    secret, code = home.parts.pairing.open(Invitation("owner"))
    values = {"name": "x", "secret": secret}
    right = home.signed(phone, "pair", values)
    nonce = home.doorbell.state
    device = nonce()["device"]
    for reason, proof in (
        ("signature_wrong", home.signed(other, "pair", values)),
        ("signature_wrong", {**right, "signature": "00" * 64}),
        ("signature_wrong", {**right, "body": right["body"] + " "}),
        ("command_old", phone.proof("0" * 32, nonce()["nonce"], "pair", values)),
        ("command_old", phone.proof(device, nonce()["nonce"], "login", values)),
        ("command_old", phone.proof(device, nonce()["nonce"], "pair", values, key=other.key.hex())),
        ("command_old", phone.proof(device, nonce()["nonce"], "pair", values, form="firmware_agent command 2")),
        ("command_old", phone.proof(device, "0" * 32, "pair", values)),
        ("command_wrong", {}),
    ):
        with pytest.raises(Refused) as caught:
            home.doorbell.pair({**values, "key": phone.public.hex(), **proof})
        assert caught.value.reason == reason
    assert home.parts.people.all() == [] and home.doorbell.state()["open"]
    for secret, reason in (("0" * 32, "code_wrong"), (values["secret"], "command_old")):  # a signature is good once
        with pytest.raises(Refused) as caught:
            home.doorbell.pair({**values, "secret": secret, "key": phone.public.hex(), **right})
        assert caught.value.reason == reason
    assert home.parts.people.all() == []
    assert doors.pair(phone, code=code).role == "owner"  # the control


@pytest.mark.clause("L16")
def test_ok__without_a_key_a_session_ends_with_the_run(doors):
    _, code = doors.home.parts.pairing.open(Invitation("viewer"))
    session = doors.pair(code=code, name=" \n")
    assert (session.role, session.key, session.name) == ("viewer", b"", "phone")
    assert doors.home.parts.people.all() == []
    doors.home.start()
    with pytest.raises(Refused):
        doors.home.sessions.verify(session)


@pytest.mark.attack(4)
def test_fail__service_for_some_hours_without_a_clock(doors):
    secret, _ = doors.home.parts.pairing.open(Invitation("service", 4, "4711"))
    doors.home.device.wall = None
    with pytest.raises(Refused) as caught:
        doors.pair(Phone(), secret=secret)
    assert caught.value.reason == "clock_untrusted" and doors.home.parts.people.all() == []


def test_fail__what_is_no_pairing_at_all(doors):
    home = doors.home
    home.parts.pairing.open(Invitation("owner"))
    rng = Random(1)
    for arguments in ({}, {"code": 12345678}, {"code": None}, {"secret": ["0" * 32]}, {"code": "1" * 17}, {"key": 5}):
        with pytest.raises(Refused):
            home.doorbell.pair(arguments)
    for _ in range(50):
        with pytest.raises(Refused):
            home.doorbell.login({"body": rng.choice(("[]", "{", None, 7)), "signature": "ab" * rng.choice((1, 64))})
    assert home.parts.people.all() == [] and home.doorbell.state()["open"]
