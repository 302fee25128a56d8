"""One viewer: HTTP/1.1 on a socket that main accepted, judged and passed. It gets pictures as fast as it takes them.

At most one picture is under way to it; it skips what comes meanwhile. Nothing it says is read, only thrown away.
"""

import socket
from collections.abc import Sequence

_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_COMMON = b"Cache-Control: no-store\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n"
# Printers' pages fetch the stream from another port: whoever knows the address may read it, from any page.
_COMMON += b"Access-Control-Allow-Origin: *\r\n"
_BETWEEN = b"\r\n--picture\r\n"  # sent after each picture: some clients show one only when the next begins
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n" + _COMMON + b"\r\n--picture\r\n"
)
_NOTHING = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n" + _COMMON + b"\r\n"
_PATIENCE = 4.0  # s until a snapshot is given up
_STALLED = 30.0  # s in which a viewer took not one byte of what waits for it
_FAREWELL = 5.0  # s for a viewer to take the end of its answer and go
_TALK = 65536  # bytes that a viewer may say
_scratch = bytearray(4096)

Pieces = Sequence[bytes | memoryview]


class Frame:
    """A picture on its way: hygienic JPEG bytes. users: how many viewers are still being sent it."""

    def __init__(self, picture: bytes) -> None:
        self.picture = picture
        self.users = 0
        self._head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n" % len(picture)

    def part(self) -> Pieces:
        """As one part of a stream."""
        return (self._head + b"\r\n", self.picture, _BETWEEN)

    def answer(self) -> Pieces:
        """As a whole answer."""
        return (b"HTTP/1.1 200 OK\r\n" + self._head + _COMMON + b"\r\n", self.picture)


class Viewing:
    """sock: non-blocking, of TCP, its request read. stream: pictures until it goes, else one.

    over: it is finished; why says more than "it went". pictures, size: what it took so far, whole ones, and bytes.
    """

    def __init__(self, ident: bytes, sock: socket.socket, stream: bool, now: float) -> None:
        self.ident = ident
        self.over = False
        self.why = ""
        self.pictures = 0
        self.size = 0
        self.frame: Frame | None = None  # the one under way
        self._socket = sock
        self._stream = stream
        self._ending = False
        self._heard = 0
        self._since = now  # its last progress
        self._pieces: Pieces = ()
        if stream:
            self._send((_STREAM,), now)

    def fileno(self) -> int:
        """The descriptor."""
        return self._socket.fileno()

    def wants(self, now: float) -> bool:
        """Whether `show` would send a picture that came now."""
        return not (self._pieces or self._ending or self.over)

    def show(self, frame: Frame, now: float) -> None:
        """Send it."""
        frame.users += 1
        self.frame = frame
        self._ending = not self._stream
        self._send(frame.part() if self._stream else frame.answer(), now)

    def stir(self, now: float) -> None:
        """The socket can be read, or written to, or is broken."""
        try:
            while count := self._socket.recv_into(_scratch, 0, _FLAGS):
                self._heard += count
                if self._heard > _TALK:
                    self.end("it sends instead of looking")
                    return
            self.end("")
        except BlockingIOError:
            if self._pieces:
                self._send(self._pieces, now)
        except OSError:
            self.end("")

    def sweep(self, now: float) -> None:
        """Give up what takes too long."""
        waited = now - self._since
        if self._pieces:
            if waited > _STALLED:
                self.end("it takes nothing")
        elif self._ending:
            if waited > _FAREWELL:
                self.end("")
        elif not self._stream and waited > _PATIENCE:
            self._ending = True
            self.why = "no picture"
            self._send((_NOTHING,), now)

    def end(self, why: str) -> None:
        """Nothing more for it. The socket is the caller's to close."""
        self.over = True
        self.why = self.why or why
        self._pieces = ()
        self._let_go()

    def close(self) -> None:
        """Close the socket."""
        self._let_go()
        self._socket.close()

    def _send(self, pieces: Pieces, now: float) -> None:
        """What cannot be sent now waits until the socket can take more."""
        self._pieces = pieces
        try:
            sent = self._socket.sendmsg(pieces, (), _FLAGS)
        except BlockingIOError:
            return
        except OSError:
            self.end("")
            return
        self.size += sent
        self._since = now
        self._pieces = behind(pieces, sent)
        if not self._pieces:
            self._sent()

    def _sent(self) -> None:
        if self.frame is not None:
            self.pictures += 1
            self._let_go()
        if self._ending:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.end("")

    def _let_go(self) -> None:
        if self.frame is not None:
            self.frame.users -= 1
            self.frame = None


def behind(pieces: Pieces, sent: int) -> Pieces:
    """What is left of `pieces` when their first `sent` bytes are gone."""
    left: list[bytes | memoryview] = []
    for piece in pieces:
        if sent >= len(piece):
            sent -= len(piece)
            continue
        left.append(memoryview(piece)[sent:] if sent else piece)
        sent = 0
    return left
