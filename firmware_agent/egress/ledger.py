"""The history of what left, what was refused and what was decided: append-only, each entry hashed with the one before.

On flash: length (2), entry (CBOR), SHA-256(hash before, entry) (32). An entry is ENTRY below: names, sizes and hashes,
never a payload or a value (L17, L22). An entry about a release is written before its first byte leaves.
"""

import hashlib

from firmware_agent import cbor
from firmware_agent.errors import FormatError, LedgerError, Refused
from firmware_agent.model import ConsentRecord, Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ContextManager, Iterator, Protocol

    class Storage(Protocol):
        def read(self, name: str, offset: int = 0, size: int = -1) -> "bytes | None": ...
        def size(self, name: str) -> int: ...
        def append(self, name: str, data: bytes) -> None: ...
        def truncate(self, name: str, size: int) -> None: ...
        def lock(self) -> "ContextManager[object]": ...


NAME = "ledger"
ENTRY = (
    "number",
    "time",
    "event",
    "detail",
    "purpose",
    "recipient",
    "categories",
    "size",
    "payload",  # SHA-256
    "consent",  # SHA-256 of the consent record
    "ident",
    "count",
)
# attempted -> acknowledged | unknown for releases; dropped: never sent; recovered: a torn tail was cut off (size and
# SHA-256 of what was cut); found: a decision in the store whose own entry is not here
START = bytes(32)
_LONGEST = 1024  # bytes of an entry
_CHUNK = 2048  # bytes read at once
PERIOD = 3600  # seconds for which equal refusals and drops are counted before they make an entry again


class Broken(LedgerError):
    """The ledger does not verify: `entry` is the first that fails, `offset` its place in the file."""

    def __init__(self, entry: int, offset: int, why: str, torn: bool) -> None:
        todo = "the next start cuts it off" if torn else "keep the file for an audit, move it away, start again"
        super().__init__("ledger: entry %d at byte %d: %s; %s" % (entry, offset, why, todo))
        self.entry = entry
        self.offset = offset
        self.torn = torn


def entries(
    storage: "Storage", offset: int = 0, number: int = 1, head: bytes = START
) -> "Iterator[tuple[dict[str, Any], int, bytes]]":
    """Verify from `offset` on; yield (entry, offset after it, hash after it). Broken says what is wrong and where."""
    end = storage.size(NAME)
    window, start = b"", offset
    while offset < end:
        if offset + _LONGEST + 34 > start + len(window):
            window, start = storage.read(NAME, offset, _CHUNK) or b"", offset
        at = offset - start
        length = int.from_bytes(window[at : at + 2], "big")
        body = window[at + 2 : at + 2 + length]
        after = window[at + 2 + length : at + 34 + length]
        left = end - offset
        if length > _LONGEST:
            raise Broken(number, offset, "its length was changed", False)
        if left <= _LONGEST + 34 and (left < length + 34 or window[at:] == bytes(left)):
            # what a power cut leaves: the beginning of an entry, or room for it in zeros
            raise Broken(number, offset, "the file ends inside it", True)
        head = hashlib.sha256(head + body).digest()
        if head != after:
            raise Broken(number, offset, "it was changed, or one before it was removed", False)
        try:
            row = cbor.decode(body)
        except FormatError as error:
            raise Broken(number, offset, str(error), False)
        if not isinstance(row, list) or len(row) != len(ENTRY) or row[0] != number:
            raise Broken(number, offset, "it is not entry %d" % number, False)
        offset += 2 + length + 32
        yield dict(zip(ENTRY, row)), offset, head
        number += 1


