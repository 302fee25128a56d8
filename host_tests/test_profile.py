"""A profile that could be misread is refused; one that is accepted means what it says, and a changed one is noticed."""

import copy
import datetime
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from firmware_agent import cbor
from firmware_agent.catalogue import FIELD_PARTS, PURPOSE_PARTS, Catalogue, pack
from firmware_agent.errors import AgentError, ConfigError
from firmware_agent.gate import compose, plan
from firmware_agent.model import Record
from firmware_agent.profiles.cddl import cddl
from firmware_agent.profiles.compiler import compile_profile
from host_tests.properties.generate import Text, every_transform, shipped, toml

PROFILES = Path(__file__).parents[1] / "firmware_agent/profiles"
FILE = "lightmake.toml"
SOURCE = (PROFILES / FILE).read_text("utf-8")
SEED = 20261101
MUTATIONS = 3_000
FLIPS = 3_000
GONE = object()


def compiled(tree):
    return compile_profile(Text(toml(tree), FILE))


def unpacked(tree):
    """The rows that a device reads from the compiled form of `tree`; `packed` is the way back."""
    return cbor.decode(compiled(tree)[32:])


def packed(rows):
    return pack(rows)


def edited(path, value, tree=None):
    """The shipped rows with the one at `path` ("field.state.id") set to `value`, or taken out."""
    tree = shipped() if tree is None else copy.deepcopy(tree)
    *outer, last = path.split(".")
    row = tree
    for key in outer:
        row = row[key]
    if value is GONE:
        del row[last]
    else:
        row[last] = value
    return tree


# --- what is shipped


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_ok__what_is_shipped_is_what_the_compiler_makes_now(path):
    made = compile_profile(path)
    assert path.with_suffix(".cbor").read_bytes() == made, "run tools/compile_profile"
    assert path.with_suffix(".cddl").read_text("utf-8") == cddl(Catalogue(made)), "run tools/compile_profile"


def test_ok__rows_written_anew_mean_the_same():
    """The control for everything below: writing the parsed rows as TOML again changes nothing."""
    assert compiled(shipped()) == compile_profile(PROFILES / FILE)


# --- what is refused: (row and key to edit, new value, what the message must name)

