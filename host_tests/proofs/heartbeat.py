"""A sign of life on a real wire: whether who sees times, sizes and directions can tell printing from idle (attack 15).

Real agents, a real mosquitto with TLS, and between them a tap that notes each TLS record. The printers beside them
print, and keep a processor busy, or do nothing, in turns. With a sign of life alone allowed both must look alike; in
the control usage data is allowed as well, and both must not.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import firmware_agent
from firmware_agent.profiles.compiler import compile_profile
from firmware_agent.telemetry.dues import SLACK
from host_tests.rigs.agent import Rig
from host_tests.rigs.broker import Broker
from host_tests.rigs.certificates import Authority
from host_tests.rigs.lived import running

Progress = Callable[[str], None]

MAKER = "laserpecker"
EVERY = 1  # s, instead of 15 minutes
BEAT = EVERY + SLACK
DATA = 23  # of TLS: what is encrypted (RFC 8446, 5.1)
ENOUGH = 200  # intervals of each kind before a figure about them can fail the proof
FAIR = 0.1  # how far from chance it may then be
ROOT = Path(__file__).resolve().parent.parent.parent
STATES = ("idle", "printing")
PING = 19  # bytes of a record with PINGREQ or PINGRESP: once in a minute, so a short run may hold one in either half


class Seen(NamedTuple):
    """One TLS record on the wire of one device. time: s. up: to the broker. size: bytes."""

    time: float
    device: int
    up: bool
    size: int


class Tap:
    """Stands between a device and the broker, and notes every encrypted record at the moment when it passes."""

    def __init__(self, device: int, target: int, seen: list[Seen]) -> None:
        self._device, self._target, self._seen = device, target, seen
        self.port = 0

    async def start(self) -> "Tap":
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def stop(self) -> None:
        self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        await asyncio.gather(self._way(reader, back, True), self._way(there, writer, False))

    async def _way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the end of the proof
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[3:], "big"))
                if head[0] == DATA:
                    self._seen.append(Seen(time.monotonic(), self._device, up, len(body)))
                writer.write(head + body)
                await writer.drain()
        writer.close()


def prove(
    devices: int = 6, phases: int = 6, beats: int = 10, seed: int = 1, progress: Progress = lambda line: None
) -> dict[str, Any]:
    """Sizes and directions must be the same; of the times, how well the best of three classifiers tells them apart."""
    begun = time.monotonic()
    failures: list[str] = []
    alone = _judged(watch(("heartbeat",), devices, phases, beats, seed, progress))
    control = _judged(watch(("heartbeat", "usage_data"), devices, 1, max(beats, 4), seed, progress))
    if alone["sizes idle"] != alone["sizes printing"]:
        failures.append("sizes or directions of idle and printing differ")
    if control["sizes idle"] == control["sizes printing"]:
        failures.append("control: sizes and directions are the same, so nothing was shown")
    for name, found in (("alone", alone), ("control", control)):
        if not (found["intervals idle"] and found["intervals printing"]):
            failures.append(f"{name}: nothing was sent in one of the two")
    if min(alone["intervals idle"], alone["intervals printing"]) >= ENOUGH and abs(alone["auc"] - 0.5) > FAIR:
        failures.append(f"times tell them apart: AUC {alone['auc']}")
    both = (("alone", alone), ("control", control))
    counts = {f"{name}: {what}": value for name, found in both for what, value in found.items()}
    return {"seed": seed, "counts": counts, "failures": failures, "seconds": round(time.monotonic() - begun, 1)}


def watch(
    granted: tuple[str, ...], devices: int, phases: int, beats: int, seed: int, progress: Progress
) -> dict[str, list[list[Seen]]]:
    """state -> what was seen in each phase of that state."""
    with tempfile.TemporaryDirectory(prefix="heartbeat-") as name:
        return asyncio.run(_watch(Path(name), granted, devices, phases, beats, seed, progress))


async def _watch(
    directory: Path, granted: tuple[str, ...], devices: int, phases: int, beats: int, seed: int, progress: Progress
) -> dict[str, list[list[Seen]]]:
    seen: list[Seen] = []
    found: dict[str, list[list[Seen]]] = {state: [] for state in STATES}
    authority, rng = Authority(directory, "ours"), Random(seed)
    profile = _profile(directory)
    papers = authority.issue("broker", "127.0.0.1")
    with Broker(directory, (authority.path, *papers)) as broker, contextlib.ExitStack() as stack:
        places = []
        for number in range(devices):
            tap = await Tap(number, broker.port, seen).start()
            stack.callback(tap.stop)
            rig = _device(directory / str(number), profile, authority, tap.port)
            for purpose in granted:
                rig.grant(purpose, MAKER)
            places.append(rig.device.storage.directory / "intake.sock")
            stack.enter_context(await asyncio.to_thread(_Started, rig))
        await _until(lambda: {one.device for one in seen if one.up} == set(range(devices)))
        await asyncio.sleep(2 * BEAT)  # the beginning of a connection is over
        for phase in range(phases):
            # in the control idle comes first: a printer that fell silent still has a state
            order = STATES if phases == 1 or rng.random() < 0.5 else STATES[::-1]
            for state in order:
                progress(f"{'+'.join(granted)}: phase {phase + 1} of {phases}, {state}")
                with _printing(places) if state == "printing" else contextlib.nullcontext():
                    await asyncio.sleep(BEAT)  # what was under way is over, what begins has begun
                    since = len(seen)
                    await asyncio.sleep(beats * BEAT)
                    found[state].append(seen[since:])
    return found


def _profile(directory: Path) -> Path:
    """The shipped one, with shorter times."""
    text = (Path(firmware_agent.__file__).parent / f"profiles/{MAKER}.toml").read_text("utf-8")
    for before in ('every = "15 min"', 'every = "10 s"\nretention = "90 d"'):
        assert text.count(before) == 1, before
        text = text.replace(before, before.replace("15 min", f"{EVERY} s").replace("10 s", f"{EVERY} s"))
    (directory / f"{MAKER}.toml").write_text(text, "utf-8")
    path = directory / f"{MAKER}.cbor"
    path.write_bytes(compile_profile(directory / f"{MAKER}.toml"))
    return path


def _device(directory: Path, profile: Path, authority: Authority, port: int) -> Rig:
    directory.mkdir()
    certificate, key = authority.issue(f"device-{port}")
    endpoint = f'host = "127.0.0.1"\nport = {port}\nauthority = "{authority.path}"\ntimeout = 5\n'
    endpoint += f'certificate = "{certificate}"\nkey = "{key}"'
    printer = f"[source.intake]\nusers = [{os.getuid()}]"
    return Rig(directory, endpoint, sources=printer, profile=str(profile), recipient=MAKER)


class _Started(running):
    """An agent's process that is up already, begun while the taps go on passing."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig)
        super().__enter__()

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self.process


