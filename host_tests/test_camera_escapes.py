"""What a camera process that turned bad could try, in a machine with a real camera and its own kernel (L4)."""

import pytest

from host_tests.proofs.camera import escapes, together, wrong
from host_tests.rigs import attempts

KERNELS = {True: ("free", "locked"), False: ("locked",)}  # with Landlock or not: in which modes


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """{Landlock or not: {mode: {attempt: answer}}}."""
    places = {landlock: tmp_path_factory.mktemp("escapes") for landlock in KERNELS}
    work = [lambda on=on, modes=modes: escapes(places[on], on, modes) for on, modes in KERNELS.items()]
    return dict(zip(KERNELS, together(*work)))


@pytest.mark.timeout(900)
@pytest.mark.clause("L4")
@pytest.mark.attack(17)
@pytest.mark.parametrize("attempt", attempts.ALL + attempts.WITH_CAMERA, ids=lambda attempt: attempt[0])
def test_fail__an_attempt_in_the_machine(answers, attempt):
    name = attempt[0]
    free, locked, without_landlock = answers[True]["free"], answers[True]["locked"], answers[False]["locked"]
    assert free[name] == "ok" or free[name] in (attempt[3] or "").split(), "it fails without the lock as well"
    assert locked[name] == without_landlock[name] == ("EPERM" if name in attempts.REFUSED else "SIGSYS")


@pytest.mark.timeout(900)
def test_ok__what_a_real_camera_needs_goes_on(answers):
    assert [line for said in answers.values() for line in wrong(said)] == []