class Ledger:
    """Appends entries. Several processes may, in turn: each first reads what the others added."""

    def __init__(
        self,
        storage: "Storage",
        now: "Callable[[], int | None]",
        watch: "Callable[[dict[str, Any]], None] | None" = None,
    ) -> None:
        """Verify what is there and cut a torn tail; Broken if it was tampered with. `watch` sees each later entry."""
        self._storage = storage
        self._now = now
        self._watch: "Callable[[dict[str, Any]], None] | None" = None
        self._offset = 0
        self._number = 1
        self._head = START
        self._open: "dict[bytes, dict[str, Any]]" = {}
        self._counted: "dict[tuple[str, str, str, str], int]" = {}
        self._since: "int | None" = None
        self.refresh()
        self._watch = watch

    def refresh(self) -> None:
        """Read what other processes added; the lock is held for the last of it only."""
        try:
            self._read()
        except Broken as broken:
            if not broken.torn:
                raise
        with self._storage.lock():
            self._catch_up()

    @property
    def head(self) -> bytes:
        """SHA-256 over everything so far: keep it elsewhere, and a cut tail shows."""
        return self._head

    def close_open(self, waiting: "set[bytes]") -> None:
        """At the start of a run: what was attempted and never heard of is `unknown`, unless it still waits."""
        for entry in list(self._open.values()):
            if entry["ident"] not in waiting:
                self._append("unknown", entry)

    def dropped(self, purpose: str, recipient: str, count: int) -> None:
        self._count(("dropped", "", purpose, recipient), count)

    def purged(self, purpose: str, recipient: str, count: int) -> None:
        self._append("purged", {"purpose": purpose, "recipient": recipient, "count": count})

    def lost(self, purpose: str, recipient: str, count: int) -> None:
        self._append("lost", {"purpose": purpose, "recipient": recipient, "count": count})

    def open(self, release: Release) -> None:
        """Record that `release` is about to leave. Doing so again while it is open changes nothing (QoS 1)."""
        if release.ident in self._open:
            return
        self._append("attempted", _release_parts(release))

    def close(self, release: Release, event: str) -> None:
        """Record its end: `acknowledged`, or `unknown` if nobody can tell. Nothing if it was never opened."""
        entry = self._open.get(release.ident)
        if entry is not None:
            self._append(event, entry)

    def forgotten(self, release: Release) -> None:
        """Record that a release was thrown away: `unknown` if it was attempted, else counted as `dropped`."""
        entry = self._open.get(release.ident)
        if entry is None:
            self._count(("dropped", "", release.purpose, release.recipient))
        else:
            self._append("unknown", entry)

    def refused(self, refusal: Refused, count: int = 1) -> None:
        """Count a refusal by its names."""
        self._count(("refused", refusal.reason, refusal.purpose, refusal.recipient), count)

    def settle(self) -> None:
        """Write what was counted."""
        for key, count in self._counted.items():
            if count:
                self._append_count(key, count)
        self._counted = {}

    def decided(self, record: ConsentRecord, event: str = "decided") -> None:
        """Record a decision by its state; `found`, if it was stored before and its entry is not here."""
        parts = {"detail": record.state, "purpose": record.purpose, "recipient": record.recipient}
        self._append(event, dict(parts, consent=record.digest()))

    def asked(self, event: str, purpose: str, recipient: str, ident: bytes, count: int = 1) -> None:
        """Record a step of a deletion request (see requests.py), by the request's ident."""
        self._append(event, {"purpose": purpose, "recipient": recipient, "ident": ident, "count": count})

    def _count(self, key: "tuple[str, str, str, str]", count: int = 1) -> None:
        """The first of its kind makes an entry at once, its like are summed up each PERIOD."""
        if key in self._counted:
            self._counted[key] += count
        else:
            self._append_count(key, count)
            self._counted[key] = 0
        now = self._now()
        if self._since is None:
            self._since = now
        elif now is not None and not 0 <= now - self._since < PERIOD:
            self.settle()
            self._since = now

    def _append_count(self, key: "tuple[str, str, str, str]", count: int) -> None:
        event, detail, purpose, recipient = key
        self._append(event, {"detail": detail, "purpose": purpose, "recipient": recipient, "count": count})

    def _append(self, event: str, parts: "dict[str, Any]") -> None:
        with self._storage.lock():
            self._catch_up()
            self._write(event, parts)

    def _write(self, event: str, parts: "dict[str, Any]") -> None:
        empty: "dict[str, Any]" = {
            "categories": [],
            "size": 0,
            "payload": b"",
            "consent": b"",
            "ident": b"",
            "count": 1,
        }
        row = dict(empty, detail="", purpose="", recipient="")
        row.update(parts)
        row.update({"number": self._number, "time": self._now(), "event": event})
        body = cbor.encode([row[name] for name in ENTRY])
        if len(body) > _LONGEST:
            raise LedgerError("ledger: an entry of %d bytes; the profile's names are too long" % len(body))
        head = hashlib.sha256(self._head + body).digest()
        self._storage.append(NAME, len(body).to_bytes(2, "big") + body + head)
        self._follow(row, self._offset + 2 + len(body) + 32, head)

    def _catch_up(self) -> None:
        try:
            self._read()
        except Broken as broken:
            if not broken.torn:
                raise
            torn = self._storage.read(NAME, broken.offset) or b""
            self._storage.truncate(NAME, broken.offset)
            self._write("recovered", {"size": len(torn), "payload": hashlib.sha256(torn).digest()})

    def _read(self) -> None:
        for entry, offset, head in entries(self._storage, self._offset, self._number, self._head):
            self._follow(entry, offset, head)

    def _follow(self, entry: "dict[str, Any]", offset: int, head: bytes) -> None:
        self._offset, self._head = offset, head
        self._number += 1
        if entry["event"] == "attempted":
            self._open[entry["ident"]] = entry
        elif entry["event"] in ("acknowledged", "unknown"):
            self._open.pop(entry["ident"], None)
        if self._watch is not None:
            self._watch(entry)


def _release_parts(release: Release) -> "dict[str, Any]":
    return {
        "purpose": release.purpose,
        "recipient": release.recipient,
        "categories": list(release.categories),
        "size": len(release.payload),
        "payload": hashlib.sha256(release.payload).digest(),
        "consent": release.consent,
        "ident": release.ident,
    }
