"""One source and the task that reads it: at most one at a time, and none while nothing of it is permitted."""

import asyncio
from collections.abc import Coroutine

from firmware_agent.telemetry.source import Source

Pair = tuple[str, str]  # purpose, recipient


class Reading:
    """pairs: what the source can serve."""

    def __init__(self, source: Source, pairs: list[Pair]) -> None:
        self.source = source
        self.pairs = pairs
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

    def rest(self) -> None:
        """Stop reading at once and let the source go to rest."""
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
