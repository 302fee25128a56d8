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
# decision in the store whose own entry is not here; erased: everything before was destroyed on purpose
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
_KINDS = "ntssss[nbbbn"  # of each part: number, time, text, list of texts, bytes
CHECKPOINT = (
    "form",  # 1
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
_TABLES = (("totals", TOTAL, "sssnn"), ("open", OPEN, "ntss[nbbbn"), ("told", TOLD, "ssb"))


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
    if not isinstance(parts, list) or not len(ENTRY) <= len(parts) <= len(ENTRY) + 1:
        raise FormatError("not an array of %d" % len(ENTRY))
    row = dict(zip(ENTRY, parts))
    if row["event"] == "checkpoint" and len(parts) > len(ENTRY):
        more = parts[-1]
        if not isinstance(more, list) or len(more) != len(CHECKPOINT):
            raise FormatError("a checkpoint that is not an array of %d" % len(CHECKPOINT))
        row["checkpoint"] = dict(zip(CHECKPOINT, more))
    elif len(parts) > len(ENTRY):
        raise FormatError("not an array of %d" % len(ENTRY))
    check(row)
    return row


def check(row: "dict[str, Any]") -> None:
    """FormatError if a part of the entry is not of its kind."""
    _check([row[name] for name in ENTRY], ENTRY, _KINDS)
    if row["event"] != "checkpoint":
        return
    more = row.get("checkpoint")
    if more is None:
        raise FormatError("a checkpoint without its sums")
    _check([more[name] for name in CHECKPOINT[:4]], CHECKPOINT[:4], "nnnb")
    if more["form"] != 1 or len(more["head"]) != 32:
        raise FormatError("a checkpoint of another form")
    for table, names, kinds in _TABLES:
        if not isinstance(more[table], list):
            raise FormatError("%s is not an array" % table)
        for line in more[table]:
            if not isinstance(line, list) or len(line) != len(names):
                raise FormatError("a row of %s is not an array of %d" % (table, len(names)))
            _check(line, names, kinds)


def _check(parts: "list[Any]", names: "tuple[str, ...]", kinds: str) -> None:
    for value, name, kind in zip(parts, names, kinds):
        if kind == "s":
            sound = isinstance(value, str)
        elif kind == "n":
            sound = cbor.is_int(value) and value >= 0
        elif kind == "b":
            sound = isinstance(value, bytes)
        elif kind == "t":
            sound = value is None or cbor.is_int(value)
        else:
            sound = isinstance(value, list)
            for item in value if sound else ():
                sound = sound and isinstance(item, str)
        if not sound:
            raise FormatError("its part %s has another kind" % name)
