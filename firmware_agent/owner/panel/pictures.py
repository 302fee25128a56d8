"""Sealed pictures for the page: each after its length, the next one asked for when the browser has taken the last."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from firmware_agent.owner.panel.events import close

log = logging.getLogger(__name__)

BEAT = bytes(4)  # a picture of no bytes: a sign of life
LARGEST = 4 * 1024 * 1024  # bytes of one sealed picture; the page takes no larger ones


class Pictures:
    """Each of `sealed` after its length (4 bytes, big-endian); what is empty or larger than LARGEST is left out."""

    def __init__(self, sealed: AsyncIterator[bytes]) -> None:
        self._sealed = sealed
        self._first: asyncio.Task[bytes] | None = None

    async def begin(self, patience: float) -> None:
        """Wait for the first picture, `patience` seconds at most: whatever forbids or prevents it is raised here."""
        self._first = asyncio.get_running_loop().create_task(self._next())
        try:
            await asyncio.wait({self._first}, timeout=patience)
            fault = self._first.exception() if self._first.done() else None
            if fault is not None and not isinstance(fault, StopAsyncIteration):
                raise fault
        except BaseException:
            await self.aclose()
            raise

    def __aiter__(self) -> "Pictures":
        return self

    async def __anext__(self) -> bytes:
        while True:
            first, self._first = self._first, None
            one = await (first or self._next())
            if 0 < len(one) <= LARGEST:
                return len(one).to_bytes(4, "big") + one
            log.warning("a picture for the page was empty or too large")

    async def aclose(self) -> None:
        """Nobody looks any more: the camera is told at once."""
        if self._first is not None:
            self._first.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._first
            self._first = None
        await close(self._sealed)

    async def _next(self) -> bytes:
        return await self._sealed.__anext__()
