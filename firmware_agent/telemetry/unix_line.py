"""Messages over a Unix socket of this device, each ended by one byte."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from firmware_agent.telemetry.line import LARGEST, PATIENCE, Line, Pace, broken, ended, too_long

_CHUNK = 4096  # bytes at once: thousands of empty messages fit into more, and would hold up everything else


@contextlib.asynccontextmanager
async def unix_line(path: Path, end: bytes) -> AsyncIterator[Line]:
    """Within the block it is connected. end: the byte after each message. SourceError: it cannot be."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path, limit=_CHUNK)
    except OSError as error:
        raise broken(str(path), error) from None
    try:
        yield _UnixLine(reader, writer, str(path), end)
    finally:
        writer.transport.abort()


class _UnixLine:
    """Implements Line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str, end: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._where = where
        self._end = end
        self._messages: deque[bytes] = deque()
        self._part = b""
        self._pace = Pace()

    async def take(self) -> bytes:
        while not self._messages:
            await self._more()
        return self._messages.popleft()

    async def give(self, message: bytes) -> None:
        try:
            self._writer.write(message + self._end)
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
        except OSError as error:
            raise broken(self._where, error) from None

    async def _more(self) -> None:
        await self._pace.wait(self._writer.transport)
        try:
            data = await self._reader.read(_CHUNK)
        except OSError as error:
            raise broken(self._where, error) from None
        if not data:
            raise ended(self._where)
        *whole, self._part = (self._part + data).split(self._end)  # nothing is awaited from here on: nothing is lost
        if any(len(message) > LARGEST for message in (*whole, self._part)):
            raise too_long(self._where)
        self._messages += whole
        if whole:
            self._pace.owe(len(whole), sum(map(len, whole)))
