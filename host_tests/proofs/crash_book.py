"""The books of the crash loop: what the device promised, what arrived, and what therefore must still be there."""

import copy
from collections import Counter
from typing import Any

from firmware_agent import cbor
from host_tests.proofs.sealed import PURPOSES, numbers


class Book:
    """`hear` takes what the device says, `took` what the receiver got, `crash` a death. `failures` must stay empty.

    `must`: purpose -> the committed events that have not arrived and that nothing made room of, in order.
    """

    def __init__(self) -> None:
        self.must: dict[str, dict[int, None]] = {purpose: {} for purpose in PURPOSES}
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.idents: set[bytes] = set()  # of what arrived
        self._idents: dict[int, bytes] = {}  # of the event of this number
        self._last = dict.fromkeys(PURPOSES, -1)  # the newest event that was offered
        self._banned = dict.fromkeys(PURPOSES, -1)  # no event up to this one may arrive any more
        self._closed = set(PURPOSES)
        self._pushing: list[int] = []

    def hear(self, what: list[Any]) -> None:
        """One thing said, in the order in which it was."""
        kind, *rest = what
        getattr(self, "_" + kind)(*rest)

    def perhaps(self, what: list[Any]) -> None:
        """One thing said while a copy was made: it may have happened before. Only what excuses something counts."""
        kind, *rest = what
        if kind in ("offered", "appending", "withdrawing"):
            getattr(self, "_" + kind)(*rest)
        elif kind == "granting":
            self._closed.discard(rest[0])
        elif kind == "publish":
            return

    def took(self, purpose: str, payload: bytes) -> None:
        """A message arrived."""
        ident = cbor.decode(payload)[1]
        self.counts["messages arrived"] += 1
        if purpose in self._closed:
            self._wrong(f"{purpose}: a message arrived after the withdrawal")
        self.counts["messages arrived again"] += ident in self.idents
        self.idents.add(ident)
        for number in numbers(payload):
            if number <= self._banned[purpose]:
                self._wrong(f"{purpose}: event {number} arrived, of a consent that was withdrawn")
            if self._idents.setdefault(number, ident) != ident:
                self._wrong(f"{purpose}: event {number} arrived under two idents")
            self.must[purpose].pop(number, None)

    def crash(self) -> None:
        """The device is dead: what its last append had to push out may be gone, and nobody could say so."""
        self.counts["events that a cut append pushed out, at most"] += len(self._pushing)
        self.counts["cut appends"] += bool(self._pushing)
        self._pushing = []

    def drained(self) -> None:
        """All that waited has been sent: nothing may be owed."""
        for purpose in PURPOSES:
            self._owed(purpose, set())

    def copy(self) -> "Book":
        """A second timeline with counts of its own."""
        other = copy.copy(self)
        other.must = {purpose: dict(events) for purpose, events in self.must.items()}
        other.counts, other.failures = Counter(), []
        other.idents, other._idents = set(self.idents), dict(self._idents)
        other._last, other._banned, other._closed = dict(self._last), dict(self._banned), set(self._closed)
        other._pushing = list(self._pushing)
        return other

    def _offered(self, purpose: str, first: int, count: int) -> None:
        self.counts["events offered"] += count
        self._last[purpose] = first + count - 1

    def _appending(self, purpose: str, events: list[int], pushes: list[int]) -> None:
        for number in pushes:
            self.must[purpose].pop(number, None)
        if pushes and any(number < max(pushes) for number in self.must[purpose]):
            self._wrong(f"{purpose}: a newer event was pushed out before an older one")
        self._pushing = pushes

    def _appended(self, purpose: str, offset: int) -> None:
        self.counts["frames"] += 1
        self.counts["laps"] += offset == 0
        self.counts["events pushed out"] += len(self._pushing)
        self._pushing = []

    def _committed(self, purpose: str, events: list[int]) -> None:
        self.counts["events committed"] += len(events)
        for number in events:
            if number not in self._idents:  # else it has arrived already
                self.must[purpose][number] = None

    def _withdrawing(self, purpose: str) -> None:
        self.must[purpose] = {}

    def _withdrawn(self, purpose: str) -> None:
        self.counts["withdrawals"] += 1
        self._closed.add(purpose)

    def _granting(self, purpose: str) -> None:
        self._closed.discard(purpose)
        self._banned[purpose] = self._last[purpose]

    def _waiting(self, purpose: str, events: list[int]) -> None:
        self.counts["starts"] += purpose == PURPOSES[0]
        self.counts["events found waiting"] += len(events)
        if events != sorted(set(events)):
            self._wrong(f"{purpose}: events wait twice, or out of order")
        self._owed(purpose, set(events))

    def _publish(self, number: int, purpose: str, payload: bytes) -> None:
        self.counts["messages sent"] += 1

    def _lost(self, purpose: str, count: int) -> None:
        self._wrong(f"{purpose}: {count} events waited and did not open any more")

    def _failed(self, trace: str) -> None:
        self._wrong(f"the agent failed: {trace}")

    def _owed(self, purpose: str, waiting: set[int]) -> None:
        gone = [number for number in self.must[purpose] if number not in waiting]
        for number in gone:  # told once
            del self.must[purpose][number]
        if gone:
            self.counts["committed events lost"] += len(gone)
            self._wrong(f"{purpose}: {len(gone)} committed events are gone, {gone[0]} to {gone[-1]}")

    def _wrong(self, what: str) -> None:
        self.failures.append(what)
