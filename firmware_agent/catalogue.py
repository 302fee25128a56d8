"""A policy profile in its compiled form: purposes, recipients, ages and fields. Loaded, never edited, on the device."""

import hashlib

from firmware_agent import cbor
from firmware_agent.errors import CatalogueError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
PURPOSE_PARTS = ("title", "notice", "recipients", "media", "every", "retention", "clauses")
FIELD_PARTS = ("id", "category", "purposes", "transform", "parameters", "sensitivity", "retention", "clause")


class Catalogue:
    """What the policy allows at most; consent only ever picks from it.

    purposes: id -> {title, notice, recipients, media, every (least seconds between two releases), retention (s),
    clauses}. recipients: id -> {name, topic}. fields: name -> {id, category, purposes, transform, parameters,
    sensitivity, retention (s), clause}. age: {threshold (years), guardian}.
    """

    def __init__(self, compiled: bytes) -> None:
        """Read what the profile compiler wrote; CatalogueError if it did not write this."""
        try:
            rows = cbor.decode(compiled)
        except FormatError as error:
            raise CatalogueError("compiled profile: %s; compile it again" % error)
        if not isinstance(rows, dict) or rows.get("format") != FORMAT:
            raise CatalogueError("compiled profile: not of format %d; compile it again" % FORMAT)
        try:
            self.profile: str = rows["profile"]
            self.version: str = rows["version"]
            self.age: "dict[str, Any]" = rows["age"]
            self.recipients: "dict[str, dict[str, Any]]" = rows["recipients"]
            self.purposes: "dict[str, dict[str, Any]]" = rows["purposes"]
            self.fields: "dict[str, dict[str, Any]]" = rows["fields"]
            for table, parts in ((self.purposes, PURPOSE_PARTS), (self.fields, FIELD_PARTS)):
                for row in table.values():
                    for part in parts:
                        row[part]
        except (KeyError, TypeError, AttributeError):
            raise CatalogueError("compiled profile: incomplete; compile it again")
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
