"""What waits on flash: found after a restart, dropped oldest first, gone on withdrawal, never older than allowed."""

import pytest

from firmware_agent.egress.ledger import entries
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, Dice, MemoryStorage, PowerCut, World

FILE = "vault.improvement_program.lightmake.outbox"
PICTURE = bytes.fromhex(  # eight by eight grey pixels
    "ffd8ffdb004300" + bytes(range(1, 65)).hex() + "ffc0000b080008000801011100"
    "ffc40014000100000000000000000000000000000000ffda0008010100003f003fff00121234ffd9"
)
KEY_FILE = "vault.improvement_program.lightmake.key"


def outbox(world, purpose=PURPOSE):
    return world.uplink.outboxes[purpose]


def counts(world):
    """event -> how many events, over the whole ledger."""
    world.ledger.settle()
    found = {}
    for row, _, _ in entries(world.storage):
        found[row["event"]] = found.get(row["event"], 0) + row["count"]
    return found


def offline(saved=3, each=2, **more):
    """A world without a link, in which `saved` messages of `each` events stand on flash."""
    world = World(online=False, **more)
    world.grant()
    for _ in range(saved):
        world.offer(each)
        world.wait(5)
    return world


def test_ok__what_waits_survives_a_restart_and_leaves_then():
    world = offline()
    assert len(outbox(world)) == 6 and not outbox(world).unsaved
    again = world.restarted()
    assert again.uplink.waiting() == 6
    again.pump()
    assert [release.count for release in again.wire.arrived] == [2, 2, 2]
    assert again.uplink.waiting() == 0 and again.restarted().uplink.waiting() == 0


def test_ok__no_more_than_the_window_is_lost_to_a_power_cut():
    world = World(online=False, window=5)
    world.grant()
    for _ in range(20):
        world.offer(1)
        world.wait(1)
        assert world.uplink.waiting() - world.restarted().uplink.waiting() <= 5


def test_ok__the_oldest_are_dropped_first_and_counted():
    world = offline(saved=0, room=768)
    for _ in range(10):
        world.offer(1)
        world.wait(5)
    assert world.uplink.waiting() == 4 and counts(world)["dropped"] == 6
    world.wire.online = True
    world.pump()
    assert len(world.wire.arrived) == 4


def test_ok__what_is_under_way_is_not_dropped():
    world = World(answers=False, room=768)
    world.grant()
    world.offer(1)
    world.pump()
    under_way = world.wire.flying
    for _ in range(10):
        world.offer(1)
        world.wait(5)
    world.wire.answer()
    assert counts(world)["acknowledged"] == 1 and "unknown" not in counts(world)
    assert outbox(world).under_way is not under_way
    assert 1 + world.uplink.waiting() + counts(world)["dropped"] == 11


def test_ok__sent_and_never_acknowledged_before_a_restart_is_sent_again_as_the_same():
    world = World(answers=False, window=0)
    world.grant()
    world.offer(1)
    world.uplink.tick()
    world.pump()
    first = world.wire.arrived[0]
    again = world.restarted()
    waiting = again.uplink.load()
    again.ledger.close_open(waiting)
    again.pump()
    assert again.wire.arrived[0].payload == first.payload and first.ident in waiting
    assert counts(again)["attempted"] == 1 and counts(again)["acknowledged"] == 1


@pytest.mark.clause("L12", "P6")
@pytest.mark.attack(21, 24)
def test_ok__withdrawn_nothing_is_left_on_flash():
    world = offline()
    before = bytes(world.storage.files[FILE]), bytes(world.storage.files[KEY_FILE])
    assert any(before[0]) and any(before[1])
    world.withdraw()
    assert world.uplink.purge(PURPOSE) == 6 and counts(world)["purged"] == 6
    assert not any(world.storage.files[FILE]) and not any(world.storage.files[KEY_FILE])
    world.grant()
    again = world.restarted()
    again.pump()
    assert again.wire.arrived == [] and again.uplink.purge(PURPOSE) == 0


@pytest.mark.clause("L12")
@pytest.mark.attack(2, 21)
def test_fail__an_old_copy_of_key_and_ring_does_not_leave_under_a_new_consent():
    world = offline()
    old = {name: world.storage.files[name] for name in (FILE, KEY_FILE)}
    world.withdraw()
    world.uplink.purge(PURPOSE)
    world.grant()
    world.storage.files.update(old)
    again = world.restarted()
    again.pump()
    assert again.wire.arrived == []


@pytest.mark.attack(21)
def test_fail__nothing_is_saved_when_another_process_has_withdrawn():
    world = World(online=False)
    world.grant()
    world.offer(2)
    world.withdraw()
    world.wait(5)
    assert not world.storage.size(FILE) and not world.storage.size(KEY_FILE)
    assert world.uplink.purge(PURPOSE) == 2


