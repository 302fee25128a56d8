"""The phones and screens that were paired: a public key, a role and a name each. No password is kept.

They stand in a pair of slots. A removal, or another role, is written to both, so that damage to one cannot bring a key
or a role back.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from firmware_agent import cbor
from firmware_agent.consent.slots import SlotPair
from firmware_agent.errors import AgentError, FormatError
from firmware_agent.refusals import Refused

SLOTS = ("people.0", "people.1")
MOST = 16
KEY = 8  # bytes that name a paired key


class Storage(Protocol):
    def read(self, name: str) -> bytes | None: ...
    def write(self, name: str, data: bytes) -> None: ...
    def lock(self) -> AbstractContextManager[object]: ...


@dataclass(frozen=True)
class Person:
    """public: a P-256 point, 65 bytes (SEC 1). since, until: seconds since 1970 UTC or None. case: of a service.

    counter: of the last command that this key signed.
    """

    public: bytes
    role: str
    name: str
    since: int | None
    until: int | None = None
    case: str = ""
    counter: int = 0

    @property
    def key(self) -> bytes:
        return name_of(self.public)


def name_of(public: bytes) -> bytes:
    """How a key is called here: the first bytes of its SHA-256."""
    return hashlib.sha256(public).digest()[:KEY]


class People:
    """now: -> seconds since 1970 UTC, or None if no clock can be trusted: then who was let in for a time is out."""

    def __init__(self, storage: Storage, key: bytes, now: Callable[[], int | None]) -> None:
        self._storage = storage
        self._slots = SlotPair(storage, "people", key)
        self._now = now

    def all(self) -> list[Person]:
        """Everybody who is paired at this moment, in the order of pairing."""
        now = self._now()
        return [one for one in self._read()[1] if one.until is None or (now is not None and now < one.until)]

    def find(self, key: bytes) -> Person | None:
        """The person with this key."""
        return next((one for one in self.all() if one.key == key), None)

    def role(self, key: bytes) -> str | None:
        """What this key may be today, None if it is not paired (any more)."""
        found = self.find(key)
        return None if found is None else found.role

    def add(self, person: Person) -> None:
        """Pair; a key that is paired already gets the new role and name. AgentError if there are too many."""
        with self._storage.lock():
            sequence, people = self._read()
            kept = [one for one in people if one.key != person.key and self._lasts(one)]
            if len(kept) >= MOST:
                raise AgentError(f"{MOST} phones are paired; remove one first")
            before = next((one for one in people if one.key == person.key), None)
            counter = person.counter if before is None else max(person.counter, before.counter)
            kept.append(replace(person, counter=counter))
            self._write(sequence, kept)
            if before is not None:  # in both slots: damage to one must not bring a role back
                self._write(sequence + 1, kept)

    def remove(self, key: bytes) -> Person:
        """Unpair, in both slots; Refused if it is not paired."""
        with self._storage.lock():
            sequence, people = self._read()
            gone = [one for one in people if one.key == key]
            if not gone:
                raise Refused("key_unknown")
            kept = [one for one in people if one.key != key]
            self._write(sequence, kept)
            self._write(sequence + 1, kept)
        return gone[0]

    def expire(self) -> list[Person]:
        """Remove who was let in for a time that is over; who that was."""
        gone = [one for one in self._read()[1] if not self._lasts(one)]
        for one in gone:
            self.remove(one.key)
        return gone

    def count(self, key: bytes, counter: int) -> None:
        """Remember the counter of a command, before it is obeyed; Refused if it is not higher than the last."""
        with self._storage.lock():
            sequence, people = self._read()
            found = next((one for one in people if one.key == key), None)
            if found is None:
                raise Refused("key_unknown")
            if counter <= found.counter:
                raise Refused("command_old")
            self._write(sequence, [replace(one, counter=counter) if one.key == key else one for one in people])

    def trouble(self) -> list[str]:
        """One line for each slot that is there and cannot be trusted."""
        return self._slots.trouble()

    def _lasts(self, one: Person) -> bool:
        now = self._now()
        return one.until is None or now is None or now < one.until  # without a clock it is kept, and opens nothing

    def _read(self) -> tuple[int, list[Person]]:
        sequence, body = self._slots.newest(self._slots.raw())
        if body is None:
            return sequence, []
        try:
            return sequence, [_person(row) for row in cbor.decode(body)]
        except (FormatError, TypeError):
            return sequence, []

    def _write(self, sequence: int, people: list[Person]) -> None:
        rows = [[one.public, one.role, one.name, one.since, one.until, one.case, one.counter] for one in people]
        self._slots.write(sequence + 1, cbor.encode(rows))


def _person(row: object) -> Person:
    if not isinstance(row, list) or len(row) != 7:
        raise FormatError("people: not rows of seven")
    return Person(*row)
