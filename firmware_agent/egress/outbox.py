"""Releases of one purpose that wait for the link: first in RAM, then sealed on flash; oldest dropped first.

A release goes to flash only if it could not leave within the window that the configuration names. Pictures never do.
"""

from firmware_agent import cbor
from firmware_agent.errors import FormatError
from firmware_agent.model import Permit, Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ContextManager, Protocol

    from firmware_agent.egress.ring import Frame
    from firmware_agent.egress.vault import Vault
    from firmware_agent.gate import Gate

    class Locking(Protocol):
        def lock(self) -> "ContextManager[object]": ...


PICTURES = 4  # that wait while the link is down: an old picture is of no use


class _Waiting:
    """One release in line: on flash if `frame`, in RAM if `release`. spilled: pushed off the flash while under way.

    time: when it was saved, seconds since 1970 or 0; None if it never was.
    """

    def __init__(self, release: "Release | None", frame: "Frame | None", count: int) -> None:
        self.release = release
        self.frame = frame
        self.count = count
        self.spilled = False
        self.time = None if frame is None else frame.time


class Outbox:
    """A line of releases. `head` gives the same until `done`. All counts are of events.

    `dropped` and `lost` count what was pushed out for want of room, and what did not open any more, since the owner of
    this object last set them to 0.
    """

    def __init__(self, purpose: str, recipient: str, gate: "Gate", vault: "Vault", storage: "Locking") -> None:
        self.purpose = purpose
        self.recipient = recipient
        self.media: bool = gate.catalogue.purposes[purpose]["media"]
        self.dropped = 0
        self.lost = 0
        self.vault = vault
        self._gate = gate
        self._storage = storage
        self._count = 0
        self._line: "list[_Waiting]" = []
        self._out: "_Waiting | None" = None  # what `head` gave

    def __len__(self) -> int:
        return self._count

    @property
    def unsaved(self) -> bool:
        """Whether a power cut now would lose any."""
        return bool(self._line) and not self.media and self._fresh(self._line[-1])

    @property
    def under_way(self) -> "Release | None":
        """What `head` gave and nobody settled."""
        return None if self._out is None else self._out.release

    @property
    def consent(self) -> "bytes | None":
        """The record under which all stands that is here, in RAM or on flash; None if nothing is."""
        if self._line and self._line[-1].release is not None:
            return self._line[-1].release.consent
        return self.vault.consent

    def load(self) -> int:
        """Take up what an earlier run left on flash; how many events of another consent that destroyed."""
        verdict = self._gate.decide(self.purpose, self.recipient)
        destroyed = self.vault.load(verdict.consent) if isinstance(verdict, Permit) else self.vault.load()
        self._line = [_Waiting(None, frame, frame.count) for frame in self.vault.outbox.frames]
        self._count = sum([one.count for one in self._line])
        self._out = None
        return destroyed

    def put(self, release: Release) -> None:
        """Add at the end."""
        self._line.append(_Waiting(release, None, release.count))
        self._count += release.count
        if self.media and len(self._line) > PICTURES:
            self._drop(self._line[0 if self._line[0] is not self._out else 1])

    def save(self, now: "int | None") -> None:
        """Bring what is only in RAM to flash, synced.

        Refused, and nothing written, if consent does not hold at this moment: another process may just have taken it
        back and destroyed the key.
        """
        fresh = self._line[len(self._line) - self._unsaved() :]
        if self.media or not fresh:
            return
        with self._storage.lock():
            for one in fresh:
                assert one.release is not None
                self._gate.verify(one.release)
                body = cbor.encode([one.release.consent, one.release.generation, one.release.payload])
                last = one is fresh[-1]
                one.frame, pushed = self.vault.outbox.append(
                    self.vault.key(one.release.consent), one.count, now, body, last
                )
                one.time = one.frame.time
                if one is not self._out:
                    self._close(one)
                    one.release = None
                self._pushed(pushed)

    def head(self) -> "Release | None":
        """The release whose turn it is; None if there is none or consent does not hold (then `purge` follows)."""
        while self._out is None and self._line:
            one = self._line[0]
            if one.release is None:
                assert one.frame is not None
                if not self._gate.decide(self.purpose, self.recipient).allowed:
                    return None
                try:
                    one.release = self._readmit(one.frame)
                except FormatError:
                    self.vault.outbox.clear(one.frame)
                    self._remove(one)
                    self.lost += one.count
                    continue
            self._out = one
        return None if self._out is None else self._out.release

    def done(self) -> None:
        """What `head` gave is settled: forget it."""
        out, self._out = self._out, None
        if out is not None:
            if out.frame is not None:
                self.vault.outbox.clear(out.frame)
            self._remove(out)

    def remember(self, release: Release, now: "int | None") -> None:
        """Keep a sealed copy of what left, for the owner's view; pictures are never kept."""
        if self.media:
            return
        with self._storage.lock():
            verdict = self._gate.decide(self.purpose, self.recipient)
            if isinstance(verdict, Permit) and verdict.consent == release.consent:
                self.vault.sent.append(self.vault.key(release.consent), release.count, now, release.payload, False)

    def purge(self) -> int:
        """Consent has gone: destroy key, ring and copies, forget all; how many events that were not under way went."""
        in_ram = sum([one.count for one in self._line if one.frame is None and one is not self._out])
        on_flash = self.vault.shred()
        if self._out is not None and self._out.frame is not None:
            on_flash = max(0, on_flash - self._out.count)
        for one in self._line:
            self._close(one)
        self._line = []
        self._count = 0
        self._out = None
        return in_ram + on_flash

    def end(self) -> "Release | None":
        """The run ends: what is in RAM only is dropped. What was under way is given back if it goes with it."""
        for one in [one for one in self._line if one.frame is None and one is not self._out]:
            self._drop(one)
        out = self._out
        if out is None or out.frame is not None:
            return None
        self._out = None
        self._remove(out)
        return out.release

    def expire(self, now: int, waiting: int) -> None:
        """Let go what waits for `waiting` seconds or longer, but for what `head` gave."""
        while self._line and self._line[0] is not self._out and self._old(self._line[0], now, waiting):
            frame = self._line[0].frame
            if frame is not None:
                self.vault.outbox.clear(frame)
            self._drop(self._line[0])

    def overdue(self, now: int, waiting: int) -> "Release | None":
        """What `head` gave, if it waits for `waiting` seconds or longer; `done` lets go of it."""
        return self.under_way if self._out is not None and self._old(self._out, now, waiting) else None

    def expire_sent(self, now: int, sent: int) -> None:
        """Let go the copies of what left `sent` seconds ago or earlier."""
        copies = self.vault.sent.frames
        for frame in copies:
            if frame.time:
                break
            frame.time = now  # kept before any time was known: its period begins now
        while copies and copies[0].time + sent <= now:
            self.vault.sent.clear(copies[0])

    def _old(self, one: _Waiting, now: int, waiting: int) -> bool:
        if one.time is None:
            return False  # in RAM only: the window ends that
        if not one.time:
            one.time = now  # saved before any time was known: its period begins now
        return one.time + waiting <= now

    def _fresh(self, one: _Waiting) -> bool:
        return one.frame is None and not one.spilled

    def _unsaved(self) -> int:
        """How many at the end of the line are in RAM only."""
        count = 0
        while count < len(self._line) and self._fresh(self._line[-1 - count]):
            count += 1
        return count

    def _pushed(self, frames: "list[Frame]") -> None:
        for frame in frames:  # the oldest on flash: at the start of the line, behind what is under way
            for one in self._line[:2]:
                if one.frame is frame:
                    one.frame = None
                    if one is self._out:
                        one.spilled = True
                    else:
                        self._drop(one)
                    break

    def _drop(self, one: _Waiting) -> None:
        self._remove(one)
        self.dropped += one.count

    def _remove(self, one: _Waiting) -> None:
        self._line.remove(one)
        self._count -= one.count
        self._close(one)

    def _close(self, one: _Waiting) -> None:
        if one.release is not None:
            self._gate.close(one.release)

    def _readmit(self, frame: "Frame") -> Release:
        consent, generation, payload = cbor.decode(self.vault.outbox.read(self.vault.key(), frame))
        return self._gate.readmit(Permit(self.purpose, self.recipient, consent, generation), payload)
