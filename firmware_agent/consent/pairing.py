"""Pairing: a window that somebody opens at the device, for one phone and five guesses (attack 10).

The window stands on flash, so that the command line opens it for the running agent, and a restart neither opens it
anew nor gives the guesses back. After a window of wrong codes the next has to wait: twice as long each time.
"""

import hmac
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from firmware_agent import cbor
from firmware_agent.consent.slots import SlotPair
from firmware_agent.errors import FormatError
from firmware_agent.refusals import Refused

SLOTS = ("pairing.0", "pairing.1")
GUESSES = 5
LASTS = 300.0  # s for which a window is open
_FIRST = 30  # s to wait after the first window of wrong codes
_LONGEST = 3600  # s
_DIGITS = 8


class Storage(Protocol):
    def read(self, name: str) -> bytes | None: ...
    def write(self, name: str, data: bytes) -> None: ...
    def lock(self) -> AbstractContextManager[object]: ...


class Device(Protocol):
    def entropy(self, count: int) -> bytes: ...
    def ticks(self) -> float: ...
    def boot(self) -> bytes: ...


@dataclass(frozen=True)
class Invitation:
    """What a window is open for. hours, case: of a service only, else 0 and ""."""

    role: str
    hours: int = 0
    case: str = ""


@dataclass(frozen=True)
class _Window:
    role: str = ""  # "": closed
    hours: int = 0
    case: str = ""
    secret: bytes = b""  # HMAC of the secret
    code: bytes = b""  # HMAC of the code
    guesses: int = 0
    until: int = 0  # ms of the ticks of `boot`
    boot: bytes = b""
    failures: int = 0  # windows in a row that ended in wrong codes
    wait: int = 0  # ms of the ticks of `boot` before which no window opens

    def row(self) -> list[Any]:
        return [*vars(self).values()]


class Pairing:
    """key: of the consent store. device: entropy, ticks (seconds since the start of the machine), boot (its name)."""

    def __init__(self, storage: Storage, key: bytes, device: Device) -> None:
        self._storage = storage
        self._slots = SlotPair(storage, "pairing", key)
        self._key = key
        self._device = device

    def open(self, invitation: Invitation) -> tuple[str, str]:
        """(secret of 32 hex digits, code of 8 digits) for the next five minutes; an open window ends.

        Who calls this has shown to be at the device, or has signed with the owner's key. Refused while it has to wait.
        """
        with self._storage.lock():
            sequence, window = self._read()
            if self._waits(window):
                raise Refused("pairing_waits")
            secret = self._device.entropy(16).hex()
            code = self._code()
            until = int((self._device.ticks() + LASTS) * 1000)
            window = _Window(
                invitation.role,
                invitation.hours,
                invitation.case,
                self._mac("secret", secret),
                self._mac("code", code),
                GUESSES,
                until,
                self._device.boot(),
                window.failures,
                0,
            )
            self._put(sequence, window)
        return secret, code

    def close(self) -> None:
        """End the window."""
        with self._storage.lock():
            sequence, window = self._read()
            if window.role:
                self._put(sequence, replace(window, role=""))

    def state(self) -> tuple[bool, float]:
        """(whether a window is open, seconds until one may be opened)."""
        _, window = self._read()
        return self._is_open(window), self._waits(window)

    def by_secret(self, secret: str) -> Invitation:
        """Take the invitation with what the QR code carries. A wrong one costs no guess: it cannot be guessed."""
        with self._storage.lock():
            sequence, window = self._read()
            if not self._is_open(window):
                raise Refused("pairing_closed")
            if not hmac.compare_digest(self._mac("secret", secret), window.secret):
                raise Refused("code_wrong")
            return self._taken(sequence, window)

    def by_code(self, code: str) -> Invitation:
        """Take the invitation with the short code. The guess is counted on flash before it is looked at."""
        with self._storage.lock():
            sequence, window = self._read()
            if self._waits(window):
                raise Refused("pairing_waits")
            if not self._is_open(window) or not window.guesses:
                raise Refused("pairing_closed")
            window = replace(window, guesses=window.guesses - 1)
            if not window.guesses:  # the last one: if it is right, `_taken` forgets the failure
                failures = window.failures + 1
                wait = min(_LONGEST, _FIRST << min(failures - 1, 10))
                end = int((self._device.ticks() + wait) * 1000)
                window = replace(window, failures=failures, wait=end)
            sequence = self._put(sequence, window)
            right = hmac.compare_digest(self._mac("code", code), window.code)
            if right:
                return self._taken(sequence, window)
            if not window.guesses:
                self._put(sequence, replace(window, role=""))
            raise Refused("code_wrong")

    def _taken(self, sequence: int, window: _Window) -> Invitation:
        self._put(sequence, _Window())
        return Invitation(window.role, window.hours, window.case)

    def _is_open(self, window: _Window) -> bool:
        same = bool(window.boot) and window.boot == self._device.boot()
        return bool(window.role) and same and self._device.ticks() * 1000 < window.until

    def _waits(self, window: _Window) -> float:
        """Seconds to wait. After a restart of the machine all of it again: nobody knows how long it was off."""
        if not window.wait:
            return 0.0
        if window.boot and window.boot == self._device.boot():
            return max(0.0, window.wait / 1000 - self._device.ticks())
        return max(0.0, min(_LONGEST, _FIRST << min(window.failures - 1, 10)) - self._device.ticks())

    def _code(self) -> str:
        whole = 10**_DIGITS
        while True:
            number = int.from_bytes(self._device.entropy(4), "big")
            if number < whole * (2**32 // whole):  # each code is as likely as any other
                return f"{number % whole:0{_DIGITS}}"

    def _mac(self, kind: str, text: str) -> bytes:
        return hmac.digest(self._key, f"pairing {kind} {text}".encode("utf-8", "replace"), "sha256")

    def _put(self, sequence: int, window: _Window) -> int:
        body = cbor.encode(window.row())
        for later in (1, 2):  # in both slots: damage to one must not give a guess or a secret back
            self._slots.write(sequence + later, body)
        return sequence + 2

    def _read(self) -> tuple[int, _Window]:
        sequence, body = self._slots.newest(self._slots.raw())
        if body is None:
            return sequence, _Window()
        try:
            return sequence, _Window(*cbor.decode(body))
        except (FormatError, TypeError):
            return sequence, _Window()
