"""The camera process's end of the control socket: messages and passed descriptors in, messages out, never waiting."""

import socket
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from firmware_agent.camera.messages import LARGEST_TO_CAMERA, TO_CAMERA, Inbox, pack
from firmware_agent.errors import FormatError

_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_MUCH = 4 << 20  # bytes that wait for main: no more pictures for it then
_MOST = 24 << 20  # it takes nothing any more

_ONE = socket.CMSG_LEN(4)  # room for one descriptor (`socket.recv_fds` takes no notice of its flags)

Message = tuple[tuple[Any, ...], int | None]


class Control:
    """Messages of TO_CAMERA come, each with the descriptor that was passed with it or None; those of TO_MAIN go."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._inbox = Inbox(TO_CAMERA, LARGEST_TO_CAMERA)
        self._passed: deque[int] = deque()
        self._unsent: deque[memoryview] = deque()
        self._size = 0

    def fileno(self) -> int:
        """The descriptor."""
        return self.socket.fileno()

    def take(self, wait: bool = False) -> Iterator[Message]:
        """What has come; with `wait`, until anything comes.

        EOFError: main is gone. FormatError: it sent what is no message, or a descriptor too many or too few.
        """
        try:
            data, beside, flags, _ = self.socket.recvmsg(65536, _ONE, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            raise EOFError from None
        for level, kind, passed in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._passed += (int.from_bytes(passed[at : at + 4], sys.byteorder) for at in range(0, len(passed), 4))
        if flags & socket.MSG_CTRUNC:
            raise FormatError("camera: more descriptors than a message has")
        if not data:
            raise EOFError
        yield from self._messages(data)

    def rest(self) -> Iterator[Message]:
        """What came together with messages that were taken."""
        yield from self._messages(b"")

    def put(self, kind: str, *parts: Any) -> None:
        """Send, or keep until `flush`. EOFError: main is gone, or takes nothing any more."""
        data = pack(kind, *parts)
        self._unsent.append(memoryview(data))
        self._size += len(data)
        self.flush()
        if self._size > _MOST:
            raise EOFError

    @property
    def busy(self) -> bool:
        """Whether so much waits for main that more had better not be made for it."""
        return self._size >= _MUCH

    def flush(self) -> bool:
        """Send what waits; whether some of it still does."""
        while self._unsent:
            first = self._unsent[0]
            try:
                sent = self.socket.send(first, _FLAGS)
            except BlockingIOError:
                return True
            except OSError:
                raise EOFError from None
            self._size -= sent
            if sent == len(first):
                self._unsent.popleft()
            else:
                self._unsent[0] = first[sent:]
        return False

    def _messages(self, data: bytes) -> Iterator[Message]:
        for message in self._inbox.feed(data):
            yield message, self._descriptor(message[0])
        if self._passed and not self._inbox.waiting:
            raise FormatError("camera: a descriptor that no message asked for")

    def _descriptor(self, kind: str) -> int | None:
        """view has one; begin has one or none, by its settings; the others have none."""
        if kind == "view" and not self._passed:
            raise FormatError("camera: a viewer without its socket")
        return self._passed.popleft() if kind in ("view", "begin") and self._passed else None
