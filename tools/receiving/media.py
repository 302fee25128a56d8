"""Pictures, point clouds and support bundles: opened if they are sealed for us, and nothing but what a decoder needs.

What is checked is written nowhere, unless the maker named a directory for it.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from firmware_agent import jpeg, pointcloud
from firmware_agent.bundle import form as bundle
from firmware_agent.camera.sealed import MAGIC, open_sealed, public_key
from firmware_agent.errors import FormatError


class Unopened(Exception):
    """A picture that cannot be looked into, or has to be sealed and is not. `why` names the reason."""

    def __init__(self, why: str) -> None:
        self.why = why


class Media:
    """What one recipient does with pictures. key: its private X25519 key, b"" if devices do not seal for it.

    directory: where pictures go, each as IDENT.jpg, and support bundles, as IDENT.txt, for a program that deletes them
    in time; None: nowhere.
    """

    def __init__(self, recipient: str, key: bytes = b"", directory: "Path | None" = None) -> None:
        self.recipient = recipient
        self.key = key
        self.directory = directory
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def opened(self, purpose: str, data: bytes) -> bytes:
        """The JPEG in it; Unopened."""
        if not data.startswith(MAGIC):
            if self.key:
                raise Unopened("not_sealed")
            return data
        if not self.key:
            raise Unopened("sealed")
        try:
            return open_sealed(self.key, f"{purpose} {self.recipient}", data)
        except FormatError:
            raise Unopened("seal") from None

    def keep(self, purpose: str, ident: bytes, value: bytes) -> None:
        """Write a picture that was judged, if pictures are wanted at all. Whole or not at all."""
        if self.directory is None or not isinstance(value, bytes):
            return
        text = value.startswith(bundle.FIRST.encode())
        part = self.directory / f"{ident.hex()}.part"
        part.write_bytes(value if text else self.opened(purpose, value))
        part.rename(self.directory / f"{ident.hex()}.{'txt' if text else 'jpg'}")


def clean(kind: str, data: bytes, most: int) -> bool:
    """Whether it is what a device's own cleaning leaves: cleaning it again changes nothing."""
    strip = {"picture": jpeg.strip, "point_cloud": pointcloud.strip, "bundle": _looked_through}[kind]
    try:
        return len(data) <= most and strip(data) == data
    except FormatError:
        return False


def _looked_through(data: bytes) -> bytes:
    bundle.check(data)
    return data


def private_key(path: Path) -> bytes:
    """The X25519 key in a file of 64 digits of hex; ValueError if there is none."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError(f"{path.name}: not 64 digits of hex; make one with --make-media-key")
    public_key(key)
    return key


def make_media_key(path: Path) -> str:
    """Write a new key as hex, never over an old one; its public half in hex, for the devices' configuration."""
    key = X25519PrivateKey.generate()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key.private_bytes_raw().hex() + "\n")
    return key.public_key().public_bytes_raw().hex()
