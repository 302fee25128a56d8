"""One agent beside one printer, for `tools/bench telemetry`: what records cost it, and how long they take."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from benches import idle, procfs
from benches.telemetry_printers import Side, Start, counted, say
from firmware_agent.profiles.compiler import compile_profile
from host_tests.fakes import PURPOSE

RATES = (1, 100)  # changes a second
RUNS = 3
WINDOW = 10.0  # s of one run
_AGENT = Path(__file__).with_name("telemetry_agent.py")
_PROFILE = Path(__file__).resolve().parents[2] / "firmware_agent/profiles/lightmake.toml"
_SECTION, _EVERY, _ALWAYS = "[purpose.improvement_program]", 'every = "10 s"', 'every = "0 s"'
_PATIENCE = 30.0  # s
_BEGIN = 2.0  # s of the first changes, which are not counted
_CLOSE = 1e-6  # s


@dataclass
class Told:
    """What came of the changes that a printer told at one rate. Times in s; one figure a window where it is a list.

    cpu, peer: on a core, of the agent and of the program that served it. latencies: from the change to the gate, and to
    the broker's acknowledgement. taken: records that the gate had. told, reached: changes, and those of them that the
    gate had, in a record or in a newer one.
    """

    rate: int
    seconds: float
    cpu: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    to_gate: list[float] = field(default_factory=list)
    to_broker: list[float] = field(default_factory=list)
    taken: int = 0
    told: int = 0
    reached: int = 0


def profile(directory: Path) -> Path:
    """LightMake's, compiled anew, where each record is an event: nothing waits for the next ten seconds."""
    head, section, rest = _PROFILE.read_text("utf-8").partition(_SECTION)
    if rest.count(_EVERY) < 1:
        raise RuntimeError(f"{_PROFILE}: {_SECTION} has no {_EVERY}; name what it has in {__file__}")
    source = directory / "always.toml"
    source.write_text(head + section + rest.replace(_EVERY, _ALWAYS, 1))
    compiled = directory / "always.cbor"
    compiled.write_bytes(compile_profile(source))
    return compiled


class Noted:
    """An agent in a process of its own, which notes what passes (telemetry_agent.py); use with `async with`.

    Within the block its first record was acknowledged. state: where its files lie, if not beside the configuration.
    """

    def __init__(self, directory: Path, side: Side, link: str, state: Path | None = None) -> None:
        self._file, self._notes = directory / "agent.toml", directory / "notes"
        self._log = directory / "out.log"
        self._side = side
        where = directory / "state" if state is None else state
        top = f'profile = "{profile(directory)}"\nstate = "{where}"\npresence = "terminal"\n'
        self._file.write_text(top + side.sections + link)
        idle.allow(self._file, (PURPOSE,))

    async def __aenter__(self) -> "Noted":
        self._process = self._started()
        self.pid = self._process.pid
        try:
            end = time.monotonic() + _PATIENCE
            while not (await self.notes())["settled"]:
                self._alive(end)
                self._side.tell(0)  # again: what is said while nobody listens is lost
                await asyncio.sleep(0.1)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        await asyncio.to_thread(self._process.wait)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, _AGENT, self._file, self._side.field, self._notes]
        where = {**os.environ, "PYTHONPATH": str(_AGENT.parents[2])}
        with open(self._log, "wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=where
            )

    async def notes(self) -> dict[str, list[Any]]:
        """What passed so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        end = time.monotonic() + _PATIENCE
        while not self._notes.exists():
            self._alive(end)
            await asyncio.sleep(0.01)
        found: dict[str, list[Any]] = json.loads(self._notes.read_text())
        self._notes.unlink()
        return found

    async def settled(self) -> dict[str, list[Any]]:
        """What passed, once all that the gate had is acknowledged."""
        end = time.monotonic() + _PATIENCE
        while True:
            found = await self.notes()
            if len(found["taken"]) <= sum(count for _, count in found["settled"]) + 1:  # one more may come any time
                return found
            self._alive(end)
            await asyncio.sleep(0.1)

    def _alive(self, end: float) -> None:
        if self._process.poll() is not None or time.monotonic() > end:
            said = self._log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"the agent has ended, or passes nothing on; its log ends:\n{said}")


async def measured(
    directory: Path, start: Start, link: str, runs: int = RUNS, window: float = WINDOW, rates: tuple[int, ...] = RATES
) -> list[Told]:
    """One source: each rate, `runs` windows of so many seconds. directory: new, with a short path."""
    (directory / "printer").mkdir(parents=True)
    async with start(directory / "printer") as side, Noted(directory, side, link) as agent:
        found, count = [], 0
        for rate in rates:
            told = Told(rate, window)
            times: dict[int, float] = {}
            first = range(count + 1, count + 1 + int(_BEGIN * rate))
            count += len(first)
            await say(side, first, rate)
            for _ in range(runs):
                counts = range(count + 1, count + 1 + int(window * rate))
                count += len(counts)
                before, served = procfs.on_core(agent.pid), _of(side.peer)
                times |= await say(side, counts, rate)
                told.cpu.append(procfs.on_core(agent.pid) - before)
                told.peer.append(_of(side.peer) - served)
            await _passed(agent, side, count)
            tally(told, times, await agent.settled(), side)
            found.append(told)
    return found


def tally(told: Told, times: dict[int, float], notes: dict[str, list[Any]], side: Side) -> None:
    """Adds how long the changes of `times` took, from what the agent noted."""
    began = min(times.values())
    acknowledged = deque(moment for moment, events in notes["settled"] for _ in range(events))
    waiting = deque(sorted(times.items()))
    told.told = len(times)
    for moment, value in notes["taken"]:
        if not acknowledged:
            return
        arrived, count = acknowledged.popleft(), counted(side.field, value)
        if moment < began - _CLOSE or count is None:
            continue
        told.taken += 1
        while waiting and waiting[0][0] <= count:
            number, said = waiting.popleft()
            if not side.single or number == count:
                told.reached += 1
                told.to_gate.append(moment - said)
                told.to_broker.append(arrived - said)


async def _passed(agent: Noted, side: Side, count: int) -> None:
    """Until the gate has the newest, if a record with it is sure to come."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        values = [counted(side.field, value) for _, value in (await agent.notes())["taken"]]
        if any(one is not None and one >= count for one in values):
            return
        await asyncio.sleep(0.2)
    raise RuntimeError(f"what the printer told last did not reach the gate in {_PATIENCE:.0f} s")


def _of(pid: int | None) -> float:
    return 0.0 if pid is None else procfs.on_core(pid)
