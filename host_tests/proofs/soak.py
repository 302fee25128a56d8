"""A week of the agent in minutes: its clock jumps ahead when nothing is under way. Broker, network, camera are real.

Outages, decisions and restarts come at random moments of a seed. In the end: is everything that was collected accounted
for, did only what was granted arrive, and did nothing grow?
"""

import asyncio
import contextlib
import ctypes
import gc
import heapq
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import unittest.mock
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cbor2
import paho.mqtt.client as mqtt
import paho.mqtt.publish
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent.agent import Agent
from firmware_agent.camera import hub
from firmware_agent.cli import build
from firmware_agent.model import WITHDRAWN
from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.rigs.agent import Rig, SlowDevice, plain
from host_tests.rigs.broker import Broker, wait_for
from host_tests.rigs.media import CAMERA, keyed

PURPOSES = (PURPOSE, "print_history", "snapshot")
STEP = 10.0  # s of the agent's clock between two ticks
HOUR, DAY = 3600.0, 86400.0
SAMPLES = 300  # looks at memory, descriptors and tasks, at most; and not oftener than each fifth tick
LEAST = 10  # of them in each half, or nothing can be said
GROWTH = 256 << 10  # bytes of Python objects that the second half may have more than the first
GROWTH_RSS = 6 << 20  # and of the process: pages that a backlog once needed stay with it (seen: steps of 3 to 4 MiB)
PATIENCE = 10.0  # s for what is under way between two ticks: a camera process may have to begin
HASTE = 0.02  # share of the ticks that do not wait for the link
MARK = "soak/mark"
ROOT = Path(__file__).resolve().parent.parent.parent
# What ends an event's life. dropped, purged, lost: as the ledger counts them. ended: pictures never outlive a run.
FATES = ("acknowledged", "unknown", "dropped", "purged", "lost", "ended")
_READING = ("Agent._read", "_Reading._go_to_rest")
_LIBC = ctypes.CDLL(None)
Spoil = Callable[["Soak"], None]


def prove(
    days: float = 7,
    seed: int = 1,
    progress: Callable[[str], None] = lambda line: None,
    pace: float = 1.0,
    spoil: "Spoil | None" = None,
    idle: float = hub.IDLE,
) -> dict:
    """Run `days` of the agent's time; {counts, figures, failures, seconds}.

    pace: how many times more often than usual something happens, for shorter runs. spoil: called before each tick, for
    controls that break something. idle: s for which the camera process outlives a picture; with the usual ones it
    begins anew at each tick, which takes most of the time.
    """
    begun = time.monotonic()
    place = tempfile.TemporaryDirectory(prefix="soak-", dir=_memory())
    with unittest.mock.patch.object(hub, "IDLE", idle), place as name:
        soak = Soak(Path(name), days * DAY, seed, progress, pace, spoil)
        soak.run()
        return {
            "counts": dict(sorted(soak.counts.items())),
            "figures": soak.figures,
            "failures": soak.failures,
            "seconds": round(time.monotonic() - begun),
        }


class _Loop(asyncio.SelectorEventLoop):
    """Timers go by the agent's clock too: a pause of 60 s is over when that has jumped."""

    def __init__(self, device: SlowDevice) -> None:
        super().__init__()
        self._device = device

    def time(self) -> float:
        return super().time() + self._device.passed


