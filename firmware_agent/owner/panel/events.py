"""A live view: what changed, as server-sent events, with a sign of life in between."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

from firmware_agent.owner.panel.answers import packed


async def stream(
    changes: AsyncIterator[dict[str, Any]], beat: float, over: Coroutine[None, None, None]
) -> AsyncGenerator[bytes, None]:
    """Each change as one event, and a comment every `beat` seconds, until there are no more or `over` is done."""
    ended = asyncio.get_running_loop().create_task(over)
    pending: asyncio.Task[dict[str, Any]] | None = None
    try:
        while not ended.done():
            pending = pending or asyncio.get_running_loop().create_task(_next(changes))
            await asyncio.wait({pending, ended}, timeout=beat, return_when=asyncio.FIRST_COMPLETED)
            if pending.done():
                try:
                    change = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                yield b"data: " + packed(change) + b"\n\n"
            elif not ended.done():
                yield b": \n\n"
    finally:
        for task in (pending, ended):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
        close = getattr(changes, "aclose", None)
        if close is not None:
            await close()


async def _next(changes: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    return await changes.__anext__()
