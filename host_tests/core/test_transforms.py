"""What a declared field becomes: closed, bounded, whole numbers or words of a list (attack 13)."""

import pytest

from firmware_agent.catalogue import PARAMETERS, is_form
from firmware_agent.transforms import TRANSFORMS, Unfit
from host_tests.fakes import catalogue

CANARY = "canary 10.0.0.7"


def test_ok__a_magnitude_has_as_many_digits_as_it_doubles():
    for value, out in ((0, 0), (0.9, 0), (1, 1), (2, 2), (3, 2), (3.99, 2), (4, 3), (1023, 10), (1024, 11)):
        assert apply("log2", value, {"min": 0, "max": 2000}) == out, value
    for value in (-1, 2001, "8", True, None, [8]):
        with pytest.raises(Unfit):
            apply("log2", value, {"min": 0, "max": 2000})


def test_ok__things_are_counted_and_never_shown():
    for value, out in (([], 0), (["a", "b"], 2), ({"a": 1}, 1), ((1, 2, 3), 3), (7, 7)):
        assert apply("count", value, {"min": 0, "max": 9}) == out
    for value in ("abc", b"abc", 1.5, True, None, 10, [0] * 10):
        with pytest.raises(Unfit):
            apply("count", value, {"min": 0, "max": 9})


@pytest.mark.attack(13)
def test_ok__a_text_of_a_form_passes_whole_and_nothing_else_does():
    for form, value in (("E###", "E042"), ("@-#", "Q-7"), ("#", "9"), ("a.@*$^", "a.Z*$^")):
        assert apply("pattern", value, {"form": form}) == value
    wrong = ("", "E04", "E0421", " E042", "E042\n", "e042", "E04a", "E04\u0664", "E04\uff11", "X042", CANARY)
    for value in wrong + (b"E042", 42, None, True, ["E", "0", "4", "2"], ["E042"], 4.2):
        with pytest.raises(Unfit):
            apply("pattern", value, {"form": "E###"})
    for value in ("a", "\u00c4", "[", "@", "`", "\uff21"):
        with pytest.raises(Unfit):
            apply("pattern", value, {"form": "@"})


def test_fail__a_form_that_has_room_for_a_name():
    for form in ("", "E042", "#####", "@@#@#", "E#\n", "\u00e4#", "x" * 24 + "#", None, 7, ["#"], b"#"):
        assert not is_form(form), form
    for form in ("#", "@@@@", "x" * 20 + "####"):
        assert is_form(form)


def test_ok__a_version_is_its_first_two_numbers():
    for value, out in (("1.2", 1002), ("v12.34.56-4-gabcdef-dirty", 12034), ("0.999 (ann@pc)", 999), ("2.0+x", 2000)):
        assert apply("version", value, {"max": 20}) == out, value
    for value in (
        "21.0",
        "1",
        "1.",
        ".1",
        "1.1000",
        "1.x",
        "12345.1",
        "1.2x",
        "x1.2",
        "",
        "v",
        1.2,
        b"1.2",
        None,
        "1,2",
        "10.0.0.1",  # its beginning would name a network
        "12.168.1.44",
    ):
        with pytest.raises(Unfit):
            apply("version", value, {"max": 20})


def test_ok__every_transform_of_the_catalogue_is_there():
    assert sorted(TRANSFORMS) == sorted(PARAMETERS)


BOUNDS = {"min": 0, "max": 100}


def apply(name, value, parameters):
    return TRANSFORMS[name](value, parameters)


def test_ok__each_transform():
    assert apply("keep", True, {}) is True
    assert apply("keep", 7, BOUNDS) == 7
    assert apply("enum", "idle", {"values": ["idle", "printing"]}) == "idle"
    for value, out in ((0, 0), (2.4, 0), (2.5, 5), (97.6, 100), (100, 100)):
        assert apply("round", value, dict(BOUNDS, step=5)) == out
    assert apply("round", -3, {"min": -50, "max": 50, "step": 5}) == -5
    for value, out in ((0, 0), (9.9, 0), (10, 1), (99, 2)):
        assert apply("bucket", value, dict(BOUNDS, edges=[10, 50])) == out
    assert apply("day", 86400 * 3 + 5, {"min": 0, "max": 1000000}) == 3


def test_ok__only_whole_numbers_come_out():
    for name, value, extra in (("round", 3.3, {"step": 1}), ("bucket", 3.3, {"edges": [1]}), ("day", 3.3, {})):
        assert type(apply(name, value, dict(BOUNDS, **extra))) is int


@pytest.mark.attack(13)
def test_fail__wrong_types_and_bounds_for_every_declared_field():
    hostile = (
        None,
        CANARY,
        CANARY.encode(),
        [],
        [1],
        {},
        {"a": 1},
        (1,),
        10**30,
        -(10**30),
        float("nan"),
        float("inf"),
    )
    hostile += (135440576 << 40, True, False, object())
    for name, row in catalogue().fields.items():
        for value in hostile if row["transform"] != "pseudonym" else ():  # that takes any text: test_pseudonyms.py
            with pytest.raises(Unfit):
                out = apply(row["transform"], value, row["parameters"])
                print(name, value, "became", out)


@pytest.mark.attack(13)
def test_fail__a_number_that_is_an_address():
    for name, row in catalogue().fields.items():
        if row["transform"] in ("round", "bucket") and row["parameters"]["max"] < 135440576:
            with pytest.raises(Unfit):
                apply(row["transform"], 135440576, row["parameters"])
                print(name)


def test_fail__a_field_declared_as_never_leaving():
    for value in (1, "idle", True, b"x"):
        with pytest.raises(Unfit):
            apply("drop", value, {})


@pytest.mark.clause("L4")
def test_ok__a_sealed_picture_passes_as_it_is_and_within_its_bounds():
    sealed = b"FAS1" + bytes(range(56))
    assert apply("picture", sealed, {"max": 100}) == sealed
    assert apply("picture", bytearray(sealed) + bytes(100), {"max": 100}) == sealed + bytes(100)
    for wrong in (sealed[:-1], sealed + bytes(101), b"FAS2" + sealed[4:], b"FAS1", b"fas1" + sealed[4:]):
        with pytest.raises(Unfit):
            apply("picture", wrong, {"max": 100})
            print(wrong[:4], len(wrong))
