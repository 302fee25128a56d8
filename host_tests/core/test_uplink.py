"""The door, the outbox and the wire: verified again, recorded, then sent; and forgotten when consent goes."""

import pytest

from firmware_agent.egress.ledger import entries
from firmware_agent.errors import Refused, Unsealed
from firmware_agent.model import Record
from host_tests.fakes import PURPOSE, RECIPIENT, World

CANARY = "canary-anns-printer"


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
    release = world.one()
    calls = []
    world.wire.connected = True
    from firmware_agent.egress.door import Door

    wires = {RECIPIENT: Order(calls, "wire", world.wire)}
    Door(Order(calls, "gate", world.gate), Order(calls, "ledger", world.ledger), wires).send(release)
    assert calls == ["gate.verify", "ledger.open", "gate.verify", "wire.write"]


@pytest.mark.attack(13)
def test_fail__what_the_gate_did_not_make_never_reaches_the_wire_and_is_recorded_by_name():
    world = World()
    world.grant()
    for thing in (b"raw " + CANARY.encode(), CANARY, None, {"payload": CANARY}):
        with pytest.raises(Unsealed):
            world.door.send(thing)
    release = world.one()
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
    world.offer(1)
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
    world.offer(1)
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
    world.offer(39)
    world.offer(1, "print_history", {"job_material": 1200})
    world.pump()
    assert world.uplink.waiting() == 40 and world.wire.arrived == []
    world.withdraw()
    assert world.uplink.purge(PURPOSE) == 39
    world.wire.online = True
    world.pump()
    assert [release.purpose for release in world.wire.arrived] == ["print_history"]
    assert events(world).count("purged") == 39


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__withdrawn_between_two_publishes_without_any_purge():
    world = World(answers=False, window=0)
    world.grant()
    for _ in range(5):
        world.offer(1)
        world.uplink.tick()
    world.pump()
    world.withdraw()
    world.wire.answer()
    world.wire.answers = True
    world.pump()
    assert len(world.wire.arrived) == 1
    assert world.uplink.purge(PURPOSE) == 4 and world.uplink.waiting() == 0


@pytest.mark.attack(21)
def test_ok__what_is_under_way_when_consent_goes_is_cut():
    world = World(answers=False)
    world.grant()
    world.offer(1)
    world.pump()
    world.offer(3)
    world.withdraw()
    world.uplink.cut()
    assert world.wire.flying is None and not world.wire.connected
    world.uplink.purge(PURPOSE)
    assert events(world) == ["attempted", "unknown", "purged", "purged", "purged"]


def test_ok__events_that_come_while_one_is_under_way_leave_together():
    world = World(answers=False)
    world.grant()
    world.offer(1)
    world.pump()
    world.offer(10)
    world.wire.answer()
    world.pump()
    assert [release.count for release in world.wire.arrived] == [1, 10]


def test_ok__what_arrives_within_the_window_never_touches_the_flash():
    world = World()
    world.grant()
    for _ in range(20):
        world.offer(1)
        world.pump()
        world.wait(1)
    assert len(world.wire.arrived) == 20
    assert not world.storage.size("vault.improvement_program.lightmake.outbox")


def test_ok__purposes_take_turns():
    world = World(answers=False, window=0)
    for purpose in (PURPOSE, "print_history"):
        world.grant(purpose)
    for _ in range(3):
        world.offer(1)
        world.offer(1, "print_history", {"job_material": 1200})
        world.uplink.tick()
    for _ in range(6):
        world.pump()
        world.wire.answer()
    assert [one.purpose for one in world.wire.arrived] == [PURPOSE, "print_history"] * 3


def test_fail__no_connection_for_what_was_withdrawn_meanwhile():
    world = World()
    world.grant()
    world.offer(3)
    world.withdraw()
    world.pump()
    assert world.wire.opened == 0


@pytest.mark.attack(22)
def test_ok__pictures_are_media_and_records_are_not():
    world = World()
    world.grant()
    world.offer(1)
    world.pump()
    assert world.wire.arrived[0].media is False
    for purpose, row in world.catalogue.purposes.items():
        kinds = [field["transform"] for _, field in world.catalogue.fields_of(purpose)]
        assert row["media"] == (kinds in (["picture"], ["point_cloud"], ["bundle"])), purpose


def test_fail__refusals_carry_no_values():
    world = World()
    with pytest.raises(Refused) as caught:
        world.gate.collect(Record({"state": CANARY}), PURPOSE, RECIPIENT)
    assert CANARY not in str(caught.value) and "nobody has decided" in str(caught.value)


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_fail__withdrawn_while_the_ledger_waited_for_another_process():
    world = World()
    world.grant()
    world.wire.connected = True
    release, opened = world.one(), world.ledger.open

    def slow(one):
        opened(one)
        world.withdraw()  # the owner's command had the storage's lock meanwhile

    world.ledger.open = slow
    with pytest.raises(Refused):
        world.door.send(release)
    assert world.wire.arrived == []
