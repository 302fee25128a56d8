"""The sources under what no printer should say, in small: `tools/prove sources` does it a million times."""

import asyncio
from random import Random

import pytest

from host_tests.proofs import sources
from host_tests.proofs.fuzz import runner
from host_tests.proofs.hostile import feeds, parsers

INPUTS = 2_000
CONNECTIONS = 20
MADE = {make.name: make for make in parsers.TARGETS}


@pytest.mark.clause("L6", "L8", "L10", "L21", "P1")
@pytest.mark.attack(13, 14)
@pytest.mark.parametrize("name", MADE)
def test_fail__hostile_input_ends_in_bounds_and_nothing_of_it_passes(name):
    found = runner.run(MADE[name](), INPUTS, 7)
    assert found.failures == [] and sum(found.counts.values()) == INPUTS
    understood = sum(count for how, count in found.counts.items() if how.startswith("understood"))
    assert 0 < understood < INPUTS  # neither all nor none: else nothing was tried


CONTROLS = [(name, what, broken) for name, make in MADE.items() for what, broken in parsers.controls(make)]


@pytest.mark.parametrize(("name", "what", "broken"), CONTROLS, ids=[f"{name}: {what}" for name, what, _ in CONTROLS])
def test_fail__a_defect_of_a_source_is_noticed(name, what, broken):
    assert runner.control(broken(), 7), f"{name}: nobody noticed that {what}"


@pytest.mark.attack(13)
@pytest.mark.parametrize("name", feeds.FEEDS)
def test_fail__hostile_connections_end_with_a_reason_and_a_good_one_is_heard_after(tmp_path, name):
    story, _ = feeds.FEEDS[name]
    counts, failures = asyncio.run(story(CONNECTIONS, Random(7), tmp_path))
    assert failures == [] and sum(counts.values()) >= CONNECTIONS


def test_fail__the_control_a_feed_that_raises_something_else_or_is_deaf_is_told(tmp_path):
    class Defect:
        async def follow(self, heard):
            raise KeyError("CANARY")

    class Said:
        async def follow(self, heard):
            raise feeds.SourceError("it says CANARY-1")

    server = feeds.Server(lambda rng: b"", feeds._nobody)
    for feed, told in ((Defect, "KeyError instead of a reason"), (Said, "an error says what a printer said")):
        _, failures = asyncio.run(feeds._connections(feed, server, 1, Random(1), 0.1))
        assert failures == [told, "a good connection after the hostile ones is not heard"]


def test_fail__the_control_memory_that_grows_is_seen():
    class Hoarding(parsers.Intake):
        hoard = []

        def tell(self, data):
            self.hoard.append(b"x" * 1_000 * 25)  # more than what lies free in a process of long standing
            return super().tell(data)

    assert sources.run(Hoarding(), 6_000, 1).grown > sources.GROWTH
    Hoarding.hoard.clear()


def test_ok__the_proof_in_small_counts_what_it_did():
    result = sources.prove(800, 50, 3)
    assert result["failures"] == [] and result["counts"]["inputs"] == 800
    assert result["counts"]["connections"] >= 48
    assert set(result["grown by, KiB"]) == {*MADE, *("connections of " + name for name in feeds.FEEDS)}
