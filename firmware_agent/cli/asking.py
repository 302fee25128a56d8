"""Asks the running agent over its own socket (docs/socket.md), as any program on this device may."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from firmware_agent.errors import AgentError

_LONGEST = 1 << 20  # bytes of an answer
_PATIENCE = 10.0  # s


class Asking:
    """Made by `asking`: one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._news: list[str] = []

    async def ask(self, do: str, arguments: "dict[str, Any] | None" = None) -> dict[str, Any]:
        """The answer to a reading or an action. AgentError: a refusal, by its own words, or nobody answers."""
        self._number += 1
        asked = {"v": 1, "id": self._number, "do": do, "arguments": arguments or {}}
        self._writer.write(json.dumps(asked).encode() + b"\n")
        try:
            async with asyncio.timeout(_PATIENCE):
                while "event" in (found := await self._line()):
                    self._news.append(found["event"].get("what", ""))
        except TimeoutError:
            raise AgentError("the running agent does not answer; see `firmware-agent doctor`") from None
        if "error" in found:
            raise AgentError(f"the running agent refused ({found['error']}): {found['text']}")
        return dict(found["ok"])

    async def news(self) -> None:
        """Until something changed, after `watch` was asked for."""
        if not self._news:
            await self._line()
        self._news.clear()

    async def _line(self) -> dict[str, Any]:
        try:
            line = await self._reader.readline()
            return dict(json.loads(line))
        except (OSError, ValueError):  # it has gone: an empty line is no JSON
            raise AgentError("the running agent hung up; is it being stopped? try again") from None


@contextlib.asynccontextmanager
async def asking(path: Path, longest: int = _LONGEST) -> AsyncIterator[Asking]:
    """Connected within the block. path: of the agent's socket. longest: bytes of an answer. AgentError: it cannot be
    used by this user."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=longest)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise AgentError(
            f"{path}: the running agent cannot be asked ({why}); give this user a row in [socket]"
        ) from None
    try:
        yield Asking(reader, writer)
    finally:
        writer.transport.abort()
