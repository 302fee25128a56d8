"""A receipt says all that ISO/IEC TS 27560 asks for, in DPV's words, and holds together without a network."""

import copy
import dataclasses
import hashlib
import json
import re
from pathlib import Path
from random import Random

import jsonschema
import pytest

from firmware_agent.errors import FormatError
from firmware_agent.model import GIVEN, STATES, ConsentRecord
from firmware_agent.owner.receipts import verify
from firmware_agent.owner.receipts.receipt import CONTEXT, Facts, instant, receipt, seal
from firmware_agent.owner.receipts.verify import MANDATORY, check
from firmware_agent.owner.receipts.wording import seconds, span
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, catalogue

FOLDER = Path(verify.__file__).parent
SCHEMA = json.loads((FOLDER / "receipt.schema.json").read_text("utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)
ALIAS, HEAD = "ab" * 16, "cd" * 32
SEED = 20261122
DPV = "https://w3id.org/dpv#"


def text_of(of, to=RECIPIENT):
    """The policy's text, as it is shown."""
    return "".join(catalogue().text(of, to))


def facts(of=PURPOSE, to=RECIPIENT, **changes):
    policy = catalogue()
    made = Facts(
        purpose=policy.purposes[of],
        recipient=policy.recipients[to],
        fields=policy.fields_of(of),
        profile=policy.profile,
        version=policy.version,
        text=text_of(of, to),
        alias=ALIAS,
        now=NOW + 60,
        head=HEAD,
    )
    return dataclasses.replace(made, **changes)


def record(
    purpose=PURPOSE, state=GIVEN[0], actor="owner", method="page", time=NOW, until=None, sequence=7, to=RECIPIENT
):
    return ConsentRecord(purpose, to, state, catalogue().policy(purpose, to), sequence, actor, method, time, until)


def made(purpose=PURPOSE, **changes):
    return receipt(record(purpose, **changes), facts(purpose))


def sealed(one):
    """`one` with names that fit what it says now: what a careful forger does."""
    name = seal(one)
    return {**one, "@id": "agent:receipt:" + name, "dpv:hasIdentifier": name}


def at(one, path):
    for step in path:
        one = one[step]
    return one


def without(one, path):
    one = copy.deepcopy(one)
    del at(one, path[:-1])[path[-1]]
    return one


def errors(one):
    return [error.message for error in VALID.iter_errors(one)]


# --- what a receipt says


def every_kind():
    """Receipts of all ten states, purposes, with and without end, clock, region and record before; of all roles."""
    for state in STATES:
        for until in (None, NOW + 3600):
            for time in (None, NOW):
                yield receipt(record(state=state, time=time, until=until), facts(now=time))
    for purpose, to in catalogue().pairs():
        for region in ("", "DE"):
            for previous in ("", "ef" * 32):
                yield receipt(record(purpose, to=to), facts(purpose, to, region=region, previous=previous))
    for actor in ("owner", "guardian", "viewer", "service", "maker"):
        yield made(actor=actor, state="ConsentWithdrawn", method="remote command")


def test_ok__every_kind_of_record_has_a_receipt_that_validates_and_holds_together():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    kinds = list(every_kind())
    assert len(kinds) == 40 + 4 * len(catalogue().pairs()) + 5
    for one in kinds:
        assert (errors(one), check(one)) == ([], []), one
        assert json.loads(json.dumps(one)) == one
    assert len({one["dpv:hasIdentifier"] for one in kinds}) == len({json.dumps(one) for one in kinds})


def test_ok__the_same_facts_give_the_same_bytes():
    assert json.dumps(made()) == json.dumps(made())


@pytest.mark.parametrize("state", STATES)
def test_ok__the_state_is_dpvs_own_term(state):
    found = made(state=state)["dct:hasPart"]["dpv:hasConsentStatus"]["@type"]
    prefix, name = found.split(":")
    assert CONTEXT[prefix] + name == DPV + state


def test_ok__the_record_can_be_found_in_the_ledger_and_the_notice_by_its_hash():
    one, was = made(), record()
    told = one["dct:hasPart"]
    assert told["dpv:hasIdentifier"] == was.digest().hex()
    assert told["agent:sequence"] == 7 and one["agent:ledgerHead"] == HEAD
    shown = told["dpv:hasNotice"]
    assert shown["dct:identifier"] == hashlib.sha256(facts().text.encode()).hexdigest() == was.policy.hex()
    assert shown["agent:servedAt"] == "/api/policy/" + shown["dct:identifier"] and shown["dct:language"] == "en"


def test_ok__times_ends_and_their_absence_are_said_plainly():
    def event(**changes):
        return made(**changes)["dct:hasPart"]["dpv:hasConsentStatus"]

    ends = event(until=NOW + 3600)
    assert ends["dct:date"] == ends["dpv:isIndicatedAtTime"] == instant(NOW) == "2026-10-30T00:00:00Z"
    assert ends["dct:valid"] == "2026-10-30T00:00:00Z/2026-10-30T01:00:00Z"
    assert ends["dpv:hasDuration"] == {"@type": "dpv:UntilTimeDuration", "rdf:value": "2026-10-30T01:00:00Z"}
    assert event()["dct:valid"] == "2026-10-30T00:00:00Z/.." and event(time=None)["dct:valid"] == "../.."
    assert "no clock" in event(time=None)["dct:date"]["@value"]
    assert "withdrawn" in event()["dpv:hasDuration"]["dct:description"]
    assert "withdrawn" not in event(state="ConsentRefused")["dpv:hasDuration"]["dct:description"]


def test_ok__who_decided_is_told_by_role_and_never_by_name():
    roles = {}
    for actor in ("owner", "guardian", "viewer", "service", "maker"):
        who = made(actor=actor)["dct:hasPart"]["dpv:hasConsentStatus"]["dpv:isIndicatedBy"]
        roles[actor] = who["@type"].removeprefix("dpv:"), who["@id"]
        assert who["agent:role"] == actor
    assert roles["owner"] == ("DataSubject", "agent:alias:" + ALIAS)
    assert roles["guardian"] == ("GuardianOfDataSubject", "agent:role:guardian")
    assert roles["maker"] == ("DataController", "agent:recipient:" + RECIPIENT)
    assert {roles["viewer"][0], roles["service"][0]} == {"Entity"}


def test_ok__what_nobody_has_said_is_there_as_not_available():
    process = made()["dct:hasPart"]["dpv:hasProcess"]
    assert process["dpv:hasJurisdiction"]["@type"] == "dpv:NotAvailable"
    assert "no region" in process["dpv:hasJurisdiction"]["dct:description"]
    chosen = receipt(record(), facts(region="DE"))["dct:hasPart"]["dpv:hasProcess"]["dpv:hasJurisdiction"]
    assert chosen == "loc:DE"
    silent, told = (
        made()["dct:hasPart"]["dpv:hasEntity"],
        {"address": "Some Road 1", "contact": "privacy@maker.example"},
    )
    assert {silent[0][part]["@type"] for part in ("dpv:hasAddress", "dpv:hasContact")} == {"dpv:NotAvailable"}
    who = receipt(record(), facts(recipient={**facts().recipient, **told}))
    assert (errors(who), check(who)) == ([], [])
    assert who["dct:hasPart"]["dpv:hasEntity"][0]["dpv:hasAddress"] == "Some Road 1"


def test_ok__what_leaves_is_told_field_by_field_and_a_picture_as_sensitive():
    told = made()["dct:hasPart"]["dpv:hasProcess"]["dpv:hasPersonalData"]
    assert [one["dct:identifier"] for one in told] == [name for name, _ in catalogue().fields_of(PURPOSE)]
    picture = made("snapshot")["dct:hasPart"]["dpv:hasProcess"]
    assert picture["dpv:hasPersonalData"][0]["@type"] == "dpv:SensitivePersonalData"
    assert "dpv:Store" in made()["dct:hasPart"]["dpv:hasProcess"]["dpv:hasProcessing"]
    assert "dpv:Store" not in picture["dpv:hasProcessing"]
    assert picture["dpv:hasStorageCondition"][0]["dpv:hasDuration"] == "PT0S"


def test_ok__periods_are_written_and_read_alike():
    for period, written in ((0, "PT0S"), (10, "PT10S"), (86400, "P1D"), (90 * 86400, "P90D"), (90001, "PT90001S")):
        assert span(period) == written and seconds(written) == period
    for text in ("P1M", "P-1D", "PT1S ", "", "P", "1"):
        with pytest.raises(ValueError):
            seconds(text)


# --- its words


def test_ok__every_word_expands_with_what_is_shipped_and_nothing_is_fetched():
    assert json.loads((FOLDER / "context.jsonld").read_text("utf-8"))["@context"] == CONTEXT
    assert SCHEMA["properties"]["@context"]["const"] == CONTEXT
    prefixes = {key for key, value in CONTEXT.items() if isinstance(value, str)}
    assert all(CONTEXT[prefix][-1] in "#/:" for prefix in prefixes)  # else JSON-LD would not take it for a prefix
    for one in every_kind():
        assert isinstance(one["@context"], dict)  # an address here would have to be fetched
        for word in words({key: value for key, value in one.items() if key != "@context"}):
            assert word.startswith("@") or word.split(":")[0] in prefixes, word


def words(value):
    """Every key, and every value that is a name: of @type and @id, and where the context says so."""
    if isinstance(value, list):
        for one in value:
            yield from words(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            names = key in ("@type", "@id") or (isinstance(CONTEXT.get(key), dict) and CONTEXT[key]["@type"] == "@id")
            for name in one if isinstance(one, list) else [one]:
                if names and isinstance(name, str) and not name.startswith("https://"):
                    yield name
            yield from words(one)


# From DPV 2.3. A misspelt word would be valid JSON-LD, and mean nothing.
DPV_WORDS = """
    ConsentReceipt ConsentRecord ConsentNotice DataSubject GuardianOfDataSubject DataController Recipient Entity Process
    Purpose PersonalData SensitivePersonalData Collect Transform Transmit Use Store StorageDuration StorageLocation
    WithdrawConsent DataSubjectRight ExplicitlyExpressedConsent UntilTimeDuration UntilEventDuration NotAvailable
    hasIdentifier hasDataSubject hasNotice hasProcess hasPurpose hasPersonalData hasProcessing hasLegalBasis
    hasStorageCondition hasDuration hasLocation hasDataController hasRecipient hasJurisdiction hasConsentControl
    hasRight isExercisedAt hasEntity hasName hasAddress hasContact hasConsentStatus isIndicatedAtTime isIndicatedBy
    hasIndicationMethod ConsentUnknown ConsentRequested ConsentRequestDeferred ConsentGiven RenewedConsentGiven
    ConsentRefused ConsentWithdrawn ConsentRevoked ConsentExpired ConsentInvalidated
"""


def test_ok__every_dpv_word_is_one_that_dpv_has():
    used = {word.removeprefix("dpv:") for one in every_kind() for word in words(one) if word.startswith("dpv:")}
    assert used == set(re.findall(r"\w+", DPV_WORDS))


# --- what is refused when it is made


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "policy: other\n"},
        {"text": ""},
        {"purpose": {**catalogue().purposes[PURPOSE], "retention": 1}},
        {"purpose": {**catalogue().purposes[PURPOSE], "notice": "Nothing leaves."}},
        {"recipient": {**catalogue().recipients[RECIPIENT], "name": "Somebody"}},
        {"fields": catalogue().fields_of(PURPOSE)[1:]},
        {"fields": catalogue().fields_of(PURPOSE) + catalogue().fields_of("snapshot")},
        {"alias": "LM-2209-004711"},
        {"region": "Germany"},
        {"head": ""},
        {"previous": "1"},
        {"now": 10**15},
        {"now": -1},
    ],
    ids=str,
)
def test_fail__facts_of_another_policy_or_that_cannot_be_said_give_no_receipt(changes):
    with pytest.raises(FormatError):
        receipt(record(), facts(**changes))


