"""When the next record of a purpose is due: at least `every` seconds after the last one, as the policy says.

A sign of life is a purpose whose fields have one value each: all that it tells is when it comes. So that this tells
nothing of what the device does, its moments lie on a grid (P2): `every` + SLACK seconds apart from the first one on,
whatever else goes on. Within SLACK after such a moment it is taken, or not at all: what holds the agent up for longer
shows as a sign that is missing, never as one that comes late, and no two are closer than `every`. Where in the first
half of that second, chance decides: the milliseconds by which a busy processor or disk is late drown in that.
"""

import secrets
from collections.abc import Callable

from firmware_agent.catalogue import Catalogue

SLACK = 1.0  # s
_CHANCE = secrets.SystemRandom()

Pair = tuple[str, str]  # purpose, recipient


def steady(catalogue: Catalogue, purpose: str) -> bool:
    """Whether a purpose is a sign of life, and comes again and again."""
    fields = [row for _, row in catalogue.fields_of(purpose)]
    alike = bool(fields) and all(len(row["parameters"].get("values", ())) == 1 for row in fields)
    return alike and catalogue.purposes[purpose]["every"] > 0


def chance() -> float:
    """How long after its moment a sign of life comes: seconds, 0 to SLACK / 2."""
    return _CHANCE.uniform(0, SLACK / 2)


class Dues:
    """ticks: seconds that only go forward. delay: see `chance`."""

    def __init__(self, catalogue: Catalogue, ticks: Callable[[], float], delay: Callable[[], float] = chance) -> None:
        self._catalogue = catalogue
        self._ticks = ticks
        self._delay = delay
        self._next: dict[Pair, float] = {}  # the delay of the next sign of life
        self._last: dict[Pair, float] = {}  # of a sign of life: the moment of the grid
        self._steady = {purpose for purpose in catalogue.purposes if steady(catalogue, purpose)}

    def steady(self, pair: Pair) -> bool:
        return pair[0] in self._steady

    def due_in(self, pair: Pair) -> float:
        """Seconds until the policy allows another record of this pair; 0: now."""
        last, now = self._last.get(pair), self._ticks()
        if last is None:
            return 0.0
        every: float = self._catalogue.purposes[pair[0]]["every"]
        if pair[0] not in self._steady:
            return max(0.0, last + every - now)
        beat, delay = every + SLACK, self._next[pair]
        beats, passed = divmod(now - last, beat)
        if not beats or passed >= SLACK:
            return beat - passed + delay
        return max(0.0, delay - passed)

    def took_before(self, pair: Pair, ago: float) -> None:
        """An earlier run took a record of this pair `ago` seconds before now."""
        if not self.steady(pair):
            self._last.setdefault(pair, self._ticks() - ago)

    def forget(self, pair: Pair) -> None:
        """Another consent permits: no moment of it tells of the one before."""
        self._last.pop(pair, None)
        self._next.pop(pair, None)

    def took(self, pair: Pair) -> None:
        """A record of this pair was taken now."""
        last, now = self._last.get(pair), self._ticks()
        if pair[0] in self._steady:
            beat = self._catalogue.purposes[pair[0]]["every"] + SLACK
            now = now if last is None else last + (now - last) // beat * beat
            self._next[pair] = self._delay()
        self._last[pair] = now
