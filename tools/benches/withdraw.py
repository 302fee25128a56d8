"""How long a withdrawal takes, step by step, with 10,000 events waiting on flash.

In this process, beside SQLite's DELETE of as many rows on the same file system; and as a command of its own, with the
agent in another process. A real mosquitto holds the connection that is cut.
"""

import asyncio
import math
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches.camera_withdraw import camera
from benches.rows import Row, row
from firmware_agent.agent import Agent
from firmware_agent.cli import build
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.model import WITHDRAWN, Record
from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.proofs import sqlite_peer
from host_tests.proofs.wear import event
from host_tests.rigs.agent import Rig, SlowDevice, plain
from host_tests.rigs.broker import Broker, wait_for

Times = dict[str, list[float]]  # step -> ms of each run
RUNS = 100
COMMANDS = 50
EVENTS = 10_000
BATCH = 64
OTHER = "print_history"  # the purpose that the link is open for
STEPS = ("gate shut", "socket reset", "consent stored", "key overwritten", "ring zeroed", "acknowledged")
PROGRAM = Path(sys.executable).parent / "firmware-agent"
_ENDED = re.compile(rb"(?:Client|Socket error on client) [0-9a-f]{16}(?: disconnected| closed|, disconnecting)")


def withdraw() -> Iterator[Row]:
    """ms from the decision to each step of a withdrawal, 10,000 events waiting (beside SQLite's); and at a camera."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        plainly, securely = sqlite(directory, secure=False), sqlite(directory, secure=True)
        with Broker(directory) as broker:
            steps = asyncio.run(in_process(directory, broker))
            commands = command(directory, broker)
    yield row("events that wait", EVENTS, "events")
    yield row("runs in this process", RUNS, "runs")
    yield row("runs of the command", COMMANDS, "runs")
    for step in STEPS:
        for share in (50, 99):
            title, ours = f"{step}, p{share}", percentile(steps[step], share)
            if step == "acknowledged":
                peer = f"SQLite DELETE, p{share}"
                yield row(title, ours, "ms", (peer, round(percentile(plainly, share), 2)))
                peer = f"SQLite, secure_delete and the log emptied, p{share}"
                yield row(title, ours, "ms", (peer, round(percentile(securely, share), 2)))
            else:
                yield row(title, ours, "ms")
    for what, times in commands.items():
        for share in (50, 99):
            yield row(f"command: {what}, p{share}", percentile(times, share), "ms")
    yield from camera()


def percentile(values: list[float], share: int) -> float:
    """The smallest value that at least `share` percent do not exceed."""
    return sorted(values)[math.ceil(len(values) * share / 100) - 1]


class _Noting(LinuxStorage):
    """Remembers when each file was last written or synced, in s of time.perf_counter."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.times: dict[str, float] = {}

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        self.times[name] = time.perf_counter()

    def sync(self, name: str) -> None:
        super().sync(name)
        self.times[name] = time.perf_counter()


async def in_process(directory: Path, broker: Broker, runs: int = RUNS, events: int = EVENTS) -> Times:
    """From the call of Agent.withdraw to each of STEPS, in ms."""
    rig = Rig(directory, plain(broker.port))
    device = SlowDevice(directory / "state")
    storage = device.storage = _Noting(directory / "state")
    parts = build.parts(rig.parts.config, device)
    agent = build.agent(parts)
    vault = parts.vault(PURPOSE, RECIPIENT)
    moments: dict[str, float] = {}
    _note(parts.gate, "shut", moments)
    _note(agent.uplinks[RECIPIENT], "cut", moments)
    policy = parts.catalogue.policy(PURPOSE, RECIPIENT)

    def put() -> None:
        parts.consents.put(PURPOSE, RECIPIENT, WITHDRAWN, policy, "owner", "test", device.now())
        moments["put"] = time.perf_counter()

    agent.tick()  # takes up what is on flash; nothing is permitted yet
    times: Times = {step: [] for step in STEPS}
    for purpose in (PURPOSE, OTHER):
        rig.grant(purpose)
    for _ in range(runs):
        rig.grant(PURPOSE)
        parts.gate.look()
        await _ready(agent, broker)
        _fill(agent, device, parts.config.window, events)
        begun = time.perf_counter()
        count = agent.withdraw(PURPOSE, RECIPIENT, put)
        ended = time.perf_counter()
        if count != events or any(storage.read(name, 0, 64) != bytes(64) for name in vault.files[:2]):
            raise RuntimeError(f"{count} of {events} events were destroyed; the bench measures something else")
        files = [storage.times[name] for name in vault.files[:2]]
        reached = [moments["shut"], moments["cut"], moments["put"], *files, ended]
        for step, moment in zip(STEPS, reached, strict=True):
            times[step].append((moment - begun) * 1000)
    await agent.close()
    return times