def test_fail__a_record_of_another_purpose_than_the_text():
    other = record()
    other.purpose = "print_history"
    with pytest.raises(FormatError):
        receipt(other, facts())


# --- what is noticed afterwards


@pytest.mark.parametrize(("name", "path"), MANDATORY, ids=[name for name, _ in MANDATORY])
def test_fail__a_mandatory_part_is_missing(name, path):
    one = receipt(record(), facts(previous="ef" * 32))
    assert at(one, path) not in (None, "", [], {})
    broken = without(one, path)
    assert any(name in line for line in check(broken)), check(broken)
    assert errors(broken)


def parts(value, path=()):
    """The path of every part of a receipt."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(one, (dict, list)):
            yield from parts(one, (*path, key))


def test_fail__any_changed_part_is_noticed():
    one = receipt(record(until=NOW + 60), facts(region="DE", previous="ef" * 32))
    count = 0
    for path in parts(one):
        broken = copy.deepcopy(one)
        old = at(one, path)
        at(broken, path[:-1])[path[-1]] = old + 1 if isinstance(old, int) else [old]
        assert check(broken), path
        count += 1
    assert count > 100


FORGED = (
    (("dpv:hasConsentStatus", "@type"), "dpv:RenewedConsentGiven"),
    (("dpv:hasConsentStatus", "dct:date"), "2026-10-31T00:00:00Z"),
    (("dpv:hasConsentStatus", "dpv:isIndicatedAtTime"), "2026-10-31T00:00:00Z"),
    (("dpv:hasConsentStatus", "dct:valid"), "2026-10-30T00:00:00Z/2027-10-30T00:00:00Z"),
    (("dpv:hasConsentStatus", "dpv:hasDuration", "dct:description"), "for ever"),
    (("dpv:hasConsentStatus", "dpv:hasIndicationMethod"), "console"),
    (("dpv:hasConsentStatus", "dpv:isIndicatedBy", "agent:role"), "guardian"),
    (("dpv:hasConsentStatus", "dpv:isIndicatedBy", "@id"), "agent:alias:" + "00" * 16),
    (("dpv:hasConsentStatus", "dpv:hasLegalBasis"), "dpv:ImpliedConsent"),
    (("agent:sequence",), 8),
    (("dpv:hasIdentifier",), "00" * 32),
    (("@id",), "agent:record:" + "00" * 32),
    (("dpv:hasNotice", "dct:identifier"), "00" * 32),
    (("dpv:hasNotice", "agent:servedAt"), "/api/policy/" + "00" * 32),
    (("dpv:hasProcess", "dpv:hasPurpose", "dct:identifier"), "snapshot"),
    (("dpv:hasProcess", "dpv:hasPurpose", "skos:broader"), "agent:purpose:snapshot"),
    (("dpv:hasProcess", "dpv:hasRecipient"), ["agent:recipient:lightmake", "agent:recipient:partner"]),
    (("dpv:hasProcess", "dpv:hasDataController"), "agent:recipient:partner"),
    (("dpv:hasEntity", 0, "dpv:hasIdentifier"), "partner"),
)


@pytest.mark.parametrize(("path", "value"), FORGED, ids=["/".join(map(str, path)) for path, _ in FORGED])
def test_fail__a_forged_part_does_not_follow_from_the_record_even_if_sealed_anew(path, value):
    one = copy.deepcopy(made())
    told = one["dct:hasPart"]
    at(told, path[:-1])[path[-1]] = value
    assert check(sealed(one))
    assert check(sealed(made())) == []  # the control: sealing alone breaks nothing


WORDED = (
    ("dpv:hasPurpose", "dct:title"),
    ("dpv:hasPurpose", "dct:description"),
    ("agent:every",),
    ("dpv:hasStorageCondition", 0, "dpv:hasDuration"),
    ("dpv:hasPersonalData", 0, "agent:category"),
    ("dpv:hasPersonalData", 1, "agent:transform"),
    ("dpv:hasPersonalData", 2, "agent:sensitivity"),
    ("dpv:hasPersonalData", 3, "agent:clause"),
    ("dpv:hasPersonalData", 4, "dpv:hasDuration"),
)


def test_ok__with_the_policy_text_all_that_is_said_of_the_policy_is_held_against_it():
    text = facts().text.encode()
    assert check(made(), text) == []
    assert check(made(), text + b"\n") == ["policy text: not the one that was shown"]
    for path in WORDED:
        one = copy.deepcopy(made())
        process = one["dct:hasPart"]["dpv:hasProcess"]
        at(process, path[:-1])[path[-1]] = "P9D" if at(process, path).startswith("P") and "D" in path[-1] else "PT1S"
        assert check(sealed(one)) == [] and check(sealed(one), text), path
    one = copy.deepcopy(made())
    del one["dct:hasPart"]["dpv:hasProcess"]["dpv:hasPersonalData"][-1]
    assert any("error_code" in line for line in check(sealed(one), text))


def test_fail__nothing_that_is_read_makes_the_check_raise():
    rng, seen = Random(SEED), 0
    hostile = (
        None,
        True,
        0,
        -1,
        2**70,
        0.5,
        "",
        "x",
        "../..",
        "/",
        "2026-13-45T99:99:99Z/..",
        [],
        [[]],
        {},
        {"@id": 1},
    )
    one = receipt(record(until=NOW + 60), facts())
    paths = list(parts(one))
    for value in hostile:
        assert check(value)
    for _ in range(3000):
        broken = copy.deepcopy(one)
        for path in rng.sample(paths, rng.randint(1, 3)):
            try:
                place = at(broken, path[:-1])
                if isinstance(place, dict) and not isinstance(path[-1], str):
                    continue  # a list stood here before: JSON has no number for a key
                place[path[-1]] = copy.deepcopy(rng.choice(hostile))
            except (LookupError, TypeError):
                continue
        if broken != one:
            assert check(sealed(broken) if rng.random() < 0.5 else broken) is not None
            check(sealed(broken), facts().text.encode())
            seen += 1
    assert seen > 2900
    deep = {}
    for _ in range(20_000):
        deep = {"a": deep}
    assert check({**one, "dct:hasPart": {**one["dct:hasPart"], "dct:replaces": deep}})


# --- the program


def test_ok__the_program_says_what_to_compare_with_the_ledger(tmp_path, capsys):
    file, text = tmp_path / "receipt.jsonld", tmp_path / "policy.txt"
    file.write_text(json.dumps(made()))
    text.write_text(facts().text)
    assert verify.main([str(file), "--policy", str(text)]) == 0
    assert record().digest().hex() in capsys.readouterr().out
    text.write_text("another")
    assert verify.main([str(file), "--policy", str(text)]) == 1
    assert "wrong: policy text" in capsys.readouterr().out


def test_fail__the_program_tells_wrong_from_unreadable(tmp_path, capsys):
    file = tmp_path / "receipt.jsonld"
    file.write_text(json.dumps({**made(), "dct:issued": "2030-01-01T00:00:00Z"}))
    assert verify.main([str(file)]) == 1 and "changed since" in capsys.readouterr().out
    for data in (b"", b"{", b"[" * 100_000, b"\xff\xfe", b" " * (verify.LARGEST + 1)):
        file.write_bytes(data)
        assert verify.main([str(file)]) == 2 and "not readable" in capsys.readouterr().err
    assert verify.main([str(tmp_path / "none")]) == 2


# --- the page about it


def test_ok__the_page_names_every_mandatory_part_of_the_standard():
    page = (Path(__file__).parents[1] / "docs/receipts.md").read_text("utf-8")
    for name, path in MANDATORY:
        if "_" in name and " " not in name:
            row = next((line for line in page.splitlines() if re.search(rf"\| {name}\b", line)), "")
            term = next(step for step in reversed(path) if isinstance(step, str))
            assert term in row or term == "@type", (name, term)
