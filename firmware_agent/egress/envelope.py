"""What a recipient says to this device: [1, body, signature] in CBOR. Signed, or it is nothing.

The signature is Ed25519 (RFC 8032) over a prefix that says what kind of thing is signed, and the bytes of the body. It
is verified before the body is decoded: whoever cannot sign reaches no more than the outer three parts.
"""

from firmware_agent import cbor
from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Verify = Callable[[bytes, bytes, bytes], bool]  # public key (32), signature (64), data -> whether they fit

ANSWER = b"firmware_agent answer 1\0"
COMMAND = b"firmware_agent command 1\0"
LONGEST = 1024  # bytes of an envelope with its topic, as a packet


class Forged(FormatError):
    """An envelope that the key did not sign."""


def unfold(data: bytes, prefix: bytes, public: bytes, verify: "Verify") -> "list[Any]":
    """The signed body, a list that begins with a text. Forged if the key did not sign it, FormatError if it is none."""
    try:
        parts = cbor.decode(data) if len(data) <= LONGEST else None
    except FormatError:
        parts = None
    if not isinstance(parts, list) or len(parts) != 3 or not cbor.is_int(parts[0]) or parts[0] != 1:
        raise Forged("no envelope")
    body, signature = parts[1], parts[2]
    if not isinstance(body, bytes) or not isinstance(signature, bytes) or len(signature) != 64 or len(public) != 32:
        raise Forged("an envelope without body or signature")
    if not verify(public, signature, prefix + body):
        raise Forged("an envelope that another key signed")
    row = cbor.decode(body)
    if not isinstance(row, list) or not row or not isinstance(row[0], str):
        raise FormatError("a signed body that says nothing")
    return row
