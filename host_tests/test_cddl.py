"""The published schema accepts every payload that a device can send or should understand, and refuses what none may.

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

from firmware_agent.bundle import form
from firmware_agent.catalogue import Catalogue
from firmware_agent.errors import ConfigError
from firmware_agent.gate import compose, message, plan
from firmware_agent.model import Record
from firmware_agent.profiles.cddl import cddl
from firmware_agent.profiles.compiler import compile_profile
from host_tests.board import replay
from host_tests.properties import generate
from host_tests.properties.test_same_bytes import SEED, groups

PUBLISHED = Path(__file__).parents[1] / "firmware_agent/profiles/lightmake.cddl"
CASES = 6_000
IDENT = bytes(range(16))
BUNDLE = f"{form.FIRST}\n{form.SERIAL}{form.NO_SERIAL}\n".encode()
PLY = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n"
JPEG = next(clean for _, clean in (generate.picture(Random(seed)) for seed in range(9)) if clean)


def accepts(schema, payload, rule=None):
    """Whether `schema` accepts `payload`, a value or its bytes, as a `rule`: without one, as what devices send."""
    return schema.validate(payload if isinstance(payload, bytes) else cbor2.dumps(payload), root_type=rule).valid


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
                seen.update(number for event in cbor2.loads(payload)[3] for number, _ in event)
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
            if row["transform"] == "version":
                raw += ["0.0", f"v{row['max']}.999"]
            if row["transform"] == "point_cloud":
                raw.append(PLY)
            if row["transform"] == "bundle":
                raw.append(BUNDLE)
            if row["transform"] == "pseudonym":
                raw += ["printer", b"printer", 7]
            if row["transform"] == "pattern":
                raw += [row["form"].replace("#", digit).replace("@", letter) for digit in "09" for letter in "AZ"]
            for purpose in row.get("purposes", ()):
                if all(map(catalogue.local, catalogue.purposes[purpose]["recipients"])):
                    continue  # nothing of it ever travels: below
                for value in raw:
                    pairs, _ = compose(plan(catalogue, purpose), Record({name: value}), 0)
                    if pairs:
                        assert accepts(schema, message(IDENT, purpose, [cbor2.dumps(pairs, canonical=True)])), (
                            name,
                            value,
                            pairs,
                        )
                        tried[name] += 1
        assert set(tried) == {name for name, row in tree["field"].items() if row["transform"] != "drop"}


@pytest.mark.attack(13)
@pytest.mark.parametrize("form", generate.FORMS)
def test_fail__a_text_that_is_not_of_its_form(form):
    """Also where a validator searches for the form in a text, and does not match all of it."""
    tree = generate.every_transform()
    tree["field"]["fault"]["form"] = form
    schema = schema_of(tree)
    fits = form.replace("#", "4").replace("@", "Q")
    for text in (fits, "canary " + fits, fits + " canary", fits + "\n", fits[:-1], fits.lower(), "x" * len(fits)):
        payload = [2, IDENT, "all", [[[14, text]]]]
        assert accepts(schema, payload) == (text == fits), text


HEAD = [2, IDENT, "improvement_program"]
FITS = [[1, "idle"], [2, 40]]
KEY, REPLY = bytes(range(32)), bytes(range(16, 32))
REQUEST = [2, IDENT, "rights_request", ["delete", "print_history", KEY, REPLY]]
WRONG_FIELDS = {
    "a pseudonym of another length": [[31, bytes(15)]],
    "a text in place of a pseudonym": [[31, "printer printer "]],
    "a field of another purpose": [[8, 1793318400]],
    "a field of another purpose beside its own": [[1, "idle"], [8, 1793318400]],
    "a picture in a record": [[11, JPEG]],
    "a field that never leaves": [[16, "SN-12345"]],
    "an undeclared field": [[99, 1]],
    "an undeclared field beside a declared one": [[1, "idle"], [99, 1]],
    "a field by its name": [["state", "idle"]],
    "a wrong id for the value": [[2, "idle"]],
    "a word of no list": [[1, "canary"]],
    "a word of the list with something after it": [[1, "idle\ncanary"]],
    "a word of the list in capitals": [[1, "IDLE"]],
    "a string in place of a number": [[2, "40"]],
    "bytes in place of a number": [[2, b"\x28"]],
    "a float": [[2, 40.5]],
    "a bool in place of a number": [[2, True]],
    "null in place of a number": [[2, None]],
    "a list in place of a number": [[2, [40]]],
    "a map in place of a number": [[2, {"value": 40}]],
    "a number above its bounds": [[2, 105]],
    "a number below its bounds": [[2, -5]],
    "an address as a number": [[3, 135440576]],
    "a bucket that is not there": [[7, 6]],
    "a big number": [[2, 2**64]],
    "a field with a third part": [[1, "idle", "canary"]],
    "a field without a value": [[1]],
    "an empty field": [[]],
    "no field": [],
    "more fields than are declared": [[1, "idle"]] * 11,
    "fields as a map": {1: "idle"},
}
REFUSED = {
    **{name: [*HEAD, [event]] for name, event in WRONG_FIELDS.items()},
    **{name + ", in the second event": [*HEAD, [FITS, event]] for name, event in WRONG_FIELDS.items()},
    "an empty message": [],
    "no ident": [2, "improvement_program", [FITS]],
    "an ident of fifteen bytes": [2, IDENT[:15], "improvement_program", [FITS]],
    "an ident of seventeen bytes": [2, IDENT + b"x", "improvement_program", [FITS]],
    "an ident that is text": [2, "serial0123456789", "improvement_program", [FITS]],
    "another version": [1, IDENT, "improvement_program", [FITS]],
    "the first version": [1, IDENT[:8], "improvement_program", FITS],
    "no version": [IDENT, "improvement_program", [FITS]],
    "an unknown purpose": [2, IDENT, "advertising", [FITS]],
    "a purpose with something after it": [2, IDENT, "improvement_program canary", [FITS]],
    "no purpose": [2, IDENT, [FITS]],
    "a record in a picture": [2, IDENT, "snapshot", [[[11, JPEG], [1, "idle"]]]],
    "two pictures": [2, IDENT, "snapshot", [[[11, JPEG], [11, JPEG]]]],
    "a batch of pictures": [2, IDENT, "snapshot", [[[11, JPEG]], [[11, JPEG]]]],
    "a picture too large": [2, IDENT, "snapshot", [[[11, bytes(262144 + 61)]]]],
    "a picture too small": [2, IDENT, "snapshot", [[[11, b"\xff\xd8\xff"]]]],
    "a picture for the owner alone": [2, IDENT, "live_view", [[[11, JPEG]]]],
    "a picture for a program on the network": [2, IDENT, "local_service", [[[11, JPEG]]]],
    "a cloud of points among pictures": [2, IDENT, "snapshot", [[[29, PLY]]]],
    "a picture as a cloud of points": [2, IDENT, "surface_scan", [[[11, JPEG]]]],
    "a request about what never left the network": [*REQUEST[:3], ["delete", "live_view", KEY, REPLY]],
    "a picture as text": [2, IDENT, "snapshot", [[[11, "picture"]]]],
    "no event": [*HEAD, []],
    "more events than a batch holds": [*HEAD, [FITS] * 257],
    "fields outside an event": [*HEAD, FITS],
    "fields without their array": [*HEAD, 1, "idle"],
    "an array item more": [*HEAD, [FITS], "canary"],
    "a map more": [*HEAD, [FITS], {"serial": "canary"}],
    "an array more in front": [[*HEAD, [FITS]]],
    "an array more around the events": [*HEAD, [[FITS]]],
    "a map": {"version": 2, "ident": IDENT, "purpose": "improvement_program", "events": [FITS]},
    "text alone": "canary",
    "a request for another right": [*REQUEST[:3], ["export", "print_history", KEY, REPLY]],
    "a request about an unknown purpose": [*REQUEST[:3], ["delete", "advertising", KEY, REPLY]],
    "a request about every purpose": [*REQUEST[:3], ["delete", "", KEY, REPLY]],
    "a request with a short key": [*REQUEST[:3], ["delete", "print_history", KEY[:31], REPLY]],
    "a request with a short reply": [*REQUEST[:3], ["delete", "print_history", KEY, REPLY[:15]]],
    "a request without a reply": [*REQUEST[:3], ["delete", "print_history", KEY]],
    "a request with something after it": [*REQUEST[:3], ["delete", "print_history", KEY, REPLY, "canary"]],
    "a request with a short ident": [2, IDENT[:15], *REQUEST[2:]],
    "a request as an event": [*REQUEST[:3], [REQUEST[3]]],
    "events in a request": [*REQUEST[:3], [FITS]],
    "an answer": [1, cbor2.dumps(["acknowledge", REPLY, IDENT]), bytes(64)],
}


@pytest.mark.clause("L7", "L8", "L21", "L24")
@pytest.mark.attack(13)
@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_fail__a_hostile_payload(payload, published):
    assert accepts(published, [*HEAD, [FITS, FITS]])  # the control: only what is wrong with it is refused
    assert accepts(published, [2, IDENT, "snapshot", [[[11, JPEG]]]])
    assert accepts(published, REQUEST)
    assert not accepts(published, payload)


@pytest.mark.attack(13)
def test_fail__a_cut_or_a_tail(published):
    whole = message(IDENT, "improvement_program", [cbor2.dumps(FITS, canonical=True)])
    for damaged in [whole[:length] for length in range(len(whole))] + [whole + b"\x00", whole + whole]:
        assert not accepts(published, damaged), damaged.hex()


ACKNOWLEDGE = ["acknowledge", REPLY, IDENT]
RECEIPT = ["receipt", REPLY, IDENT, 0, 1793318400]
WITHDRAW = ["withdraw", IDENT, 2**64 - 1, "print_history"]
HEARD_REFUSED = {
    "a body that is not CBOR": ("answer", [1, b"\xff", bytes(64)]),
    "a body with a tail": ("answer", [1, cbor2.dumps(ACKNOWLEDGE) + b"\0", bytes(64)]),
    "a body that is not wrapped": ("answer", [1, ACKNOWLEDGE, bytes(64)]),
    "a command in an answer": ("answer", [1, cbor2.dumps(WITHDRAW), bytes(64)]),
    "an answer in a command": ("command", [1, cbor2.dumps(ACKNOWLEDGE), bytes(64)]),
    "no signature": ("answer", [1, cbor2.dumps(ACKNOWLEDGE)]),
    "a short signature": ("answer", [1, cbor2.dumps(ACKNOWLEDGE), bytes(63)]),
    "another version of an answer": ("answer", [2, cbor2.dumps(ACKNOWLEDGE), bytes(64)]),
    "an acknowledgement with a count": ("answer-body", [*ACKNOWLEDGE, 1]),
    "a receipt without a time": ("answer-body", RECEIPT[:4]),
    "a receipt that counts below zero": ("answer-body", [*RECEIPT[:3], -1, 1]),
    "a receipt with a text": ("answer-body", [*RECEIPT, "canary"]),
    "a short mailbox": ("command-body", ["withdraw", IDENT[:15], 1, ""]),
    "a counter that is not a number": ("command-body", ["withdraw", IDENT, "1", ""]),
    "a counter of more than 64 bits": ("command-body", ["withdraw", IDENT, 2**64, ""]),
    "a command to grant": ("command-body", ["grant", IDENT, 1, "print_history"]),
    "a command about an unknown purpose": ("command-body", ["withdraw", IDENT, 1, "advertising"]),
}


def test_ok__what_devices_hear_validates(published):
    for body in (ACKNOWLEDGE, RECEIPT):
        assert accepts(published, body, "answer-body")
        assert accepts(published, [1, cbor2.dumps(body), bytes(64)], "answer")
    for body in (WITHDRAW, [*WITHDRAW[:3], ""]):
        assert accepts(published, body, "command-body")
        assert accepts(published, [1, cbor2.dumps(body), bytes(64)], "command")


@pytest.mark.attack(1, 12)
@pytest.mark.parametrize(("rule", "payload"), HEARD_REFUSED.values(), ids=HEARD_REFUSED.keys())
def test_fail__a_hostile_answer_or_command(rule, payload, published):
    assert not accepts(published, payload, rule)


def test_ok__a_batch_holds_one_to_256_events(published):
    for count in (1, 2, 256):
        assert accepts(published, [*HEAD, [FITS] * count])


EVERY_REFUSED = (
    ("all", 1, (0, 1, None, "true", b"\xf5", [True])),
    ("all", 2, (-4, 301, True, "7", 7.5, None)),
    ("all", 3, ("three", "", "one two", 1, True, b"one")),
    ("all", 4, (-1, 4, "1", True, 1.5)),
    ("all", 5, (-57, 106, "7", True, 7.0)),
    ("all", 6, (-3, 47483, "1", False)),
    ("other", 65535, (4, 6, "5", True, None)),
    ("look", 7, (b"", b"\xff\xd8\xff", bytes(4096 + 61), "text", 1, True)),
    ("all", 9, (1, True, "one")),
)


@pytest.mark.attack(13)
@pytest.mark.parametrize(("purpose", "number", "values"), EVERY_REFUSED)
def test_fail__a_value_outside_each_transforms_range(purpose, number, values, every):
    fitting = {1: True, 2: -3, 3: "two", 4: 3, 5: 98, 6: 47482, 7: JPEG, 65535: 5}
    if number in fitting:
        assert accepts(every, [2, IDENT, purpose, [[[number, fitting[number]]]]])
    for value in values:
        assert not accepts(every, [2, IDENT, purpose, [[[number, value]]]]), value


@pytest.mark.parametrize("purpose", ["all", "other", "look"])
def test_fail__a_field_under_each_purpose_that_does_not_declare_it(purpose, every):
    fitting = {1: True, 2: -3, 3: "two", 4: 3, 5: 98, 6: 47482, 7: JPEG, 65535: 5}
    declared = {"all": {1, 2, 3, 4, 5, 6}, "other": {5, 65535}, "look": {7}}[purpose]
    found = {number for number, value in fitting.items() if accepts(every, [2, IDENT, purpose, [[[number, value]]]])}
    assert found == declared


@pytest.mark.parametrize(
    "name",
    [
        *("ident", "message", "bool", "bytes", "int", "text", "true", "any", "time", "all", "other"),
        *("all_message", "all_event", "all_field", "look_field", "a_", "a__b", "x" * 40),
        *("sent", "rights_request", "answer", "answer_body", "command", "receipt", "key", "purpose", "uint"),
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
    assert accepts(schema, [2, IDENT, "other", [[[500, 5]]]])
    assert accepts(schema, [2, IDENT, "all", [[[1, True], [4, 2]]]])
    assert not accepts(schema, [2, IDENT, "other", [[[500, 6]]]])


@pytest.mark.parametrize("name", ["ident", "message", "bool", "bytes", "field", "flag", "rights", "answer", "command"])
def test_ok__a_purpose_of_any_name_that_the_compiler_accepts_has_a_schema_that_works(name):
    tree = generate.every_transform()
    tree["purpose"][name] = tree["purpose"]["other"]
    tree["field"]["extra"]["purposes"] = [name, "other"]
    try:
        compiled = compile_profile(generate.Text(generate.toml(tree)))
    except ConfigError:
        return  # as good an answer
    schema = verifier.Validator(cddl(Catalogue(compiled)))
    assert accepts(schema, [2, IDENT, name, [[[65535, 5]]]])
    assert not accepts(schema, [2, IDENT, name, [[[1, True]]]])
