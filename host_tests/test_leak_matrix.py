"""After a withdrawal almost nothing of it passes towards the broker, whatever the network does; reduced.

What had left the machine before the decision, no sender can stop; it is counted apart.
"""

import contextlib
import logging

import pytest

from firmware_agent.cli import build
from firmware_agent.egress.uplink import Uplink
from firmware_agent.gate import Gate
from firmware_agent.model import Permit
from host_tests.proofs import leak
from host_tests.proofs.faults import FAULTS, schedule

EVENTS = 2000
# What the expected failure below is about. Remove both with the defect.


class Deaf(Gate):
    """What was once permitted stays so, for it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.given = {}

    def decide(self, purpose, recipient):
        verdict = super().decide(purpose, recipient)
        if isinstance(verdict, Permit):
            self.given[purpose, recipient] = verdict
        return self.given.get((purpose, recipient), verdict)


class Careless(Uplink):
    """Leaves its link as it is, and forgets nothing of what waits."""

    def cut(self):
        return None

    def purge(self, purpose):
        return 0


@pytest.fixture(scope="module")
def ways():
    """(a directory in which EVENTS wait on flash, another process that withdraws)."""
    logging.disable(logging.CRITICAL)  # each broken link would be told
    with contextlib.ExitStack() as stack:
        stack.callback(logging.disable, logging.NOTSET)
        place = stack.enter_context(leak.workplace(EVENTS))
        yield place, stack.enter_context(leak.Owner())


def stalled(qos, by):
    """A run in which a lot waits when the link stalls, and the decision comes meanwhile."""
    seed = next(seed for seed in range(1000) if schedule(seed, "stall").withdraw - schedule(seed, "stall").begin > 0.8)
    return leak.Case(qos, "stall", by, "during", seed, 8)


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__after_a_withdrawal_at_most_two_messages_leave_in_any_bad_network():
    result = leak.prove(runs=16, events=EVENTS, seed=1, peers=1)
    assert result["failures"] == []
    assert result["counts"]["runs"] == result["counts"]["other"] == 16
    assert [(row["qos"], row["fault"]) for row in result["table"]] == [
        (qos, fault) for qos in (1, 0) for fault in FAULTS
    ]
    assert all(row["agent, " + by]["runs"] == 1 for row in result["table"] for by in leak.DECIDERS)
    assert result["counts"]["late of paho"] > leak.ALLOWED  # the same plan, the same count


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__pictures_that_wait_in_the_kernel_stay_when_another_process_decides(ways):
    assert leak.judge(leak.run(stalled(0, "process"), EVENTS, *ways)) == []


@pytest.mark.attack(21)
def test_ok__pictures_that_wait_in_the_kernel_stay_when_the_agent_itself_decides(ways):
    assert leak.judge(leak.run(stalled(0, "here"), EVENTS, *ways)) == []


@pytest.mark.parametrize("qos", [1, 0])
def test_fail__the_control_an_agent_that_neither_asks_nor_cuts_nor_forgets_is_seen(ways, monkeypatch, qos):
    monkeypatch.setattr(build, "Gate", Deaf)
    monkeypatch.setattr(build, "Uplink", Careless)
    found = leak.run(stalled(qos, "here"), EVENTS, *ways)
    assert "messages" in leak.judge(found)[0]
    assert found.own > leak.ALLOWED and found.late_events >= found.own_events >= found.own
    if qos:  # all that waited goes on its way; of pictures few wait
        assert found.own_events > 0.5 * EVENTS and found.handed > 0.5 * EVENTS / 8


def test_fail__a_run_that_shows_nothing_is_no_success():
    good = leak.Found(late=9, late_events=9, own=2, own_events=2, handed=0, kept=0, before=1, other=1)
    assert leak.judge(good) == []
    for change, said in (
        ({"own": 3}, "3 messages"),
        ({"kept": 1}, "1 events still wait"),
        ({"other": 0}, "the other purpose did not arrive"),
        ({"before": 0}, "nothing had left before"),
    ):
        assert said in leak.judge(good._replace(**change))[0]
