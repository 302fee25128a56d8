"""What a withdrawal leaves on the raw device: no canary, no key, no sealed frame; others leave rows and keys there."""

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from firmware_agent import cbor
from firmware_agent.cli.stores import register
from firmware_agent.device.linux import AesGcm, LinuxStorage
from firmware_agent.errors import AgentError
from firmware_agent.owner.erase import erase
from host_tests.fakes import FakeWire
from host_tests.proofs import sqlite_peer
from host_tests.proofs.sealed import MOST, PURPOSES, RECIPIENT, WORDS, Parts
from host_tests.rigs.disk import Disk, search

ENDED, KEPT = PURPOSES  # the consent that is withdrawn, and the one that is not: what it keeps must still be found
_ROOM = 1 << 20
_EACH = 8  # events saved at a time
_SHOWN = 16  # bytes of a frame's sealed body that are looked for
_FRAMES = 40  # frames looked for, of each ring
_LOW = 24  # bits in which the canaries of one device differ


class Device:
    """An agent on the disk under test. waiting, sent: how many events of each purpose wait, and have left.

    `canaries` are what every event has in it: the first bytes of its number as it travels, the first digits of the same
    as text, and a word.
    """

    def __init__(self, directory: Path, waiting: int, sent: int, seed: int, cipher: "Any" = None) -> None:
        self._directory = directory
        self._cipher = cipher or AesGcm()
        self._next = _base(random.Random(f"forensics {seed}"))
        self.canaries = [cbor.encode(self._next)[: 9 - _LOW // 8], str(self._next)[:9].encode()]
        self.canaries += [word.encode() for word in WORDS]
        self.events = 0
        self.parts = self.start()
        for purpose in PURPOSES:
            self.parts.grant(purpose)
        self.parts.agent.tick()
        self._fill(sent)
        self.wire.online = False
        self.wire.reset()
        self._fill(waiting)

    def start(self, online: bool = True) -> Parts:
        """Start the agent, anew if it ran: that one is gone as a kill takes it."""
        self.wire = FakeWire(RECIPIENT, online)
        storage = LinuxStorage(self._directory)
        self.parts = Parts(storage, os.urandom, self.wire, room=_ROOM, sent=_ROOM, cipher=self._cipher)
        self.parts.agent.tick()
        return self.parts

    def keys(self, prefix: str) -> list[bytes]:
        """Every key in a file whose name begins so, and the digest that stands beside it."""
        storage = self.parts.storage
        files = [storage.read(name) for name in storage.names() if name.startswith(prefix) and ".key" in name]
        return [one for file in files for one in (file[:32], file[32:]) if any(one)]

    def frames(self, purpose: str) -> list[bytes]:
        """The beginning of every sealed body of this purpose."""
        vault, found = self.parts.uplink.outboxes[purpose].vault, []
        for ring in (vault.outbox, vault.sent):
            found += [self.parts.storage.read(ring.name, frame.offset + 36, _SHOWN) for frame in ring.frames[-_FRAMES:]]
        return found

    def _fill(self, count: int) -> None:
        """As many events of each purpose; saved if they cannot leave."""
        for number in range(count):
            for purpose in PURPOSES:
                self.parts.offer(purpose, {"number": self._next, "word": WORDS[number % len(WORDS)]})
                self._next += 1
                self.events += 1
            if number % _EACH == _EACH - 1 or number == count - 1:
                self.parts.passed += 2.0
                for _ in PURPOSES:  # one message is under way at a time
                    self.parts.agent.tick()


def _base(dice: random.Random) -> int:
    """A number of 53 bits whose first bytes, and first nine digits, all that follow it share."""
    while True:
        base = dice.randrange(MOST // 2, MOST) >> _LOW << _LOW
        if base // 10**7 == (base + 10**6) // 10**7:
            return base


class End(NamedTuple):
    """A way in which a consent ends. keys: the beginnings of the names of key files whose keys must be gone then.

    waiting: whether events wait; else there are only copies of what left.
    """

    end: Callable[[Device], None]
    keys: tuple[str, ...] = (f"vault.{ENDED}.",)
    waiting: bool = True


def _running(device: Device, finish: bool = True) -> None:
    device.parts.withdraw(ENDED, finish)
    device.parts.agent.tick()


def _stopped(device: Device, finish: bool = True) -> None:
    device.parts.withdraw(ENDED, finish)
    device.start()


def _granted_again(device: Device) -> None:
    device.parts.withdraw(ENDED, finish=False)
    device.parts.grant(ENDED)
    device.start()


def _renewed(device: Device) -> None:
    device.parts.grant(ENDED)
    device.start()


def _erased(device: Device) -> None:
    parts = device.parts
    made = SimpleNamespace(catalogue=parts.catalogue, consents=parts.store(), clock=parts.clock, idents=parts.idents)
    made.device, made.vault = SimpleNamespace(storage=parts.storage), parts.vault
    troubles = erase(parts.storage, register(made)).troubles
    assert not troubles, troubles


ENDS = {
    "withdrawn while the agent runs": End(_running),
    "withdrawn while it runs, by a command that died": End(lambda device: _running(device, finish=False)),
    "withdrawn while it does not run, then started": End(_stopped),
    "withdrawn while it does not run, by a command that died": End(lambda device: _stopped(device, finish=False)),
    "withdrawn so and granted again": End(_granted_again),
    "withdrawn so and granted again, copies of what left only": End(_granted_again, waiting=False),
    "granted anew while it does not run": End(_renewed),
    "erased": End(_erased, keys=("vault.", "ident.", "consent.")),
}


def prove(
    events: int = 1200,
    sent: int = 200,
    seed: int = 1,
    progress: Callable[[str], None] = lambda line: None,
    ends: "dict[str, End]" = ENDS,
) -> dict[str, Any]:
    """Each of `ends` with `events` events of each purpose waiting and `sent` copies; then the controls, on one disk."""
    begun, counts, failures = time.monotonic(), Counter[str](), []
    with Disk(64) as disk, tempfile.TemporaryDirectory() as place:
        for number, (name, one) in enumerate(ends.items()):
            progress(name)
            device = Device(disk.mount / f"device{number}", events if one.waiting else 0, sent, seed + number)
            failures += [f"{name}: {what}" for what in _ended(disk, device, one, Path(place, "cut"), counts)]
        progress("controls")
        failures += _controls(disk, events, seed, counts)
    return {"counts": dict(counts), "failures": failures, "seconds": round(time.monotonic() - begun)}


def _ended(disk: Disk, device: Device, one: End, cut: Path, counts: "Counter[str]") -> list[str]:
    """What is wrong: something that must be gone is found, or what must be found before is not."""
    keys = [key for prefix in one.keys for key in device.keys(prefix)]
    kept = [key for key in device.keys(f"vault.{KEPT}.") if key not in keys]
    frames = device.frames(ENDED)
    waited = len(device.parts.uplink.outboxes[ENDED])
    counts["events waiting before"] += waited
    counts["events with canaries"] += device.events
    counts["keys looked for"] += len(keys)
    counts["frames looked for"] += len(frames)
    wrong = []

    def expect(found: "dict[bytes, int]", there: bool, when: str, what: str) -> None:
        hits = sum(found.values())
        counts[f"{when}: {what} found"] += hits
        missing = [needle for needle, times in found.items() if not times]
        if there and (missing or not found):
            wrong.append(f"{when}: {len(missing)} of {len(found)} {what} not found: the search would miss them after")
        elif not there and hits:
            wrong.append(f"{when}: {hits} {what} found")

    expect(disk.search(device.canaries), False, "before", "canaries")
    expect(disk.search(keys), True, "before", "keys")
    expect(disk.search(frames), True, "before", "frames")
    device.wire.arrived.clear()
    try:
        one.end(device)
    except AgentError as error:
        return [*wrong, f"the agent fails: {error}"]
    disk.snapshot(cut)  # nothing is flushed for it: what a power cut at this moment leaves
    expect(search(cut, keys), False, "at once", "keys")
    expect(search(cut, device.canaries), False, "at once", "canaries")
    cut.unlink()
    expect(disk.search(keys), False, "after", "keys")
    expect(disk.search(device.canaries), False, "after", "canaries")
    expect(disk.search(frames), False, "after", "frames")
    if kept:
        expect(disk.search(kept), True, "after", "keys of the consent that stands")
    wrong += ["a message of the ended consent left"] * (ENDED in [one.purpose for one in device.wire.arrived])
    device.start(online=False)
    if left := len(device.parts.uplink.outboxes[ENDED]):
        wrong.append(f"{left} events of the ended consent still wait")
    return wrong


class _Plain(AesGcm):
    """Seals nothing."""

    def seal(self, key: bytes, nonce: bytes, data: bytes, about: bytes) -> bytes:
        return data + bytes(16)

    def open(self, key: bytes, nonce: bytes, data: bytes, about: bytes) -> bytes:
        return data[:-16]


def _controls(disk: Disk, events: int, seed: int, counts: "Counter[str]") -> list[str]:
    """What others leave on the same disk: it must be found, or finding nothing of ours would say nothing."""
    wrong = []
    plain = Device(disk.mount / "plain", _EACH, 0, seed + 1000, _Plain())
    for needle, found in disk.search(plain.canaries).items():
        counts["control, a ring that does not seal: canaries found"] += found
        wrong += [] if found or needle == plain.canaries[1] else [f"control: {needle!r} is not found unsealed"]
    for secure in (False, True):
        name = "SQLite, rows deleted" + (" with secure_delete" if secure else "")
        directory = disk.mount / f"sqlite{secure:d}"
        directory.mkdir()
        rows = sqlite_peer.fill(directory, events, batch=_EACH, seed=1000 + 2 * seed + secure)
        sqlite_peer.withdraw(directory, secure)
        found = sum(disk.search(rows).values())
        counts[f"control, {name}: found"] = found
        wrong += [] if found else [f"control: {name}: none is found"]
    old, new = (random.Random(f"key {which} {seed}").randbytes(32) for which in ("old", "new"))
    for key in (old, new):
        sqlite_peer.replace_key(disk.mount / "key", key)
    found = disk.search([old])[old]
    counts["control, a key file renamed over: found"] = found
    return wrong + ([] if found else ["control: a key that was renamed over is not found"])