PATTERN = {**shipped()["field"]["state"], "id": 16, "transform": "pattern"}
del PATTERN["values"]
EDITS = (
    ("profile", GONE, "profile: profile"),
    ("version", GONE, "profile: version"),
    ("age", GONE, "profile: age"),
    ("recipient", GONE, "profile: recipient"),
    ("purpose", GONE, "profile: purpose"),
    ("field", GONE, "profile: field"),
    ("consent", True, "profile: consent"),
    ("profile", "", "profile: profile"),
    ("profile", "Light Make", "profile: profile"),
    ("profile", 7, "profile: profile"),
    ("version", "", "profile: version"),
    ("version", "v" * 41, "profile: version"),
    ("version", "2026\n11", "profile: version"),
    ("version", datetime.date(2026, 11, 1), "profile: version"),
    ("recipient", {}, "profile: recipient"),
    ("purpose", [], "profile: purpose"),
    ("field", "all", "profile: field"),
    ("age", 13, "age:"),
    ("age.threshold", GONE, "age: threshold"),
    ("age.threshold", True, "age: threshold"),
    ("age.threshold", -1, "age: threshold"),
    ("age.threshold", 100, "age: threshold"),
    ("age.threshold", 13.0, "age: threshold"),
    ("age.threshold", 10**4000, "age: threshold"),
    ("age.guardian", 0, "age: guardian"),
    ("age.guardian", "no", "age: guardian"),
    ("age.birthday", True, "age: birthday"),
    ("recipient.lightmake", "LightMake", "recipient.lightmake:"),
    ("recipient.lightmake.name", GONE, "recipient.lightmake: name"),
    ("recipient.lightmake.name", "", "recipient.lightmake: name"),
    ("recipient.lightmake.name", " ", "recipient.lightmake: name"),
    ("recipient.lightmake.topic", GONE, "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "lightmake/#", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "lightmake/+/1", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "$SYS/broker", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "/lightmake", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "lightmake/", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "lightmake//1", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", "lightmake/1\n", "recipient.lightmake: topic"),
    ("recipient.lightmake.topic", ["lightmake"], "recipient.lightmake: topic"),
    ("recipient.lightmake.consent", "given", "recipient.lightmake: consent"),
    ("recipient.Light Make", {"name": "L", "topic": "l"}, "recipient: Light Make"),
    ("recipient.owner.local", "yes", "recipient.owner: local"),
    ("recipient.owner.local", 1, "recipient.owner: local"),
    ("recipient.owner.local", False, "recipient.owner: topic"),
    ("recipient.owner.topic", "owner/1", "recipient.owner: topic"),
    ("recipient.owner.answers", "ab" * 32, "recipient.owner: answers"),
    ("recipient.owner.name", GONE, "recipient.owner: name"),
    ("recipient.lightmake", {"name": "L", "local": True}, "profile: recipient"),
    ("purpose.improvement_program.recipients", ["owner"], "purpose.improvement_program: recipients"),
    ("purpose.surface_scan.recipients", ["owner"], "purpose.surface_scan: recipients"),
    ("purpose.live_view.ask", "never", "purpose.live_view: ask"),
    ("purpose.live_view.ask", ["first"], "purpose.live_view: ask"),
    ("purpose.live_view.ask", True, "purpose.live_view: ask"),
    ("purpose.surface_scan.media", False, "field.scan: purposes"),
    ("field.scan.purposes", ["surface_scan", "snapshot"], "purpose.snapshot: media"),
    ("field.picture.purposes", ["live_view", "surface_scan"], "purpose.snapshot: notice"),
    ("field.scan.purposes", ["improvement_program"], "field.scan: purposes"),
    ("field.scan.max", GONE, "field.scan: max"),
    ("field.scan.max", 3, "field.scan: max"),
    ("field.scan.min", 3, "field.scan: min"),
    ("purpose.snapshot", True, "purpose.snapshot:"),
    ("purpose.Snap", {}, "purpose: Snap"),
    ("purpose.snapshot.title", GONE, "purpose.snapshot: title"),
    ("purpose.snapshot.title", "", "purpose.snapshot: title"),
    ("purpose.snapshot.title", "   ", "purpose.snapshot: title"),
    ("purpose.snapshot.title", "t" * 81, "purpose.snapshot: title"),
    ("purpose.snapshot.notice", "", "purpose.snapshot: notice"),
    ("purpose.snapshot.notice", "\u00a0", "purpose.snapshot: notice"),
    ("purpose.snapshot.notice", "one\ntwo", "purpose.snapshot: notice"),
    ("purpose.snapshot.notice", "right to left \u202e", "purpose.snapshot: notice"),
    ("purpose.snapshot.notice", 5, "purpose.snapshot: notice"),
    ("purpose.snapshot.recipients", [], "purpose.snapshot: recipients"),
    ("purpose.snapshot.recipients", ["partner"], "purpose.snapshot: recipients"),
    ("purpose.snapshot.recipients", ["lightmake", "lightmake"], "purpose.snapshot: recipients"),
    ("purpose.snapshot.recipients", "lightmake", "purpose.snapshot: recipients"),
    ("purpose.snapshot.recipients", [["lightmake"]], "purpose.snapshot: recipients"),
    ("purpose.snapshot.recipients", [{"name": "lightmake"}], "purpose.snapshot: recipients"),
    ("purpose.snapshot.media", 1, "purpose.snapshot: media"),
    ("purpose.snapshot.media", "yes", "purpose.snapshot: media"),
    ("purpose.snapshot.media", False, "field.picture: purposes"),
    ("purpose.snapshot.every", GONE, "purpose.snapshot: every"),
    ("purpose.snapshot.every", 10, "purpose.snapshot: every"),
    ("purpose.snapshot.every", "10s", "purpose.snapshot: every"),
    ("purpose.snapshot.every", "-10 s", "purpose.snapshot: every"),
    ("purpose.snapshot.every", "9999999 s", "purpose.snapshot: every"),
    ("purpose.snapshot.retention", "a while", "purpose.snapshot: retention"),
    ("purpose.snapshot.retention", "\u0663 d", "purpose.snapshot: retention"),
    ("purpose.snapshot.clauses", [], "purpose.snapshot: clauses"),
    ("purpose.snapshot.clauses", ["L"], "purpose.snapshot: clauses"),
    ("purpose.snapshot.clauses", [1], "purpose.snapshot: clauses"),
    ("purpose.snapshot.clauses", "L1", "purpose.snapshot: clauses"),
    ("purpose.snapshot.default", "granted", "purpose.snapshot: default"),
    ("field.picture", GONE, "purpose.live_view: notice"),
    ("field.state", ["enum"], "field.state:"),
    ("field.STATE", {}, "field: STATE"),
    ("field.state.transform", GONE, "field.state: transform"),
    ("field.state.transform", "hash", "field.state: transform"),
    ("field.state.transform", ["enum"], "field.state: transform"),
    ("field.state.transform", {"enum": True}, "field.state: transform"),
    ("field.state.transform", "keep", "field.state: values"),
    ("field.state.id", GONE, "field.state: id"),
    ("field.state.id", True, "field.state: id"),
    ("field.state.id", 0, "field.state: id"),
    ("field.state.id", 65536, "field.state: id"),
    ("field.state.id", "1", "field.state: id"),
    ("field.progress.id", 1, "field.progress: id"),
    ("field.serial.id", 1, "field.serial: id"),
    ("field.state.category", "Per formance", "field.state: category"),
    ("field.state.category", 1, "field.state: category"),
    ("field.state.purposes", GONE, "field.state: purposes"),
    ("field.state.purposes", [], "field.state: purposes"),
    ("field.state.purposes", ["advertising"], "field.state: purposes"),
    ("field.state.purposes", [["improvement_program"]], "field.state: purposes"),
    ("field.state.purposes", ["improvement_program", "improvement_program"], "field.state: purposes"),
    ("field.state.purposes", ["snapshot"], "field.state: purposes"),
    ("field.picture.purposes", ["improvement_program"], "field.picture: purposes"),
    ("field.picture.purposes", ["snapshot", "print_history"], "field.picture: purposes"),
    ("field.state.values", GONE, "field.state: values"),
    ("field.state.values", [], "field.state: values"),
    ("field.state.values", ["idle", "idle"], "field.state: values"),
    ("field.state.values", ["idle", "Ann's printer"], "field.state: values"),
    ("field.state.values", [True], "field.state: values"),
    ("field.state.values", "idle", "field.state: values"),
    ("field.state.min", 0, "field.state: min"),
    ("field.state.sensitivity", GONE, "field.state: sensitivity"),
    ("field.state.sensitivity", "none", "field.state: sensitivity"),
    ("field.state.sensitivity", ["low"], "field.state: sensitivity"),
    ("field.state.sensitivity", "identifying", "field.state: sensitivity"),
    ("field.state.retention", "91 d", "field.state: retention"),
    ("field.state.retention", GONE, "field.state: retention"),
    ("field.picture.retention", "1 s", "field.picture: retention"),
    ("field.state.clause", "GDPR", "field.state: clause"),
    ("field.state.clause", "L6\n", "field.state: clause"),
    ("field.state.clause", ["L6"], "field.state: clause"),
    ("field.progress.step", GONE, "field.progress: step"),
    ("field.progress.step", 0, "field.progress: step"),
    ("field.progress.step", -5, "field.progress: step"),
    ("field.progress.step", 0.5, "field.progress: step"),
    ("field.progress.step", True, "field.progress: step"),
    ("field.progress.step", 10**400, "field.progress: step"),
    ("field.progress.min", GONE, "field.progress: min"),
    ("field.progress.min", False, "field.progress: min"),
    ("field.progress.min", float("nan"), "field.progress: min"),
    ("field.progress.min", float("-inf"), "field.progress: min"),
    ("field.progress.max", "100", "field.progress: max"),
    ("field.progress.max", -1, "field.progress: max"),
    ("field.progress.max", 2**53 + 1, "field.progress: max"),
    ("field.elapsed.edges", GONE, "field.elapsed: edges"),
    ("field.elapsed.edges", [], "field.elapsed: edges"),
    ("field.elapsed.edges", [600, 600], "field.elapsed: edges"),
    ("field.elapsed.edges", [3600, 600], "field.elapsed: edges"),
    ("field.elapsed.edges", [600, 3600.0], "field.elapsed: edges"),
    ("field.elapsed.edges", [True, 3600], "field.elapsed: edges"),
    ("field.elapsed.edges", [600, 10**30], "field.elapsed: edges"),
    ("field.elapsed.edges", 600, "field.elapsed: edges"),
    ("field.printer.epoch", GONE, "field.printer: epoch"),
    ("field.printer.epoch", "23 h", "field.printer: epoch"),
    ("field.printer.epoch", "32 d", "field.printer: epoch"),
    ("field.printer.epoch", 86400, "field.printer: epoch"),
    ("field.printer.form", "E#", "field.printer: form"),
    ("field.printer.sensitivity", "identifying", "field.printer: sensitivity"),
    ("field.serial", {**PATTERN, "form": "SN####-####"}, "field.serial: form"),
    ("field.serial", {**PATTERN, "form": "SN"}, "field.serial: form"),
    ("field.serial", {**PATTERN, "form": "E#\n"}, "field.serial: form"),
    ("field.serial", {**PATTERN, "form": 4}, "field.serial: form"),
    ("field.serial", PATTERN, "field.serial: form"),
    ("field.serial", {**shipped()["field"]["printer"], "id": 16, "epoch": "2 d"}, "purpose.improvement_program: epoch"),
    ("field.picture.max", GONE, "field.picture: max"),
    ("field.picture.max", 0, "field.picture: max"),
    ("field.picture.max", -5, "field.picture: max"),
    ("field.picture.max", 1.5e5, "field.picture: max"),
    ("field.picture.min", 5, "field.picture: min"),
    ("field.serial.purposes", ["improvement_program"], "field.serial: purposes"),
    ("field.serial.max", 10, "field.serial: max"),
    ("field.serial.transform", "keep", "field.serial: purposes"),
)


@pytest.mark.parametrize(("path", "value", "names"), EDITS, ids=[f"{at}-{edit[0]}" for at, edit in enumerate(EDITS)])
def test_fail__an_inconsistent_row_is_refused_by_name(path, value, names):
    with pytest.raises(ConfigError) as caught:
        compiled(edited(path, value))
    message = str(caught.value)
    assert message.startswith(f"{FILE}: {names}"), message
    assert len(message) > len(f"{FILE}: {names}: ") + 5 and "\n" not in message, message


TEXTS = {
    "not TOML": "profile = ",
    "a key twice": SOURCE.replace("[age]", 'version = "2"\n[age]'),
    "a row twice": SOURCE + "\n[field.state]\nid = 90\n",
    "a page of HTML": "<!doctype html><html></html>",
    "JSON": '{"profile": "lightmake"}',
    "not UTF-8": SOURCE.encode().replace(b"Camera", b"Cam\xe9ra", 1),
    "UTF-16": SOURCE.encode("utf-16"),
    "a number of 5,000 digits": SOURCE.replace("threshold = 13", "threshold = " + "9" * 5000),
    "a date that is none": SOURCE.replace("threshold = 13", "threshold = 2026-13-45"),
    "nested 5,000 deep": SOURCE.replace("threshold = 13", "threshold = " + "[" * 5000 + "]" * 5000),
    "empty": "",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_fail__a_text_that_is_no_profile_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        compile_profile(Text(text, FILE))
    assert str(caught.value).startswith(f"{FILE}: ") and len(str(caught.value)) < 300


def test_fail__no_such_file(tmp_path):
    for path in (tmp_path / FILE, tmp_path):
        with pytest.raises(ConfigError) as caught:
            compile_profile(path)
        assert str(caught.value).startswith(f"{path.name}: cannot be read")


# --- whatever is written, the compiler refuses it or the device can use it

HOSTILE = (
    *("", " ", "keep", "drop", "picture", "L6", "10 s", "a" * 500, "\x00", "\x7f", "\u202e", "lightmake", "snapshot"),
    *(0, 1, -1, 13, 65535, 2**53, 2**63, 10**400, True, False, 0.5, float("nan"), float("inf"), 1e300),
    *([], [[]], [{}], [1, 1], ["lightmake"], [["a"]], ["a", 1], {}, {"a": {}}, {"max": 1}),
    *(datetime.date(2026, 11, 1), datetime.datetime(2026, 11, 1), datetime.time(1)),
)


def mutate(rng, tree):
    """One edit anywhere in `tree`: a part goes, changes, moves under another key or is joined by one."""
    rows = [tree]
    while rng.random() < 0.85:
        inner = [part for part in _parts(rows[-1]) if isinstance(part, (dict, list))]
        if not inner:
            break
        rows.append(rng.choice(inner))
    row = rows[-1]
    value = copy.deepcopy(rng.choice(HOSTILE) if rng.random() < 0.7 else rng.choice(_parts(rng.choice(rows)) or [0]))
    if isinstance(row, list):
        row[rng.randint(0, len(row)) :] = [value] * rng.randint(0, 2)
        return
    keys = sorted(row)
    key = rng.choice([*keys, "max", "min", "step", "edges", "values", "media", "x", "\n", "\u00e9"])
    if key in row and rng.random() < 0.25:
        del row[key]
    elif key in row and isinstance(row[key], int) and rng.random() < 0.5:
        row[key] += rng.choice((-1, 1, -100, 100))
    else:
        row[key] = value


def _parts(row):
    return list(row.values()) if isinstance(row, dict) else list(row)


def use(catalogue):
    """Everything a device asks of a catalogue. A record for it has a value of every type in every field."""
    for value in (True, 1, 0.5, "idle", b"\xff\xd8"):
        for purpose in catalogue.purposes:
            compose(plan(catalogue, purpose), Record(dict.fromkeys(catalogue.fields, value)), None)
    for pair in catalogue.pairs():
        assert catalogue.allows(*pair) and len(catalogue.policy(*pair)) == 32


def test_fail__a_mutated_profile_is_refused_or_can_be_used():
    rng = Random(SEED)
    seen, wrong = Counter(), {}
    for _ in range(MUTATIONS):
        tree = rng.choice((shipped, every_transform))()
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            mutate(rng, tree)
        text = toml(tree)
        try:
            catalogue = Catalogue(compile_profile(Text(text, FILE)))
            use(catalogue)
            assert cddl(catalogue)
            seen["accepted"] += 1
        except ConfigError as error:
            assert str(error).startswith(f"{FILE}: ")
            seen["refused"] += 1
        except Exception as error:
            wrong.setdefault(f"{type(error).__name__}: {error}"[:90], text)
    assert not wrong, list(wrong)
    assert min(seen["accepted"], seen["refused"]) > MUTATIONS / 50, seen


def test_fail__mutated_text_is_refused_or_can_be_used():
    rng = Random(SEED)
    raw = SOURCE.encode()
    wrong = set()
    for _ in range(MUTATIONS // 5):
        data = bytearray(raw)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at : at + rng.randint(0, 3)] = rng.choice((b"", b"[", b'"', b"=", b"\n", b"9", b"\xff", b"'''", b"."))
        try:
            use(Catalogue(compile_profile(Text(bytes(data), FILE))))
        except ConfigError as error:
            assert str(error).startswith(f"{FILE}: ")
        except Exception as error:
            wrong.add(f"{type(error).__name__}: {error}"[:90])
    assert not wrong, wrong


# --- what a device loads


def load(data, found):
    """Load and use `data`; notes in `found` what was raised that is none of ours."""
    try:
        catalogue = Catalogue(data)
    except AgentError:
        found["refused"] += 1
        return
    except Exception as error:
        found[f"load: {type(error).__name__}"] += 1
        return
    try:
        use(catalogue)
        found["used"] += 1
    except AgentError:
        found["refused in use"] += 1
    except Exception as error:
        found[f"use: {type(error).__name__}"] += 1


def strays(found):
    """What was raised and is none of the agent's own errors."""
    return {name: count for name, count in found.items() if ":" in name}


def test_fail__a_cut_profile():
    data, found = compiled(shipped()), Counter()
    for length in range(len(data)):
        load(data[:length], found)
    assert found == {"refused": len(data)}


@pytest.mark.attack(5)
def test_fail__a_profile_with_a_flipped_bit():
    data, found, rng = compiled(shipped()), Counter(), Random(SEED)
    for _ in range(FLIPS):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randint(0, 7)
        load(bytes(flipped), found)
    assert not strays(found), found
    assert found["refused"] > FLIPS / 3


@pytest.mark.attack(5)
def test_fail__a_profile_with_a_part_of_another_shape():
    rng, found = Random(SEED), Counter()
    parts = (None, True, 0, -1, 2**60, "", "maker", "keep", b"maker", [], [[]], ["maker"], [None], {}, {"maker": 1})
    for _ in range(FLIPS // 2):
        rows = unpacked(every_transform())
        inner = rows
        while True:
            key = rng.choice(sorted(inner)) if isinstance(inner, dict) else rng.randrange(len(inner))
            if not isinstance(inner[key], (dict, list)) or not inner[key] or rng.random() < 0.15:
                break
            inner = inner[key]
        if rng.random() < 0.2 and isinstance(inner, dict):
            del inner[key]
        else:
            inner[key] = copy.deepcopy(rng.choice(parts))
        load(packed(rows), found)
    assert not strays(found), found


def test_fail__a_profile_of_another_format():
    rows = unpacked(shipped())
    for value in (0, 1, -1, "2", None, [1], True, GONE):
        found = Counter()
        load(packed({**rows, "format": value} if value is not GONE else {"profile": "x"}), found)
        assert found == {"refused": 1}, value
    for data in (b"", b"\x00", b"\xf6", b"\x80", b"\xa0", SOURCE.encode(), bytes(100), b"\xff" * 100):
        found = Counter()
        load(data, found)
        assert found == {"refused": 1}, data[:20]


# --- what a consent binds

PAIRS = Catalogue(compiled(every_transform())).pairs()


def concerned(tree, row):
    """Every (purpose, recipient) that the row at `row` ("purpose.all") has a say in."""
    table, name = row.split(".")
    if table == "purpose":
        return {pair for pair in PAIRS if pair[0] == name}
    if table == "recipient":
        return {pair for pair in PAIRS if pair[1] == name}
    return {pair for pair in PAIRS if pair[0] in tree["field"][name].get("purposes", ())}


FLIPPED = {
    "title": "U",
    "notice": "O",
    "every": "2 s",
    "clauses": ["L6", "L7"],
    "name": "Q",
    "topic": "q/1",
    "id": 900,
    "category": "other",
    "clause": "L7",
    "min": 1,
    "max": 98,
    "step": 3,
    "edges": [10, 20, 31],
    "form": "E-#@#",
    "epoch": "2 d",
    "values": ["one", "three"],
    "sensitivity": "personal",
    "expires": datetime.date(2031, 1, 1),
}


def flips():
    """(row, key, the tree after flipping it) for every value of every purpose, recipient and field."""
    base = every_transform()
    for table in ("purpose", "recipient", "field"):
        for name, row in base[table].items():
            for key in row:
                if key in ("purposes", "recipients", "transform", "media", "ask"):
                    continue  # below: these need a second edit or concern other purposes, too
                value = FLIPPED.get(key, "1 h" if table == "field" else "3 d")
                yield f"{table}.{name}", key, edited(f"{table}.{name}.{key}", value, base)


@pytest.mark.clause("L19", "P3")
def test_ok__a_flipped_value_changes_the_policy_of_the_purposes_it_concerns_and_of_no_others():
    base = every_transform()
    before = Catalogue(compiled(base))
    keys = Counter()
    for row, key, tree in flips():
        after = Catalogue(compiled(tree))
        differs = {pair for pair in PAIRS if before.policy(*pair) != after.policy(*pair)}
        assert differs == concerned(base, row), (row, key)
        keys[row.split(".")[0], key] += 1
    assert {key for table, key in keys if table == "purpose"} == set(PURPOSE_PARTS) - {"recipients", "media", "ask"}
    flipped = {key for table, key in keys if table == "field"} - {
        *("min", "max", "step", "edges", "values", "expires", "form", "epoch")
    }
    assert flipped == set(FIELD_PARTS) - {"purposes", "transform", "parameters"}


@pytest.mark.clause("L19")
def test_ok__edits_of_more_than_one_value():
    base = every_transform()
    before = Catalogue(compiled(base))
    keep = {key: base["field"]["count"][key] for key in ("id", "category", "purposes", "sensitivity", "retention")}
    spared = {**base["field"]["never"], "transform": "keep", "purposes": ["all"], "retention": "1 d"}
    shown = {**base["field"]["view"], "purposes": ["other"]}
    edits = {
        "a field serves one purpose more": ({"field.flag.purposes": ["all", "other"]}, {"other"}),
        "a field serves one purpose less": ({"field.warmth.purposes": ["all"]}, {"other"}),
        "a field moves": ({"field.flag.purposes": ["other"]}, {"all", "other"}),
        "a new recipient": ({"purpose.other.recipients": ["maker", "partner"]}, set()),
        "a rounded field is kept": ({"field.warmth.transform": "keep", "field.warmth.step": GONE}, {"all", "other"}),
        "bounds go": ({"field.count": {**keep, "transform": "keep", "clause": "L6"}}, {"all"}),
        "a dropped field is kept": ({"field.never": spared}, {"all"}),
        "a field is dropped": ({"field.flag": GONE}, {"all"}),
        "a new field": ({"field.fresh": {**spared, "id": 77}}, {"all"}),
        "a field has another name": ({"field.flag": GONE, "field.banner": base["field"]["flag"]}, {"all"}),
        "a purpose becomes one of pictures": (
            {
                "purpose.other.media": True,
                "field.warmth.purposes": ["all"],
                "field.extra": GONE,
                "field.more": {**shown, "id": 78},
            },
            {"other"},
        ),
        "another age": ({"age.threshold": 99}, {"all", "look", "other"}),
        "it is asked for later": ({"purpose.other.ask": "later"}, set()),
        "the order of the rows": ({"field": dict(reversed(base["field"].items()))}, set()),
    }
    for what, (changes, purposes) in edits.items():
        tree = base
        for path, value in changes.items():
            tree = edited(path, value, tree)
        after = Catalogue(compiled(tree))
        differs = {pair for pair in PAIRS if before.policy(*pair) != after.policy(*pair)}
        assert differs == {pair for pair in PAIRS if pair[0] in purposes}, what


@pytest.mark.clause("L19")
def test_ok__each_purpose_and_recipient_has_a_policy_of_its_own():
    for tree in (shipped(), every_transform()):
        catalogue = Catalogue(compiled(tree))
        assert len({catalogue.policy(*pair) for pair in catalogue.pairs()}) == len(catalogue.pairs())
    renamed = Catalogue(compiled(edited("profile", "other", every_transform())))
    before = Catalogue(compiled(every_transform()))
    assert not [pair for pair in PAIRS if before.policy(*pair) == renamed.policy(*pair)]
