"""The ledger as JSON lines that an auditor can read: a line about it, one line an entry, a line with its end.

Bytes are hex. `from_json` is the exact inverse of `to_json`, so that every hash can be computed again.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from firmware_agent.egress import signed
from firmware_agent.egress.entry import CHECKPOINT, ENTRY, OPEN, TOLD, TOTAL
from firmware_agent.egress.segments import Chain
from firmware_agent.egress.signed import SignedHead
from firmware_agent.errors import FormatError

if TYPE_CHECKING:
    from firmware_agent.egress.signed import Signer

FORMAT = "firmware_agent ledger 1"
NAME = "ledger.jsonl"  # inside a ZIP
_BYTES = ("payload", "consent", "ident", "head")
_TABLES = {"totals": TOTAL, "open": OPEN, "told": TOLD}


def export_rows(storage: Any, signer: "Signer | None", time: int | None, profile: str = "") -> Iterator[dict[str, Any]]:
    """Verify and yield every line as a dict; Broken if the ledger does not verify. While others write: under the lock.

    time: seconds since 1970 UTC or None. The last line is signed now, if there is a signer.
    """
    chain = Chain(storage)
    rows = chain.read()
    row = next(rows, None)
    first = {
        "format": FORMAT,
        "profile": profile,
        "public": None if signer is None else signer.public.hex(),
        "first": 1 if row is None else row["number"],
        "before": (bytes(32) if row is None else row["checkpoint"]["head"]).hex(),
    }
    yield first
    while row is not None:
        yield to_json(row, chain.head)
        row = next(rows, None)
    head = SignedHead(chain.number - 1, chain.head, time, b"", b"")
    if signer is not None:
        head = signed.sign(signer, head.number, head.head, time)
    yield {
        "end": head.number,
        "head": head.head.hex(),
        "time": time,
        "signature": head.signature.hex() or None,
        "public": head.public.hex() or None,
    }


def to_json(row: dict[str, Any], head: bytes) -> dict[str, Any]:
    """One entry with all its names, and the hash after it."""
    out = _to(row, ENTRY)
    if "checkpoint" in row:
        out["checkpoint"] = _to(row["checkpoint"], CHECKPOINT)
        for table, names in _TABLES.items():
            out["checkpoint"][table] = [
                _to(dict(zip(names, line, strict=True)), names) for line in row["checkpoint"][table]
            ]
    out["hash"] = head.hex()
    return out


def from_json(data: Any) -> tuple[dict[str, Any], bytes]:
    """(entry, the hash it claims); FormatError, naming the part, if a name is missing, too much, or no hex."""
    names = ENTRY + (("checkpoint",) if isinstance(data, dict) and "checkpoint" in data else ())
    row = _from(data, names + ("hash",))
    if "checkpoint" in row:
        row["checkpoint"] = _from(row["checkpoint"], CHECKPOINT)
        for table, columns in _TABLES.items():
            lines = row["checkpoint"][table]
            if not isinstance(lines, list):
                raise FormatError(f"{table} is not a list")
            row["checkpoint"][table] = [[_from(line, columns)[name] for name in columns] for line in lines]
    return row, unhex(row.pop("hash"), "hash")


def unhex(value: Any, name: str) -> bytes:
    """Bytes out of lower-case hex and nothing else; FormatError."""
    if not isinstance(value, str) or len(value) % 2 or value.strip("0123456789abcdef"):
        raise FormatError(f"{name} is not hex")
    return bytes.fromhex(value)


def _to(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name].hex() if isinstance(row[name], bytes) else row[name] for name in names}


def _from(data: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, dict) or set(data) != set(names):
        raise FormatError(f"not an object of {', '.join(names)}")
    return {name: unhex(data[name], name) if name in _BYTES else data[name] for name in names}
