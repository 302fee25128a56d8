"""A live view: its pieces with signs of life between them; what changed, as server-sent events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

from firmware_agent.owner.panel.answers import packed

BEAT = b": \n\n"


async def events(changes: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[bytes, None]:
    """Each change as one server-sent event."""
    try:
        async for change in changes:
            yield b"data: " + packed(change) + b"\n\n"
    finally:
        await close(changes)


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
        await close(pieces)


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    return await pieces.__anext__()


async def close(iterator: object) -> None:
    """End it, if it can be ended."""
    end = getattr(iterator, "aclose", None)
    if end is not None:
        await end()
