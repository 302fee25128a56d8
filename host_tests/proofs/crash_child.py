"""The device of the crash loop: the agent's real parts at full speed, saying beforehand what it is about to do.

What it says are arrays, the first item names the kind (see crash_book.Book). Saying comes before the deed where the
deed may be half done when the device dies, and after it where it is a promise.
"""

import os
import random
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent import cbor
from firmware_agent.device.linux import LinuxDevice, LinuxStorage
from firmware_agent.egress.outbox import Outbox
from firmware_agent.egress.ring import UNIT as UNIT
from firmware_agent.egress.ring import Frame, Ring
from firmware_agent.errors import Refused
from host_tests.fakes import PowerCut
from host_tests.proofs.sealed import FILLERS, MOST, PURPOSES, RECIPIENT, Parts, numbers

PACKET = 1 << 17  # bytes of the longest thing said
_OVERDUE = 6  # looks at the line after which an unanswered message is given up
_SEAL = 36 + 16  # bytes that a frame adds to its body: head, nonce and tag

Say = Callable[[list[Any]], None]


class Device:
    """One run of the agent. first: the number of its first event; none is ever used twice."""

    def __init__(
        self, storage: Any, say: Say, seed: int, first: int, entropy: Callable[[int], bytes], room: int = 16384
    ) -> None:
        self.link = Link(say)
        self.next = first
        self._dice = random.Random(f"{seed} {first}")
        self._say = say
        self._room = room
        self.parts = Parts(storage, entropy, self.link, first // 1000, room, tell=self._tell, outbox=self._outbox)

    def start(self) -> None:
        """The first tick; then say what was found waiting, every frame read."""
        self.parts.agent.tick()
        for purpose in PURPOSES:
            vault: Any = self.parts.uplink.outboxes[purpose].vault
            self._say(["waiting", purpose, vault.outbox.found(vault)])

    def step(self) -> None:
        """Something of what a device does, then a tick."""
        dice = self._dice
        self.parts.passed += dice.choice((0.25, 0.5, 2.0))
        purpose = dice.choice(PURPOSES)
        chance = dice.random()
        if not self.parts.allowed(purpose):
            if chance < 0.5:
                self._grant(purpose)
        elif chance < 0.03:
            self._withdraw(purpose)
            if dice.random() < 0.5:
                self._grant(purpose)  # before the agent looks
        elif chance < 0.85:
            self._offer(purpose, dice.randint(1, 30), dice.randint(0, len(FILLERS)))
        elif chance < 0.9:
            self.link.online = not self.link.online
        self.tick()

    def tick(self) -> None:
        self.parts.agent.tick()

    def waiting(self) -> int:
        return self.parts.uplink.waiting()

    def _offer(self, purpose: str, count: int, fillers: int) -> None:
        self._say(["offered", purpose, self.next, count])
        for _ in range(count):
            fields = {name: self._dice.randrange(MOST) for name in FILLERS[:fillers]}
            fields["number"] = self.next
            self.next += 1
            try:
                self.parts.offer(purpose, fields)
            except Refused:
                continue  # consent has just gone; the next tick sees it too

    def _withdraw(self, purpose: str) -> None:
        self._say(["withdrawing", purpose])
        finish = self._dice.random() < 0.5
        if self._dice.random() < 0.3:  # as the agent's own page does it
            self.parts.agent.withdraw(purpose, RECIPIENT, lambda: self.parts.withdraw(purpose, finish=False))
        else:
            self.parts.withdraw(purpose, finish)
        self._say(["withdrawn", purpose])

    def _grant(self, purpose: str) -> None:
        self._say(["granting", purpose])
        self.parts.grant(purpose)

    def _outbox(self, purpose: str, recipient: str, gate: Any, vault: Any, storage: Any) -> "_Outbox":
        vault.outbox = _Watched(vault.outbox, purpose, self._room, self._say)
        return _Outbox(purpose, recipient, gate, vault, storage)

    def _tell(self, entry: dict[str, Any]) -> None:
        if entry["event"] == "lost":
            self._say(["lost", entry["purpose"], entry["count"]])


class Link:
    """Implements Wire: messages are said, `poll` brings the answers. What is not answered in time is given up."""

    def __init__(self, say: Say) -> None:
        self.recipient = RECIPIENT
        self.online = True
        self.on_done: Any = None
        self.on_ready: Any = None
        self._say = say
        self._connected = self._opening = False
        self._flying: Any = None
        self._count = 0
        self._looks = 0

    @property
    def ready(self) -> bool:
        return self._connected and self._flying is None

    def open(self) -> None:
        self._opening = True

    def write(self, release: Any) -> None:
        self._count += 1
        self._looks = 0
        self._flying = release
        self._say(["publish", self._count, release.purpose, release.payload])

    def reset(self) -> None:
        self._connected = self._opening = False
        self._flying = None

    def poll(self, answers: list[int]) -> None:
        """What a loop does between two ticks. answers: numbers of messages that the receiver acknowledges."""
        if not self.online:
            self.reset()
        elif self._opening:
            self._connected, self._opening = True, False
            self.on_ready()
        for number in answers:
            if self._flying is not None and number == self._count:
                release, self._flying = self._flying, None
                self.on_done(release, "acknowledged")
                self.on_ready()
        self._looks += 1
        if self._flying is not None and self._looks > _OVERDUE:
            self.reset()


class _Outbox(Outbox):
    """Says what is committed: what `save` has returned for."""

    def save(self, now: "int | None") -> None:
        ring: Any = self.vault.outbox
        try:
            super().save(now)
        except Refused:
            ring.fresh = []
            raise
        ring.committed()


class _Watched:
    """A ring that says what it is about to write, and which events that pushes out."""

    def __init__(self, ring: Ring, purpose: str, room: int, say: Say) -> None:
        self.fresh: list[int] = []
        self._ring = ring
        self._purpose = purpose
        self._room = room
        self._say = say
        self._held: dict[int, list[int]] = {}  # sequence -> numbers

    def __getattr__(self, part: str) -> Any:
        return getattr(self._ring, part)

    def found(self, vault: Any) -> list[int]:
        """The numbers of all events that stand in it; FormatError if a frame that it counts does not open."""
        for frame in self._ring.frames:
            body = self._ring.read(vault.key(), frame)
            self._held[frame.sequence] = list(numbers(cbor.decode(body)[2]))
        return [number for frame in self._ring.frames for number in self._held[frame.sequence]]

    def append(self, key: bytes, count: int, time: "int | None", body: bytes, sync: bool = True) -> Any:
        events = list(numbers(cbor.decode(body)[2]))
        pushes = [frame.sequence for frame in self._pushes(len(body) + _SEAL)]
        self._say(["appending", self._purpose, events, [one for frame in pushes for one in self._held[frame]]])
        frame, pushed = self._ring.append(key, count, time, body, sync)
        if pushes != [one.sequence for one in pushed]:
            raise AssertionError(f"pushed {[one.sequence for one in pushed]}, {pushes} had to make room")
        for one in pushed:
            gone = self._held.pop(one.sequence)
            self.fresh = [number for number in self.fresh if number not in gone]
        self._held[frame.sequence] = events
        self.fresh += events
        self._say(["appended", self._purpose, frame.offset])
        return frame, pushed

    def committed(self) -> None:
        if self.fresh:
            self._say(["committed", self._purpose, self.fresh])
        self.fresh = []

    def wipe(self) -> int:
        self._held = {}
        self.fresh = []
        return self._ring.wipe()

    def _pushes(self, size: int) -> list[Frame]:
        """The frames that stand where the next one, or the rest of a lap that is too short for it, will stand."""
        frames = self._ring.frames
        if not frames:
            return []
        size += -size % UNIT
        at = frames[-1].offset + frames[-1].size
        spans = [(at, at + size)] if at + size <= self._room else [(at, self._room), (0, size)]
        return [
            one for one in frames if any(one.offset < end and one.offset + one.size > start for start, end in spans)
        ]


class LazyStorage(LinuxStorage):
    """The control: what is patched is left to the kernel, whatever is asked."""

    def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None:
        super().patch(name, offset, data, False)

    def sync(self, name: str) -> None:
        return None


def serve(line: socket.socket, directory: Path, seed: int, first: int, lazy: bool) -> None:
    """Run until killed; `line` is a SOCK_SEQPACKET socket: what is said goes out whole or not at all."""

    def say(what: list[Any]) -> None:
        line.sendall(cbor.encode(what))

    try:
        kernel = LinuxDevice(directory)
        storage = LazyStorage(directory) if lazy else kernel.storage
        device = Device(storage, say, seed, first, kernel.entropy)
        device.start()
        while True:
            device.step()
            device.link.poll(_answers(line))
    except (Exception, PowerCut):
        say(["failed", traceback.format_exc()[-2000:]])
        os._exit(1)


def _answers(line: socket.socket) -> list[int]:
    found = []
    while True:
        try:
            data = line.recv(PACKET, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return found
        if not data:  # nobody listens any more
            os._exit(0)
        found.append(int.from_bytes(data, "big"))
