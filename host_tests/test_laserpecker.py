"""The laser engraver's policy: each row rests on a clause, each flag is its own, and no name of a network can pass."""

import importlib.util
import itertools
from pathlib import Path
from random import Random

import cbor2
import cddl_verifier
import pytest

from firmware_agent.bundle import form
from firmware_agent.catalogue import Catalogue
from firmware_agent.consent.store import ConsentStore
from firmware_agent.errors import Refused
from firmware_agent.gate import Gate
from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN, Record
from firmware_agent.profiles.compiler import compile_profile
from host_tests.fakes import KEY, NOW, MemoryStorage, catalogue
from host_tests.properties.generate import picture, shipped

ROOT = Path(__file__).parents[1]
PROFILES = ROOT / "firmware_agent/profiles"
MAKER = "laserpecker"
BOOK = catalogue(MAKER)
PURPOSES = sorted(BOOK.purposes)
SCHEMA = cddl_verifier.Validator((PROFILES / "laserpecker.cddl").read_text("utf-8"))
JPEG = next(data for data, clean in (picture(Random(seed)) for seed in range(99)) if clean)

BUNDLE = f"{form.FIRST}\n{form.SERIAL}{form.NO_SERIAL}\n".encode()

# What a printer could say: declared values, and beside them names of a network under every name they might have.
CANARY = "canary-anns-network"
SOUND = {
    "state": "printing",
    "progress": 41.7,
    "elapsed": 700,
    "job_start": NOW - 700,
    "job_finish": NOW,
    "picture": JPEG,
    "bundle": BUNDLE,
    "link_type": "wifi",
    "link_signal": -60,
    "alive": "on",
}
NETWORK = ("network_name", "ssid", "wifi.ssid", "bssid", "address", "ip", "hardware_address", "mac", "carrier", "imsi")
EXACT = {
    "usage_data": {1, 2, 7},
    "job_history": {8, 9},
    "network_info": {20, 21},
    "heartbeat": {22},
    "placement_picture": {11},
    "support_bundle": {34},
}


class Engraver:
    """A device with this policy: its consents, and the gate that asks them."""

    def __init__(self):
        self.consents = ConsentStore(MemoryStorage(), KEY)
        self.gate = Gate(BOOK, self.consents, KEY, lambda purpose, recipient: bytes(16), lambda: NOW)

    def decide(self, purpose, state):
        self.consents.put(purpose, MAKER, state, BOOK.policy(purpose, MAKER), "owner", "test", NOW)

    def allowed(self):
        return {purpose for purpose in PURPOSES if self.gate.decide(purpose, MAKER).allowed}

    def leaves(self, purpose, fields):
        """The payload that leaves of `fields`, or the reason why none does."""
        try:
            self.gate.collect(Record(fields), purpose, MAKER)
            return self.gate.release(purpose, MAKER).payload
        except Refused as refusal:
            return refusal.reason


def granted(*purposes):
    device = Engraver()
    for purpose in purposes:
        device.decide(purpose, GIVEN[0])
    return device


def test_ok__what_is_shipped_is_compiled_and_loads():
    made = compile_profile(PROFILES / "laserpecker.toml")
    assert (PROFILES / "laserpecker.cbor").read_bytes() == made
    assert Catalogue(made).pairs() == BOOK.pairs() == [(purpose, MAKER) for purpose in PURPOSES]
    assert set(EXACT) == set(PURPOSES)


def test_ok__below_18_a_guardian_decides():
    assert BOOK.age == {"threshold": 18, "guardian": True}


def test_ok__every_row_rests_on_a_clause_that_exists():
    place = importlib.util.spec_from_file_location("clauses_table", ROOT / "tools/clauses_table.py")
    table = importlib.util.module_from_spec(place)
    place.loader.exec_module(table)
    cited = {clause for row in BOOK.purposes.values() for clause in row["clauses"]}
    cited |= {row["clause"] for row in BOOK.fields.values()}
    assert cited <= set(table.CLAUSES) and all(clause.startswith("P") for clause in cited), cited
    assert {"P1", "P2", "P3", "P9"} <= cited


def test_ok__a_field_that_both_makers_have_has_one_number():
    ours, other = BOOK.fields, catalogue("lightmake").fields
    assert {name: ours[name]["id"] for name in ours if name in other} == {
        name: other[name]["id"] for name in ours if name in other
    }
    alone = {row["id"] for name, row in ours.items() if name not in other}
    assert not alone & {row["id"] for row in other.values()}


@pytest.mark.clause("P1", "P5", "P10", "C1")
def test_fail__nothing_is_allowed_before_somebody_decides():
    device = Engraver()
    for purpose in PURPOSES:
        assert device.leaves(purpose, SOUND) == "consent_missing", purpose
    assert device.leaves("advertising", SOUND) == "unknown_purpose"
    with pytest.raises(Refused):
        granted(*PURPOSES).gate.collect(Record(SOUND), "network_info", "partner")