def _note(thing: object, name: str, moments: dict[str, float]) -> None:
    """Remember when this public method of one object returned."""
    method = getattr(thing, name)

    def noted(*arguments: object) -> None:
        method(*arguments)
        moments[name] = time.perf_counter()

    setattr(thing, name, noted)


async def _ready(agent: Agent, broker: Broker) -> None:
    """One event of the other purpose was acknowledged: the link is open."""
    uplink = agent.uplinks[RECIPIENT]
    uplink.offer(Record({"job_material": 4180.0}), OTHER)
    uplink.pump()
    end = time.monotonic() + 20
    while uplink.waiting() or not uplink.wire.ready:
        if time.monotonic() > end:
            raise RuntimeError(f"no link to the broker in 20 s; see {broker.log}")
        await asyncio.sleep(0.001)


def _fill(agent: Agent, device: SlowDevice, window: float, events: int) -> None:
    """Events on flash, in messages of BATCH. Nothing is pumped, so nothing leaves."""
    uplink = agent.uplinks[RECIPIENT]
    for number in range(events):
        uplink.offer(event(number), PURPOSE)
        if number % BATCH == BATCH - 1 or number == events - 1:
            device.passed += window
            uplink.tick()
    if uplink.outboxes[PURPOSE].unsaved or uplink.waiting() != events:
        raise RuntimeError(f"{uplink.waiting()} of {events} events wait on flash; give the ring more room")


def sqlite(directory: Path, secure: bool, runs: int = RUNS, events: int = EVENTS) -> list[float]:
    """DELETE of all rows on a connection that is open, in ms; `secure`: overwritten, and the log emptied."""
    times = []
    for _ in range(runs):
        sqlite_peer.fill(directory, events, events)
        with sqlite_peer.connected(directory, secure) as connection:
            begun = time.perf_counter()
            with sqlite_peer.transaction(connection):
                count = connection.execute("DELETE FROM queue WHERE purpose = ?", (sqlite_peer.PURPOSE,)).rowcount
            if secure:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            times.append((time.perf_counter() - begun) * 1000)
        if count != events:
            raise RuntimeError(f"{count} of {events} rows were deleted; the bench measures something else")
    return times


def command(directory: Path, broker: Broker, runs: int = COMMANDS) -> Times:
    """`firmware-agent consent withdraw` with the agent in a process of its own; from its start, in ms."""
    place = directory / "command"
    place.mkdir()
    rig = Rig(place, plain(broker.port), sources="[source.demo]\nspeed = 10000")
    for purpose in (PURPOSE, OTHER):  # a print ends at every reading: the link comes back each time
        rig.grant(purpose)
    times: Times = {"it has ended": [], "the broker sees the connection end": []}
    agent = subprocess.Popen(  # noqa: S603 - our own program
        [PROGRAM, "run", "--config", rig.file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(runs):
            rig.grant(PURPOSE)
            time.sleep(0.6)  # two looks of the agent at the consent
            wait_for(lambda: _open(broker) == 1)
            ended, cut = _withdraw(rig, broker)
            times["it has ended"].append(ended)
            times["the broker sees the connection end"].append(cut)
    finally:
        agent.terminate()
        agent.wait()
    return times


def _withdraw(rig: Rig, broker: Broker) -> tuple[float, float]:
    """ms until the command's end, and until the broker's log has the end of the agent's connection."""
    ended = cut = math.nan
    with open(broker.log, "rb") as log:
        log.seek(0, 2)
        heard = b""
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own program
            [PROGRAM, "consent", "withdraw", PURPOSE, "--config", rig.file], stdout=subprocess.DEVNULL
        )
        while math.isnan(ended) or math.isnan(cut):
            passed = time.perf_counter() - begun
            if math.isnan(ended) and process.poll() is not None:
                ended = passed * 1000
            if math.isnan(cut):
                heard += log.read()
                if _ENDED.search(heard):
                    cut = passed * 1000
            if passed > 20:
                process.kill()
                raise RuntimeError(f"no withdrawal in 20 s: exit {process.poll()}; see {broker.log}")
            time.sleep(0.001)
    if process.returncode:
        raise RuntimeError(f"firmware-agent consent withdraw ended with {process.returncode}; run it by hand")
    return ended, cut


def _open(broker: Broker) -> int:
    """How many clients are connected, by the broker's log."""
    said = broker.log.read_bytes()
    return said.count(b"New client connected") - len(_ENDED.findall(said))
