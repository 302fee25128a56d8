"""A viewer that keeps nothing: pictures of a multipart stream, one after the other, in one small piece of memory."""

import socket
from collections.abc import Iterator


def pictures(sock: socket.socket) -> Iterator[bytes]:
    """Each whole picture, until the stream ends. ValueError: it is no such stream."""
    held = bytearray()
    head = _until(sock, held, b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or b"multipart/x-mixed-replace" not in head:
        raise ValueError(head.decode("latin-1"))
    while True:
        try:
            part = _until(sock, held, b"\r\n\r\n").lower()
            length = int(part.partition(b"content-length:")[2].split()[0])
            while len(held) < length:
                _more(sock, held)
        except EOFError:
            return
        yield bytes(held[:length])
        del held[:length]


def _until(sock: socket.socket, held: bytearray, end: bytes) -> bytes:
    while (at := held.find(end)) < 0:
        _more(sock, held)
    found = bytes(held[:at])
    del held[: at + len(end)]
    return found


def _more(sock: socket.socket, held: bytearray) -> None:
    data = sock.recv(1 << 18)
    if not data:
        raise EOFError
    held += data
