"""Token buckets: how often something may happen, for each of many names, in bounded memory."""

from collections.abc import Callable, Hashable


class Buckets:
    """Each name may take `burst` at once and then `rate` a second. ticks: seconds. most: names that are remembered.

    Of more than `most` names the one that was seen least lately is forgotten: so a bound for each name needs a bound
    for all of them beside it.
    """

    def __init__(self, rate: float, burst: float, ticks: Callable[[], float], most: int = 256) -> None:
        self._rate = rate
        self._burst = burst
        self._ticks = ticks
        self._most = most
        self._left: dict[Hashable, tuple[float, float]] = {}  # name -> (tokens, when), least lately seen first

    def take(self, name: Hashable = None) -> bool:
        """Whether it may happen now; if so it counts."""
        now = self._ticks()
        tokens, when = self._left.pop(name, (self._burst, now))
        tokens = min(self._burst, tokens + (now - when) * self._rate)
        may = tokens >= 1
        self._left[name] = (tokens - 1 if may else tokens, now)
        while len(self._left) > self._most:
            del self._left[next(iter(self._left))]
        return may
