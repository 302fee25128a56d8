"""What the owner's page shows of the history without reading the flash again: sums of today, the last entries.

It is fed with every entry of the ledger, from the first that is read at the start on.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

RECENT = 500  # entries
_LEFT = ("acknowledged", "unknown")


class _Ear:
    """Somebody who watches, and what is new to them."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.what: set[str] = set()


class Live:
    """today: seconds since 1970 -> the day it falls on, in the device's own time zone."""

    def __init__(self, today: Callable[[int], object] = lambda seconds: time.localtime(seconds)[:3]) -> None:
        self.recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.entries = 0
        self._today = today
        self._day: object = None
        self._sums: dict[tuple[str, str], list[int]] = {}
        self._refused: dict[tuple[str, str, str], list[Any]] = {}
        self._waiting: set[_Ear] = set()
        self._watched = asyncio.Event()

    def saw(self, row: dict[str, Any]) -> None:
        """One entry; one that was seen before changes nothing."""
        if row["number"] <= self.entries:
            return
        self.entries = row["number"]
        if row["event"] == "checkpoint":
            return
        self.recent.append(row)
        if row["event"] in _LEFT and row["time"] is not None:
            self._turn(row["time"])
            messages, events, size = self._sums.get((row["purpose"], row["recipient"]), (0, 0, 0))
            sums = [messages + 1, events + row["count"], size + row["size"]]
            self._sums[row["purpose"], row["recipient"]] = sums
        if row["event"] == "refused":
            key = row["detail"], row["purpose"], row["recipient"]
            count = self._refused.pop(key, (0, None))[0]
            self._refused[key] = [count + row["count"], row["time"]]
            while len(self._refused) > 20:
                del self._refused[next(iter(self._refused))]
        self.ring()

    def sums(self, now: int | None) -> dict[tuple[str, str], list[int]]:
        """(purpose, recipient) -> [messages, events, bytes] that left today."""
        if now is not None:
            self._turn(now)
        return self._sums

    def refused(self) -> list[tuple[str, str, str, int, int | None]]:
        """(reason, purpose, recipient, how often, when last), newest first."""
        rows = [(*key, count, when) for key, (count, when) in self._refused.items()]
        return list(reversed(rows))

    async def watched(self) -> None:
        """Return when somebody looks."""
        await self._watched.wait()

    def ring(self, what: str = "home") -> None:
        """Something changed: everybody who watches looks again. what: home, or said (owner/said.py)."""
        for ear in self._waiting:
            ear.what.add(what)
            ear.news.set()

    async def changes(self) -> AsyncIterator[list[str]]:
        """Yield ["home"] at once, then what changed since, whenever something did."""
        ear = _Ear()
        self._waiting.add(ear)
        self._watched.set()
        try:
            yield ["home"]
            while True:
                await ear.news.wait()
                ear.news.clear()
                what, ear.what = sorted(ear.what), set()
                yield what
        finally:
            self._waiting.discard(ear)
            if not self._waiting:
                self._watched.clear()

    def _turn(self, seconds: int) -> None:
        day = self._today(seconds)
        if day != self._day:
            self._day = day
            self._sums = {}
