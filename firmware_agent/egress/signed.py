"""The newest signed head, kept apart from the segments: it shows that entries were cut off their end.

An entry inside the chain could not: whoever cuts the end cuts it as well. So two slots of one sector each in one file,
written in turn and in place: length (2), CBOR [number, head, time, signature, public], CRC-32 (4).
"""

import binascii

from firmware_agent import cbor
from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Signer(Protocol):
        @property
        def public(self) -> bytes: ...
        def sign(self, data: bytes) -> bytes: ...


NAME = "ledger.head"
_SLOT = 512
_PREFIX = b"firmware_agent ledger head 1\0"  # so that no other text signed with the key can pass for a head


class SignedHead:
    """`head` is the SHA-256 over everything up to entry `number`. time: seconds since 1970 UTC, or None."""

    def __init__(self, number: int, head: bytes, time: "int | None", signature: bytes, public: bytes) -> None:
        self.number = number
        self.head = head
        self.time = time
        self.signature = signature
        self.public = public


def message(number: int, head: bytes, time: "int | None") -> bytes:
    """The bytes that are signed."""
    return _PREFIX + cbor.encode([number, head, time])


def sign(signer: "Signer", number: int, head: bytes, time: "int | None") -> SignedHead:
    return SignedHead(number, head, time, signer.sign(message(number, head, time)), signer.public)


def newest(storage: "Any") -> "SignedHead | None":
    """The head with the highest number out of the slots that are whole, or None."""
    found = [one for one in _both(storage) if one is not None]
    return max(found, key=lambda one: one.number) if found else None


def keep(storage: "Any", head: SignedHead) -> None:
    """Overwrite the slot that is not the newest, on the disk when it returns."""
    first, second = _both(storage)
    at = _SLOT if first is not None and (second is None or first.number >= second.number) else 0
    body = cbor.encode([head.number, head.head, head.time, head.signature, head.public])
    storage.allocate(NAME, 2 * _SLOT)
    storage.patch(NAME, at, len(body).to_bytes(2, "big") + body + binascii.crc32(body).to_bytes(4, "big"))


def erase(storage: "Any") -> None:
    """Overwrite both slots and take the file away."""
    size = storage.size(NAME)
    if size:
        storage.patch(NAME, 0, bytes(size))
    storage.remove(NAME)


def _both(storage: "Any") -> "list[SignedHead | None]":
    data = storage.read(NAME) or b""
    return [_slot(data[:_SLOT]), _slot(data[_SLOT:])]


def _slot(data: bytes) -> "SignedHead | None":
    length = int.from_bytes(data[:2], "big")
    body = data[2 : 2 + length]
    if not length or binascii.crc32(body).to_bytes(4, "big") != data[2 + length : 6 + length]:
        return None
    try:
        parts = cbor.decode(body)
    except FormatError:
        return None
    if not isinstance(parts, list) or len(parts) != 5 or not cbor.is_int(parts[0]):
        return None
    return SignedHead(*parts)
