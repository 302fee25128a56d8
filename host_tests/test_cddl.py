"""The published schema accepts every payload that a device can send, and refuses what none may.

Checked with cddl-verifier. pycddl 0.6.4 (cddl 0.9.5) cannot: in arrays it refuses the first words of an inline choice,
the second of two array types and every range that begins below zero, lets text pass for `bytes .size (4..9)`, and
panics on a picture.
"""

from collections import Counter
from pathlib import Path
from random import Random

import cbor2
import cddl_verifier as verifier
import pytest

from firmware_agent.catalogue import Catalogue
from firmware_agent.errors import ConfigError
from firmware_agent.gate import compose, message
from firmware_agent.model import Record
from firmware_agent.profiles.cddl import cddl
from firmware_agent.profiles.compiler import compile_profile
from host_tests.board import replay
from host_tests.properties import generate
from host_tests.properties.test_same_bytes import SEED, groups

PUBLISHED = Path(__file__).parents[1] / "firmware_agent/profiles/lightmake.cddl"
CASES = 6_000
IDENT = bytes(range(8))
JPEG = next(clean for _, clean in (generate.picture(Random(seed)) for seed in range(9)) if clean)


def accepts(schema, payload):
    """Whether `schema` accepts `payload`: a value, or its bytes."""
    return schema.validate(payload if isinstance(payload, bytes) else cbor2.dumps(payload)).valid


def schema_of(tree):
    return verifier.Validator(cddl(generate.Profile(tree).catalogue))


@pytest.fixture(scope="module")
def published():
    return verifier.Validator(PUBLISHED.read_text("utf-8"))


@pytest.fixture(scope="module")
def every():
    return schema_of(generate.every_transform())


@pytest.mark.clause("L6", "L7")
def test_ok__every_generated_payload_validates():
    seen = Counter()
    for profile, cases in groups(SEED, CASES):
        schema = verifier.Validator(cddl(profile.catalogue))
        for case in cases:
            words = replay.outcome(profile.catalogue, case.vector).split(" ")
            if words[0] == "release":
                payload = bytes.fromhex(words[1])
                assert accepts(schema, payload), (payload.hex(), cddl(profile.catalogue))
                seen["payloads"] += 1
                seen.update(number for number, _ in cbor2.loads(payload)[3])
    assert seen["payloads"] > CASES / 5
    whole = generate.every_transform()["field"]
    assert all(seen[row["id"]] for row in whole.values() if row["transform"] != "drop"), "a transform was never seen"


def test_ok__every_value_at_its_bounds_validates(published, every):
    """Each field alone, from the lowest to the highest raw value that its declaration allows."""
    for schema, tree in ((published, generate.shipped()), (every, generate.every_transform())):
        catalogue = generate.Profile(tree).catalogue
        tried = Counter()
        for name, row in tree["field"].items():
            raw = [JPEG, True, False, *row.get("values", ()), *row.get("edges", ())]
            if "min" in row:
                middle = row["min"] + row.get("step", 1) / 2
                raw += [row["min"], row["max"], float(row["max"]), middle, row["max"] - 1, row["max"] + 1]
            for purpose in row.get("purposes", ()):
                for value in raw:
                    pairs, _ = compose(catalogue, Record({name: value}), purpose)
                    if pairs:
                        assert accepts(schema, message(IDENT, purpose, pairs)), (name, value, pairs)
                        tried[name] += 1
        assert set(tried) == {name for name, row in tree["field"].items() if row["transform"] != "drop"}


