"""Everything that the device keeps, for its owner: one ZIP file that opens anywhere. No key and no secret is in it."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from firmware_agent.errors import AgentError
from firmware_agent.owner.stores import Register, Row, Store

FORMAT = 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell that starts with one of these
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP knows: the same state and time give the same bytes


@dataclass
class Exported:
    """What went in: rows of each store, by name; one line for each part that could not be read."""

    rows: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)


def export(register: Register, about: Row, out: BinaryIO) -> Exported:
    """Write the ZIP: data.json, data.csv and schema.json of each store; README.txt; manifest.json with their SHA-256.

    about: what the manifest says besides. What a store cannot read is told in the manifest; the rest is there.
    """
    done = Exported()
    sums: dict[str, Row] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, data)
            sums[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

        stores = [store for store in register if store.schema["properties"]]
        for store in stores:
            for name, data in _folder(store, done):
                add(f"{store.name}/{name}", data)
        add("README.txt", _readme(stores, done).encode())
        add("manifest.json", _json({"format": FORMAT, **about, "files": dict(sums), "troubles": done.troubles}))
    return done


def table(rows: list[Row], columns: list[str]) -> str:
    """CSV (RFC 4180) with a head line. A text that a spreadsheet would take for a formula gets a ' before it."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(columns)
    for row in rows:
        lines.writerow([_cell(row[column]) for column in columns])
    return out.getvalue()


def _folder(store: Store, done: Exported) -> Iterator[tuple[str, bytes]]:
    rows: list[Row] = []
    try:
        for row in store.rows():
            rows.append(row)  # one by one: what comes before a damaged part is kept
        more = store.extra()
    except AgentError as error:
        done.troubles.append(f"{store.name}: {error}")
        more = {}
    done.rows[store.name] = len(rows)
    yield "data.json", _json(rows)
    yield "data.csv", table(rows, [*store.schema["properties"]]).encode()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": store.title}
    yield "schema.json", _json({**head, "type": "array", "items": store.schema})
    for name in sorted(more):
        yield name, more[name]


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list):
        value = " ".join(map(str, value))
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def _readme(stores: list[Store], done: Exported) -> str:
    lines = [
        "What this device keeps about you and what it has sent",
        "",
        "Each folder is one kind of it:",
        "",
    ]
    for store in stores:
        count = done.rows[store.name]
        lines += [f"  {store.name}/  {count} row{'' if count == 1 else 's'}", f"      {store.title}."]
        lines += [f"      Kept: {store.kept}.", ""]
    lines += [
        "In each folder:",
        "",
        "  data.csv     a table for people; opens in any spreadsheet",
        "  data.json    the same for programs, in UTF-8",
        "  schema.json  what each column means, as JSON Schema",
        "",
        "manifest.json holds the SHA-256 of every other file. Times are in UTC.",
        "",
        "Not in here: keys and secrets; pictures, which are never kept; events of the last seconds that a running",
        "agent has only in its memory; and what recipients have stored. In tables a ' stands before a text that a",
        "spreadsheet would run as a formula.",
    ]
    if done.troubles:
        lines += ["", "Could not be read in full:", "", *(f"  {line}" for line in done.troubles)]
    return "\n".join(lines) + "\n"