def test_ok__a_frame_that_another_process_zeroed_is_no_fault():
    world = offline()
    world.storage.files[FILE] = bytes(len(world.storage.files[FILE]))
    world.withdraw()
    world.wire.online = True
    world.pump()
    assert world.wire.arrived == [] and world.uplink.purge(PURPOSE) == 0


@pytest.mark.attack(5)
def test_ok__a_frame_that_rots_is_counted_as_lost_and_stops_nothing():
    world = offline()
    data = world.storage.files[FILE]
    world.storage.files[FILE] = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    world.wire.online = True
    world.pump()
    assert len(world.wire.arrived) == 2 and counts(world)["lost"] == 2


@pytest.mark.clause("L14")
def test_ok__what_waits_too_long_is_gone_at_the_next_tick():
    world = offline()
    keep = world.catalogue.keep(PURPOSE)
    world.uplink.expire(NOW + keep + 4, world.catalogue.keep)
    assert world.uplink.waiting() == 6
    world.uplink.expire(NOW + keep + 5, world.catalogue.keep)
    assert world.uplink.waiting() == 4  # the first was saved at second 5
    world.uplink.expire(NOW + keep + 3600, world.catalogue.keep)
    world.uplink.tick()
    assert world.uplink.waiting() == 0 and not any(world.storage.files[FILE]) and counts(world)["dropped"] == 6


@pytest.mark.clause("L14")
def test_ok__what_has_its_turn_without_a_link_ends_in_time_as_well():
    for room in (4096, 768):  # with the small one, what has its turn is pushed off the flash by what comes after
        world = offline(saved=0, room=room)
        for _ in range(6):
            world.offer(1)
            world.wait(5)
            world.pump()
        keep = world.catalogue.keep(PURPOSE)
        assert outbox(world).under_way is not None
        world.uplink.expire(NOW + keep + 4, world.catalogue.keep)
        assert outbox(world).under_way is not None and world.uplink.waiting() > 1
        world.uplink.expire(NOW + keep + 30, world.catalogue.keep)
        world.uplink.tick()
        assert outbox(world).under_way is None and world.uplink.waiting() == 0
        assert counts(world)["dropped"] == 6 and not any(world.storage.files[FILE])


@pytest.mark.clause("L14")
def test_ok__what_is_under_way_when_its_time_is_over_is_cut_and_told_as_unknown():
    world = World(answers=False, window=0)
    world.grant()
    world.offer(1)
    world.uplink.tick()
    world.pump()
    assert world.wire.flying is not None
    world.uplink.expire(NOW + world.catalogue.keep(PURPOSE), world.catalogue.keep)
    assert world.wire.flying is None and not world.wire.connected and world.uplink.waiting() == 0
    assert counts(world)["unknown"] == 1 and "dropped" not in counts(world)


@pytest.mark.clause("L14", "L17")
def test_ok__what_left_is_kept_sealed_for_the_owner_for_its_time():
    world = World()
    world.grant()
    world.offer(1)
    world.pump()
    vault = outbox(world).vault
    assert [vault.sent.read(vault.key(), frame) for frame in vault.sent.frames] == [world.wire.arrived[0].payload]
    assert world.wire.arrived[0].payload not in world.storage.files[vault.sent.name]
    world.uplink.expire_sent(NOW + 59, 60)
    assert len(vault.sent.frames) == 1
    world.uplink.expire_sent(NOW + 60, 60)
    assert vault.sent.frames == [] and not any(world.storage.files[vault.sent.name])


@pytest.mark.clause("L4")
@pytest.mark.attack(22)
def test_ok__pictures_never_touch_the_flash_and_few_wait():
    world = World(online=False)
    world.grant("snapshot")
    for _ in range(9):
        world.offer(1, "snapshot", {"picture": PICTURE})
        world.wait(10)
    assert world.uplink.waiting() == 4 and counts(world)["dropped"] == 5
    world.uplink.close()
    assert not [name for name in world.storage.files if name.startswith("vault.")]


def test_ok__a_clean_stop_saves_what_waits():
    world = World(online=False)
    world.grant()
    world.offer(3)
    world.uplink.close()
    assert world.restarted().uplink.waiting() == 3


def test_ok__every_event_is_accounted_for():
    """collected = acknowledged + waiting + dropped + purged, whatever happens in between."""
    for seed in range(6):
        dice = Dice(seed)
        world = World(answers=False, room=768)
        world.grant()
        collected = 0
        for _ in range(60):
            what = dice.below(8)
            if what < 3:
                some = 1 + dice.below(4)
                world.offer(some)
                collected += some
            elif what == 3:
                world.wire.reset()
                world.wire.online = not world.wire.online
            elif what == 4 and world.wire.flying is not None:
                world.wire.answer()
            elif what == 5 and dice.below(3) == 0:
                world.withdraw()
                world.uplink.cut()
                world.uplink.purge(PURPOSE)
                world.grant()
            else:
                world.wait(dice.below(7))
            world.uplink.pump()
        found = counts(world)
        ends = sum([found.get(event, 0) for event in ("acknowledged", "dropped", "purged", "unknown")])
        assert collected == ends + world.uplink.waiting(), (seed, found)


