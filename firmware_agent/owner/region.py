"""The region of the world that the owner chose to tell (L8): one name of the policy's own list, or none.

It is the owner's word and stands in no relation to the two letters of details.py, which never leave.
"""

from collections.abc import Sequence
from typing import Protocol

from firmware_agent import cbor
from firmware_agent.catalogue import Catalogue
from firmware_agent.errors import AgentError, FormatError, StorageError

FIELD = "region"
SLOTS = ("region.0", "region.1")


class Slots(Protocol):
    """A pair of slots: a body under a sequence that only rises."""

    def raw(self) -> list[bytes | None]: ...
    def newest(self, raw: list[bytes | None]) -> tuple[int, bytes | None]: ...
    def write(self, sequence: int, body: bytes) -> None: ...


def offered(catalogue: Catalogue) -> tuple[str, ...]:
    """What can be chosen: the values that the policy's field has, in its order; none if it has no such field."""
    row = catalogue.fields.get(FIELD)
    if row is None or row["transform"] != "enum":
        return ()
    return tuple(row["parameters"]["values"])


class Region:
    """offered: what can be chosen."""

    def __init__(self, slots: Slots, offered: Sequence[str]) -> None:
        self._slots = slots
        self.offered = offered

    def read(self) -> str:
        """What was chosen; "" if nothing was, if it cannot be read any more, or if the policy has it no longer."""
        try:
            _, body = self._slots.newest(self._slots.raw())
            chosen = cbor.decode(body) if body is not None else ""
        except (FormatError, StorageError):
            return ""
        return chosen if isinstance(chosen, str) and chosen in self.offered else ""

    def choose(self, region: str) -> None:
        """One of `offered`, or "" for none; AgentError if it is neither. In both slots: damage to one must not bring
        back what was chosen before."""
        if region and region not in self.offered:
            known = ", ".join(self.offered)
            raise AgentError(
                f"a region is one of: {known}; or none" if known else "this policy has no region to choose"
            )
        for _ in range(2):
            sequence, _ = self._slots.newest(self._slots.raw())
            self._slots.write(sequence + 1, cbor.encode(region))
