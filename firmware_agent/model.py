"""The nouns: what was measured, what was decided, what may leave. Plain data, no behaviour beyond their own bytes."""

import hashlib

from firmware_agent import cbor
from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The W3C Data Privacy Vocabulary's ten states of consent (https://w3id.org/dpv#); only the first row opens a gate.
GIVEN = ("ConsentGiven", "RenewedConsentGiven")
REFUSED = "ConsentRefused"
WITHDRAWN = "ConsentWithdrawn"
AGE = ("age_attestation", "device")  # where the store keeps whether everybody is old enough: GIVEN, or REFUSED if not
STATES = GIVEN + (
    "ConsentUnknown",
    "ConsentRequested",
    "ConsentRequestDeferred",
    REFUSED,
    WITHDRAWN,
    "ConsentRevoked",
    "ConsentExpired",
    "ConsentInvalidated",
)


class Record:
    """What a source saw: raw, stays on board. `fields`: name -> any Python value. at: when, epoch s; None: now."""

    def __init__(self, fields: "dict[str, Any]", at: int | None = None) -> None:
        self.fields = fields
        self.at = at


class ConsentRecord:
    """What was decided for one purpose and one recipient.

    policy: SHA-256 of the compiled rows shown when deciding. sequence: rises with each decision on this device.
    actor, method: who and how, as names. time, until: seconds since 1970 UTC, or None (no clock; no end). A record is
    not changed once it is made.
    """

    def __init__(
        self,
        purpose: str,
        recipient: str,
        state: str,
        policy: bytes,
        sequence: int,
        actor: str,
        method: str,
        time: int | None,
        until: int | None,
    ) -> None:
        self.purpose = purpose
        self.recipient = recipient
        self.state = state
        self.policy = policy
        self.sequence = sequence
        self.actor = actor
        self.method = method
        self.time = time
        self.until = until
        self._digest = b""

    def row(self) -> "list[Any]":
        """The record as the array that is stored."""
        return [
            self.purpose,
            self.recipient,
            self.state,
            self.policy,
            self.sequence,
            self.actor,
            self.method,
            self.time,
            self.until,
        ]

    def digest(self) -> bytes:
        """SHA-256 of the stored array: names this record in releases and in the ledger."""
        if not self._digest:
            self._digest = hashlib.sha256(cbor.encode(self.row())).digest()
        return self._digest


def consent_record(row: "Any") -> ConsentRecord:
    """Rebuild a record from its stored array; FormatError if any part has another shape."""
    if not isinstance(row, list) or len(row) != 9:
        raise FormatError("consent record: not an array of nine")
    for at in (0, 1, 2, 5, 6):
        if not isinstance(row[at], str):
            raise FormatError("consent record: part %d is not text" % at)
    if not isinstance(row[3], bytes) or not cbor.is_int(row[4]):
        raise FormatError("consent record: no policy hash or no sequence")
    for value in row[7:]:
        if value is not None and not cbor.is_int(value):
            raise FormatError("consent record: a time is not a number")
    if row[2] not in STATES:
        raise FormatError("consent record: not one of the ten states")
    return ConsentRecord(*row)


class Permit:
    """Consent holds now for this purpose and recipient, by this record. until: s since 1970, None: until withdrawn."""

    allowed = True
    reason = ""

    def __init__(
        self, purpose: str, recipient: str, consent: bytes, generation: int, until: "int | None" = None
    ) -> None:
        self.purpose = purpose
        self.recipient = recipient
        self.consent = consent
        self.generation = generation
        self.until = until


class Denial:
    """Consent does not hold; `reason` is a name of errors.REASONS."""

    allowed = False

    def __init__(self, purpose: str, recipient: str, reason: str) -> None:
        self.purpose = purpose
        self.recipient = recipient
        self.reason = reason


class Release:
    """A message that may leave, sealed by the gate to everything that made it permissible.

    ident: 16 bytes, so that a receiver can drop a second copy. payload: CBOR with `count` events. categories: names
    from the catalogue. media: pictures; they go out as QoS 0 and are never kept. consent, generation: the record it
    rests on. seal: HMAC-SHA256 by the gate over all of it.
    """

    def __init__(
        self,
        ident: bytes,
        purpose: str,
        recipient: str,
        payload: bytes,
        count: int,
        categories: "tuple[str, ...]",
        media: bool,
        consent: bytes,
        generation: int,
        seal: bytes,
    ) -> None:
        self.ident = ident
        self.purpose = purpose
        self.recipient = recipient
        self.payload = payload
        self.count = count
        self.categories = categories
        self.media = media
        self.consent = consent
        self.generation = generation
        self.seal = seal


class Session:
    """A person on the owner's page, sealed by the gate for sessions.

    ident: 16 random bytes, known to that browser and to us. role: owner, guardian, viewer or service. key: names the
    paired key (8 bytes), or b"". name: what the person calls the phone. until: ticks, seconds. seal: HMAC-SHA256.
    """

    def __init__(self, ident: bytes, role: str, key: bytes, name: str, until: float, seal: bytes) -> None:
        self.ident = ident
        self.role = role
        self.key = key
        self.name = name
        self.until = until
        self.seal = seal
