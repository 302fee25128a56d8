"""A live view: what changed as server-sent events, sealed pictures each after its length, and signs of life between."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

from firmware_agent.owner.panel.answers import packed

log = logging.getLogger(__name__)

EVENTS_BEAT = b": \n\n"
PICTURES_BEAT = bytes(4)  # a picture of no bytes
LARGEST = 4 * 1024 * 1024  # bytes of one sealed picture; the page takes no larger ones


async def events(changes: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[bytes, None]:
    """Each change as one server-sent event."""
    try:
        async for change in changes:
            yield b"data: " + packed(change) + b"\n\n"
    finally:
        await _close(changes)


async def pictures(sealed: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Each sealed picture after its length (4 bytes, big-endian); what is empty or larger than LARGEST is left out."""
    try:
        async for one in sealed:
            if 0 < len(one) <= LARGEST:
                yield len(one).to_bytes(4, "big") + one
            else:
                log.warning("a picture for the page was empty or too large")
    finally:
        await _close(sealed)


async def stream(
    pieces: AsyncIterator[bytes], beat: bytes, every: float, over: Coroutine[None, None, None]
) -> AsyncGenerator[bytes, None]:
    """Each piece, and `beat` after `every` seconds without one, until there are no more or `over` is done.

    The next piece is asked for when the last one was taken: nothing piles up for a slow browser.
    """
    ended = asyncio.get_running_loop().create_task(over)
    pending: asyncio.Task[bytes] | None = None
    try:
        while not ended.done():
            pending = pending or asyncio.get_running_loop().create_task(_next(pieces))
            await asyncio.wait({pending, ended}, timeout=every, return_when=asyncio.FIRST_COMPLETED)
            if pending.done():
                try:
                    piece = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                yield piece
            elif not ended.done():
                yield beat
    finally:
        for task in (pending, ended):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        await _close(pieces)


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    return await pieces.__anext__()


async def _close(iterator: object) -> None:
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()
