"""A clock that never goes back: what it said is kept on flash, and an earlier time is not believed (attack 3)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    class Mark(Protocol):
        """Where the latest time is kept: a pair of slots whose sequence is the time itself."""

        def raw(self) -> "list[bytes | None]": ...
        def newest(self, raw: "list[bytes | None]") -> "tuple[int, bytes | None]": ...
        def write(self, sequence: int, body: bytes) -> None: ...


SLACK = 300  # seconds that a clock may be set back without losing trust: time servers correct as much
EVERY = 600  # seconds between two times that are written down
SETTLE = 120  # seconds that a leap forward must last before anything is deleted because of it
_LAST = 4102444800  # seconds since 1970 at the end of 2099; a clock beyond that was never set


class Clock:
    """wall: -> seconds since 1970 UTC, or None if it was never set. ticks: seconds that only go forward."""

    def __init__(self, mark: "Mark", wall: "Callable[[], int | None]", ticks: "Callable[[], float]") -> None:
        self._mark = mark
        self._wall = wall
        self._ticks = ticks
        self._written = self._latest = mark.newest(mark.raw())[0]
        self._at = ticks()
        self._leap: "tuple[float, int] | None" = None  # since when, how far

    def now(self) -> "int | None":
        """Seconds since 1970; None without a clock, and for as long as it stands behind what it said before."""
        wall = self._wall()
        if wall is None or wall > _LAST or (self._latest and wall + SLACK < self._line()):
            self._leap = None
            return None
        self._follow(wall)
        return wall

    def latest(self) -> int:
        """Seconds since 1970 that never go back: the latest time known, and what has passed since. 0: none is known."""
        self.now()
        return self._line() if self._latest else 0

    def _line(self) -> int:
        return self._latest + int(self._ticks() - self._at)

    def _follow(self, wall: int) -> None:
        ahead = wall - self._line()
        if self._latest and ahead > SLACK:
            if self._leap is None or not -SLACK < ahead - self._leap[1] < SLACK:
                self._leap = self._ticks(), ahead
            if self._ticks() - self._leap[0] < SETTLE:
                return
        self._leap = None
        if ahead > 0:
            self._latest, self._at = wall, self._ticks()

    @property
    def settled(self) -> bool:
        """Whether what the clock says has lasted: not while it has just leapt forward."""
        self.now()
        return self._leap is None

    def keep(self) -> None:
        """Write the time down, if the one on flash is old enough."""
        latest = self.latest()
        if latest >= self._written + EVERY:
            self._mark.write(latest, b"")
            self._written = latest
