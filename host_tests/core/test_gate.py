"""Only the gate makes releases, and only of what is declared and permitted."""

import pytest

from firmware_agent import cbor
from firmware_agent.errors import Refused, Unsealed
from firmware_agent.model import Record, Release
from host_tests.fakes import PURPOSE, RECIPIENT, World

CANARY = "canary-anns-printer"


def record(**extra):
    fields = {"state": "printing", "progress": 41.7, "nozzle_temperature": 210.2, "job_file": CANARY, "who": CANARY}
    fields.update(extra)
    return Record(fields)


def granted(purpose=PURPOSE):
    world = World()
    world.grant(purpose)
    return world


def copy(release, **changes):
    parts = ("ident", "purpose", "recipient", "payload", "categories", "media", "consent", "generation", "seal")
    return Release(*[changes.get(part, getattr(release, part)) for part in parts])


@pytest.mark.clause("L6", "L21")
def test_ok__exactly_the_declared_fields_pass():
    world = granted()
    release = world.gate.release(record(), PURPOSE, RECIPIENT)
    version, ident, purpose, pairs = cbor.decode(release.payload)
    assert (version, ident, purpose) == (1, release.ident, PURPOSE)
    assert pairs == [[1, "printing"], [2, 40], [3, 210]]
    assert release.categories == ("performance",) and release.media is False
    assert CANARY.encode() not in release.payload
    world.gate.verify(release)


def test_ok__undeclared_fields_are_counted():
    world = granted()
    world.gate.release(record(more=1, and_more=2), PURPOSE, RECIPIENT)
    assert world.gate.undeclared == 3 and world.gate.unfit == 0
    world.gate.release(record(state=CANARY), PURPOSE, RECIPIENT)
    assert world.gate.unfit == 1


@pytest.mark.clause("L1", "L6", "C2")
def test_fail__no_release_without_consent():
    world = World()
    for purpose, recipient in world.catalogue.pairs():
        with pytest.raises(Refused) as caught:
            world.gate.release(record(), purpose, recipient)
        assert caught.value.reason == "consent_missing"


def test_fail__nothing_declared():
    with pytest.raises(Refused) as caught:
        granted().gate.release(Record({"who": CANARY}), PURPOSE, RECIPIENT)
    assert caught.value.reason == "nothing_declared" and CANARY not in str(caught.value)


def test_fail__raw_bytes_and_look_alikes():
    world = granted()
    release = world.gate.release(record(), PURPOSE, RECIPIENT)

    class Better(Release):
        pass

    parts = (release.ident, release.purpose, release.recipient, release.payload, release.categories, release.media)
    child = Better(*parts, release.consent, release.generation, release.seal)
    for thing in (b"raw", CANARY, None, release.payload, {"payload": b"x"}, child, Release):
        with pytest.raises(Unsealed) as caught:
            world.gate.verify(thing)
        assert caught.value.reason == "not_a_release"


def test_fail__forged_edited_or_re_addressed():
    world = granted()
    release = world.gate.release(record(), PURPOSE, RECIPIENT)
    changes = {
        "ident": bytes(8),
        "purpose": "snapshot",
        "recipient": "partner",
        "payload": release.payload + b"\x00",
        "categories": ("other",),
        "media": True,
        "consent": bytes(32),
        "generation": release.generation + 1,
        "seal": bytes(32),
    }
    for part, value in changes.items():
        for forged in (value, None, 1.5, CANARY, []):
            with pytest.raises(Unsealed) as caught:
                world.gate.verify(copy(release, **{part: forged}))
            assert caught.value.reason == "seal_broken", part
            assert CANARY not in str(caught.value)
    world.gate.verify(copy(release))


def test_fail__sealed_by_another_gate():
    release = granted().gate.release(record(), PURPOSE, RECIPIENT)
    other = granted()
    other.gate._key = bytes(32)
    with pytest.raises(Unsealed):
        other.gate.verify(release)


def test_fail__closed():
    world = granted()
    release = world.gate.release(record(), PURPOSE, RECIPIENT)
    world.gate.close(release)
    with pytest.raises(Unsealed) as caught:
        world.gate.verify(release)
    assert caught.value.reason == "release_closed"


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_fail__since_withdrawn_even_if_granted_again():
    world = granted()
    release = world.gate.release(record(), PURPOSE, RECIPIENT)
    world.withdraw()
    with pytest.raises(Refused) as caught:
        world.gate.verify(release)
    assert caught.value.reason == "consent_withdrawn"
    world.grant()
    with pytest.raises(Unsealed) as caught:
        world.gate.verify(release)
    assert caught.value.reason == "consent_changed"


def test_ok__explain_names_a_fate_for_every_field_and_shows_the_exact_payload():
    world = World()
    payload, fates = world.gate.explain(record(), PURPOSE, RECIPIENT)
    assert payload == b"" and "nobody has decided yet" in dict(fates)["state"]
    world.grant()
    payload, fates = world.gate.explain(record(state="?"), PURPOSE, RECIPIENT)
    release = world.gate.release(record(state="?"), PURPOSE, RECIPIENT)
    assert cbor.decode(payload)[2:] == cbor.decode(release.payload)[2:]
    fates = dict(fates)
    assert sorted(fates) == sorted(record().fields)
    assert [name for name, fate in fates.items() if fate == "leaves"] != []
    assert "does not fit" in fates["state"] and "never" in fates["job_file"] and "not declare" in fates["who"]