HEAD = [1, IDENT, "improvement_program"]
REFUSED = {
    "an empty message": [],
    "no ident": [1, "improvement_program", [[1, "idle"]]],
    "an ident of seven bytes": [1, IDENT[:7], "improvement_program", [[1, "idle"]]],
    "an ident of nine bytes": [1, IDENT + b"x", "improvement_program", [[1, "idle"]]],
    "an ident that is text": [1, "serial01", "improvement_program", [[1, "idle"]]],
    "another version": [2, IDENT, "improvement_program", [[1, "idle"]]],
    "no version": [IDENT, "improvement_program", [[1, "idle"]]],
    "an unknown purpose": [1, IDENT, "advertising", [[1, "idle"]]],
    "a purpose with something after it": [1, IDENT, "improvement_program canary", [[1, "idle"]]],
    "no purpose": [1, IDENT, [[1, "idle"]]],
    "a field of another purpose": [*HEAD, [[8, 1793318400]]],
    "a field of another purpose beside its own": [*HEAD, [[1, "idle"], [8, 1793318400]]],
    "a picture in a record": [*HEAD, [[11, JPEG]]],
    "a record in a picture": [1, IDENT, "snapshot", [[11, JPEG], [1, "idle"]]],
    "two pictures": [1, IDENT, "snapshot", [[11, JPEG], [11, JPEG]]],
    "a field that never leaves": [*HEAD, [[16, "SN-12345"]]],
    "an undeclared field": [*HEAD, [[99, 1]]],
    "an undeclared field beside a declared one": [*HEAD, [[1, "idle"], [99, 1]]],
    "a field by its name": [*HEAD, [["state", "idle"]]],
    "a wrong id for the value": [*HEAD, [[2, "idle"]]],
    "a word of no list": [*HEAD, [[1, "canary"]]],
    "a word of the list with something after it": [*HEAD, [[1, "idle\ncanary"]]],
    "a word of the list in capitals": [*HEAD, [[1, "IDLE"]]],
    "a string in place of a number": [*HEAD, [[2, "40"]]],
    "bytes in place of a number": [*HEAD, [[2, b"\x28"]]],
    "a float": [*HEAD, [[2, 40.5]]],
    "a bool in place of a number": [*HEAD, [[2, True]]],
    "null in place of a number": [*HEAD, [[2, None]]],
    "a list in place of a number": [*HEAD, [[2, [40]]]],
    "a map in place of a number": [*HEAD, [[2, {"value": 40}]]],
    "a number above its bounds": [*HEAD, [[2, 105]]],
    "a number below its bounds": [*HEAD, [[2, -5]]],
    "an address as a number": [*HEAD, [[3, 135440576]]],
    "a bucket that is not there": [*HEAD, [[7, 6]]],
    "a big number": [*HEAD, [[2, 2**64]]],
    "a picture too large": [1, IDENT, "snapshot", [[11, bytes(262145)]]],
    "a picture too small": [1, IDENT, "snapshot", [[11, b"\xff\xd8\xff"]]],
    "a picture as text": [1, IDENT, "snapshot", [[11, "picture"]]],
    "a field with a third part": [*HEAD, [[1, "idle", "canary"]]],
    "a field without a value": [*HEAD, [[1]]],
    "an empty field": [*HEAD, [[]]],
    "no field": [*HEAD, []],
    "more fields than are declared": [*HEAD, [[1, "idle"]] * 8],
    "fields as a map": [*HEAD, {1: "idle"}],
    "fields without their array": [*HEAD, 1, "idle"],
    "an array item more": [*HEAD, [[1, "idle"]], "canary"],
    "a map more": [*HEAD, [[1, "idle"]], {"serial": "canary"}],
    "an array more in front": [[*HEAD, [[1, "idle"]]]],
    "a map": {"version": 1, "ident": IDENT, "purpose": "improvement_program", "fields": [[1, "idle"]]},
    "text alone": "canary",
}


@pytest.mark.clause("L7", "L8", "L21", "L24")
@pytest.mark.attack(13)
@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_fail__a_hostile_payload(payload, published):
    assert accepts(published, [*HEAD, [[1, "idle"], [2, 40]]])  # the control: only what is wrong with it is refused
    assert accepts(published, [1, IDENT, "snapshot", [[11, JPEG]]])
    assert not accepts(published, payload)


