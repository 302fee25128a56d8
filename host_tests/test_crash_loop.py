"""The crash loop, reduced: killed or cut at any moment, nothing that was committed is lost. Needs root (tools/prove has
the full counts)."""

import pytest

from firmware_agent import cbor
from host_tests.proofs import crash, crash_model
from host_tests.proofs.crash_book import Book


def payload(ident: int, *events: int) -> bytes:
    """A message of these events."""
    return cbor.encode([2, bytes([ident]) * 16, "first", [[[1, number]] for number in events]])


def book(*said) -> Book:
    """The books after a grant, ten events offered, four of them committed, and what is `said` then."""
    found = Book()
    for what in (["granting", "first"], ["offered", "first", 0, 10], ["committed", "first", [0, 1, 2, 3]], *said):
        found.hear(what)
    return found


@pytest.mark.attack(5)
def test_ok__nothing_committed_is_lost_by_kills_and_power_cuts():
    found = crash.killed(kills=30, cuts=8, seed=4)
    assert found["failures"] == []
    counts = found["counts"]
    assert (counts["kills"], counts["cuts"], counts["committed events lost"]) == (30, 8, 0)
    for much in (  # else there was nothing to lose
        "events committed",
        "events found waiting",
        "events recovered after cuts",
        "events pushed out",
        "laps",
        "withdrawals",
        "messages arrived again",
    ):
        assert counts[much] > 0, much


@pytest.mark.attack(5)
def test_ok__nothing_committed_is_lost_whatever_a_medium_reorders():
    found = crash_model.power_cuts(cuts=60, seed=4)
    assert found["failures"] == []
    counts = found["counts"]
    assert counts["modelled cuts"] == 60 and counts["states started after modelled cuts"] == 240
    assert counts["modelled: laps"] > 10 and counts["modelled: cut appends"] > 0


def test_fail__storage_that_does_not_sync_loses_events():
    assert crash.killed(kills=8, cuts=8, seed=4, lazy=True)["counts"]["committed events lost"] > 0


def test_fail__medium_that_lies_loses_events():
    assert crash_model.power_cuts(cuts=4, seed=4, honest=False)["counts"]["committed events lost"] > 0


# --- the books notice


def test_ok__what_arrived_waits_or_made_room_is_not_owed():
    found = book()
    for _ in range(2):
        found.took("first", payload(1, 0))  # the same message twice
    for what in (["appending", "first", [4], [1]], ["appended", "first", 0], ["waiting", "first", [2, 3]]):
        found.hear(what)
    assert found.failures == []


def test_ok__what_a_withdrawal_took_is_not_owed():
    found = book(["withdrawing", "first"])  # and dead before it was done
    found.hear(["waiting", "first", []])
    found.drained()
    assert found.failures == []


def test_fail__committed_event_that_does_not_wait():
    found = book(["waiting", "first", [0, 1, 3]])
    assert found.failures == ["first: 1 committed events are gone, 2 to 2"]
    assert found.counts["committed events lost"] == 1


def test_fail__committed_event_that_waited_and_never_arrived():
    found = book(["waiting", "first", [0, 1, 2, 3]])
    found.took("first", payload(1, 0, 1, 2))
    found.drained()
    assert found.failures == ["first: 1 committed events are gone, 3 to 3"]


def test_fail__event_under_two_idents():
    found = book()
    found.took("first", payload(1, 0, 1))
    found.took("first", payload(2, 1, 2))
    assert found.failures == ["first: event 1 arrived under two idents"]


def test_fail__event_that_waits_twice():
    assert book(["waiting", "first", [0, 1, 2, 3, 3]]).failures == ["first: events wait twice, or out of order"]


def test_fail__newer_event_pushed_out_first():
    found = book(["appending", "first", [4], [2]])
    assert found.failures == ["first: a newer event was pushed out before an older one"]


def test_fail__message_after_the_withdrawal():
    found = book(["withdrawing", "first"], ["withdrawn", "first"])
    found.took("first", payload(1, 9))
    assert "first: a message arrived after the withdrawal" in found.failures


def test_fail__event_of_an_earlier_consent():
    found = book(["withdrawing", "first"], ["withdrawn", "first"], ["granting", "first"])
    found.took("first", payload(1, 9))
    assert found.failures == ["first: event 9 arrived, of a consent that was withdrawn"]


def test_fail__event_that_did_not_open_any_more():
    assert book(["lost", "first", 2]).failures == ["first: 2 events waited and did not open any more"]


def test_ok__what_was_said_while_a_copy_was_made_only_excuses():
    found = book()
    for what in (
        ["committed", "first", [4, 5]],
        ["appending", "first", [6], [0]],
        ["withdrawn", "first"],
        ["granting", "first"],
    ):
        found.perhaps(what)
    assert list(found.must["first"]) == [1, 2, 3]
    found.took("first", payload(1, 1))
    assert found.failures == []
