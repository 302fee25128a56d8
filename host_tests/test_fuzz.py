"""The fuzzers of the camera's way in small, and that each would notice: `tools/prove fuzz` does it a million times."""

from random import Random

import pytest

from firmware_agent import jpeg
from host_tests.proofs.fuzz import jpegs, runner
from host_tests.proofs.fuzz.target import Broken

INPUTS = 2_000
MADE = {make().name: (make, module) for make, module in runner.TARGETS}


@pytest.mark.clause("L4", "L5")
@pytest.mark.attack(14)
@pytest.mark.parametrize("name", MADE)
def test_fail__hostile_bytes_are_refused_or_pass_nothing_of_what_was_hidden_in_them(name):
    make, _ = MADE[name]
    found = runner.run(make(), INPUTS, 7)
    assert found.failures == []
    assert sum(found.counts.values()) == INPUTS
    refused = sum(count for how, count in found.counts.items() if how.startswith(("refused", "answered")))
    assert 0 < refused < INPUTS  # neither all nor none: else nothing was tried


CONTROLS = [(name, what, broken) for name, (_, module) in MADE.items() for what, broken in module.controls()]


@pytest.mark.parametrize(("name", "what", "broken"), CONTROLS, ids=[f"{name}: {what}" for name, what, _ in CONTROLS])
def test_fail__a_defect_is_noticed(name, what, broken):
    assert runner.control(broken(), 7), f"{name}: nobody noticed that {what}"


def test_fail__an_input_without_an_answer_is_told(monkeypatch):
    """The alarm of a hang rings."""

    class Endless(jpegs.Jpegs):
        def verdict(self, case):
            while True:
                pass

    monkeypatch.setattr(runner, "PATIENCE", 1)
    with pytest.raises(runner.Hang):
        runner.run(Endless(), 1, 7)


def test_fail__a_failure_is_told_with_its_input():
    class Wrong(jpegs.Jpegs):
        def verdict(self, case):
            raise Broken("it is always wrong")

    found = runner.run(Wrong(), 30, 7)
    assert found.counts == {"failed": 30} and len(found.failures) == 20
    assert found.failures[0].startswith("jpeg 0: it is always wrong: b'\\xff\\xd8")


def test_ok__the_generators_pictures_are_real():
    """Each shows something before anything is hidden in it, and nearly all kinds survive cleaning."""

    pictures = jpegs._pictures(Random(7))
    assert len(pictures) > 20 and all(jpegs._pixels(one) is not None for one in pictures)
    assert all(jpegs._pixels(jpeg.strip(one)) == jpegs._pixels(one) for one in pictures)
    kinds = {
        one[one.find(bytes((0xFF, kind))) + 1]
        for one in pictures
        for kind in (0xC0, 0xC2, 0xDD)
        if bytes((0xFF, kind)) in one
    }
    assert kinds == {0xC0, 0xC2, 0xDD}


def test_ok__the_same_seed_gives_the_same_inputs():
    for make, _ in MADE.values():
        first, second = runner.run(make(), 300, 3), runner.run(make(), 300, 3)
        assert first.counts == second.counts
