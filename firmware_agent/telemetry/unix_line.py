"""Messages over a Unix socket of this device, each ended by one byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from firmware_agent.telemetry.line import LARGEST, PATIENCE, Line, Pace, broken, ended, too_long


@contextlib.asynccontextmanager
async def unix_line(path: Path, end: bytes) -> AsyncIterator[Line]:
    """Within the block it is connected. end: the byte after each message. SourceError: it cannot be."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path, limit=LARGEST)
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
        self._pace = Pace()

    async def take(self) -> bytes:
        await self._pace.wait()
        try:
            message = await self._reader.readuntil(self._end)
        except asyncio.IncompleteReadError:
            raise ended(self._where) from None
        except asyncio.LimitOverrunError:
            raise too_long(self._where) from None
        except OSError as error:
            raise broken(self._where, error) from None
        self._pace.owe(1, len(message))
        return message[: -len(self._end)]

    async def give(self, message: bytes) -> None:
        try:
            self._writer.write(message + self._end)
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
        except OSError as error:
            raise broken(self._where, error) from None
