"""A viewer of the camera: a plain client of HTTP, strict about what it gets, at the far end of a real connection."""

import socket
import struct


def pair(send=262144, receive=None):
    """(the viewer's end, the accepted end as main would pass it). send, receive: sizes of the kernel's buffers."""
    with socket.socket() as listener:
        if receive is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.socket()
        if receive is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.setblocking(False)
    ours.settimeout(20)
    return ours, theirs


class Looking:
    """heard: every byte that came. EOFError where the answer ends too early, AssertionError where it is not as due."""

    def __init__(self, ident, sock):
        self.ident, self.socket = ident, sock
        self.heard = bytearray()
        self._at = 0
        self.status, self.headers, self._boundary = None, None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def head(self):
        """Read the answer's status and headers."""
        line, *rest = self._until(b"\r\n\r\n").split(b"\r\n")
        self.status = int(line.split()[1])
        self.headers = dict(field.lower().split(b": ") for field in rest)
        self._boundary = self.headers[b"content-type"].partition(b"boundary=")[2] if self.status == 200 else b""
        return self

    def picture(self):
        """The next picture of a stream."""
        if self.headers is None:
            self.head()
        assert self._until(b"\r\n").endswith(b"--" + self._boundary) or self._until(b"\r\n") == b"--" + self._boundary
        fields = dict(field.lower().split(b": ") for field in self._until(b"\r\n\r\n").split(b"\r\n"))
        assert fields.pop(b"content-type") == b"image/jpeg"
        length = int(fields.pop(b"content-length"))
        assert not fields
        picture = self._exactly(length)
        assert self._exactly(2) == b"\r\n"
        return picture

    def answer(self):
        """The one picture of a snapshot, which must be all there is."""
        self.head()
        body = self._exactly(int(self.headers[b"content-length"]))
        assert self._more() == b""
        return body

    def _until(self, end):
        while (found := self.heard.find(end, self._at)) < 0:
            self._need()
        piece = bytes(self.heard[self._at : found])
        self._at = found + len(end)
        return piece

    def _exactly(self, count):
        while len(self.heard) < self._at + count:
            self._need()
        self._at += count
        return bytes(self.heard[self._at - count : self._at])

    def _need(self):
        if not self._more():
            raise EOFError

    def _more(self):
        data = self.socket.recv(65536)
        self.heard += data
        return data
