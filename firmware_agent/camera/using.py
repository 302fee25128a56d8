"""One use of the camera as main sees it: a viewer's socket that was passed on, or a view whose pictures come sealed."""

import asyncio
import socket

from firmware_agent.admissions import Admission
from firmware_agent.camera.cutting import Leash
from firmware_agent.camera.sealed import HEAD, MAGIC, TAG, count
from firmware_agent.errors import FormatError


class Live:
    """over: why it ended, once it has."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.over: Exception | None = None

    @property
    def pair(self) -> tuple[str, str]:
        return self.admission.purpose, self.admission.recipient

    def cut(self, why: Exception) -> None:
        """Nothing more goes out, at once."""
        self.over = self.over or why

    def close(self) -> None:
        """It ended by itself."""


class Viewed(Live):
    """`sock`: the viewer's, connected."""

    def __init__(self, admission: Admission, sock: socket.socket) -> None:
        super().__init__(admission)
        self._leash = Leash(sock)

    def descriptor(self) -> int:
        """What the camera process is given."""
        return self._leash.ready()

    def cut(self, why: Exception) -> None:
        super().cut(why)
        self._leash.cut()

    def close(self) -> None:
        self._leash.close()


class Sealed(Live):
    """One picture at a time, of at most `largest` bytes before it is sealed: the camera process may send one for each
    that was asked for.
    """

    def __init__(self, admission: Admission, largest: int) -> None:
        super().__init__(admission)
        self._longest = largest + HEAD + TAG
        self._count = 0
        self._asked = True
        self._piece = b""
        self._news = asyncio.Event()

    def put(self, number: int, piece: bytes) -> None:
        """FormatError: nobody asked for it, or it is not the next sealed picture of this use."""
        if not self._asked:
            raise FormatError("camera: its process sent a picture that nobody asked for")
        if not piece.startswith(MAGIC) or not HEAD + TAG <= len(piece) <= self._longest:
            raise FormatError("camera: its process sent something else than a sealed picture")
        if not number == count(piece) == self._count:
            raise FormatError("camera: its process sent a picture out of turn")
        self._count += 1
        self._asked = False
        self._piece = piece
        self._news.set()

    def ask(self) -> None:
        self._asked = True

    async def next(self) -> bytes:
        """The next picture, or why there is none any more: that error."""
        await self._news.wait()
        self._news.clear()
        if self.over is not None:
            raise self.over
        piece, self._piece = self._piece, b""
        return piece

    def cut(self, why: Exception) -> None:
        super().cut(why)
        self._piece = b""
        self._news.set()
