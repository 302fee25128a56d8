"""The device's own signature under the ledger's head: Ed25519 (RFC 8032)."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY = "ledger.key"


class Storage(Protocol):
    def read(self, name: str) -> bytes | None: ...
    def write(self, name: str, data: bytes) -> None: ...
    def lock(self) -> AbstractContextManager[object]: ...


class Ed25519Signer:
    """key: 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(data)


def device_signer(storage: Storage, entropy: Callable[[int], bytes]) -> Ed25519Signer:
    """The signer with the device's key, which is made at the first start, or anew if the file was damaged."""
    key = storage.read(KEY)
    if key is None or len(key) != 32:
        with storage.lock():
            key = storage.read(KEY)  # another process may have made it meanwhile
            if key is None or len(key) != 32:
                key = entropy(32)
                storage.write(KEY, key)
    return Ed25519Signer(key)


def genuine(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether the holder of `public`'s key signed `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
