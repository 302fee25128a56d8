"""A conversation over a serial line, whatever the board's language: ask, wait, hear, until the line ends."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.following import Heard
from firmware_agent.telemetry.serial_line import OpenLine, SerialLine

SILENCE = 30.0  # s without a line of text: nobody is there
_LAST = 0.1  # s for the last query to leave


class Talk(Protocol):
    """One conversation: what a board said, and what to ask it. Without input and output; never raises. now: s.

    next: when to ask. complete: whether the board said that its job is. halted: whether it said that it answers no
    more. farewell: what to send at the end, if anything.
    """

    next: float
    complete: bool
    halted: bool
    farewell: bytes | None

    def ask(self, now: float) -> bytes | None:
        """The next query, if it is time for one."""
        ...

    def hear(self, line: str, now: float) -> dict[str, Any]:
        """The fields that a line tells; None: unknown now."""
        ...


class SerialFeed:
    """Implements Feed. talk: makes a new conversation. silence: s."""

    def __init__(self, place: SerialLine, talk: Callable[[], Talk], silence: float = SILENCE) -> None:
        self._place = place
        self._talk = talk
        self._silence = silence

    async def follow(self, heard: Heard) -> None:
        """Until it is cancelled; SourceError: the port cannot be opened, or is gone, or nobody answers."""
        with self._place.open() as line:
            talk = self._talk()
            try:
                await self._converse(line, talk, heard)
            finally:
                if talk.farewell is not None and line.ask(talk.farewell):
                    await asyncio.sleep(_LAST)

    async def _converse(self, line: OpenLine, talk: Talk, heard: Heard) -> None:
        now = asyncio.get_running_loop().time
        last, lost = now(), 0
        while True:
            query = talk.ask(now())
            if query is not None:
                line.ask(query)
            end = talk.next if talk.halted else min(talk.next, last + self._silence)
            found = await line.lines(max(0.01, end - now()))
            for text in found:
                heard.status(talk.hear(text, now()), complete=talk.complete)
            heard.dropped += line.lost - lost
            lost = line.lost
            if found:
                last = now()
            elif now() - last >= self._silence and not talk.halted:
                why = "what it says is no text; see the cable" if lost else "it does not answer; see whether it is on"
                code = "strange" if lost else "silent"
                raise SourceError("%s: %s, and whether `baud` is right" % (line.where, why), code)
