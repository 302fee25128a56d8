"""A source that holds a connection for as long as something of it is permitted, and gives what it heard when asked.

What a connection says lies in RAM only, in bounds: the newest value of each field, and a few records of their own.
When the connection ends it is forgotten, for nobody knows then whether it still holds.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from firmware_agent.errors import SourceError
from firmware_agent.model import Record
from firmware_agent.telemetry.flat import size
from firmware_agent.telemetry.jobs import JobWatch

FIELDS = 400  # names of one status, beside those that the source offers; further ones are counted only
EVENT = 64  # names of a record of its own: the first ones
TEXT = 256  # bytes of a name (UTF-8) or a value; longer ones are counted only
RECORDS = 64  # that wait to be read; of more the oldest go, and are counted
_LARGEST = 1 << 63
_PATIENCE = 5.0  # s for the first status of a connection
_LONGEST_PAUSE = 60.0  # s between two attempts
_STEADY = 60.0  # s of connection after which the next attempt comes soon again

log = logging.getLogger(__name__)


class Heard:
    """What one connection said. now: epoch s. offers: names that always find room. `dropped` counts what found none."""

    def __init__(self, now: Callable[[], int | None], offers: Iterable[str] = ()) -> None:
        self.news = asyncio.Event()  # something is there, or the connection has ended
        self.dropped = 0
        self._now = now
        self._offers = frozenset(offers)
        self.forget()

    def forget(self) -> None:
        """All of it, and how far a job was."""
        self._status: dict[str, Any] = {}
        self._records: deque[Record] = deque()
        self._job = JobWatch()
        self.news.clear()

    def lost(self) -> None:
        """The connection has ended: records stay, the status does not."""
        self._status = {}
        self._job = JobWatch()
        self.news.set()

    def status(self, fields: dict[str, Any], length: float | None = None, complete: bool | None = None) -> None:
        """Newer values of some fields; None: that one is unknown now. length, complete: see JobWatch."""
        for name, value in fields.items():
            if value is None:
                self._status.pop(name, None)
            elif self._fits(name, value) and self._room(name):
                self._status[name] = value
            else:
                self.dropped += 1
        ended = self._job.see(self._status, length, self._now(), complete)
        if ended is not None:
            self.event(ended)
        self.news.set()

    def event(self, fields: dict[str, Any]) -> None:
        """A record of its own: a job that ended, an error."""
        fitting = {name: value for name, value in fields.items() if self._fits(name, value)}
        self.dropped += len(fields) - len(fitting)
        while len(fitting) > EVENT:
            fitting.popitem()
            self.dropped += 1
        self._records.append(Record(fitting, self._now()))
        if len(self._records) > RECORDS:
            self._records.popleft()
            self.dropped += 1
        self.news.set()

    def __bool__(self) -> bool:
        return bool(self._status or self._records)

    @property
    def telling(self) -> bool:
        """Whether something is there that was offered, or a record of its own; anything, if nothing was offered."""
        return bool(self) if not self._offers else bool(self._records) or not self._offers.isdisjoint(self._status)

    @property
    def alive(self) -> bool:
        """Whether a status of this connection is known."""
        return bool(self._status)

    def take(self) -> list[Record]:
        """The status as it is now, then the records that nobody took yet, oldest first."""
        found = [Record(dict(self._status))] if self._status else []
        found += self._records
        self._records.clear()
        return found

    def _room(self, name: str) -> bool:
        return name in self._status or name in self._offers or len(self._status) < FIELDS

    def _fits(self, name: str, value: Any) -> bool:
        if isinstance(value, (str, bytes)):
            return size(name) <= TEXT and (size(value) if isinstance(value, str) else len(value)) <= TEXT
        whole = isinstance(value, int) and abs(value) <= _LARGEST  # an integer can be as long as a text
        return size(name) <= TEXT and (whole or isinstance(value, float))


class Feed(Protocol):
    """One kind of connection to a printer, read-only."""

    async def follow(self, heard: Heard) -> None:
        """Connect, and tell `heard` until the connection ends or this is cancelled; then nothing of it stays open.

        SourceError says why it ended and what to do. Whatever the other side sends, nothing else is raised.
        """
        ...


class Following:
    """Implements Source. pace: s between two readings, at least. jitter: a number from 0 to 1, anew each time."""

    def __init__(
        self,
        name: str,
        offers: tuple[str, ...],
        feed: Feed,
        now: Callable[[], int | None],
        pace: float = 1.0,
        exclusive: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.offers = offers
        self.pair: tuple[str, str] | None = None
        self.pace = pace
        self.exclusive = exclusive
        self.heard = Heard(now, offers)
        self._feed = feed
        self._jitter = jitter
        self._task: asyncio.Task[None] | None = None
        self._trouble: SourceError | None = None

    async def read(self) -> list[Record]:
        """What is known now. SourceError: nothing is, for that reason."""
        await asyncio.sleep(0)  # whoever reads in a loop lets the connection have its turn
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._follow())
        try:
            async with asyncio.timeout(_PATIENCE):
                while self._trouble is None and not self.heard.telling:  # a greeting is no reading: the next is far off
                    self.heard.news.clear()
                    await self.heard.news.wait()
        except TimeoutError:
            if not self.heard:
                why = "%s: connected, but it says nothing yet; see whether it is ready" % self.name
                raise SourceError(why, "quiet") from None
        records = self.heard.take()
        if not records and self._trouble is not None:
            raise self._trouble
        return records

    async def rest(self) -> None:
        """Nothing is permitted: hang up, and forget."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._trouble = None
        self.heard.forget()

    async def _follow(self) -> None:
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            self.heard.news.clear()
            begun = loop.time()
            try:
                await self._feed.follow(self.heard)
                self._trouble = SourceError("%s: the connection ended; it is tried again" % self.name, "ended")
            except SourceError as error:
                self._trouble = error
            except Exception as error:  # whatever a printer said that nobody thought of: it ends no agent
                log.error("%s: a defect, please report it (%s)", self.name, type(error).__name__)
                self._trouble = SourceError(
                    "%s: what it says cannot be understood; please report it (%s)" % (self.name, type(error).__name__),
                    "strange",
                )
            failures = 1 if loop.time() - begun >= _STEADY else failures + 1
            self.heard.lost()
            await asyncio.sleep(min(_LONGEST_PAUSE, 2.0 ** min(failures, 6)) * (0.5 + self._jitter() / 2))
