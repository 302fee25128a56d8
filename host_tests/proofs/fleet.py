"""Simulated printers whose records go through the real gate, with real idents and pseudonyms: what a recipient gets."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from firmware_agent import cbor, phase
from firmware_agent.catalogue import Catalogue
from firmware_agent.egress.idents import Idents
from firmware_agent.egress.pseudonyms import Pseudonyms
from firmware_agent.egress.vault import pseudonym_slot
from firmware_agent.gate import Gate
from firmware_agent.model import GIVEN, ConsentRecord, Record
from host_tests.fakes import MemoryStorage
from host_tests.properties import generate

STATUS, HISTORY, MAKER = "improvement_program", "print_history", "lightmake"
DAY = 86400
MIDNIGHT = 20757 * DAY
NUMBER, EVERY = 31, 10.0
VERSIONS = [f"{one}.{two}" for one in (1, 2) for two in range(12)]


@dataclass
class Seen:
    """What the receiving end has of one message: all that is no declared value, and the values."""

    pseudonym: bytes
    ident: bytes
    client: bytes
    topic: str
    size: int
    order: tuple[tuple[int, ...], ...]
    arrived: float
    events: list[dict[int, Any]]


class Entropy:
    """As good as random, and the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._drawn = 0

    def __call__(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(b"%s %d" % (self._seed, self._drawn)).digest(count)


class Consents:
    """Implements the gate's view of a store: everything is allowed."""

    def __init__(self, catalogue: Catalogue, entropy: Entropy) -> None:
        self._records = {}
        for purpose in (STATUS, HISTORY):
            policy = catalogue.policy(purpose, MAKER)
            self._records[purpose] = ConsentRecord(
                purpose, MAKER, GIVEN[0], policy, entropy(1)[0] + 1, "owner", "test", MIDNIGHT, None
            )

    def standing(self, purpose: str, recipient: str) -> "tuple[ConsentRecord | None, int | None, str, bool]":
        return self._records[purpose], 0, "", False


class Printer:
    """rhythm: when in each round of 10 s it tells, by when it was switched on."""

    def __init__(self, catalogue: Catalogue, number: int, seed: str, broken: "type[Broken] | None" = None) -> None:
        self.entropy = Entropy(f"{seed} {number}")
        self.chance = Random(f"{seed} {number}")  # what the printer does; no secret comes from it
        self.serial = f"SN-{number:06d}"
        self.rhythm = self.chance.uniform(0, EVERY)
        self.now = MIDNIGHT
        storage = MemoryStorage()
        idents, pseudonyms = Idents(storage, self.entropy), Pseudonyms(storage, self.entropy)
        ident: Callable[[str, str], bytes] = idents.new
        key: Callable[[str, str, bytes, int], bytes] = pseudonyms.key
        if broken is not None:
            made = broken(storage, self)
            ident, key = made.ident or ident, made.key or key
        consents = Consents(catalogue, self.entropy)
        self.gate = Gate(catalogue, consents, self.entropy(32), ident, lambda: self.now, key)

    def send(self, purpose: str, at: int, records: list[dict[str, Any]], arrived: float) -> Seen:
        """One message of these records, taken at `at` (epoch s)."""
        self.now = at
        for fields in records:
            self.gate.collect(Record({**fields, "printer": self.serial}), purpose, MAKER)
        release = self.gate.release(purpose, MAKER)
        self.gate.verify(release)
        events = cbor.decode(release.payload)[3]
        values = [dict(map(tuple, event)) for event in events]
        order = tuple(tuple(number for number, _ in event) for event in events)
        client = self.entropy(8)  # a connection's name is random (egress/link.py)
        found = {one[NUMBER] for one in values}
        assert len(found) == 1, "two pseudonyms in one message"
        topic = self.gate.catalogue.recipients[MAKER]["topic"]
        return Seen(found.pop(), release.ident, client, topic, len(release.payload), order, arrived, values)

    def begins(self, fresh: bool = True) -> float:
        """When its first event of an epoch comes, seconds after it began; `fresh` as the agent does it."""
        return self.rhythm + phase.pause(int(self.rhythm), EVERY, self.chance.random()) if fresh else self.rhythm

    def alike(self, purpose: str) -> list[dict[str, Any]]:
        """Three records as any printer could give them: nothing in them is this one's own."""
        pick = self.chance
        if purpose == HISTORY:
            start = MIDNIGHT + pick.randrange(DAY)
            job = {"job_start": start, "job_finish": start + pick.randrange(DAY), "job_material": pick.randrange(99999)}
            return [job for _ in range(3)]
        return [
            {
                "state": pick.choice(("idle", "printing", "paused")),
                "progress": pick.randrange(101),
                "nozzle_temperature": pick.randrange(20, 290),
                "firmware_version": pick.choice(VERSIONS),
                "error_code": pick.randrange(9999),
            }
            for _ in range(3)
        ]


class Broken:
    """A defect put in on purpose. key, ident: what stands in place of the right one, None: that is right."""

    key: "Callable[[str, str, bytes, int], bytes] | None" = None
    ident: "Callable[[str, str], bytes] | None" = None

    def __init__(self, storage: MemoryStorage, printer: Printer) -> None:
        self.printer = printer
        self.slot = pseudonym_slot(storage, STATUS, MAKER)

    def secret(self, consent: bytes) -> bytes:
        return self.slot.make(self.printer.entropy, bytes(32))


class Unkeyed(Broken):
    """The same for all who know the program."""

    def key(self, purpose: str, recipient: str, consent: bytes, number: int) -> bytes:
        return hashlib.sha256(b"firmware_agent").digest()


class OnePurpose(Broken):
    """One secret for two purposes, and no purpose in what is made of it."""

    def key(self, purpose: str, recipient: str, consent: bytes, number: int) -> bytes:
        return hmac.digest(self.secret(consent), cbor.encode([number]), "sha256")


class OneEpoch(Broken):
    """The epoch is left out."""

    def key(self, purpose: str, recipient: str, consent: bytes, number: int) -> bytes:
        return hmac.digest(self.secret(consent), cbor.encode([purpose]), "sha256")


class NamedIdents(Broken):
    """Idents that begin with something of the printer."""

    def ident(self, purpose: str, recipient: str) -> bytes:
        return hashlib.sha256(self.printer.serial.encode()).digest()[:3] + self.printer.entropy(13)


def both() -> Catalogue:
    """The shipped policy of LightMake, with a pseudonym in both purposes."""
    tree = generate.shipped()
    tree["field"]["printer"]["purposes"] = [STATUS, HISTORY]
    return generate.Profile(tree).catalogue