@pytest.mark.attack(13)
def test_fail__a_cut_or_a_tail(published):
    whole = message(IDENT, "improvement_program", [[1, "idle"], [2, 40]])
    for damaged in [whole[:length] for length in range(len(whole))] + [whole + b"\x00", whole + whole]:
        assert not accepts(published, damaged), damaged.hex()


EVERY_REFUSED = (
    ("all", 1, (0, 1, None, "true", b"\xf5", [True])),
    ("all", 2, (-4, 301, True, "7", 7.5, None)),
    ("all", 3, ("three", "", "one two", 1, True, b"one")),
    ("all", 4, (-1, 4, "1", True, 1.5)),
    ("all", 5, (-57, 106, "7", True, 7.0)),
    ("all", 6, (-3, 47483, "1", False)),
    ("other", 65535, (4, 6, "5", True, None)),
    ("look", 7, (b"", b"\xff\xd8\xff", bytes(4097), "text", 1, True)),
    ("all", 9, (1, True, "one")),
)


@pytest.mark.attack(13)
@pytest.mark.parametrize(("purpose", "number", "values"), EVERY_REFUSED)
def test_fail__a_value_outside_each_transforms_range(purpose, number, values, every):
    fitting = {1: True, 2: -3, 3: "two", 4: 3, 5: 98, 6: 47482, 7: JPEG, 65535: 5}
    if number in fitting:
        assert accepts(every, [1, IDENT, purpose, [[number, fitting[number]]]])
    for value in values:
        assert not accepts(every, [1, IDENT, purpose, [[number, value]]]), value


@pytest.mark.parametrize("purpose", ["all", "other", "look"])
def test_fail__a_field_under_each_purpose_that_does_not_declare_it(purpose, every):
    fitting = {1: True, 2: -3, 3: "two", 4: 3, 5: 98, 6: 47482, 7: JPEG, 65535: 5}
    declared = {"all": {1, 2, 3, 4, 5, 6}, "other": {5, 65535}, "look": {7}}[purpose]
    found = {number for number, value in fitting.items() if accepts(every, [1, IDENT, purpose, [[number, value]]])}
    assert found == declared


@pytest.mark.parametrize(
    "name",
    [
        *("ident", "message", "bool", "bytes", "int", "text", "true", "any", "time", "all", "other"),
        *("all_message", "all_field", "look_field", "a_", "a__b", "x" * 40),
    ],
)
def test_ok__a_field_of_any_name_that_the_compiler_accepts_has_a_schema_that_works(name):
    """Names of rules must not meet: not each other's, not those that CDDL brings along."""
    tree = generate.every_transform()
    tree["field"][name] = {**tree["field"]["extra"], "id": 500}
    try:
        compiled = compile_profile(generate.Text(generate.toml(tree)))
    except ConfigError:
        return  # as good an answer
    schema = verifier.Validator(cddl(Catalogue(compiled)))
    assert accepts(schema, [1, IDENT, "other", [[500, 5]]])
    assert accepts(schema, [1, IDENT, "all", [[1, True], [4, 2]]])
    assert not accepts(schema, [1, IDENT, "other", [[500, 6]]])


@pytest.mark.parametrize("name", ["ident", "message", "bool", "bytes", "field", "flag"])
def test_ok__a_purpose_of_any_name_that_the_compiler_accepts_has_a_schema_that_works(name):
    tree = generate.every_transform()
    tree["purpose"][name] = tree["purpose"]["other"]
    tree["field"]["extra"]["purposes"] = [name, "other"]
    try:
        compiled = compile_profile(generate.Text(generate.toml(tree)))
    except ConfigError:
        return  # as good an answer
    schema = verifier.Validator(cddl(Catalogue(compiled)))
    assert accepts(schema, [1, IDENT, name, [[65535, 5]]])
    assert not accepts(schema, [1, IDENT, name, [[1, True]]])
