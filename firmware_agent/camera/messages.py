"""What the main process and the camera process say to each other: CBOR arrays, each behind its length (4 bytes).

The first part of an array is its kind, the rest has the shapes below. Pictures come back as ciphertext only: there is
no message in which one could travel as it is (L4).
"""

from collections.abc import Iterator
from typing import Any

from firmware_agent import cbor
from firmware_agent.errors import FormatError

CHECK = "check"  # as an argument of the camera process: whatever `begin` says, no camera is touched
CANNOT = 78  # exit code of an adapter's command that could not be locked or found; EX_CONFIG of sysexits.h
IDENT = 16  # bytes that name one use of the camera: of its Admission
KEY = 32  # bytes of an X25519 public key

Shapes = dict[str, tuple[type, ...]]
# begin: the settings of the source; one descriptor comes with it where the source is a connection or a pipe.
# view: ident, whether a stream (else one picture); the viewer's socket comes with it, ready to be written to.
# seal: ident, whom for (bound to the ciphertext), that one's public key, milliseconds from picture to picture, bytes
# that one may have. more: one more sealed picture may come. end: this use is over.
TO_CAMERA: Shapes = {
    "begin": (dict,),
    "view": (bytes, bool),
    "seal": (bytes, str, bytes, int, int),
    "more": (bytes,),
    "end": (bytes,),
}
# report: the lock (sandbox/report.py), and what the source is: names and numbers, no serial. sealed: ident, count from
# 0, ciphertext (sealed.py). ended: ident, pictures, bytes, why ("" if whoever looked went, or main said `end`).
# state: "covered" by a switch in hardware, "trouble" in words or "", counts of "odd" (dropped) and taken "pictures".
TO_MAIN: Shapes = {
    "report": (bytes, dict),
    "sealed": (bytes, int, bytes),
    "ended": (bytes, int, int, str),
    "state": (dict,),
}
LARGEST_TO_CAMERA = 4096  # bytes of one message
LARGEST_TO_MAIN = (4 << 20) + 4096


def pack(kind: str, *parts: Any) -> bytes:
    """The message as it travels."""
    body = cbor.encode([kind, *parts])
    return len(body).to_bytes(4, "big") + body


class Inbox:
    """Takes bytes in any pieces, gives whole messages. FormatError: not one of `shapes`; the other side is broken."""

    def __init__(self, shapes: Shapes, largest: int) -> None:
        self._shapes = shapes
        self._largest = largest
        self._held = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether a part of a message is here, and the rest is not."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """(kind, part, ...) of each message that is complete."""
        self._held += data
        while len(self._held) >= 4:
            length = int.from_bytes(self._held[:4], "big")
            if length > self._largest:
                raise FormatError("camera: a message that is too long")
            if len(self._held) < 4 + length:
                return
            body = bytes(self._held[4 : 4 + length])
            del self._held[: 4 + length]
            yield self._checked(cbor.decode(body))

    def _checked(self, message: Any) -> tuple[Any, ...]:
        known = isinstance(message, list) and message and isinstance(message[0], str) and message[0] in self._shapes
        if not known:
            raise FormatError("camera: an unknown message")
        shape = self._shapes[message[0]]
        if tuple(map(type, message[1:])) != shape:
            raise FormatError(f"camera: a message {message[0]} of another shape")
        return tuple(message)
