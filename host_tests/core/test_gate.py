"""Only the gate makes releases, and only of what is declared and permitted."""

import pytest

from firmware_agent import cbor
from firmware_agent.errors import FormatError, Refused, Unsealed
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


def released(world, **extra):
    """One message of one event."""
    world.gate.collect(record(**extra), PURPOSE, RECIPIENT)
    return world.gate.release(PURPOSE, RECIPIENT)


def copy(release, **changes):
    parts = (
        "ident",
        "purpose",
        "recipient",
        "payload",
        "count",
        "categories",
        "media",
        "consent",
        "generation",
        "seal",
    )
    return Release(*[changes.get(part, getattr(release, part)) for part in parts])


@pytest.mark.clause("L6", "L21")
def test_ok__exactly_the_declared_fields_pass():
    world = granted()
    release = released(world)
    version, ident, purpose, events = cbor.decode(release.payload)
    assert (version, ident, purpose, release.count) == (2, release.ident, PURPOSE, 1)
    assert events == [[[1, "printing"], [2, 40], [3, 210]]]
    assert release.categories == ("performance",) and release.media is False
    assert CANARY.encode() not in release.payload
    world.gate.verify(release)


def test_ok__undeclared_fields_are_counted():
    world = granted()
    released(world, more=1, and_more=2)
    assert world.gate.undeclared == 3 and world.gate.unfit == 0
    released(world, state=CANARY)
    assert world.gate.unfit == 1


@pytest.mark.clause("L1", "L6", "C2")
def test_fail__no_release_without_consent():
    world = World()
    for purpose, recipient in world.catalogue.pairs():
        with pytest.raises(Refused) as caught:
            world.gate.collect(record(), purpose, recipient)
        assert caught.value.reason == "consent_missing"


def test_fail__nothing_declared():
    with pytest.raises(Refused) as caught:
        granted().gate.collect(Record({"who": CANARY}), PURPOSE, RECIPIENT)
    assert caught.value.reason == "nothing_declared" and CANARY not in str(caught.value)


def test_fail__raw_bytes_and_look_alikes():
    world = granted()
    release = released(world)

    class Better(Release):
        pass

    parts = (release.ident, release.purpose, release.recipient, release.payload, release.count, release.categories)
    child = Better(*parts, release.media, release.consent, release.generation, release.seal)
    for thing in (b"raw", CANARY, None, release.payload, {"payload": b"x"}, child, Release):
        with pytest.raises(Unsealed) as caught:
            world.gate.verify(thing)
        assert caught.value.reason == "not_a_release"


def test_fail__forged_edited_or_re_addressed():
    world = granted()
    release = released(world)
    changes = {
        "ident": bytes(16),
        "purpose": "snapshot",
        "recipient": "partner",
        "payload": release.payload + b"\x00",
        "count": release.count + 1,
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
    release = released(granted())
    other = granted()
    other.gate._key = bytes(32)
    with pytest.raises(Unsealed):
        other.gate.verify(release)


def test_fail__closed():
    world = granted()
    release = released(world)
    world.gate.close(release)
    with pytest.raises(Unsealed) as caught:
        world.gate.verify(release)
    assert caught.value.reason == "release_closed"


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_fail__since_withdrawn_even_if_granted_again():
    world = granted()
    release = released(world)
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
    assert payload == b"" and dict(fates)["state"] == "consent_missing"
    world.grant()
    payload, fates = world.gate.explain(record(state="?"), PURPOSE, RECIPIENT)
    release = released(world, state="?")
    assert cbor.decode(payload)[2:] == cbor.decode(release.payload)[2:]
    fates = dict(fates)
    assert sorted(fates) == sorted(record().fields)
    assert [name for name, fate in fates.items() if fate == "leaves"] != []
    assert (fates["state"], fates["job_file"], fates["who"]) == ("unfit", "never", "undeclared")


def test_ok__many_events_make_one_message():
    world = granted()
    for progress in range(0, 100, 5):
        world.gate.collect(Record({"progress": progress}), PURPOSE, RECIPIENT)
    assert world.gate.collected(PURPOSE, RECIPIENT) == 20
    release = world.gate.release(PURPOSE, RECIPIENT)
    assert release.count == 20 and world.gate.collected(PURPOSE, RECIPIENT) == 0
    assert cbor.decode(release.payload)[3] == [[[2, progress]] for progress in range(0, 100, 5)]


def test_fail__more_events_than_a_message_takes():
    world = granted()
    for _ in range(world.gate.most(PURPOSE)):
        world.gate.collect(Record({"progress": 1}), PURPOSE, RECIPIENT)
    with pytest.raises(Unsealed) as caught:
        world.gate.collect(Record({"progress": 1}), PURPOSE, RECIPIENT)
    assert caught.value.reason == "batch_full" and world.gate.most("snapshot") == 1


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_fail__what_was_collected_under_an_earlier_consent_is_never_sealed():
    world = granted()
    world.gate.collect(record(), PURPOSE, RECIPIENT)
    world.withdraw()
    with pytest.raises(Refused) as caught:
        world.gate.release(PURPOSE, RECIPIENT)
    assert caught.value.reason == "consent_withdrawn"
    world.grant()
    for use in (
        lambda: world.gate.release(PURPOSE, RECIPIENT),
        lambda: world.gate.collect(record(), PURPOSE, RECIPIENT),
    ):
        with pytest.raises(Unsealed) as caught:
            use()
        assert caught.value.reason == "consent_changed"
    assert world.gate.forget(PURPOSE, RECIPIENT) == 1 and world.gate.collected(PURPOSE, RECIPIENT) == 0


def test_ok__a_gate_shut_in_ram_denies_before_anything_is_written():
    world = granted()
    release = released(world)
    world.gate.shut(PURPOSE, RECIPIENT)
    for use in (lambda: world.gate.verify(release), lambda: world.gate.collect(record(), PURPOSE, RECIPIENT)):
        with pytest.raises(Refused) as caught:
            use()
        assert caught.value.reason == "consent_withdrawn"
    world.gate.reopen(PURPOSE, RECIPIENT)
    world.gate.verify(release)


def test_ok__what_waited_is_sealed_anew_only_under_the_very_same_consent():
    world = granted()
    release = released(world)
    permit = world.gate.decide(PURPOSE, RECIPIENT)
    world.gate.close(release)
    again = world.gate.readmit(permit, release.payload)
    world.gate.verify(again)
    assert (again.ident, again.payload, again.count) == (release.ident, release.payload, 1)
    world.grant()
    with pytest.raises(Unsealed) as caught:
        world.gate.readmit(permit, release.payload)
    assert caught.value.reason == "consent_changed"
    world.withdraw()
    with pytest.raises(Refused):
        world.gate.readmit(permit, release.payload)


def test_fail__a_message_that_waited_names_only_what_is_declared():
    world = granted()
    permit = world.gate.decide(PURPOSE, RECIPIENT)
    ident = bytes(16)
    for row in (
        [1, ident, PURPOSE, [[[2, 40]]]],
        [2, ident, "print_history", [[[8, 40]]]],
        [2, ident, PURPOSE, [[[2, 40], [8, 40]]]],
        [2, ident, PURPOSE, [[[1, CANARY]]]],
        [2, ident, PURPOSE, [[[1, b"printing"]]]],
        [2, ident, PURPOSE],
        {},
    ):
        with pytest.raises(FormatError):
            world.gate.readmit(permit, cbor.encode(row))
    world.gate.readmit(permit, cbor.encode([2, ident, PURPOSE, [[[2, 40]]]]))  # the control
