"""Pictures leave nothing on the disks of a machine under memory pressure (L4, attack 17); those that keep them do."""

import pytest

from host_tests.proofs.camera import KEEPERS, WANTED, forensics, together

COUNT = WANTED + 20


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """{how: what was found}; each in a machine of its own, which is switched off before its disks are searched."""
    hows = ("locked", *KEEPERS)
    places = [tmp_path_factory.mktemp(how) for how in hows]
    work = [lambda how=how, place=place: forensics(how, COUNT, place) for how, place in zip(hows, places)]
    return dict(zip(hows, together(*work)))


@pytest.mark.timeout(900)
@pytest.mark.clause("L4")
@pytest.mark.attack(17)
def test_fail__a_picture_on_a_disk(found):
    locked = found["locked"]
    assert locked.shown >= COUNT and locked.told["lock"]["memory"] is True
    assert locked.swap == locked.ext4 == locked.others == 0
    assert locked.hog > WANTED and locked.deleted, "swap and ext4 were not used: nothing is shown"
    assert locked.told["after"]["VmSwap"] <= locked.told["before"]["VmSwap"], "memory that is locked went to swap"


@pytest.mark.timeout(900)
@pytest.mark.attack(17)
@pytest.mark.parametrize("how", KEEPERS)
def test_ok__pictures_that_are_kept_are_found(found, how):
    kept = found[how]
    there = {"swap": kept.swap, "ext4": kept.ext4}
    assert kept.shown >= COUNT and there.pop(KEEPERS[how]) > WANTED
    assert set(there.values()) == {0}, "found where this one keeps nothing"
