"""What must come to its end once it is begun: no cancel of whoever waits for it reaches it."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def surely(story: Coroutine[None, None, T]) -> T:
    """Its result, however often the caller is cancelled meanwhile: that is raised when it is done, not before."""
    task = asyncio.get_running_loop().create_task(story)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # nobody will ask for it any more
        raise cancelled
    return task.result()
