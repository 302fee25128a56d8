"""A sign of life says that a device is on, and by its moments and sizes nothing else (P2, attack 15)."""

import asyncio
import itertools
import os
from random import Random

import pytest

from firmware_agent.agent import TICK, Agent
from firmware_agent.cli.sources import device_sources, sources
from firmware_agent.errors import SourceError
from firmware_agent.model import Record
from firmware_agent.telemetry.dues import SLACK, Dues, chance, steady
from firmware_agent.telemetry.sources.alive import AliveSource
from host_tests.fakes import NOW, FakeWire, World, catalogue
from host_tests.proofs import heartbeat
from host_tests.rigs.agent import Rig, plain

MAKER = "laserpecker"
BEAT = 900 + SLACK
HOURS = 1
KINDS = ("idle", "busy", "slow", "failing", "talking")


class Printer:
    """Implements Source: a printer of some kind. It moves the clock as the loop would lose time."""

    name = "printer"
    offers = ("state", "progress")
    pace = 1.0
    pair = None
    exclusive = False

    def __init__(self, kind, world):
        self.kind, self.world, self.readings = kind, world, 0
        self._rng = Random(kind)

    async def read(self):
        self.readings += 1
        if self.kind == "busy":
            self.world.passed += self._rng.uniform(0, 0.4)
        elif self.kind == "slow":
            await asyncio.sleep(3600)  # never within a test
        elif self.kind == "failing":
            raise SourceError("printer: does not answer; switch it on")
        state = "idle" if self.kind == "idle" else "printing"
        return [Record({"state": state, "progress": 0 if self.kind == "idle" else self.readings % 100})]

    async def rest(self):
        return None


class Noting(FakeWire):
    """`told`: (s, purpose, bytes) of all that left."""

    def __init__(self, world):
        super().__init__(MAKER)
        self.world, self.told = world, []

    def write(self, release):
        self.told.append((round(self.world.passed, 6), release.purpose, len(release.payload)))
        super().write(release)


class Device:
    """An engraver with its own sign of life, and a printer of some kind, as the event loop would run it."""

    def __init__(self, kind, *granted, delays=3):
        self.world = World(maker=MAKER)
        self.wire = self.world.uplink.wire = self.world.door._wires[MAKER] = Noting(self.world)
        self.wire.on_done, self.wire.on_ready = self.world.uplink._done, self.world.uplink.pump
        self.world.time = NOW
        self.printer = Printer(kind, self.world)
        rng = Random(delays)
        self.agent = Agent(
            self.world.gate,
            self.world.ledger,
            [self.world.uplink],
            [self.printer, AliveSource()],
            self.world.clock,
            self.world.ticks,
            [],
            delay=lambda: rng.uniform(0, SLACK / 2),
        )
        for purpose in granted:
            self.world.grant(purpose)

    async def run(self, seconds):
        end = self.world.passed + seconds
        while self.world.passed < end:
            self.agent.tick()
            for _ in range(4):
                await asyncio.sleep(0)
            self.world.passed += self.agent.pause()
            self.world.time = NOW + int(self.world.passed)

    def signs(self):
        return [(when, size) for when, purpose, size in self.wire.told if purpose == "heartbeat"]


def told(kind, *granted):
    """(all that left, its signs of life, how often the printer was read)."""
    device = Device(kind, *granted)

    async def story():
        await device.run(HOURS * 3600)
        await device.agent.close()

    asyncio.run(story())
    return device.wire.told, device.signs(), device.printer.readings


