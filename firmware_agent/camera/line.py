"""Main's end of the conversation with one camera process that has begun."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from firmware_agent.camera.messages import LARGEST_TO_MAIN, TO_MAIN, Inbox, pack
from firmware_agent.camera.start import Started
from firmware_agent.errors import FormatError

log = logging.getLogger(__name__)

_PIECE = 1 << 18  # bytes read at a time
_LOOKS = 4  # pieces that one look takes, at most


class Line:
    """heard: gets each whole message. gone: called once, when that process ended or does not speak as it should; not
    after `hang_up`, when its end is expected and its last words are still heard.
    """

    def __init__(
        self, started: Started, heard: Callable[[tuple[Any, ...]], None], gone: Callable[["Line"], None]
    ) -> None:
        self.started = started
        self.hung = False
        self._heard = heard
        self._gone = gone
        self._inbox = Inbox(TO_MAIN, LARGEST_TO_MAIN)
        self._expected = False
        self._reading = True
        asyncio.get_running_loop().add_reader(started.control, self._read)

    def say(self, kind: str, *parts: Any, descriptor: int | None = None) -> None:
        """Send a message. A process that takes none hangs, and counts as gone."""
        if not self._reading:
            return
        message = pack(kind, *parts)
        descriptors = [] if descriptor is None else [descriptor]
        try:
            sent = socket.send_fds(self.started.control, [message], descriptors)
        except OSError:
            sent = 0
        if sent != len(message):
            self.look()  # its last words
            self._over("it takes no messages")

    def hang_up(self) -> None:
        """No more is said; what it still says is heard until `close`."""
        self._expected = True
        if self._reading:
            try:
                self.started.control.shutdown(socket.SHUT_WR)
            except OSError:
                self._stop()

    async def close(self) -> int | None:
        """End the process; its exit code if that can be known."""
        self.hang_up()
        try:
            return await self.started.end()
        finally:
            self._stop()

    def give_up(self) -> None:
        """It hangs: it counts as gone."""
        self.hung = True
        self._over("it hangs")

    def look(self) -> None:
        """Hear what has come, and whether it ended."""
        for _ in range(_LOOKS):
            if self._reading:
                self._read()

    def _read(self) -> None:
        try:
            data = self.started.control.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._over("it ended")
            return
        try:
            for message in self._inbox.feed(data):
                self._heard(message)
        except FormatError as error:
            self._over(str(error))

    def _over(self, why: str) -> None:
        self._stop()
        if not self._expected:
            self._expected = True
            log.warning("camera process: %s", why)
            self._gone(self)

    def _stop(self) -> None:
        if self._reading:
            self._reading = False
            asyncio.get_running_loop().remove_reader(self.started.control)
