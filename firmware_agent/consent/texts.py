"""The policy texts that were shown when somebody consented: kept for as long as a decision rests on them (P11)."""

import hashlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol


class Storage(Protocol):
    def read(self, name: str) -> bytes | None: ...
    def write(self, name: str, data: bytes) -> None: ...
    def remove(self, name: str) -> None: ...
    def names(self) -> list[str]: ...
    def lock(self) -> AbstractContextManager[object]: ...


PREFIX = "policy."


class Texts:
    """Each text is a file that is named after its hash, and is believed only if that still fits."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def keep(self, text: str) -> bytes:
        """Store it; its SHA-256."""
        data = text.encode()
        digest = hashlib.sha256(data).digest()
        if self.get(digest) is None:
            self._storage.write(PREFIX + digest.hex(), data)
        return digest

    def get(self, digest: bytes) -> str | None:
        """The text with this SHA-256; None if it is not here, or damaged."""
        data = self._storage.read(PREFIX + digest.hex())
        if data is None or hashlib.sha256(data).digest() != digest:
            return None
        return data.decode()

    def all(self) -> dict[bytes, str]:
        """hash -> text of all that are whole."""
        digests = [bytes.fromhex(name[len(PREFIX) :]) for name in self._storage.names() if is_text(name)]
        return {digest: text for digest in digests if (text := self.get(digest)) is not None}

    def prune(self, used: Iterable[bytes]) -> None:
        """Take away those that no decision rests on."""
        needed = {PREFIX + digest.hex() for digest in used}
        for name in self._storage.names():
            if is_text(name) and name not in needed:
                self._storage.remove(name)


def is_text(file: str) -> bool:
    """Whether a file of the state directory is one of these."""
    digits = file[len(PREFIX) :]
    return file.startswith(PREFIX) and len(digits) == 64 and set(digits) <= set("0123456789abcdef")
