"""The leak matrix: what of a withdrawn purpose still passes towards the broker, in each kind of bad network.

The whole agent with a backlog, a real broker, a hostile network between them; default paho by the same plans.
"""

import asyncio
import contextlib
import logging
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cbor2

from firmware_agent import config
from firmware_agent.agent import TICK
from firmware_agent.cli import build
from firmware_agent.errors import Refused
from firmware_agent.model import WITHDRAWN, Record, Release
from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.proofs import paho_peer
from host_tests.proofs.faults import FAULTS, MOMENTS, late, late_payloads, schedule
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.listener import Listener, Roomy
from host_tests.rigs.packets import PUBLISH
from host_tests.rigs.proxy import Mark, Proxy

PURPOSES = {1: PURPOSE, 0: "snapshot"}  # QoS -> what is withdrawn: records, pictures
OTHER = "print_history"  # stays granted
DECIDERS = ("here", "process")  # Agent.withdraw; the command line in another process
BUNDLES = (8, 128)  # events in a message that waits on flash
ALLOWED = 2  # messages a run that the agent itself may have too late
ROOM = 8192  # KiB of flash: nothing is dropped
_HOLD = 1.0  # s that a fault lasts at most, where its length is not counted in events
_QUIET = 2 * TICK  # s without a byte: the agent has looked, and would have sent
_PATIENCE = 60.0  # s for what must happen
_ROOT = Path(__file__).resolve().parent.parent.parent

Progress = Callable[[str], None]


class Case(NamedTuple):
    """seed: of the plan. bundle: events in a message that waits (QoS 1)."""

    qos: int
    fault: str
    by: str
    moment: str
    seed: int
    bundle: int

    def __str__(self) -> str:
        return "QoS %d, %s, decided %s %s it, seed %d" % (self.qos, self.fault, self.by, self.moment, self.seed)


class Found(NamedTuple):
    """All of the withdrawn purpose, after the decision was stored, but `before` and `other`.

    late, late_events: what was given to the broker. own, own_events: of those, what had not left this machine. handed:
    messages that the door still let out. kept: events that the agent still has at the end. before: messages that were
    given to the broker until then. other: events of the other purpose that arrived afterwards.
    """

    late: int
    late_events: int
    own: int
    own_events: int
    handed: int
    kept: int
    before: int
    other: int


def prove(
    runs: int = 500,
    events: int = 30_000,
    seed: int = 1,
    progress: Progress = lambda line: None,
    peers: int = 64,
) -> dict[str, Any]:
    """{counts, failures, table, seconds}. QoS 1: `events` wait when a run begins; QoS 0: so many pictures come in it.

    peers: how many of the runs are made with default paho as well (its own events, the same plans).
    """
    begun = time.monotonic()
    plans = cases(runs, seed)
    found: list[tuple[Case, Found]] = []
    failures: list[str] = []
    peer: list[tuple[Case, dict[str, Any]]] = []
    logging.disable(logging.CRITICAL)  # each broken link would be told
    try:
        with workplace(events) as place, Owner() as owner:
            for number, case in enumerate(plans):
                progress("run %d of %d: %s; %d failures" % (number + 1, runs, case, len(failures)))
                try:
                    found.append((case, run(case, events, place, owner)))
                except RuntimeError as error:
                    failures.append("%s: %s" % (case, error))
                    continue
                failures += ["%s: %s" % (case, wrong) for wrong in judge(found[-1][1])]
            again = [case for case in plans if case.by == DECIDERS[-1]][:peers]
            for number, case in enumerate(again):
                progress("paho, run %d of %d: %s" % (number + 1, len(again), case))
                with tempfile.TemporaryDirectory(dir=place) as inner:
                    one = paho_peer.run(case.qos, case.fault, case.moment, case.seed, events, Path(inner))
                peer.append((case, one))
    finally:
        logging.disable(logging.NOTSET)
    return {
        "counts": _counts(found, peer),
        "failures": failures,
        "table": list(_table(found, peer)),
        "seconds": round(time.monotonic() - begun),
    }