async def _until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not every device sent something in time"
        await asyncio.sleep(0.05)


# --- judging


def _judged(found: dict[str, list[list[Seen]]]) -> dict[str, Any]:
    """What somebody on the wire can say. sizes: (up or down, bytes) of all records but pings, as a set."""
    every = {state: [one for run in found[state] for one in run] for state in STATES}
    shapes = {
        state: {("up" if one.up else "down", one.size) for one in every[state] if one.size > PING} for state in STATES
    }
    gaps = {state: [gap for run in found[state] for gap in _gaps(run)] for state in STATES}
    middle = sorted([*gaps["idle"], *gaps["printing"]])[len(gaps["idle"] + gaps["printing"]) // 2 :][:1] or [0.0]
    features: tuple[Callable[[float], float], ...] = (
        lambda gap: gap,
        lambda gap: abs(gap - middle[0]),
        lambda gap: gap % 0.25,
    )
    figures = [auc([one(gap) for gap in gaps["idle"]], [one(gap) for gap in gaps["printing"]]) for one in features]
    worst = max(max(one, 1 - one) for one in figures)
    return {
        **{f"records {state}": len(every[state]) for state in STATES},
        **{f"pings {state}": sum(one.size <= PING for one in every[state]) for state in STATES},
        **{f"intervals {state}": len(gaps[state]) for state in STATES},
        **{f"sizes {state}": " ".join(f"{way} {size}" for way, size in sorted(shapes[state])) for state in STATES},
        "auc": round(worst, 3),
    }


def _gaps(run: list[Seen]) -> Iterator[float]:
    """Seconds between two records that one device sent."""
    last: dict[int, float] = {}
    for one in run:
        if one.up and one.size > PING:
            if one.device in last:
                yield one.time - last[one.device]
            last[one.device] = one.time


def auc(one: list[float], other: list[float]) -> float:
    """The chance that a value of `other` is above one of `one`, half for equal ones; 0.5 if either is empty."""
    if not one or not other:
        return 0.5
    above = sum((late > soon) + (late == soon) / 2 for soon in one for late in other)
    return above / (len(one) * len(other))


# --- a printer that prints: a process of its own, so that its work is not the tap's


@contextlib.contextmanager
def _printing(places: list[Path]) -> Iterator[None]:
    command = [sys.executable, "-m", "host_tests.proofs.heartbeat", *map(str, places)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _print(places: list[str]) -> None:
    """50 records a second to each device's firmware socket, and a third of a processor."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        number = 0
        while True:
            number += 1
            status = {"state": "printing", "progress": number % 100, "elapsed": number}
            for place in places:
                with contextlib.suppress(OSError):  # nobody there: nothing of it is allowed
                    sock.sendto(json.dumps({"intake": 1, "status": status}).encode(), place)
            busy = time.monotonic() + 0.007
            while time.monotonic() < busy:
                hashlib.sha256(bytes(4096)).digest()
            time.sleep(0.013)


if __name__ == "__main__":
    _print(sys.argv[1:])
