"""The door, the outbox and the wire: verified again, recorded, then sent; and forgotten when consent goes."""

import pytest

from firmware_agent.egress.ledger import entries
from firmware_agent.errors import Refused, Unsealed
from firmware_agent.model import Record
from host_tests.fakes import PURPOSE, RECIPIENT, World

CANARY = "canary-anns-printer"


def offer(world, count, purpose=PURPOSE, **fields):
    for number in range(count):
        record = Record(dict(fields) or {"progress": number % 100})
        world.uplink.offer(world.gate.release(record, purpose, RECIPIENT))


def events(world):
    world.ledger.settle()
    return [row["event"] for row, _, _ in entries(world.storage) for _ in range(row["count"])]


class Order:
    """Notes who was called, in order."""

    def __init__(self, calls, name, inner):
        self._calls, self._name, self._inner = calls, name, inner

    def __getattr__(self, part):
        inner = getattr(self._inner, part)
        if part not in ("verify", "open", "write"):
            return inner

        def noted(*arguments):
            self._calls.append(self._name + "." + part)
            return inner(*arguments)

        return noted


def test_ok__verified_then_recorded_then_written():
    world = World()
    world.grant()
    release = world.gate.release(Record({"progress": 3}), PURPOSE, RECIPIENT)
    calls = []
    world.wire.connected = True
    from firmware_agent.egress.door import Door

    wires = {RECIPIENT: Order(calls, "wire", world.wire)}
    Door(Order(calls, "gate", world.gate), Order(calls, "ledger", world.ledger), wires).send(release)
    assert calls == ["gate.verify", "ledger.open", "wire.write"]


@pytest.mark.attack(13)
def test_fail__what_the_gate_did_not_make_never_reaches_the_wire_and_is_recorded_by_name():
    world = World()
    world.grant()
    for thing in (b"raw " + CANARY.encode(), CANARY, None, {"payload": CANARY}):
        with pytest.raises(Unsealed):
            world.door.send(thing)
    release = world.gate.release(Record({"progress": 3}), PURPOSE, RECIPIENT)
    release.payload = CANARY.encode()
    with pytest.raises(Unsealed):
        world.door.send(release)
    world.ledger.settle()
    found = [(row["detail"], row["count"]) for row, _, _ in entries(world.storage)]
    assert sorted(found) == [("not_a_release", 1), ("not_a_release", 3), ("seal_broken", 1)]
    assert CANARY.encode() not in world.storage.files["ledger.0"]
    assert world.wire.arrived == []


def test_fail__a_release_leaves_once():
    world = World()
    world.grant()
    offer(world, 1)
    world.pump()
    with pytest.raises(Unsealed) as caught:
        world.door.send(world.wire.arrived[0])
    assert caught.value.reason == "release_closed"
    assert len(world.wire.arrived) == 1


def test_ok__nothing_to_send_opens_nothing():
    world = World()
    world.grant()
    world.pump()
    assert world.wire.opened == 0


def test_ok__an_open_release_is_sent_again_under_one_entry():
    world = World(answers=False)
    world.grant()
    offer(world, 1)
    world.pump()
    world.wire.reset()  # the link broke before the acknowledgement
    world.wire.answers = True
    world.pump()
    assert len(world.wire.arrived) == 2 and world.wire.arrived[0] is world.wire.arrived[1]
    assert events(world) == ["attempted", "acknowledged"]


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__withdrawn_while_the_link_is_down_nothing_arrives_after():
    world = World(online=False)
    world.grant()
    world.grant("print_history")
    offer(world, 39)
    offer(world, 1, "print_history", job_material=1200)
    world.pump()
    assert len(world.uplink.outbox) == 40 and world.wire.arrived == []
    world.withdraw()
    assert world.uplink.purge() == 39
    world.wire.online = True
    world.pump()
    assert [release.purpose for release in world.wire.arrived] == ["print_history"]
    assert events(world).count("dropped") == 39


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__withdrawn_between_two_publishes_without_any_purge():
    world = World(answers=False)
    world.grant()
    offer(world, 5)
    world.pump()
    world.withdraw()
    world.wire.answer()
    world.wire.answers = True
    world.pump()
    assert len(world.wire.arrived) == 1 and len(world.uplink.outbox) == 0


@pytest.mark.attack(21)
def test_ok__what_is_under_way_when_consent_goes_is_cut():
    world = World(answers=False)
    world.grant()
    offer(world, 2)
    world.pump()
    world.withdraw()
    world.uplink.cut()
    assert world.wire.flying is None and not world.wire.connected
    world.uplink.purge()
    assert events(world) == ["attempted", "unknown", "dropped"]


def test_ok__a_full_outbox_never_drops_what_is_under_way():
    world = World(answers=False, limit=2)
    world.grant()
    offer(world, 1)
    world.uplink.pump()
    under_way = world.wire.flying
    offer(world, 5)
    assert under_way in world.uplink.outbox._waiting and len(world.uplink.outbox) == 2
    world.wire.answer()
    assert events(world).count("acknowledged") == 1 and events(world).count("unknown") == 0


def test_fail__no_connection_for_what_was_withdrawn_meanwhile():
    world = World()
    world.grant()
    offer(world, 3)
    world.withdraw()
    world.pump()
    assert world.wire.opened == 0


def test_ok__a_full_outbox_drops_the_oldest_and_counts():
    world = World(online=False, limit=10)
    world.grant()
    offer(world, 25)
    assert len(world.uplink.outbox) == 10 and world.uplink.outbox.dropped == {PURPOSE: 15}
    assert events(world).count("dropped") == 15
    world.wire.online = True
    world.pump()
    assert len(world.wire.arrived) == 10 and world.wire.arrived[0].ident == (16).to_bytes(8, "big")


@pytest.mark.attack(22)
def test_ok__pictures_are_media_and_records_are_not():
    world = World()
    world.grant()
    offer(world, 1)
    world.pump()
    assert world.wire.arrived[0].media is False
    assert all(
        world.catalogue.purposes[purpose]["media"] == (purpose == "snapshot") for purpose in world.catalogue.purposes
    )


def test_fail__refusals_carry_no_values():
    world = World()
    with pytest.raises(Refused) as caught:
        world.gate.release(Record({"state": CANARY}), PURPOSE, RECIPIENT)
    assert CANARY not in str(caught.value) and "nobody has decided" in str(caught.value)
