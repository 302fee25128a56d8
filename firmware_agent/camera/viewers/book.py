"""Who may look: each program that the owner let in has a name, one purpose, one recipient and a secret of its own.

The book is a pair of slots. A removal is written to both, so that damage to one cannot bring a viewer back. Of a
secret only the SHA-256 is kept: 128 random bits need no slower one.
"""

import binascii
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from firmware_agent import cbor
from firmware_agent.errors import AgentError, FormatError
from firmware_agent.refusals import Refused

SLOTS = ("viewers.0", "viewers.1")
WAYS = ("address", "basic")  # an address with the secret in it; or a name and a password (HTTP Basic)
MOST = 16
LONGEST = 32  # characters of a name
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters that show nothing
NAMES = f"a viewer's name is one line of 1 to {LONGEST} characters, without a colon, and without spaces around it"
_SECRET = 16  # bytes


class Slots(Protocol):
    """A pair of slots: a body under a sequence that only rises."""

    def raw(self) -> list[bytes | None]: ...
    def newest(self, raw: list[bytes | None]) -> tuple[int, bytes | None]: ...
    def write(self, sequence: int, body: bytes) -> None: ...
    def trouble(self) -> list[str]: ...


@dataclass(frozen=True)
class Viewer:
    """name: as the owner calls it. way: one of WAYS. digest: SHA-256 of its secret. since: seconds since 1970 UTC or
    None."""

    name: str
    purpose: str
    recipient: str
    way: str
    digest: bytes = field(repr=False)
    since: int | None


class Book:
    """lock: one writer at a time. now: -> seconds since 1970 UTC, or None without a clock."""

    def __init__(
        self,
        slots: Slots,
        lock: Callable[[], AbstractContextManager[object]],
        entropy: Callable[[int], bytes],
        now: Callable[[], int | None],
    ) -> None:
        self._slots = slots
        self._lock = lock
        self._entropy = entropy
        self._now = now

    def all(self) -> list[Viewer]:
        """Everybody who may look at this moment, in the order in which they came."""
        return self._read()[1]

    def add(self, name: str, purpose: str, recipient: str, way: str) -> tuple[Viewer, str]:
        """Let a program in: (viewer, secret). The secret can be read here and nowhere else, ever.

        Whether such a purpose and recipient can be shown pictures is the caller's to say. Refused if there is one of
        that name, AgentError if it is no name or there are too many.
        """
        if not is_name(name):
            raise AgentError(NAMES)
        if way not in WAYS:
            raise AgentError(f"a viewer comes in by {' or '.join(WAYS)}")
        name, secret = composed(name), _secret(self._entropy(_SECRET))
        with self._lock():
            sequence, viewers = self._read()
            if any(one.name == name for one in viewers):
                raise Refused("viewer_exists")
            if len(viewers) >= MOST:
                raise AgentError(f"{MOST} viewers are in the book; remove one first")
            viewer = Viewer(name, purpose, recipient, way, _digest(secret), self._now())
            self._write(sequence, [*viewers, viewer])
        return viewer, secret

    def remove(self, name: str) -> Viewer:
        """Take it out, in both slots; Refused if there is none of that name."""
        with self._lock():
            sequence, viewers = self._read()
            gone = [one for one in viewers if one.name == name]
            if not gone:
                raise Refused("viewer_unknown")
            kept = [one for one in viewers if one.name != name]
            self._write(sequence, kept)
            self._write(sequence + 1, kept)
        return gone[0]

    def by_address(self, secret: str) -> Viewer | None:
        """Whose address this is. As long for a wrong secret as for a right one."""
        return self._find("address", "", secret)

    def by_basic(self, name: str, password: str) -> Viewer | None:
        """Whose name and password these are. As long for wrong ones as for right ones."""
        return self._find("basic", composed(name), password)

    def trouble(self) -> list[str]:
        """One line for each slot that is there and cannot be trusted."""
        return self._slots.trouble()

    def _find(self, way: str, name: str, secret: str) -> Viewer | None:
        digest, found = _digest(secret), None
        for one in self._read()[1]:
            same = hmac.compare_digest(one.digest, digest)
            named = way == "address" or hmac.compare_digest(one.name.encode("utf-8"), name.encode("utf-8", "replace"))
            if same and named and one.way == way:
                found = one
        return found

    def _read(self) -> tuple[int, list[Viewer]]:
        sequence, body = self._slots.newest(self._slots.raw())
        if body is None:
            return sequence, []
        try:
            return sequence, [_viewer(row) for row in cbor.decode(body)]
        except (FormatError, TypeError):
            return sequence, []

    def _write(self, sequence: int, viewers: list[Viewer]) -> None:
        rows = [[one.name, one.purpose, one.recipient, one.way, one.digest, one.since] for one in viewers]
        self._slots.write(sequence + 1, cbor.encode(rows))


def composed(name: str) -> str:
    """The same letters in one form (NFC): some programs send an accent as a letter of its own."""
    return unicodedata.normalize("NFC", name)


def is_name(name: object) -> bool:
    """Whether a viewer can be called so: it is the user name of HTTP Basic, and stands on pages and terminals."""
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST:
        return False
    return name.isprintable() and name == name.strip() and ":" not in name and _BLANK.isdisjoint(name)


def _secret(random: bytes) -> str:
    """As text that an address can hold: 22 letters."""
    text = binascii.b2a_base64(random, newline=False).decode("ascii")
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _viewer(row: object) -> Viewer:
    if not isinstance(row, list) or len(row) != 6 or not isinstance(row[4], bytes):
        raise FormatError("viewers: not rows of six")
    if not all(isinstance(part, str) for part in row[:4]):
        raise FormatError("viewers: a part of another kind")
    return Viewer(*row)
