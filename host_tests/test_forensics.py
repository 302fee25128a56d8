"""What a withdrawal leaves on the raw device, reduced. Needs root (tools/prove has the full counts)."""

import pytest

from host_tests.proofs import forensics

EVENTS = 160


@pytest.fixture(scope="module")
def found():
    return forensics.prove(EVENTS, sent=48, seed=2)


def wrong(found, beginning: str) -> list[str]:
    return [failure for failure in found["failures"] if failure.startswith(beginning + ":")]


@pytest.mark.clause("L12", "P6")
@pytest.mark.attack(11)
@pytest.mark.parametrize("name", forensics.ENDS)
def test_ok__no_canary_key_or_frame_is_left_on_the_device(found, name):
    assert wrong(found, name) == []


def test_ok__the_search_finds_what_is_there(found):
    counts = found["counts"]
    assert wrong(found, "control") == []
    for name in (
        "before: keys found",
        "before: frames found",
        "after: keys of the consent that stands found",
        "control, a ring that does not seal: canaries found",
        "control, SQLite, rows deleted: found",
        "control, SQLite, rows deleted with secure_delete: found",
        "control, a key file renamed over: found",
    ):
        assert counts[name] > 0, name
    full = sum(one.waiting for one in forensics.ENDS.values())
    assert counts["events waiting before"] == EVENTS * full


def test_fail__end_that_destroys_nothing():
    found = forensics.prove(8, sent=0, ends={"nothing": forensics.End(lambda device: None)})
    told = wrong(found, "nothing")
    for what in ("at once: 2 keys found", "after: 2 keys found", "after: 1 frames found"):
        assert f"nothing: {what}" in told, told
    assert told[-1] == "nothing: 8 events of the ended consent still wait"
