"""Nobody joins two purposes or two epochs of a printer. `tools/prove linkage` does it with 10,000 of them."""

from random import Random

import pytest

from host_tests.proofs import attackers, linkage

PRINTERS = 400


@pytest.fixture(scope="module")
def pairs():
    return linkage.scenes(PRINTERS)


@pytest.mark.clause("L11", "L6", "C2")
@pytest.mark.attack(13, 14, 15)
@pytest.mark.parametrize("scene", linkage.SCENES)
def test_fail__to_join_what_the_same_printer_sent(pairs, scene):
    found = linkage.attacked(pairs[scene])
    assert len(found) > 15
    limit = linkage.allowed(PRINTERS)
    assert {name: auc.area for name, auc in found.items() if auc.advantage > limit} == {}


@pytest.mark.parametrize("name", linkage.CONTROLS)
def test_fail__a_defect_is_noticed(name):
    """The control: with it the same attackers join them."""
    assert linkage.CONTROLS[name](PRINTERS).area > 0.9


def test_ok__what_the_values_give_away_is_told():
    found = linkage.values(PRINTERS)
    assert found["firmware_version, two epochs"]["auc"] > 0.6  # an attacker who compares values is no blunt one
    assert len(found) == 6


def test_ok__the_area_is_the_chance_that_the_same_scores_higher():
    assert attackers.Auc([2.0, 3.0], [0.0, 1.0]).area == 1
    assert attackers.Auc([1.0], [1.0]).area == 0.5
    assert attackers.Auc([0.0, 2.0], [1.0, 1.0]).area == 0.5
    assert attackers.Auc([0.0], [1.0]).advantage == 1
    chance = Random(3)
    rows = [[chance.random() for _ in range(400)] for _ in range(2)]
    by_hand = sum((one > two) + (one == two) / 2 for one in rows[0] for two in rows[1]) / 400**2
    assert abs(attackers.Auc(*rows).area - by_hand) < 1e-9
