"""Bounds on whoever calls before anything is known of them: how many wait, and how long a wrong guess takes."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from firmware_agent.limits import Buckets

One = TypeVar("One", bound=Hashable)


class Waiting(Generic[One]):
    """Who is still being read or turned away, oldest first: at most `most`, and `each` of one address.

    The newest gets in and the oldest of those who are in the way goes: a client that means it asks at once, one that
    only holds a place waits.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._rows: dict[One, str] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def enter(self, one: One, address: str) -> One | None:
        """Let in; who has to go for it."""
        same = [other for other, where in self._rows.items() if where == address]
        gone = same[0] if len(same) >= self._each else next(iter(self._rows)) if len(self) >= self._most else None
        if gone is not None:
            del self._rows[gone]
        self._rows[one] = address
        return gone

    def leave(self, one: One) -> None:
        self._rows.pop(one, None)

    def all(self) -> list[One]:
        return list(self._rows)


class Known:
    """From where somebody was let in lately: `most` addresses, the ones that were heard of last. ticks: seconds."""

    LATELY = 3600.0  # s

    def __init__(self, ticks: Callable[[], float], most: int = 64) -> None:
        self._ticks = ticks
        self._most = most
        self._rows: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def met(self, address: str) -> None:
        self._rows.pop(address, None)
        self._rows[address] = self._ticks()
        while len(self._rows) > self._most:
            del self._rows[next(iter(self._rows))]

    def knows(self, address: str) -> bool:
        when = self._rows.get(address)
        return when is not None and self._ticks() - when < self.LATELY


class Mistakes:
    """How long the answer to wrong credentials waits: not at all for two, then twice as long each time.

    ticks: seconds that only go forward. most: addresses that are remembered; the one that was wrong least lately goes
    first, so there is a bound for all of them beside it.
    """

    LONGEST = 8.0  # s
    FORGET = 120.0  # s without one

    def __init__(self, ticks: Callable[[], float], most: int = 256) -> None:
        self._ticks = ticks
        self._most = most
        self._rows: dict[str, tuple[int, float]] = {}  # address -> (how many, when)
        self._all = Buckets(10, 60, ticks)

    def __len__(self) -> int:
        return len(self._rows)

    def wait(self, address: str) -> float:
        """Count one more; seconds to wait before it is answered."""
        now = self._ticks()
        count, when = self._rows.pop(address, (0, now))
        count = 1 if now - when > self.FORGET else min(count + 1, 32)
        self._rows[address] = (count, now)
        while len(self._rows) > self._most:
            del self._rows[next(iter(self._rows))]
        if not self._all.take():
            return self.LONGEST
        return 0.0 if count <= 2 else min(self.LONGEST, 0.25 * 2 ** (count - 3))
