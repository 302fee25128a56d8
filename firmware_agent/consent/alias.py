"""A random name by which the paired phones and the owner's receipts know this device. Nobody else learns it."""

import hmac
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from firmware_agent.consent.slots import SlotPair

NAME = "alias"
SIZE = 16  # bytes


class Storage(Protocol):
    def read(self, name: str) -> bytes | None: ...
    def write(self, name: str, data: bytes) -> None: ...
    def lock(self) -> AbstractContextManager[object]: ...


def shown(alias: bytes) -> str:
    """What strangers at the page see instead of it, 32 hex digits: commands are bound to it."""
    return hmac.digest(alias, b"pairing", "sha256")[:SIZE].hex()


def look(storage: Storage, key: bytes) -> bytes | None:
    """The name, if there is one."""
    slots = SlotPair(storage, NAME, key)
    return slots.newest(slots.raw())[1]


def alias(storage: Storage, key: bytes, entropy: Callable[[int], bytes]) -> bytes:
    """The name; made at the first call."""
    slots = SlotPair(storage, NAME, key)
    _, found = slots.newest(slots.raw())
    if found is None:
        with storage.lock():
            sequence, found = slots.newest(slots.raw())  # another process may have made it meanwhile
            if found is None:
                found = entropy(SIZE)
                slots.write(sequence + 1, found)
    return found
