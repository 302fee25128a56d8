"""Absence, doubt and age all mean no."""

import pytest

from firmware_agent.decide import decide
from firmware_agent.model import GIVEN, STATES, ConsentRecord
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, World, catalogue

BOOK = catalogue()


def verdict(
    purpose=PURPOSE, recipient=RECIPIENT, state=GIVEN[0], policy=None, until=None, floor=5, now=NOW, record=True
):
    policy = BOOK.policy(PURPOSE, RECIPIENT) if policy is None else policy
    made = ConsentRecord(PURPOSE, RECIPIENT, state, policy, 5, "owner", "test", NOW, until) if record else None
    return decide(BOOK, purpose, recipient, made, floor, now)


def test_ok__consent_that_holds():
    for state in GIVEN:
        found = verdict(state=state)
        assert found.allowed and found.generation == 5


@pytest.mark.clause("L1")
def test_fail__nobody_has_decided():
    assert verdict(record=False).reason == "consent_missing"


@pytest.mark.clause("L2", "L24", "P5")
def test_fail__another_or_an_unknown_purpose():
    for purpose in ("failure_detection", "snapshot", "surface_scan", "support_photo"):
        assert verdict(purpose=purpose).reason == "consent_missing"
    assert verdict(purpose="advertising").reason == "unknown_purpose"


@pytest.mark.clause("L2", "L3", "L5")
def test_fail__live_view_granted_is_no_other_purpose_and_nobody_else():
    world = World()
    world.decide("live_view", GIVEN[0], recipient="owner")
    for purpose, recipient in BOOK.pairs():
        found = world.gate.decide(purpose, recipient)
        assert found.allowed == (purpose == "live_view")
        assert found.allowed or found.reason == "consent_missing"
    assert world.gate.decide("live_view", RECIPIENT).reason == "unknown_recipient"
    assert world.gate.decide("camera", "owner").reason == "unknown_purpose"


@pytest.mark.clause("L3")
def test_fail__a_snapshot_for_the_owner_is_not_shared():
    world = World()
    world.decide("snapshot", GIVEN[0], recipient="owner")
    assert world.gate.decide("snapshot", "owner").allowed
    assert not world.gate.decide("snapshot", RECIPIENT).allowed
    world.decide("local_service", GIVEN[0], recipient="timelapse")
    assert not world.gate.decide("local_service", "home").allowed


@pytest.mark.clause("L3", "P10")
def test_fail__another_recipient():
    assert verdict(recipient="partner").reason == "unknown_recipient"


def test_fail__every_state_but_given():
    closed = [state for state in STATES if state not in GIVEN]
    assert len(closed) == 8
    for state in closed:
        assert not verdict(state=state).allowed


@pytest.mark.attack(2)
def test_fail__older_than_the_floor_or_no_floor():
    assert verdict(floor=6).reason == "consent_stale"
    assert verdict(floor=None).reason == "consent_stale"


@pytest.mark.clause("L19")
def test_fail__the_policy_changed():
    assert verdict(policy=bytes(32)).reason == "policy_changed"


@pytest.mark.attack(4)
def test_fail__a_timed_consent_at_its_end_or_without_a_clock():
    assert verdict(until=NOW + 1).allowed
    assert verdict(until=NOW).reason == "consent_expired"
    assert verdict(until=NOW + 1, now=None).reason == "clock_untrusted"
    assert verdict(now=None).allowed


@pytest.mark.clause("P3", "C5")
def test_ok__a_flag_gates_only_its_own_purpose():
    purposes = [pair[0] for pair in BOOK.pairs() if pair[1] == RECIPIENT]
    for granted in range(1 << len(purposes)):
        world = World()
        chosen = {purpose for place, purpose in enumerate(purposes) if granted >> place & 1}
        for purpose in purposes:
            world.grant(purpose)
        for purpose in purposes:
            if purpose not in chosen:
                world.withdraw(purpose)
        assert world.allowed() == chosen
