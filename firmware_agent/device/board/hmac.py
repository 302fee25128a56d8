"""HMAC-SHA256 (RFC 2104) under the standard library's name, for boards: MicroPython ships hashlib and no hmac.

This folder goes on a board's module path; CPython never sees it.
"""

import hashlib

_BLOCK = 64


class _Hmac:
    def __init__(self, key: bytes, data: bytes) -> None:
        if len(key) > _BLOCK:
            key = hashlib.sha256(key).digest()
        key = key + bytes(_BLOCK - len(key))
        self._outer = bytes([byte ^ 0x5C for byte in key])
        self._inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]))
        self._inner.update(data)

    def digest(self) -> bytes:
        return hashlib.sha256(self._outer + self._inner.digest()).digest()


def new(key: bytes, msg: bytes, digestmod: object) -> _Hmac:
    """As the standard library's, for SHA-256 only."""
    if digestmod is not hashlib.sha256:
        raise ValueError("this board's hmac knows SHA-256 only")
    return _Hmac(key, msg)


def digest(key: bytes, msg: bytes, digest: str) -> bytes:
    """As the standard library's, for "sha256" only."""
    if digest != "sha256":
        raise ValueError("this board's hmac knows SHA-256 only")
    return _Hmac(key, msg).digest()


def compare_digest(a: bytes, b: bytes) -> bool:
    """Equal? In a time that does not depend on where they differ."""
    if len(a) != len(b):
        return False
    different = 0
    for left, right in zip(a, b):
        different |= left ^ right
    return different == 0
