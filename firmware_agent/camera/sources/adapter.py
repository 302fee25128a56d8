"""Pictures from an adapter command: main starts it under the lock "adapter" and passes the socket it writes to.

A socket, for the camera process has no call that reads from a pipe, and main has shut it in the other direction.
"""

import os
import socket
import stat

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sandbox.weaker import NAME
from firmware_agent.camera.sources.pictures import Pictures
from firmware_agent.errors import FormatError

_LARGEST = 4 << 20  # bytes of one picture
_PIECE = 1 << 18
_AT_ONCE = 16  # pieces, before others have their turn


class Adapter:
    """Implements Source. The command streams for as long as it lives: main ends it with the camera process."""

    camera: int | None = None

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over. CannotLock: it is no socket of a pair."""
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise CannotLock("camera", "the adapter's output must come by a socket; start the command by the agent")
        self._socket = socket.socket(fileno=descriptor)
        self.fd = descriptor
        self.facts: dict[str, str | int] = {"driver": "adapter command", "format": "JPEG", "lock": NAME}
        self._pictures = Pictures(_LARGEST)
        self._piece = memoryview(bytearray(_PIECE))
        self._skip = False

    def on(self) -> None:
        """See Source. What came while nobody looked is thrown away, and so is what had begun by then."""
        self._read()
        self._skip = self._pictures.begun

    def off(self) -> None:
        """See Source. The command and its camera go on: `take` should be called on, or what comes later is old."""

    def due(self, now: float) -> float | None:
        """See Source."""
        return None

    def take(self, now: float) -> bytes | None:
        """See Source. OSError: the command has ended."""
        odd = self._pictures.odd
        newest = self._read()
        if newest is None and self._pictures.odd > odd:
            raise FormatError("camera: the adapter command wrote something that is no plain JPEG")
        return newest

    def covered(self) -> bool:
        """See Source: a command does not tell."""
        return False

    def _read(self) -> bytes | None:
        newest = None
        for _ in range(_AT_ONCE):
            try:
                count = self._socket.recv_into(self._piece, _PIECE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            if count == 0 and newest is None:
                raise OSError("the adapter command has ended")
            if count == 0:
                break
            newest = self._newer(self._piece[:count]) or newest
        return newest

    def _newer(self, data: memoryview) -> bytes | None:
        found = self._pictures.feed(data)
        if found is not None and self._skip:
            self._skip = False
            return None
        return found
