"""The agent's own promises: off means not read, and what fails is not silent."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_agent import agent as agent_module
from firmware_agent import cbor
from firmware_agent.agent import REST, TICK, Agent
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.egress.ledger import Ledger
from firmware_agent.errors import SourceError, StorageError
from firmware_agent.model import Record
from host_tests.fakes import World

PROGRAM = Path(sys.executable).parent / "firmware-agent"


class FakeSource:
    """Implements Source: counts readings, raises `fault` if there is one."""

    name = "fake"
    offers = ("progress",)
    pace = 1.0
    pair = None

    def __init__(self, fault=None):
        self.fault = fault
        self.readings = 0
        self.rests = 0
        self.was_read = asyncio.Event()

    async def read(self):
        self.readings += 1
        self.was_read.set()
        if self.fault is not None:
            raise self.fault
        return [Record({"progress": 50})]

    async def rest(self):
        self.rests += 1


def play(source, story):
    """Run `story(agent, world, step)` on a world of fakes; step(seconds) moves the clock and ticks."""
    world = World()

    async def main():
        passed = [0.0]
        agent = Agent(world.gate, world.ledger, [world.uplink], [source], world.clock, lambda: passed[0], [])

        async def step(seconds=1.0):
            passed[0] += seconds
            world.passed += seconds
            world.time += int(seconds)
            agent.tick()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        await story(agent, world, step)

    asyncio.run(main())
    return world


@pytest.mark.clause("L6")
def test_ok__off_means_not_collected_and_nothing_from_before_is_sent_later():
    source = FakeSource()

    async def story(agent, world, step):
        for _ in range(24):
            await step(3600)
        assert source.readings == 0
        world.grant()
        await step()
        await step()
        assert source.readings == 1 and len(world.wire.arrived) == 1
        world.withdraw()
        await step()
        await step(3600)
        assert source.readings == 1 and source.rests == 1

    play(source, story)


def test_ok__never_more_often_than_the_policy_says():
    source = FakeSource()

    async def story(agent, world, step):
        world.grant()
        for _ in range(100):
            await step(1.0)
        assert len(world.wire.arrived) in (10, 11)

    play(source, story)


@pytest.mark.clause("L11")
def test_ok__a_new_epoch_begins_out_of_the_rhythm_of_the_one_before():
    """Two devices of different rhythms begin it alike: what came before tells nothing of when."""
    begun = []
    for start in (0, 4):
        source, times = FakeSource(), []

        async def story(agent, world, step, start=start, times=times):
            agent._chance = lambda: 0.25
            day = world.time // 86400 * 86400
            world.time = day + 86400 - 20 + start
            world.grant()
            for _ in range(60):
                count = len(world.wire.arrived)
                await step(1.0)
                if len(world.wire.arrived) > count:
                    times.append(world.time - day - 86400)

        world = play(source, story)
        numbers = [dict(map(tuple, cbor.decode(one.payload)[3][0]))[31] for one in world.wire.arrived]
        before = len([time for time in times if time < 0])
        assert len(set(numbers[:before])) == len(set(numbers[before:])) == 1 and numbers[0] != numbers[-1]
        begun.append((times[0] % 10, times[before]))
    assert begun[0][0] != begun[1][0] and begun[0][1] == begun[1][1] in (13, 14)


def test_ok__a_refused_record_or_an_eager_purpose_is_no_reason_to_read_faster():
    source = FakeSource()
    source.offers = ("progress", "job_material")
    reading = source.read

    async def unfit():
        await reading()
        return [Record({"progress": "not a number"})]

    source.read = unfit

    async def story(agent, world, step):
        world.grant()
        for _ in range(40):
            await step(0.25)
        assert source.readings == 1 and world.wire.arrived == []
        world.grant("print_history")  # asks at every tick
        for _ in range(40):
            await step(0.25)
        assert source.readings <= 12

    play(source, story)


def test_ok__it_rests_while_nothing_is_due_and_not_while_something_waits():
    source = FakeSource()

    async def story(agent, world, step):
        await step()
        assert agent.pause() == REST  # nothing is allowed
        world.wire.online = False
        world.grant()
        await step()
        await step()
        assert world.uplink.waiting() == 1 and agent.pause() == TICK
        world.wire.online = True
        await step()
        await step()
        assert world.uplink.waiting() == 0 and source.readings == 1
        assert TICK < agent.pause() < REST  # the next record is due before the rest would end
        await step(agent.pause() + 0.1)
        await step()
        assert source.readings == 2
        world.grant(until=world.time + 3)
        await step()
        assert agent.pause() <= 2  # the camera of a consent that ends is not kept until the rest ends

    play(source, story)


def test_ok__a_reading_under_way_wakes_nobody_until_it_gives_something():
    """What it gives is saved within the window if it cannot leave: so the agent is told, and looks often from then."""
    source, goes = FakeSource(), asyncio.Event()
    at_once = source.read

    async def slow():
        await goes.wait()
        return await at_once()

    source.read, source.pace = slow, 5.0

    async def story(agent, world, step):
        changed = asyncio.Event()
        world.wire.online = False
        running = asyncio.create_task(agent.run(changed))
        await asyncio.sleep(0)
        world.grant()
        await step()
        await step(3.5)  # no longer awake for the decision
        assert agent._sources[0].busy and TICK < agent.pause() <= source.pace
        await asyncio.sleep(2 * TICK)  # it rests now, whatever it did before
        looks, tick = [], agent.tick
        agent.tick = lambda: looks.append(world.uplink.waiting()) or tick()
        await asyncio.sleep(2 * TICK)
        assert looks == []
        goes.set()
        await agent.settle()
        await asyncio.sleep(TICK / 2)
        assert looks[0] == 1 and agent.pause() == TICK
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(source, story)


def test_ok__what_another_process_writes_late_is_read_before_long():
    async def story(agent, world, step):
        await step()
        for _ in range(5):  # long after the decision that it tells of
            await step()
        Ledger(world.storage, world.now, size=3072).noted("paired", "viewer")
        before = agent.ledger.head
        await step(agent.pause())
        assert agent.ledger.head != before

    play(FakeSource(), story)


def test_ok__a_decision_ends_the_rest(monkeypatch):
    monkeypatch.setattr(agent_module, "REST", 3600.0)
    source = FakeSource()
    world = World()

    async def story():
        agent = Agent(world.gate, world.ledger, [world.uplink], [source], world.clock, lambda: 0.0, [])
        changed = asyncio.Event()
        running = asyncio.create_task(agent.run(changed))
        await asyncio.sleep(0.05)
        world.grant()
        await asyncio.sleep(0.05)
        assert source.readings == 0  # the control: it does rest
        changed.set()
        await source.was_read.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(story(), 20))


def test_ok__a_source_that_fails_is_said_once_and_stops_nothing():
    source = FakeSource(SourceError("fake: gone; plug it in"))

    async def story(agent, world, step):
        world.grant()
        for _ in range(5):
            await step(20)
        assert str(agent.troubles["fake"]) == "fake: gone; plug it in"
        assert world.wire.arrived == []
        await agent.close()

    play(source, story)


def test_fail__a_defect_in_a_source_is_not_swallowed():
    source = FakeSource(RuntimeError("a defect"))

    async def story(agent, world, step):
        world.grant()
        await step()
        with pytest.raises(RuntimeError):
            await step()

    play(source, story)


def test_fail__a_state_directory_that_vanishes_is_one_of_our_errors(tmp_path):
    storage = LinuxStorage(tmp_path / "state")
    storage.write("a", b"a")
    shutil.rmtree(tmp_path / "state")
    assert storage.read("a") is None and storage.size("a") == 0
    for use in (lambda: storage.write("a", b"b"), lambda: storage.append("a", b"b"), lambda: storage.truncate("a", 0)):
        with pytest.raises(StorageError):
            use()


def test_fail__a_state_that_cannot_be_used_is_one_line(tmp_path):
    file = tmp_path / "agent.toml"
    file.write_text('profile = "lightmake"\nstate = "state"\n[source.demo]\n')
    (tmp_path / "state/ledger.0").mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    done = subprocess.run([PROGRAM, "run", "--config", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "state/ledger.0: " in done.stderr and "Traceback" not in done.stderr