@pytest.mark.clause("P2")
@pytest.mark.attack(15)
def test_ok__with_it_alone_allowed_the_wire_is_the_same_whatever_the_printer_does():
    first, signs, readings = told("idle", "heartbeat")
    assert len(signs) == len(first) == int(HOURS * 3600 // BEAT) + 1 and readings == 0
    assert len({size for _, size in signs}) == 1
    for kind in KINDS:
        assert told(kind, "heartbeat") == (first, signs, 0), kind


@pytest.mark.clause("P2")
def test_fail__the_control_with_usage_data_as_well_what_the_printer_does_shows():
    idle = told("idle", "heartbeat", "usage_data")[0]
    assert all(told(kind, "heartbeat", "usage_data")[0] != idle for kind in KINDS[1:])


@pytest.mark.clause("P2")
def test_ok__even_then_its_own_moments_lie_on_the_grid_and_its_size_is_the_same():
    sizes = set()
    for kind in KINDS:
        signs = told(kind, "heartbeat", "usage_data")[1]
        assert len(signs) == int(HOURS * 3600 // BEAT) + 1, kind
        assert all((when - signs[0][0]) % BEAT < SLACK for when, _ in signs), kind
        assert all(later - sooner >= 900 for (sooner, _), (later, _) in itertools.pairwise(signs)), kind
        sizes |= {size for _, size in signs}
    assert len(sizes) == 1


@pytest.mark.clause("P2")
def test_ok__after_an_outage_one_sign_leaves_of_the_same_size_and_the_grid_stays():
    for kind in ("idle", "busy"):
        device = Device(kind, "heartbeat")

        async def story(device=device):
            await device.run(BEAT + 10)
            device.wire.reset()
            device.wire.online = False
            await device.run(3 * BEAT)
            assert len(device.signs()) == 2 and device.world.uplink.waits("heartbeat") == 1
            device.wire.online = True
            await device.run(1)
            assert len(device.signs()) == 3 and device.world.uplink.waits("heartbeat") == 0
            await device.run(2 * BEAT)
            await device.agent.close()

        asyncio.run(story())
        signs = device.signs()
        assert len(signs) == 5 and len({size for _, size in signs}) == 1
        assert all((when - signs[0][0]) % BEAT < SLACK for when, _ in (*signs[:2], *signs[3:]))


# --- when


class Line:
    """The dues of a purpose on a clock that the test moves."""

    def __init__(self, purpose, maker=MAKER, delay=0.25):
        self.now = 100.0
        self.pair = (purpose, maker)
        self.dues = Dues(catalogue(maker), lambda: self.now, lambda: delay)

    def at(self, now):
        self.now = now
        return self.dues.due_in(self.pair)


def test_ok__a_sign_is_a_purpose_that_says_one_thing_again_and_again():
    found = {(name, one) for name in ("laserpecker", "lightmake") for one in catalogue(name).purposes}
    assert {one for one in found if steady(catalogue(one[0]), one[1])} == {(MAKER, "heartbeat")}


@pytest.mark.clause("P2")
def test_ok__what_comes_late_changes_no_later_moment_and_what_is_too_late_does_not_come():
    line = Line("heartbeat")
    assert line.dues.due_in(line.pair) == 0
    line.dues.took(line.pair)
    assert line.at(100) == BEAT + 0.25 and line.at(100 + 900.5) == pytest.approx(0.75)
    assert line.at(100 + BEAT + 0.1) == pytest.approx(0.15) and line.at(100 + BEAT + 0.25) == 0
    line.at(100 + BEAT + 0.9)
    line.dues.took(line.pair)  # late
    assert line.at(100 + 2 * BEAT + 0.24) == pytest.approx(0.01) and line.at(100 + 2 * BEAT + 0.3) == 0
    assert line.at(100 + 2 * BEAT + 1.5) == pytest.approx(BEAT - 1.25)  # too late
    assert line.at(100 + 7 * BEAT + 0.5) == 0


@pytest.mark.clause("P2")
def test_ok__no_two_signs_are_closer_than_the_policy_says_however_late_the_loop_is():
    rng = Random(5)
    for _ in range(200):
        line, taken = Line("heartbeat", delay=rng.uniform(0, SLACK / 2)), []
        while line.now < 40_000:
            if not line.dues.due_in(line.pair):
                line.dues.took(line.pair)
                taken.append(line.now)
            line.now += max(line.dues.due_in(line.pair), 0.001) + rng.choice((0, 0, 0.01, 0.4, 2, 300)) * rng.random()
        assert len(taken) > 2 and all(b - a >= 900 for a, b in itertools.pairwise(taken))
        assert all((one - taken[0]) % BEAT < SLACK for one in taken)


def test_ok__every_other_purpose_is_due_as_long_after_the_last_as_the_policy_says():
    line = Line("usage_data")
    line.dues.took(line.pair)
    assert line.at(104) == 6 and line.at(110) == 0 and line.at(5000) == 0
    line.dues.took(line.pair)
    assert line.at(5001) == 9


def test_ok__the_delay_is_within_half_a_second_and_not_always_the_same():
    found = [chance() for _ in range(100)]
    assert min(found) >= 0 and max(found) <= SLACK / 2 and len(set(found)) > 1


def test_ok__a_sign_is_waited_for_exactly_and_not_from_look_to_look():
    device = Device("talking", "heartbeat", "usage_data")

    async def story():
        await device.run(1)
        left = device.agent._dues.due_in(("heartbeat", MAKER))
        device.world.passed += left - 0.01
        assert device.agent.pause() == pytest.approx(0.01) and TICK > 0.01
        await device.agent.close()

    asyncio.run(story())


# --- where it comes from


@pytest.mark.clause("P2", "L8")
def test_ok__it_needs_no_configuration_and_no_firmware_can_give_or_withhold_it(tmp_path):
    found = {}
    for maker in (MAKER, "lightmake"):
        (tmp_path / maker).mkdir()
        users = f"[source.intake]\nusers = [{os.getuid()}]"
        rig = Rig(tmp_path / maker, plain(1), sources=users, profile=maker, recipient=maker)
        parts = rig.parts
        made = sources(parts.config, parts.catalogue, rig.device.ticks, rig.device.now, parts.region.read)
        found[maker] = {one.name: one for one in made}
    assert set(found[MAKER]) == {"intake", "network", "alive"} and set(found["lightmake"]) == {"intake", "region"}
    assert not {"alive", "region"} & {*found[MAKER]["intake"].offers, *found["lightmake"]["intake"].offers}
    assert [one.name for one in device_sources(catalogue(MAKER), str, "darwin")] == []


# --- on the wire


@pytest.mark.clause("P2")
@pytest.mark.attack(15)
def test_ok__on_a_real_wire_idle_and_printing_are_the_same():
    result = heartbeat.prove(devices=2, phases=1, beats=2)
    assert result["failures"] == []


def test_ok__a_new_consent_begins_a_new_grid():
    ticks = [100.0]
    dues = Dues(catalogue(MAKER), lambda: ticks[0], lambda: 0.0)
    pair = ("heartbeat", MAKER)
    dues.took(pair)
    ticks[0] += 33
    assert dues.due_in(pair) == pytest.approx(BEAT - 33)
    dues.forget(pair)
    assert dues.due_in(pair) == 0


def test_ok__the_agent_forgets_the_grid_of_a_consent_that_was_taken_back():
    device = Device("idle", "heartbeat")
    pair = ("heartbeat", MAKER)

    async def tale():
        await device.run(30)
        before = device.agent._dues._last[pair]
        device.agent.withdraw(*pair, lambda: device.world.withdraw("heartbeat"))
        await device.run(30)
        device.world.grant("heartbeat")
        await device.run(30)
        await device.agent.close()
        return before, device.agent._dues._last[pair]

    before, after = asyncio.run(tale())
    assert (after - before) % BEAT not in (0, BEAT) and len(device.signs()) == 2
