"""Follows one OctoPrint over its push socket (SockJS, the raw websocket).

Sent are, each time it connects: GET /api/currentuser with the application key (whose is it, what may it), POST
/api/login with the body {"passive": true} and the key (a session for the socket; OctoPrint's own log and its plug-ins
see that somebody logged in), and on the socket the three messages of octoprint_talk.py. After that the first request
again each minute, for OctoPrint goes on telling whoever is there although the key was taken back. None of it moves,
heats or changes anything.
"""

import asyncio
from collections.abc import Callable

from firmware_agent.telemetry.following import Following, Heard
from firmware_agent.telemetry.http import LOG_IN, ask, get_json, whole
from firmware_agent.telemetry.line import Line
from firmware_agent.telemetry.octoprint_fields import OFFERS
from firmware_agent.telemetry.octoprint_talk import Talk, begin, may
from firmware_agent.telemetry.websocket import websocket

_LOOK = 60.0  # s between two questions whether the key still counts


class OctoPrintFeed:
    """Implements Feed. url: its base address. key: gives an application key; SourceError, if there is none. look: s."""

    def __init__(self, url: str, key: Callable[[], str], look: float = _LOOK) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._look = look

    async def follow(self, heard: Heard) -> None:
        """Until the connection ends or the key does not count any more, as Feed has it."""
        headers = {"X-Api-Key": self._key()}
        await self._counts(headers)  # a wrong key never comes to a log-in: failed ones can lock people out
        words = begin(whole(await ask(self._url + "/api/login", headers, LOG_IN)))
        address = "ws" + self._url.removeprefix("http") + "/sockjs/websocket"  # `readable`: it begins with http
        talk, loop = Talk(), asyncio.get_running_loop()
        async with websocket(address, skip=True) as line:  # a history of hours can be longer than a message may be
            for one in words:
                await line.give(one)
            due = loop.time() + self._look
            while True:
                message = await _next(line, due)
                if message is not None:
                    _tell(talk, message, heard)
                if loop.time() >= due:
                    await self._counts(headers)
                    due = loop.time() + self._look

    async def _counts(self, headers: dict[str, str]) -> None:
        """SourceError: the key does not count, or nobody answers."""
        may(await get_json(self._url + "/api/currentuser", headers))


async def _next(line: Line, due: float) -> bytes | None:
    """None: nothing came until `due`, by the loop's clock; a printer that is off says nothing."""
    try:
        async with asyncio.timeout_at(due):
            return await line.take()
    except TimeoutError:
        return None


def _tell(talk: Talk, message: bytes, heard: Heard) -> None:
    before = talk.dropped
    fields = talk.hear(message)
    if fields:
        heard.status(fields, talk.length)
    heard.dropped += talk.dropped - before


def octoprint(url: str, key: Callable[[], str], now: Callable[[], int | None]) -> Following:
    """The source. url: its base address. key: gives an application key, anew for each connection. now: epoch s."""
    return Following("octoprint", OFFERS, OctoPrintFeed(url, key), now)
