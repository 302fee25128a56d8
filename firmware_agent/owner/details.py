"""What the owner chose to be called and where the device stands: kept here, corrected here (L13, L8).

The name is for the owner's own page and never leaves. The region is the owner's word, never found out from an address.
"""

import re
from typing import Protocol

from firmware_agent import cbor
from firmware_agent.errors import AgentError, FormatError

LONGEST = 40  # characters of a name
_REGION = re.compile(r"([A-Z]{2})?")  # ISO 3166-1


class Slots(Protocol):
    """A pair of slots: a body under a sequence that only rises."""

    def raw(self) -> list[bytes | None]: ...
    def newest(self, raw: list[bytes | None]) -> tuple[int, bytes | None]: ...
    def write(self, sequence: int, body: bytes) -> None: ...


class Details:
    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def read(self) -> tuple[str, str]:
        """(name, region), each "" if it was not given."""
        _, body = self._slots.newest(self._slots.raw())
        try:
            name, region = cbor.decode(body) if body is not None else ("", "")
        except (FormatError, TypeError, ValueError):
            return "", ""
        return name, region

    def correct(self, name: str | None = None, region: str | None = None) -> None:
        """Store what is given; AgentError if it is not a name, or no region."""
        if name is not None and (len(name) > LONGEST or not (name == "" or name.isprintable())):
            raise AgentError(f"a name is one line of at most {LONGEST} characters")
        if region is not None and not _REGION.fullmatch(region):
            raise AgentError("a region is two capital letters, like DE, or empty")
        sequence, _ = self._slots.newest(self._slots.raw())
        before = self.read()
        row = [before[0] if name is None else name.strip(), before[1] if region is None else region]
        self._slots.write(sequence + 1, cbor.encode(row))