def cases(runs: int, seed: int) -> list[Case]:
    """16 runs have each QoS with each fault and each decider once, 32 at each moment."""
    made = []
    for at in range(runs):
        by, moment = DECIDERS[at // 8 % 2], MOMENTS[(at + at // 4 + at // 8 + at // 16) % 2]
        bundle = BUNDLES[(at // 2 + at // 8 + at // 32) % 2]
        made.append(Case(1 - at // 4 % 2, FAULTS[at % 4], by, moment, seed * 100_000 + at, bundle))
    return made


def judge(found: Found) -> list[str]:
    """What is wrong with one run."""
    wrong = []
    if found.own > ALLOWED:
        wrong.append("%d messages (%d events) left after the decision, %d are allowed" % (*found[2:4], ALLOWED))
    if found.kept:
        wrong.append("%d events still wait after the withdrawal" % found.kept)
    if not found.other:
        wrong.append("the other purpose did not arrive, so nothing shows that the link works again")
    if not found.before:
        wrong.append("nothing had left before the decision, so nothing shows that the agent was sending")
    return wrong


def run(case: Case, events: int, place: Path, owner: "Owner") -> Found:
    """One run in a `workplace` of as many events; RuntimeError if it did not come to its end."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place)))
        broker = stack.enter_context(Roomy(directory))
        proxy = stack.enter_context(Proxy(broker.port))
        listener = stack.enter_context(Listener(broker.inside))
        if case.qos:
            shutil.copytree(place / str(case.bundle) / "state", directory / "state")
        rig = _rig(directory, proxy.port)
        for purpose in (PURPOSES[case.qos], OTHER):
            if not rig.parts.gate.decide(purpose, RECIPIENT).allowed:
                rig.grant(purpose)
        return asyncio.run(_Run(case, events, rig, proxy, listener, owner).story())


@contextlib.contextmanager
def workplace(events: int) -> Iterator[Path]:
    """A directory for runs, with a state for each of BUNDLES in which `events` wait."""
    with tempfile.TemporaryDirectory(prefix="leak-", dir=_memory()) as name:
        for bundle in BUNDLES:
            fill(Path(name) / str(bundle), events, bundle)
        yield Path(name)


def fill(directory: Path, events: int, bundle: int) -> None:
    """A state in which `events` wait on flash, `bundle` in each message."""
    directory.mkdir()
    rig = _rig(directory, 1)
    rig.grant(PURPOSE)
    agent = rig.agent()
    agent.gate.look()
    uplink = agent.uplinks[RECIPIENT]
    uplink.load()
    for number in range(events):
        uplink.offer(event(number), PURPOSE)
        if number % bundle == bundle - 1 or number == events - 1:
            rig.device.passed += rig.parts.config.window
            uplink.tick()
    outbox = uplink.outboxes[PURPOSE]
    if outbox.unsaved or len(outbox) != events:
        raise RuntimeError("%d of %d events wait on flash; give the ring more room" % (len(outbox), events))


def event(number: int) -> Record:
    """One reading of the improvement program; about 40 bytes in a message."""
    fields = {"state": "printing", "progress": number % 101, "elapsed": number % 90_000}
    fields |= {"nozzle_temperature": 190 + number % 60, "nozzle_target": 210}
    fields |= {"bed_temperature": 25 + number % 65, "bed_target": 60}
    return Record(fields)


def picture(number: int) -> bytes:
    """The smallest thing that the gate takes for a picture: the more of them fit into what the kernel holds."""
    frame = b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    return b"\xff\xd8%b\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00%06d\xff\xd9" % (frame, number)


class Owner:
    """The command line in a process of its own, which withdraws when asked."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asks, self._answers = self._process.stdin, self._process.stdout

    def ask(self, file: Path, purpose: str) -> None:
        """Withdraw `purpose`, under the configuration `file`."""
        self._asks.write("%s\t%s\n" % (purpose, file))
        self._asks.flush()

    def answer(self) -> "float | None":
        """When the decision was stored (monotonic, the same clock in every process); None: not yet."""
        if not select.select([self._answers], [], [], 0)[0]:
            return None
        line = self._answers.readline()
        if not line:
            raise RuntimeError("the other process has ended: exit %r" % self._process.poll())
        return float(line)

    def __enter__(self) -> "Owner":
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.close()
        self._process.wait(20)
        self._answers.close()


def obey() -> None:
    """The other process: a withdrawal for each line of its input; stored first, then what waits is destroyed."""
    for line in sys.stdin:
        purpose, file = line.rstrip("\n").split("\t")
        made = build.parts(config.load(Path(file)))
        policy = made.catalogue.policy(purpose, RECIPIENT)
        made.consents.put(purpose, RECIPIENT, WITHDRAWN, policy, "owner", "test", made.device.now())
        print(repr(time.monotonic()), flush=True)
        made.vault(purpose, RECIPIENT).shred()


class _Run:
    """One agent in one bad network."""

    def __init__(self, case: Case, events: int, rig: Rig, proxy: Proxy, listener: Listener, owner: Owner) -> None:
        self._case, self._plan, self._purpose = case, schedule(case.seed, case.fault), PURPOSES[case.qos]
        self._events = events
        self._rig, self._proxy, self._listener, self._owner = rig, proxy, listener, owner
        self._agent = rig.agent()
        self._uplink = self._agent.uplinks[RECIPIENT]
        self._handed: list[float] = []  # when the door let out a message of the purpose
        self._decided = 0.0
        self._before = Mark(0.0, {}, {})

    async def story(self) -> Found:
        self._note()
        self._running = asyncio.create_task(self._agent.run())
        try:
            await asyncio.sleep(0)  # its first tick takes up what waits
            await (self._records() if self._case.qos else self._pictures())
            await self._withdraw()
            await self._go_on()
            return self._found()
        finally:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    def _note(self) -> None:
        write = self._uplink.wire.write

        def noted(release: Release) -> None:
            if release.purpose == self._purpose:
                self._handed.append(time.monotonic())
            write(release)

        self._uplink.wire.write = noted  # type: ignore[method-assign]

    async def _records(self) -> None:
        """What waits begins to leave, the fault comes, and perhaps goes."""
        whole = -(-self._events // self._case.bundle)
        begin = max(1, round(self._plan.begin * whole))
        await self._until(lambda: len(self._listener.payloads) >= begin)
        self._plan.start(self._proxy)
        await asyncio.sleep((self._plan.withdraw - self._plan.begin) * _HOLD)
        if self._case.moment == "after":
            await self._heal(whole)

    async def _pictures(self) -> None:
        """They come as fast as they can leave, the fault comes in the middle, and perhaps goes."""
        begin, last = (round(share * self._events) for share in (self._plan.begin, self._plan.withdraw))
        self._offer(0)
        await self._until(lambda: len(self._listener.payloads) > 0)
        for number in range(1, last):
            if number == begin:
                await self._until(lambda: len(self._listener.payloads) >= int(self._plan.flowed * len(self._handed)))
                self._plan.start(self._proxy)
            self._offer(number)
            self._uplink.pump()
            await asyncio.sleep(0)
        if self._case.moment == "after":
            await self._heal(len(self._handed))

    async def _heal(self, whole: int) -> None:
        """The fault ends; return when a share of the backlog has passed, or nothing more comes."""
        before = len(self._listener.payloads)
        self._plan.heal(self._proxy)
        goal = before + max(1, self._plan.drained * (whole - before))
        last, since = before, time.monotonic()
        while len(self._listener.payloads) < goal and time.monotonic() - since < _QUIET:
            if last != len(self._listener.payloads) or not self._connected():
                last, since = len(self._listener.payloads), time.monotonic()
            await asyncio.sleep(0.001)

    async def _withdraw(self) -> None:
        """The decision is stored, and the agent finds out in its own way."""
        if self._case.by == "here":
            self._agent.withdraw(self._purpose, RECIPIENT, self._put)
            return
        marks = [self._proxy.mark()]
        self._owner.ask(self._rig.file, self._purpose)
        while (decided := self._owner.answer()) is None:
            await asyncio.sleep(0)  # at most one message leaves between two marks
            marks.append(self._proxy.mark())
        self._decided = decided
        self._before = max((mark for mark in marks if mark.time <= decided), key=lambda mark: mark.time)

    def _put(self) -> None:
        self._rig.withdraw(self._purpose)
        self._before = self._proxy.mark()  # the agent sends nothing while it is here
        self._decided = time.monotonic()

    async def _go_on(self) -> None:
        """More comes of both purposes, the network is good again; until all is quiet."""
        self._offer(self._events)
        self._uplink.offer(Record({"job_material": 4180.0}), OTHER)
        self._plan.heal(self._proxy)
        await self._until(self._other)
        self._offer(self._events + 1)
        state, since = None, time.monotonic()
        while time.monotonic() - since < _QUIET:
            now = self._proxy.heard, len(self._listener.payloads)
            if now != state:
                state, since = now, time.monotonic()
            await asyncio.sleep(0.01)

    def _found(self) -> Found:
        marker = self._purpose.encode()
        everything = Mark(0.0, {}, {})
        arrived = Counter(self._listener.payloads)  # first: what arrives after this is in the log, too
        if arrived - Counter(late_payloads(self._proxy, everything, b"")):
            raise RuntimeError("messages arrived that did not pass the proxy: the count is wrong")
        passed = self._passed()
        since = Mark(self._decided, passed, {})
        # What left between the last mark before the decision and it counts as the agent's own: rather too many.
        reached = {link: max(size, passed.get(link, 0)) for link, size in self._before.reached.items()}
        own = late_payloads(self._proxy, since._replace(passed={**passed, **reached}), marker)
        found = late_payloads(self._proxy, since, marker)
        return Found(
            late=len(found),
            late_events=_events(found),
            own=len(own),
            own_events=_events(own),
            handed=sum(when > self._decided for when in self._handed),
            kept=len(self._uplink.outboxes[self._purpose]) + self._agent.gate.collected(self._purpose, RECIPIENT),
            before=late(self._proxy, everything, marker) - len(found),
            other=_events(set(self._other())),  # QoS 1 may deliver twice
        )

    def _passed(self) -> dict[int, int]:
        """Link -> the end of the last message that had been given to the broker when the decision was stored."""
        return {
            one.link: one.packet.end
            for one in self._proxy.packets
            if one.up and one.packet.kind == PUBLISH and one.time <= self._decided
        }

    def _other(self) -> list[bytes]:
        return [payload for payload in self._listener.payloads if OTHER.encode() in payload]

    def _offer(self, number: int) -> None:
        """One more event of the purpose that is withdrawn, as the agent would take it."""
        record = event(number) if self._case.qos else Record({"picture": picture(number)})
        with contextlib.suppress(Refused):
            self._uplink.offer(record, self._purpose)

    def _connected(self) -> bool:
        """Whether the link is up, and hurry it if not."""
        wire: Any = self._uplink.wire
        wire._not_before = 0.0  # no need to wait for the back-off here
        return bool(wire._connected)

    async def _until(self, what: Callable[[], object]) -> None:
        end = time.monotonic() + _PATIENCE
        while not what():
            if self._running.done():
                self._running.result()
            if time.monotonic() > end:
                raise RuntimeError(
                    "it did not happen in %d s; last trouble: %s" % (_PATIENCE, self._uplink.wire.trouble)
                )
            self._connected()
            await asyncio.sleep(0.001)


def _rig(directory: Path, port: int) -> Rig:
    return Rig(directory, plain(port), extra="outbox = %d" % ROOM)


def _events(payloads: Iterable[bytes]) -> int:
    return sum(len(cbor2.loads(payload)[3]) for payload in payloads)


def _counts(found: list[tuple[Case, Found]], peer: list[tuple[Case, dict[str, Any]]]) -> dict[str, int]:
    """Sums over all runs."""
    counts = {"runs": len(found), "runs of paho": len(peer)}
    for name in Found._fields:
        counts[name] = sum(getattr(one, name) for _, one in found)
    counts["late of paho"] = sum(one["late"] for _, one in peer)
    counts["own of paho"] = sum(one["late"] - one["under_way"] for _, one in peer)
    return counts


def _table(found: list[tuple[Case, Found]], peer: list[tuple[Case, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """A row for each QoS and fault; each figure as [median, most] of the runs."""
    for qos in PURPOSES:
        for fault in FAULTS:
            row: dict[str, Any] = {"qos": qos, "fault": fault}
            for by in DECIDERS:
                ours = [one for case, one in found if (case.qos, case.fault, case.by) == (qos, fault, by)]
                row["agent, " + by] = {"runs": len(ours)} | {
                    name: _spread(getattr(one, name) for one in ours) for name in Found._fields
                }
            theirs = [one for case, one in peer if (case.qos, case.fault) == (qos, fault)]
            row["paho"] = {
                "runs": len(theirs),
                "late": _spread(one["late"] for one in theirs),
                "own": _spread(one["late"] - one["under_way"] for one in theirs),
            }
            yield row


def _spread(values: Iterable[int]) -> "list[float]":
    some = list(values)
    return [statistics.median(some), max(some)] if some else []


def _memory() -> "str | None":
    """Where a sync costs nothing: this is not about the disk. None for the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private directory is made in it


if __name__ == "__main__":
    obey()
