"""An upstream camera: another program's MJPEG stream, on a connection that main opened, asked and passed."""

import socket

from firmware_agent.camera.sources.multipart import Pictures
from firmware_agent.errors import FormatError

_PIECE = 65536
_MOST = 64  # pieces read at a time: viewers wait meanwhile


class Upstream:
    """Implements Source. The stream cannot be paused: while nobody looks it is read and dropped."""

    camera: int | None = None

    def __init__(self, descriptor: int) -> None:
        self.facts: dict[str, str | int] = {"kind": "another camera's stream"}
        self.fd = descriptor
        self._socket = socket.socket(fileno=descriptor)
        self._pictures = Pictures()

    def on(self) -> None:
        """Nothing to start."""

    def off(self) -> None:
        """Nothing to stop."""

    def due(self, now: float) -> float | None:
        """Never: the connection tells."""
        return None

    def take(self, now: float) -> bytes | None:
        """The newest picture. OSError: the stream has ended, or is none."""
        newest = None
        try:
            for _ in range(_MOST):
                data = self._socket.recv(_PIECE, socket.MSG_DONTWAIT)
                for picture in self._pictures.feed(data):
                    newest = picture
        except BlockingIOError:
            return newest
        except FormatError as error:
            raise OSError(str(error)) from None
        return newest

    def covered(self) -> bool:
        """Nobody says."""
        return False
