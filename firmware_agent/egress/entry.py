"""One entry of the ledger: names, sizes and hashes, never a payload or a value (L17, L22); and its only encoding.

A `checkpoint` is the entry at the beginning of each segment. It carries what must outlive the segments before it.
"""

from firmware_agent import cbor
from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# attempted -> acknowledged | unknown for releases; dropped: never sent; purged: destroyed by a withdrawal; lost: taken
# by a power cut or damage; recovered: what a power cut left of an entry was zeroed (size and SHA-256 of it); found: a
# decision in the store whose own entry is not here; erased: everything before was destroyed on purpose;
# paired, unpaired: a phone, by its role; viewer_added, viewer_removed: a program that may look, by its purpose;
# installed: a policy, by name and version; watching -> watched: somebody looks through the camera here (detail: stream,
# picture or page), then how many pictures and bytes that were
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
    "count",  # events: a release may hold several
)
_KINDS = "ntssss[nbbbn"  # of each part: number, time, text, array, bytes
CHECKPOINT = (
    "form",  # 1; counts the forms of these entries
    "segment",  # counts segments from 1
    "first",  # number of the first entry that was kept when this was written
    "head",  # SHA-256 over everything before
    "totals",
    "open",
    "told",
)
TOTAL = ("event", "purpose", "recipient", "count", "bytes")
OPEN = ("number", "time", "purpose", "recipient", "categories", "size", "payload", "consent", "ident", "count")
TOLD = ("purpose", "recipient", "consent")


def blank(event: str) -> "dict[str, Any]":
    """A new entry with nothing in it yet."""
    row: "dict[str, Any]" = {"number": 0, "time": None, "event": event, "detail": "", "purpose": "", "recipient": ""}
    row.update({"categories": [], "size": 0, "payload": b"", "consent": b"", "ident": b"", "count": 1})
    return row


def encode(row: "dict[str, Any]") -> bytes:
    """The entry as the CBOR array that is hashed; FormatError if a part has no encoding."""
    parts = [row[name] for name in ENTRY]
    if row["event"] == "checkpoint":
        parts.append([row["checkpoint"][name] for name in CHECKPOINT])
    return cbor.encode(parts)


def decode(body: bytes) -> "dict[str, Any]":
    """The entry that `encode` wrote; FormatError if any part has another shape."""
    parts = cbor.decode(body)
    _check(parts[: len(ENTRY)] if isinstance(parts, list) else parts, _KINDS)
    row = dict(zip(ENTRY, parts))
    more = parts[len(ENTRY) :]
    if row["event"] == "checkpoint":
        if len(more) != 1:
            raise FormatError("a checkpoint without its sums")
        _check(more[0], "nnnb[[[")
        row["checkpoint"] = dict(zip(CHECKPOINT, more[0]))
        for table, kinds in (("totals", "sssnn"), ("open", "ntss[nbbbn"), ("told", "ssb")):
            for line in row["checkpoint"][table]:
                _check(line, kinds)
    elif more:
        raise FormatError("not an array of %d" % len(ENTRY))
    return row


def _check(parts: "Any", kinds: str) -> None:
    """FormatError unless `parts` is an array of these: number, time, text, bytes, array."""
    if not isinstance(parts, list) or len(parts) != len(kinds):
        raise FormatError("not an array of %d" % len(kinds))
    for value, kind in zip(parts, kinds):
        if kind == "s":
            sound = isinstance(value, str)
        elif kind == "b":
            sound = isinstance(value, bytes)
        elif kind == "[":
            sound = isinstance(value, list)
        else:
            sound = (cbor.is_int(value) and value >= 0) or (kind == "t" and value is None)
        if not sound:
            raise FormatError("a part of another kind")
