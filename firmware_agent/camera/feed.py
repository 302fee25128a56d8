"""The camera as the loop sees it: on and off, hygiene for each picture, and what main is told about it.

Nothing is asked of the camera while it is off. A picture that is odd is dropped and counted, never passed.
"""

import select

from firmware_agent import jpeg
from firmware_agent.camera.control import Control
from firmware_agent.camera.markers import next_marker
from firmware_agent.camera.sources import Source
from firmware_agent.errors import FormatError

_SAY = 1.0  # s between messages with counts
_ALIVE = 5.0  # s without a message, at most, while somebody looks: main ends what is silent (keeper.py)


class Feed:
    """rate: pictures a second, at most. kept: the source is read from while it is off, too."""

    def __init__(self, source: Source, control: Control, waiter: select.epoll, rate: int, kept: bool) -> None:
        self.on = False
        self.gone = False  # for good: nothing can be opened from here
        self.trouble = ""
        self._source = source
        self._control = control
        self._epoll = waiter
        self._pause = 1 / rate
        self._kept = kept
        self._watched = False
        self._next = 0.0  # when a picture may come
        self._odd = 0
        self._pictures = 0
        self._covered = False
        self._said: tuple[object, ...] = (False, "", 0, 0)
        self._said_at = 0.0
        self._watch(kept)

    def fileno(self) -> int:
        """The descriptor that tells of a picture, -1 if `due` does."""
        return self._source.fd

    def due(self, now: float) -> float | None:
        """Seconds until `take` should be called though the descriptor says nothing; None: never."""
        return self._source.due(now) if self.on else None

    def start(self) -> None:
        """Somebody looks."""
        try:
            self._source.on()
        except OSError as error:
            self._lose(error)
            return
        self.on = True
        self._watch(True)

    def stop(self) -> None:
        """Nobody does."""
        self.on = False
        self._watch(self._kept)
        self._source.off()

    def take(self, now: float) -> bytes | memoryview | None:
        """What the camera has now, as it is, if somebody may see it."""
        try:
            taken = self._source.take(now)
        except FormatError:
            self._odd += 1
            return None
        except OSError as error:
            self._lose(error)
            return None
        if self._is_covered(now) or taken is None or now < self._next - self._pause / 2:
            return None
        self._next = max(self._next + self._pause, now)
        return taken

    def clean(self, taken: bytes | memoryview) -> bytes | None:
        """The picture without its metadata; None if it is odd."""
        try:
            picture = jpeg.strip(bytes(taken), next_marker)
        except FormatError:
            self._odd += 1
            return None
        self._pictures += 1
        return picture

    def sweep(self, now: float) -> None:
        """Tell main what changed: a cover or trouble at once, counts now and then; and that this still runs."""
        covered, facts = self._is_covered(now), self._facts()  # a cover is told there
        quiet = now - self._said_at
        news = facts[1] != self._said[1] or (facts != self._said and quiet >= _SAY)
        if not self.gone and ((news and not covered) or quiet >= _ALIVE):
            self._say(now)

    def _is_covered(self, now: float) -> bool:
        try:
            covered = self._source.covered()
        except OSError as error:
            self._lose(error)
            return True
        if covered != self._covered:
            self._covered = covered
            self._say(now)
        return covered

    def _lose(self, error: OSError) -> None:
        self.gone = True
        self.on = False
        self._watch(False)
        self.trouble = error.strerror or str(error) or type(error).__name__
        self._say(self._said_at)

    def _watch(self, on: bool) -> None:
        """A camera that does not stream would answer at once, each time, that it does not."""
        if self._source.fd >= 0 and on != self._watched:
            self._watched = on
            if on:
                switch = 0 if self._source.camera is None else select.EPOLLPRI
                self._epoll.register(self._source.fd, select.EPOLLIN | switch)
            else:
                self._epoll.unregister(self._source.fd)

    def _facts(self) -> tuple[object, ...]:
        return self._covered, self.trouble, self._odd, self._pictures

    def _say(self, now: float) -> None:
        self._said, self._said_at = self._facts(), now
        names = ("covered", "trouble", "odd", "pictures")
        self._control.put("state", dict(zip(names, self._said, strict=True)))