class Soak:
    """One run. `tally` counts the events by (purpose, fate), "collected" among them; `granted` is what holds now."""

    def __init__(
        self,
        directory: Path,
        seconds: float,
        seed: int,
        progress: Callable[[str], None],
        pace: float,
        spoil: "Spoil | None",
    ) -> None:
        self.broker = Broker(directory)
        said = self.broker.settings.read_text().replace("log_type all", "log_type error")
        self.broker.settings.write_text(said)  # a week of packets would fill the disk
        self.rig = Rig(directory, keyed(plain(self.broker.port)), sources=f"[source.demo]\n{CAMERA}")
        self.agent: Agent
        self.granted: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.figures: dict[str, object] = {}
        self.failures: list[str] = []
        self.tally: Counter[tuple[str, str]] = Counter()
        self._seconds = seconds
        self._progress = progress
        self._pace = pace
        self._spoil = spoil
        self._dice = random.Random(seed)
        self._heard = Heard(directory / "heard")
        self._attempted: dict[bytes, int] = {}  # message under way -> its events
        self._marks: list[str] = []  # that wait for the broker
        self._mark = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._samples: list[tuple[float, int, int, int, int]] = []
        self._up = False

    def run(self) -> None:
        """All of it; what is wrong is in `failures`."""
        tracemalloc.start()
        logging.disable(logging.CRITICAL)  # each outage would be told, at both ends
        try:
            with self._heard.by(self.broker.inside), asyncio.Runner(loop_factory=self._loop) as runner:
                try:
                    self._start_broker()
                    runner.run(self._live())
                    self._publish("end")
                    self._judge()
                finally:
                    self.broker.stop()
        finally:
            logging.disable(logging.NOTSET)
            tracemalloc.stop()

    def _loop(self) -> _Loop:
        return _Loop(self.rig.device)

    async def _live(self) -> None:
        descriptors = _descriptors()
        for purpose in PURPOSES:
            self.grant(purpose)
        self._later(self._outage, 8 * HOUR)
        self._later(self._decision, 4 * HOUR)
        self._later(lambda: self._restarts.append(True), 12 * HOUR)
        self._restarts: list[bool] = []
        self._begin()
        device, looked = self.rig.device, 0.0
        while device.passed < self._seconds:
            device.passed += STEP
            while self._events and self._events[0][0] <= device.passed:
                heapq.heappop(self._events)[2]()
            if self._restarts:
                self._restarts.clear()
                self._later(lambda: self._restarts.append(True), 12 * HOUR)
                await self._restart()
            await self._tick()
            if device.passed - looked >= max(self._seconds / SAMPLES, 5 * STEP):
                looked = device.passed
                self._sample()
        await self._drain()
        await self._end()
        await asyncio.sleep(0)
        self.figures["descriptors before and after"] = [len(descriptors), len(_descriptors())]
        self.figures["tasks after"] = len(asyncio.all_tasks()) - 1
        if len(_descriptors()) > len(descriptors):
            self.failures.append(f"{len(_descriptors()) - len(descriptors)} descriptors are open after the end")
        if len(asyncio.all_tasks()) > 1:
            self.failures.append(f"{len(asyncio.all_tasks()) - 1} tasks are left after the end")

    # --- the agent

    def _begin(self) -> None:
        self.agent = self.rig.agent(self._recorded)
        gate, uplink = self.agent.gate, self.agent.uplinks[RECIPIENT]
        collect, write, done = gate.collect, uplink.wire.write, uplink.wire.on_done

        def collected(record, purpose, recipient):
            full = collect(record, purpose, recipient)
            self.tally[purpose, "collected"] += 1
            return full

        def written(release):
            self._attempted[release.ident] = release.count
            write(release)

        def settled(release, event):
            self._attempted.pop(release.ident, None)
            self.tally[release.purpose, event] += release.count
            done(release, event)

        gate.collect, uplink.wire.write, uplink.wire.on_done = collected, written, settled

    def _recorded(self, entry: dict) -> None:
        """The ledger's own word for what never left, and for what nobody will ever know of."""
        if entry["event"] in ("dropped", "purged", "lost"):
            self.tally[entry["purpose"], entry["event"]] += entry["count"]
        elif entry["event"] == "unknown":  # it was under way when its consent was withdrawn
            self.tally[entry["purpose"], "unknown"] += self._attempted.pop(entry["ident"], 0)

    async def _tick(self) -> None:
        if self._spoil is not None:
            self._spoil(self)
        self.agent.tick()
        self.counts["ticks"] += 1
        await self._settle(self._read if self._dice.random() < HASTE else self._left)

    async def _settle(self, done: Callable[[], bool]) -> None:
        end, turns = time.monotonic() + PATIENCE, 0
        while not done():
            turns += 1
            await asyncio.sleep(0 if turns < 100 else 0.001)
            if time.monotonic() > end:
                self.counts["ticks that did not settle"] += 1
                return

    def _read(self) -> bool:
        """No source is being read, or going to rest."""
        return not _running(*_READING)

    def _left(self) -> bool:
        """All that can leave has left."""
        if _running(*_READING, "MqttWire._connect"):
            return False
        uplink = self.agent.uplinks[RECIPIENT]
        return not uplink.waiting() or uplink.wire.trouble is not None or not self.granted

    async def _drain(self) -> None:
        """The link is up again at the end, and what waits leaves."""
        if not self._up:
            self._start_broker()
        for _ in range(100):
            self.rig.device.passed += STEP
            await self._tick()
            await self._settle(self._left)
            if not self.agent.uplinks[RECIPIENT].waiting():
                return
        self.failures.append(f"{self.agent.uplinks[RECIPIENT].waiting()} events still wait with the link up")

    async def _end(self) -> None:
        """The agent ends; what it leaves behind must be all that is not accounted for."""
        await self.agent.close()
        for name, outbox in self.agent.uplinks[RECIPIENT].outboxes.items():
            waiting = len(outbox) + self.agent.gate.collected(name, RECIPIENT)
            if outbox.media:
                self.tally[name, "ended"] += waiting
                waiting = 0
            fates = {fate: self.tally[name, fate] for fate in FATES}
            missing = self.tally[name, "collected"] - waiting - sum(fates.values())
            if missing:
                self.failures.append(
                    f"{self._when()}: {name}: {missing} of {self.tally[name, 'collected']} events are not accounted "
                    f"for: {fates}, waiting {waiting}"
                )
                self.tally[name, "collected"] -= missing  # said once

    async def _restart(self) -> None:
        await self._end()
        self.counts["restarts"] += 1
        self.rig.parts = build.parts(self.rig.parts.config, self.rig.device)
        self._begin()

    # --- what happens

    def _later(self, what: Callable[[], None], mean: float) -> None:
        self._at(self._dice.expovariate(self._pace / mean), what)

    def _at(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.rig.device.passed + seconds, self._dice.getrandbits(32), what))

    def _outage(self) -> None:
        seconds = self._dice.choice((10, 60, 120, 900 / self._pace, 2 * HOUR / self._pace, 6 * HOUR / self._pace))
        if self._dice.random() < 0.1:
            seconds = self._dice.uniform(0.5, 2) * DAY / self._pace
        seconds = min(seconds, self._seconds / 6)
        self.broker.stop()
        self._up = False
        self.counts["outages"] += 1
        self.counts["seconds of outage"] += round(seconds)
        self._at(seconds, self._outage_ends)

    def _outage_ends(self) -> None:
        self._start_broker()
        self._later(self._outage, 8 * HOUR)

    def _decision(self) -> None:
        purpose = self._dice.choice(PURPOSES)
        if purpose in self.granted:
            self.withdraw(purpose, self._dice.random() < 0.5)
            self._at(self._dice.uniform(300, 2 * HOUR / self._pace), lambda: self.grant(purpose))
        self._later(self._decision, 4 * HOUR)

    def grant(self, purpose: str) -> None:
        self._publish(f"granted {purpose}")
        self.rig.grant(purpose)
        self.granted.add(purpose)
        self.counts["grants"] += 1

    def withdraw(self, purpose: str, here: bool) -> None:
        """In this process or, as a command does, in the store only: then the next tick sees it."""
        if here:
            parts = self.rig.parts
            policy = parts.catalogue.policy(purpose, RECIPIENT)
            put = lambda: parts.consents.put(purpose, RECIPIENT, WITHDRAWN, policy, "owner", "test", parts.device.now())
            self.agent.withdraw(purpose, RECIPIENT, put)
        else:
            self.rig.withdraw(purpose)
            self.agent.tick()
        self.granted.discard(purpose)
        self.counts["withdrawals"] += 1
        self._publish(f"withdrawn {purpose}")

    # --- the maker's end

    def _start_broker(self) -> None:
        """The maker hears before the agent can speak."""
        self._heard.skip()
        self.broker.start()
        self._up = True
        self._heard.wait("subscribed")
        marks, self._marks = self._marks, []
        for mark in marks:
            self._publish(mark)

    def _publish(self, mark: str) -> None:
        """Put a mark between what was sent until now and what is sent from now on."""
        if not self._up:
            self._marks.append(mark)
            return
        self._mark += 1
        said = f"{self._mark} {mark}"
        paho.mqtt.publish.single(MARK, said, qos=1, hostname="127.0.0.1", port=self.broker.inside)
        self._heard.wait(said)

    def send(self, purpose: str) -> None:
        """A forged message, for the control."""
        payload = cbor2.dumps([2, bytes(16), purpose, [[]]])
        paho.mqtt.publish.single("lightmake/agent/1", payload, qos=1, hostname="127.0.0.1", port=self.broker.inside)

    # --- what is looked at

    def _sample(self) -> None:
        """Only with the link up and nothing waiting: like is compared with like."""
        uplink = self.agent.uplinks[RECIPIENT]
        self._progress(f"{self._when()}: {sum(self.tally.values())} events counted, {len(self.failures)} failures")
        if uplink.waiting() or not uplink.wire.ready or self.granted != set(PURPOSES):
            return
        gc.collect()
        _LIBC.malloc_trim(0)  # what is free goes back to the kernel: it is not memory that grew
        traced, resident = tracemalloc.get_traced_memory()[0], _resident()
        self._samples.append((self.rig.device.passed, traced, resident, len(_descriptors()), len(asyncio.all_tasks())))

    def _judge(self) -> None:
        warm = [one for one in self._samples if one[0] > self._seconds / 10]
        first = [one for one in warm if one[0] <= self._seconds * 0.55]
        second = [one for one in warm if one[0] > self._seconds * 0.55]
        self.counts["samples"] = len(warm)
        if min(len(first), len(second)) < LEAST:
            self.failures.append(f"{len(first)} and {len(second)} samples: too few to see growth; run longer")
        else:
            for at, (what, allowed) in enumerate(
                (("python bytes", GROWTH), ("resident bytes", GROWTH_RSS), ("descriptors", 0), ("tasks", 0)), 1
            ):
                before, after = (statistics.median(one[at] for one in half) for half in (first, second))
                self.figures[f"{what}, first and second half"] = [round(before), round(after)]
                self.figures[f"{what}, by sample"] = [one[at] for one in warm[:: max(1, len(warm) // 20)]]
                if after - before > allowed:
                    self.failures.append(f"{what}: {before:.0f} in the first half, {after:.0f} in the second")
        for (purpose, fate), count in sorted(self.tally.items()):
            self.counts[f"{fate} {purpose}"] = count
        arrived, again = self._arrived()
        self.counts["messages that arrived twice"] = again
        for purpose in PURPOSES:
            self.counts[f"arrived {purpose}"] = arrived[purpose]
            acknowledged = self.tally[purpose, "acknowledged"]
            if arrived[purpose] < acknowledged:
                self.failures.append(f"{purpose}: {acknowledged} acknowledged, {arrived[purpose]} arrived")
            if not arrived[purpose]:
                self.failures.append(f"{purpose}: nothing arrived at all: the run proves nothing")
        if self.counts["ticks that did not settle"] > self.counts["ticks"] / 100:
            self.failures.append(f"{self.counts['ticks that did not settle']} ticks did not settle in {PATIENCE} s")

    def _arrived(self) -> "tuple[Counter[str], int]":
        """(events of each purpose, every message once; messages that came again). Each must be granted at its place."""
        events: Counter[str] = Counter()
        idents: set[str] = set()
        granted: set[str] = set()
        again = 0
        for line in self._heard.lines():
            kind, *rest = line.split()
            if kind == "message":
                ident, purpose, count = rest
                if purpose not in granted:
                    self.failures.append(f"a message of {purpose} arrived while it was not granted")
                again += ident in idents
                events[purpose] += 0 if ident in idents else int(count)
                idents.add(ident)
            elif rest[:1] == ["granted"]:
                granted.add(rest[1])
            elif rest[:1] == ["withdrawn"]:
                granted.discard(rest[1])
        return events, again

    def _when(self) -> str:
        return f"day {self.rig.device.passed / DAY:.2f}"


class Heard:
    """The maker's end, in a process of its own so that its memory is not ours. A line for each thing that it hears."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0

    @contextlib.contextmanager
    def by(self, port: int) -> "Iterator[None]":
        with open(self._file, "wb") as file:
            process = subprocess.Popen([sys.executable, "-m", __name__, str(port)], cwd=ROOT, stdout=file)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def skip(self) -> None:
        """What comes from now on counts for `wait`."""
        self._at = self._file.stat().st_size

    def wait(self, line: str) -> None:
        """Until this line is there, after what was waited for before."""
        wait_for(lambda: self._found(line.encode() + b"\n"))

    def lines(self) -> "Iterator[str]":
        with open(self._file) as file:
            yield from file

    def _found(self, line: bytes) -> bool:
        with open(self._file, "rb") as file:
            file.seek(self._at)
            found = file.read()
        place = found.find(line)
        if place >= 0:
            self._at += place + len(line)
        return place >= 0


def listen(port: int) -> None:
    """Print what arrives, until killed. The session outlives a restart of the broker."""

    def arrived(client, data, message):
        if message.topic == MARK:
            print(message.payload.decode(), flush=True)
        else:
            _, ident, purpose, events = cbor2.loads(message.payload)
            print("message", ident.hex(), purpose, len(events), flush=True)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="soak", clean_session=False)
    client.on_connect = lambda *_: client.subscribe("#", qos=1)
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.on_message = arrived
    client.reconnect_delay_set(0.05, 0.05)
    client.connect_async("127.0.0.1", port)
    client.loop_forever(retry_first_connection=True)


def _descriptors() -> list[str]:
    """Those that are open, without the one that looks."""
    return os.listdir("/proc/self/fd")[:-1]


def _running(*names: str) -> bool:
    """Whether a task of one of these coroutines is under way."""
    return any(getattr(task.get_coro(), "__qualname__", "") in names for task in asyncio.all_tasks())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _memory() -> "str | None":
    """Where a sync costs nothing: this is not about the disk. None for the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private directory is made in it


if __name__ == "__main__":
    listen(int(sys.argv[1]))
