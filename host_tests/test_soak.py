"""An hour of the agent's time with everything going wrong: nothing grows, nothing is lost without a word."""

import os

from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.proofs import soak

HOURS = 1
IDLE = 45  # s: a camera process then serves several ticks
PACE = 12  # times as many outages, decisions and restarts as in a week of the full proof


def test_ok__hours_of_outages_decisions_and_restarts_leave_nothing_behind():
    result = soak.prove(days=HOURS / 24, seed=3, pace=PACE, idle=IDLE)
    assert result["failures"] == []
    counts = result["counts"]
    for what in ("outages", "restarts", "withdrawals"):
        assert counts[what] > 0, f"{what}: none in this run, so it shows nothing about them"
    for purpose in soak.PURPOSES:
        assert counts[f"collected {purpose}"] > 0


def test_fail__the_control_what_leaks_vanishes_or_slips_out_is_seen():
    hoard, opened, thrown = [], [], []

    def spoil(run):
        hoard.append(bytes(4096))
        if len(hoard) % 50 == 0:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        if run.agent.gate.collected(PURPOSE, RECIPIENT) and not thrown:
            thrown.append(run.agent.gate.forget(PURPOSE, RECIPIENT))
        if len(hoard) == 300:
            run.withdraw(PURPOSE, here=True)
            run.send(PURPOSE)
            run.grant(PURPOSE)

    try:
        failures = soak.prove(days=1.25 / 24, seed=5, pace=PACE, spoil=spoil, idle=IDLE)["failures"]
    finally:
        for one in opened:
            os.close(one)
    assert thrown == [1]
    for said in (
        "python bytes: ",
        "descriptors: ",
        "descriptors are open after the end",
        f"{PURPOSE}: 1 of ",
        f"a message of {PURPOSE} arrived while it was not granted",
    ):
        assert any(said in failure for failure in failures), f"{said!r} is not among {failures}"
