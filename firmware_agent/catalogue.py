"""A policy profile in its compiled form: purposes, recipients, ages and fields. Loaded, never edited, on the device."""

import hashlib

from firmware_agent import cbor
from firmware_agent.errors import CatalogueError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 2
REQUEST = "rights_request"  # stands where a message names its purpose; no purpose of a profile may be called so
AGE_PARTS: "dict[str, type]" = {"threshold": int, "guardian": bool}
DEVICE_PARTS: "dict[str, type]" = {"sent": int, "ledger": int}
RECIPIENT_PARTS: "dict[str, type]" = {"name": str, "topic": str, "answers": bytes}
PURPOSE_PARTS: "dict[str, type]" = {
    "title": str,
    "notice": str,
    "recipients": list,
    "media": bool,
    "every": int,
    "retention": int,
    "clauses": list,
}
FIELD_PARTS: "dict[str, type]" = {
    "id": int,
    "category": str,
    "purposes": list,
    "transform": str,
    "parameters": dict,
    "sensitivity": str,
    "retention": int,
    "clause": str,
}
# transform: (parameters it needs, parameters it may have)
PARAMETERS: "dict[str, tuple[tuple[str, ...], tuple[str, ...]]]" = {
    "keep": ((), ("min", "max")),
    "enum": (("values",), ()),
    "round": (("step", "min", "max"), ()),
    "bucket": (("edges", "min", "max"), ()),
    "day": (("min", "max"), ()),
    "picture": (("max",), ()),
    "drop": ((), ()),
}


def pack(rows: "dict[str, Any]") -> bytes:
    """The compiled form of a profile: SHA-256 of the rest, then the rows as CBOR."""
    body = cbor.encode(rows)
    return hashlib.sha256(body).digest() + body


class Catalogue:
    """What the policy allows at most; consent only ever picks from it.

    purposes: id -> {title, notice, recipients, media, every (least seconds between two releases), retention (s),
    clauses}. recipients: id -> {name, topic, answers (the Ed25519 key that signs what they send us, or b"")}. fields:
    name -> {id, category, purposes, transform, parameters, sensitivity, retention (s), clause}. age: {threshold
    (years), guardian}. device: {sent, ledger}: seconds that copies of what left and the ledger are kept here.
    """

    def __init__(self, compiled: bytes) -> None:
        """Read what the profile compiler wrote; CatalogueError if it is damaged or did not come from there."""
        if hashlib.sha256(compiled[32:]).digest() != compiled[:32]:
            raise CatalogueError("compiled profile: damaged; compile it again")
        try:
            rows = cbor.decode(compiled[32:])
        except FormatError as error:
            raise CatalogueError("compiled profile: %s; compile it again" % error)
        if not isinstance(rows, dict) or type(rows.get("format")) is not int or rows["format"] != FORMAT:
            raise CatalogueError("compiled profile: not of format %d; compile it again" % FORMAT)
        _check(rows)
        self.profile: str = rows["profile"]
        self.version: str = rows["version"]
        self.age: "dict[str, Any]" = rows["age"]
        self.device: "dict[str, int]" = rows["device"]
        self.recipients: "dict[str, dict[str, Any]]" = rows["recipients"]
        self.purposes: "dict[str, dict[str, Any]]" = rows["purposes"]
        self.fields: "dict[str, dict[str, Any]]" = rows["fields"]
        self._categories = {row["id"]: row["category"] for row in self.fields.values()}
        self._fields_of = {purpose: self._sorted_fields(purpose) for purpose in self.purposes}
        self._hashes: "dict[tuple[str, str], bytes]" = {}
        for purpose, row in self.purposes.items():
            for recipient in row["recipients"]:
                self._hashes[purpose, recipient] = self._hash(purpose, recipient)

    def pairs(self) -> "list[tuple[str, str]]":
        """Every (purpose, recipient) that an owner can decide on, in a fixed order."""
        return sorted(self._hashes)

    def allows(self, purpose: str, recipient: str) -> bool:
        """Whether the policy knows this recipient for this purpose."""
        return (purpose, recipient) in self._hashes

    def policy(self, purpose: str, recipient: str) -> bytes:
        """SHA-256 of every compiled row that says what this consent would mean: it changes if any of them does."""
        return self._hashes[purpose, recipient]

    def fields_of(self, purpose: str) -> "list[tuple[str, dict[str, Any]]]":
        """(name, row) of each field declared for `purpose`, by rising field id."""
        return self._fields_of[purpose]

    def category(self, number: int) -> str:
        """The data category of a field, by its id."""
        return str(self._categories[number])

    def keep(self, purpose: str) -> int:
        """Seconds that an event of this purpose may wait on the device: the strictest of its fields' periods (L14)."""
        return int(min([row["retention"] for _, row in self._fields_of[purpose]]))

    def _sorted_fields(self, purpose: str) -> "list[tuple[str, dict[str, Any]]]":
        found = [(row["id"], name) for name, row in self.fields.items() if purpose in row["purposes"]]
        return [(name, self.fields[name]) for _, name in sorted(found)]

    def _hash(self, purpose: str, recipient: str) -> bytes:
        digest = hashlib.sha256()
        parts = [self.profile, purpose, self.purposes[purpose], recipient, self.recipients[recipient]]
        for name, row in self._fields_of[purpose]:
            parts += [name, row]
        for part in parts:  # one by one: a small heap has no room for all of it in one piece
            digest.update(cbor.encode(part))
        return digest.digest()


def _check(rows: "dict[str, Any]") -> None:
    """Raise unless every part has its shape: the rest of the agent relies on it without asking again."""
    tables = ("age", "device", "recipients", "purposes", "fields")
    _shape(rows, dict([("profile", str), ("version", str)] + [(table, dict) for table in tables]))
    _shape(rows["age"], AGE_PARTS)
    _shape(rows["device"], DEVICE_PARTS)
    for table, parts in (("recipients", RECIPIENT_PARTS), ("purposes", PURPOSE_PARTS), ("fields", FIELD_PARTS)):
        for row in rows[table].values():
            _shape(row, parts)
    _need(REQUEST not in rows["purposes"])
    for row in rows["purposes"].values():
        _need(_names(row["recipients"], rows["recipients"]))
    for row in rows["fields"].values():
        _need(_names(row["purposes"], rows["purposes"]) and row["transform"] in PARAMETERS)
        _parameters(row["parameters"], PARAMETERS[row["transform"]])


def _parameters(given: "dict[str, Any]", allowed: "tuple[tuple[str, ...], tuple[str, ...]]") -> None:
    needed, optional = allowed
    _need(all([name in given for name in needed]) and all([name in needed + optional for name in given]))
    for name, value in given.items():
        if name in ("min", "max", "step"):
            _need(cbor.is_int(value))
        else:
            _need(isinstance(value, list) and all([cbor.is_int(one) or isinstance(one, str) for one in value]))
    _need(given.get("step", 1) >= 1 and ("min" not in given or "max" in given))
    _need(all([cbor.is_int(edge) for edge in given.get("edges", [])]))
    _need(not optional or ("min" in given) == ("max" in given))


def _names(value: "list[Any]", known: "dict[str, Any]") -> bool:
    return all([isinstance(one, str) and one in known for one in value])


def _shape(row: "Any", parts: "dict[str, type]") -> None:
    _need(isinstance(row, dict) and all([type(row.get(part)) is kind for part, kind in parts.items()]))


def _need(holds: bool) -> None:
    if not holds:
        raise CatalogueError("compiled profile: a part is missing or of another shape; compile it again")
