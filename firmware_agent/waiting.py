"""Waiting for a descriptor of main's, on its loop."""

import asyncio
from typing import Protocol


class Descriptor(Protocol):
    def fileno(self) -> int: ...


async def readable(descriptor: int | Descriptor) -> None:
    """Until it can be read; a handle of a process (pidfd) can once that has ended. For one waiter at a time."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
