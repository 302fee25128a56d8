"""Follows one Moonraker, and through it Klipper, over its Unix socket or its websocket.

Sent are the requests of moonraker_talk.METHODS and nothing else, whatever comes: who we are ("agent", without a word
about this device), how Moonraker and Klipper stand, which cameras and objects there are (the former are counted), and
which parts of six objects it shall tell of. None of them moves, heats or changes anything, and nobody is answered.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import Following, Heard
from firmware_agent.telemetry.line import Line, Opener
from firmware_agent.telemetry.moonraker_fields import OFFERS
from firmware_agent.telemetry.moonraker_talk import Said, Talk
from firmware_agent.telemetry.unix_line import unix_line
from firmware_agent.telemetry.websocket import websocket

END = b"\x03"  # after each message on the Unix socket
_SILENCE = 10.0  # s without a word, or with Klipper not ready: then it is asked
_TIMES = 3  # so often without any answer, and it hangs


class MoonrakerFeed:
    """Implements Feed. key: an API key or "". silence: s."""

    def __init__(self, opener: Opener, key: str = "", silence: float = _SILENCE) -> None:
        self._opener = opener
        self._key = key
        self._silence = silence

    async def follow(self, heard: Heard) -> None:
        """Until the connection ends, as Feed has it."""
        talk = Talk(self._key)
        async with self._opener() as line:
            await _ask(line, talk.begin())
            loop, silent = asyncio.get_running_loop(), 0
            due = loop.time() + self._silence
            while True:
                message = await self._next(line)
                silent = silent + 1 if message is None else 0
                if silent >= _TIMES:
                    raise SourceError(
                        "moonraker: it says nothing any more; see whether it hangs, and restart it", "silent"
                    )
                if message is not None:
                    said = _tell(talk, message, heard)
                    await _ask(line, said.requests)
                if message is None or (not talk.settled and loop.time() >= due):
                    due = loop.time() + self._silence
                    await _ask(line, talk.look())

    async def _next(self, line: Line) -> bytes | None:
        """None: nothing came for a while."""
        try:
            async with asyncio.timeout(self._silence):
                return await line.take()
        except TimeoutError:
            return None


def _tell(talk: Talk, message: bytes, heard: Heard) -> Said:
    before = talk.dropped
    said = talk.hear(message)
    if said.status:
        heard.status(said.status, talk.length, talk.complete)
    for record in said.records:
        heard.event(record)
    heard.dropped += talk.dropped - before
    return said


async def _ask(line: Line, requests: list[bytes]) -> None:
    for one in requests:
        await line.give(one)


def moonraker(path: str, url: str, key: str, now: Callable[[], int | None]) -> Following:
    """The source. path: of its Unix socket; url: of its websocket; one of them is "". key: an API key or "".

    now: epoch s.
    """
    opener: Opener = partial(websocket, url) if url else partial(unix_line, Path(path), END)
    return Following("moonraker", OFFERS, MoonrakerFeed(opener, key), now)
