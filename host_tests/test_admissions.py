"""Places at the camera: one viewer never has all of them, and programs on the network leave some to the owner."""

import os

import pytest

from firmware_agent.admissions import EACH, KEPT, MOST, AdmissionGate
from firmware_agent.refusals import Refused
from host_tests.rigs.hub import LIVE, MAKER, SNAP, FakeGate


def gate():
    return AdmissionGate(FakeGate(LIVE, SNAP, MAKER), os.urandom(32), os.urandom)


def filled(admissions, viewer=None):
    """One viewer, or as many as it takes, gets what there is; how many places that were, and why it ended."""
    found = []
    try:
        for _ in range(MOST + 1):
            found.append(admissions.admit(*LIVE, viewer or f"viewer {len(found) // EACH}", True))
    except Refused as refusal:
        return len(found), refusal.reason
    return len(found), ""


@pytest.mark.attack(9)
def test_fail__one_viewer_who_takes_every_place():
    admissions = gate()
    assert filled(admissions, "tablet") == (EACH, "viewer_full")
    admissions.admit(*LIVE, "another", True)
    admissions.admit(*SNAP, "tablet", False)  # for another purpose it is another
    admissions.close(next(iter(admissions._open.values())))
    admissions.admit(*LIVE, "tablet", True)


@pytest.mark.attack(9)
def test_fail__programs_that_leave_no_place_to_the_owner():
    admissions = gate()
    assert filled(admissions) == (MOST - KEPT, "too_many_viewers")
    for _ in range(KEPT // 2):
        admissions.admit(*LIVE, "Ann's phone", True, own=True)
        admissions.admit(*MAKER, "", False, own=True)
    for own in (False, True):
        with pytest.raises(Refused) as caught:
            admissions.admit(*LIVE, "Ben's phone", True, own=own)
        assert caught.value.reason == "too_many_viewers"