def test_ok__allowed_each_purpose_lets_exactly_its_fields_pass():
    """The control of the tests below: what is declared does pass, and is what the published schema says."""
    for purpose, fields in EXACT.items():
        payload = granted(purpose).leaves(purpose, SOUND)
        _, _, named, events = cbor2.loads(payload)
        assert named == purpose and [{number for number, _ in event} for event in events] == [fields]
        assert SCHEMA.validate(payload).valid, purpose
        assert not SCHEMA.validate(cbor2.dumps([2, bytes(16), purpose, [[[23, CANARY]]]])).valid


@pytest.mark.clause("P1")
@pytest.mark.attack(13)
def test_fail__no_name_of_a_network_passes_under_any_field_or_as_any_value():
    device = granted(*PURPOSES)
    private = (0x0A00002A, 0x0AFFFFFF, 0xAC100001, 0xAC1FFFFF, 0xC0A8B217)  # IPv4 as numbers
    for value in (CANARY, "192.168.178.23", "fe80::1", "00:1a:2b:3c:4d:5e", CANARY.encode(), *private):
        for purpose in PURPOSES:
            payload = device.leaves(purpose, {**SOUND, **dict.fromkeys(NETWORK, value)})
            assert payload == device.leaves(purpose, SOUND), purpose  # it makes no difference
            instead = device.leaves(purpose, dict.fromkeys([*SOUND, *NETWORK], value))
            assert instead == "nothing_declared", (purpose, value)
    for name, row in BOOK.fields.items():
        if row["category"] in ("network_address", "access", "security", "device_identifier", "person", "file"):
            assert row["transform"] == "drop" and not row["purposes"], name
    assert {"network_name", "address", "hardware_address", "carrier"} <= set(BOOK.fields)


@pytest.mark.clause("P1")
def test_ok__of_the_network_only_its_kind_and_five_steps_of_signal_leave():
    device = granted("network_info")
    seen = set()
    for kind in ("cable", "wifi", "mobile", "other"):
        for signal in range(-120, 1):
            found = cbor2.loads(device.leaves("network_info", {"link_type": kind, "link_signal": signal}))
            seen.add(tuple(value for _, value in found[3][0]))
    assert seen == set(itertools.product(("cable", "wifi", "mobile", "other"), range(5)))


def test_ok__a_sign_of_life_is_the_same_whatever_the_engraver_does():
    """P2 as far as a policy can say it; its rhythm is up to the source that will give it."""
    device = granted("heartbeat")
    states = [{**SOUND, "state": state, "progress": done} for state in ("idle", "printing") for done in (0, 100)]
    assert len({device.leaves("heartbeat", fields) for fields in states}) == 1
    assert device.leaves("heartbeat", {**SOUND, "alive": "printing"}) == "nothing_declared"
    assert BOOK.purposes["heartbeat"]["every"] == 900


@pytest.mark.clause("P3")
def test_ok__in_the_whole_matrix_of_flags_one_flipped_changes_no_other():
    for flags in itertools.product((True, False), repeat=len(PURPOSES)):
        given = {purpose for purpose, flag in zip(PURPOSES, flags, strict=True) if flag}
        for flipped in PURPOSES:
            device = Engraver()
            for purpose in PURPOSES:
                device.decide(purpose, GIVEN[0] if purpose in given else REFUSED)
            assert device.allowed() == given
            device.decide(flipped, WITHDRAWN if flipped in given else GIVEN[0])
            assert device.allowed() == given ^ {flipped}
            for purpose in PURPOSES:
                assert isinstance(device.leaves(purpose, SOUND), bytes) == (purpose in given ^ {flipped})


@pytest.mark.clause("P3", "C5")
def test_ok__with_all_refused_nothing_leaves_and_nothing_else_is_asked_for():
    """A refusal stops no job: whatever the engraver does, the answer to it is that nothing leaves, and no more."""
    device = Engraver()
    for purpose in PURPOSES:
        device.decide(purpose, REFUSED)
    for state in ("idle", "printing", "finishing", "error"):
        for purpose in PURPOSES:
            assert device.leaves(purpose, {**SOUND, "state": state}) == "consent_refused"
            assert device.gate.collected(purpose, MAKER) == 0
    assert device.allowed() == set()
    for row in BOOK.purposes.values():  # no purpose can be made the condition of another, or of a job
        assert set(row) == {"title", "notice", "recipients", "media", "ask", "every", "retention", "clauses"}


@pytest.mark.clause("P5")
def test_fail__a_consent_to_another_text_opens_nothing():
    device = Engraver()
    for purpose in PURPOSES:
        other = next(one for one in PURPOSES if one != purpose)
        device.consents.put(purpose, MAKER, GIVEN[0], BOOK.policy(other, MAKER), "owner", "test", NOW)
        assert device.leaves(purpose, SOUND) == "policy_changed"


def test_ok__every_period_that_the_policy_does_not_name_is_ours_and_ends():
    tree = shipped(MAKER)
    for name, row in BOOK.purposes.items():
        assert 0 <= row["retention"] <= 365 * 86400 and (row["retention"] == 0) == row["media"], name
        assert 20 <= len(row["notice"]) <= 400
    assert set(tree["device"]) == {"sent", "ledger"}
