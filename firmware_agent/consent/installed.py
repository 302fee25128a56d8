"""Which policy is installed here, and the newest there was: an older one, or an older agent, is refused (attack 19).

A software update brings the shipped profiles, and is authenticated like one. Any other profile is installed with the
maker's signature, or by a person at the device.
"""

import hashlib
from typing import Any, Protocol

from firmware_agent import cbor
from firmware_agent.catalogue import Catalogue, order
from firmware_agent.errors import ConfigError, FormatError

FILE = "profile.cbor"  # one that was installed
SLOTS = ("profile.0", "profile.1")
PREFIX = b"firmware_agent profile 1\0"  # so that no other text signed with the key can pass for a profile


class Slots(Protocol):
    """A pair of slots: a body under a sequence that only rises."""

    def raw(self) -> list[bytes | None]: ...
    def newest(self, raw: list[bytes | None]) -> tuple[int, bytes | None]: ...
    def write(self, sequence: int, body: bytes) -> None: ...


class Storage(Protocol):
    def write(self, name: str, data: bytes) -> None: ...


class Installed:
    """agent: this program's version."""

    def __init__(self, slots: Slots, agent: str) -> None:
        self._slots = slots
        self._agent = agent

    def accept(self, compiled: bytes, catalogue: Catalogue, trusted: bool, anew: bool = False) -> None:
        """Return if this profile may be used, and remember it; ConfigError if it is older, or nobody installed it.

        trusted: it came with the software, or was installed. The first profile ever needs no more: nothing is allowed
        yet. anew: somebody installs it now; then it may also stand where damage was.
        """
        raw = self._slots.raw()
        sequence, body = self._slots.newest(raw)
        if (
            body is None and not anew and not trusted and any(any(data or b"") for data in raw)
        ):  # zeros: an erase, or a lost key
            raise ConfigError(
                "profile.0, profile.1: damaged, so nobody knows which policy was the newest here; install it anew, "
                "`firmware-agent policy install FILE`, or run `erase`"
            )
        digest = hashlib.sha256(compiled).digest()
        row = [digest, catalogue.profile, catalogue.version, self._agent]
        if body is not None:
            before = _row(body)
            if _newer(before[3], self._agent):
                raise ConfigError(
                    f"agent {self._agent} is older than {before[3]}, which ran here: an older one is refused; "
                    "install that or a newer one"
                )
            if before[1] == catalogue.profile and _newer(before[2], catalogue.version):
                raise ConfigError(
                    f"profile {catalogue.profile} {catalogue.version} is older than {before[2]}, which was used here: "
                    "an older one is refused; install that or a newer one"
                )
            if before[0] != digest and not trusted:
                raise ConfigError(
                    f"profile {catalogue.profile} {catalogue.version} is not the one that was used here, and nobody "
                    "installed it; put that one back, then `firmware-agent policy install FILE`, at the device or with "
                    "the maker's signature"
                )
            if before == row:
                return
        for later in (1, 2):  # in both slots: damage to one must not lower the floor
            self._slots.write(sequence + later, cbor.encode(row))


def take(storage: Storage, compiled: bytes) -> None:
    """Keep a newer profile; it counts from the next start on."""
    storage.write(FILE, compiled)


def signed(compiled: bytes) -> bytes:
    """What a maker signs, with Ed25519, to have a profile installed from afar."""
    return PREFIX + hashlib.sha256(compiled).digest()


def _newer(one: str, other: str) -> bool:
    return order(one) > order(other)


def _row(body: bytes) -> list[Any]:
    try:
        row = cbor.decode(body)
    except FormatError:
        row = None
    if not isinstance(row, list) or len(row) != 4 or not all(isinstance(part, str) for part in row[1:]):
        raise ConfigError("profile.0, profile.1: not what this agent wrote; run `erase`, or restore them")
    return row
