"""One source and the task that reads it: at most one at a time, and none while nothing of it is permitted.

The newest status is remembered, in RAM and for the owner's eyes only, until the source goes to rest or fails.
"""

import asyncio
from collections.abc import Coroutine

from firmware_agent.model import Record
from firmware_agent.telemetry.source import Source

Pair = tuple[str, str]  # purpose, recipient


class Reading:
    """pairs: what the source can serve. last: its newest status, at: when it came, epoch s; turn: counts them."""

    def __init__(self, source: Source, pairs: list[Pair]) -> None:
        self.source = source
        self.pairs = pairs
        self.last: Record | None = None
        self.at: int | None = None
        self.turn = 0
        self._task: asyncio.Task[None] | None = None
        self._awake = False
        self._begun: float | None = None

    @property
    def busy(self) -> bool:
        """Whether a reading is under way. What ended one for other reasons than the source's ends the agent here."""
        if self._task is None or not self._task.done():
            return self._task is not None
        task, self._task = self._task, None
        if not task.cancelled():
            task.result()
        return False

    @property
    def awake(self) -> bool:
        """Whether it was read since it last went to rest."""
        return self._awake

    def begins_in(self, now: float) -> float:
        """Seconds until the last reading began long enough ago."""
        return 0.0 if self._begun is None else max(0.0, self._begun + self.source.pace - now)

    def begin(self, reading: Coroutine[None, None, None], now: float) -> None:
        self._awake = True
        self._begun = now
        self._task = asyncio.get_running_loop().create_task(reading)

    def heard(self, records: list[Record], now: int | None) -> None:
        """Remember the status among them; what one purpose only is served with, a picture, never."""
        self.last = None
        if self.source.pair is None:
            self.last = next((record for record in records if record.at is None), None)
        self.at = now if self.last is not None else self.at
        self.turn += 1

    def failed(self) -> None:
        """Nobody knows any more whether the status still holds."""
        self.last = None
        self.turn += 1

    def rest(self) -> None:
        """Stop reading at once, forget, and let the source go to rest."""
        self.last = self.at = None
        if self._awake:
            self._awake = False
            self._task = asyncio.get_running_loop().create_task(self._go_to_rest(self._task))

    async def wait(self) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_to_rest(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        await self.source.rest()