@pytest.mark.attack(5)
def test_ok__power_cuts_at_random_bytes_lose_at_most_the_window():
    for seed in range(12):
        dice = Dice(seed + 40)
        world = World(online=False, room=768)
        world.grant()
        saved = 0
        world.storage.cut_after = 700 + dice.below(4000)
        try:
            for _ in range(9):
                world.offer(1)
                world.wait(5)
                saved += 1
        except PowerCut:
            pass
        again = World(storage=MemoryStorage(world.storage.files), room=768)
        assert again.uplink.waiting() >= min(saved, 4) - 1, seed  # one may have been pushed out by the torn one
        again.pump()
        assert len(again.wire.arrived) == len({release.ident for release in again.wire.arrived})


def test_ok__granted_anew_while_off_what_waited_is_destroyed_and_the_agent_starts():
    world = offline()
    world.grant()
    again = world.restarted()
    assert again.uplink.waiting() == 0 and counts(again)["purged"] == 6
    assert not any(again.storage.files[FILE])
    again.offer(1)
    again.wait(5)
    assert again.restarted().uplink.waiting() == 1


def test_ok__withdrawn_before_it_ever_left_is_purged_and_not_dropped():
    world = World(online=False)
    world.grant()
    world.offer(10)
    world.uplink.tick()
    world.wait(5)
    world.pump()  # asks for its turn: it has it from now on
    world.withdraw()
    assert world.uplink.purge(PURPOSE) == 10 and "dropped" not in counts(world)


def test_ok__a_message_never_outgrows_the_smallest_ring():
    world = World(online=False, room=16384)
    world.grant()
    for number in range(300):
        world.offer(1, fields={"state": "printing", "progress": number % 100, "nozzle_temperature": 200.0})
    world.wait(5)
    assert world.uplink.waiting() == 300 and "lost" not in counts(world)


@pytest.mark.clause("L7")
def test_ok__print_history_that_is_switched_off_is_purged():
    world = World(online=False)
    world.grant("print_history")
    world.offer(3, "print_history", {"job_start": NOW, "job_finish": NOW + 60, "job_material": 1200})
    world.wait(5)
    name = "vault.print_history.lightmake.outbox"
    assert any(world.storage.files[name])
    world.withdraw("print_history")
    assert world.uplink.purge("print_history") == 3 and not any(world.storage.files[name])


@pytest.mark.attack(5)
def test_ok__what_a_damaged_key_sealed_is_counted_as_lost():
    world = offline()
    data = world.storage.files[KEY_FILE]
    world.storage.files[KEY_FILE] = data[:10] + bytes([data[10] ^ 1]) + data[11:]
    again = world.restarted()
    assert again.uplink.waiting() == 0 and counts(again)["lost"] == 6
    again.offer(1)
    again.wait(5)
    assert again.restarted().uplink.waiting() == 1


@pytest.mark.clause("L12")
def test_ok__no_copy_is_kept_of_what_was_withdrawn_at_that_moment():
    world = World(answers=False)
    world.grant()
    world.offer(1)
    world.pump()
    world.withdraw()
    world.uplink.outboxes[PURPOSE].vault.shred()  # as the command does, in another process
    world.wire.answer()
    assert not any(world.storage.files.get("vault.improvement_program.lightmake.sent", b""))
    assert not any(world.storage.files.get(KEY_FILE, b""))


def test_ok__what_another_process_destroyed_is_not_sealed_under_its_key_again():
    world = offline()
    key = world.uplink.outboxes[PURPOSE].vault.key()
    world.withdraw()
    world.uplink.outboxes[PURPOSE].vault._slot.shred()
    world.grant()
    assert world.uplink.held_under(PURPOSE) != world.gate.decide(PURPOSE, RECIPIENT).consent
    world.uplink.purge(PURPOSE)
    world.offer(1)
    world.wait(5)
    assert world.uplink.outboxes[PURPOSE].vault.key() != key
    assert world.restarted().uplink.waiting() == 1


def test_ok__pictures_that_wait_at_the_end_are_counted():
    world = World(online=False)
    world.grant("snapshot")
    for _ in range(3):
        world.offer(1, "snapshot", {"picture": PICTURE})
    world.pump()
    world.uplink.close()
    assert counts(world)["dropped"] == 3
