"""firmware-agent ledger show|verify|export."""

import json
from argparse import Namespace
from collections.abc import Callable
from typing import Any, TypeVar

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.export import fresh
from firmware_agent.egress import signed
from firmware_agent.egress.export import export_rows
from firmware_agent.egress.heads import genuine
from firmware_agent.egress.ledger import Broken, entries
from firmware_agent.model import ConsentRecord

Result = TypeVar("Result")


def show(made: Parts, options: Namespace) -> int:
    """The last entries, oldest first, under the day on which they were written."""
    rows: list[dict[str, Any]] = []
    before, trouble = 0, None
    try:
        rows, before = steady(made, lambda: _last(made, options.last))
    except Broken as error:
        trouble = str(error)
        rows, before = _last(made, options.last, error)
    day = ""
    if before and len(rows) < options.last:
        print(f"The {before} entries before these are too old to be kept; their sums are.")
    for row in rows:
        if words.day(row["time"]) != day:
            day = words.day(row["time"])
            print(day)
        print(words.wrap(words.entry(row), "  ", " " * 27))
    if not rows:
        print("The ledger is empty.")
    lines = cut_off(made) if trouble is None else [f"{trouble}; what comes after is not shown"]
    for line in lines:
        print(line)
    return 1 if lines else 0


def verify(made: Parts, options: Namespace) -> int:
    """Walk the whole chain, and look whether every decision that counts is in it."""
    kept = signed.newest(made.device.storage)  # before the entries: others may write meanwhile
    try:
        found = steady(made, lambda: _walk(made, options.head, kept))
    except Broken as error:
        print(f"wrong: {error}. The {max(0, error.entry - 1)} entries before it verify.")
        return 1
    lines = cut_off(made)
    if options.head is not None and not found["seen"]:
        lines.append("no entry has the head you gave: entries were cut off the end, or this is another ledger")
    if kept is not None and not genuine(kept.public, signed.message(kept.number, kept.head, kept.time), kept.signature):
        lines.append(f"{signed.NAME}: the signature under the head of entry {kept.number} is not genuine")
    for row in found["notes"]:
        print(f"note: entry {row['number']}: {words.entry(row)}")
    for line in lines:
        print(f"wrong: {line}")
    if lines:
        return 1
    if not found["count"] and found["first"] <= 1:
        print("empty: there is no entry")
        return 0
    print(f"ok: {found['count']} entries, none changed, head {found['head'].hex()}")
    if kept is not None:
        print(words.wrap(f"Signed up to entry {kept.number}, with the key {kept.public.hex()}."))
    print(words.wrap("Keep the head elsewhere: a cut end shows when you give it back with --head."))
    return 0


def export(made: Parts, options: Namespace) -> int:
    """Write the whole ledger as JSON lines, signed, for whoever audits."""
    profile, signer = f"{made.catalogue.profile} {made.catalogue.version}", made.signer()

    with fresh(made, options.file) as file:

        def _write() -> int:
            file.seek(0)  # a second try begins anew
            file.truncate()
            count = 0
            for row in export_rows(made.device.storage, signer, made.device.now(), profile):
                file.writelines([json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode(), b"\n"])
                count += 1
            return count

        count = steady(made, _write)
    print(f"{options.file}: {count - 2} lines of history, signed with the key {signer.public.hex()}")
    print(words.wrap(f"To check it on any machine: python -m firmware_agent.egress.verify {options.file}"))
    print(words.wrap("That machine needs this package: pip install a clone of it. No agent and no state."))
    return 0


def cut_off(made: Parts) -> list[str]:
    """One line for each decision that counts and is not in the ledger: its end was cut off, or the file replaced."""
    return [
        f"ledger: the decision on {record.purpose} -> {record.recipient} is missing: entries were removed"
        for record in untold(made)
    ]


def untold(made: Parts) -> list[ConsentRecord]:
    """The decisions that count and have no entry, neither their own nor in the sums of what is no longer kept."""
    told = steady(made, lambda: _told(made))
    return [record for record in made.consents.records() if record.digest() not in told]


def steady(made: Parts, task: Callable[[], Result]) -> Result:
    """Run `task`, which reads the ledger; once more with the lock if what it found may be half of what others write."""
    try:
        return task()
    except Broken:
        with made.device.storage.lock():
            return task()


def _told(made: Parts) -> set[bytes]:
    told: set[bytes] = set()
    for row, _, _ in entries(made.device.storage, every=True):
        if row["event"] in ("decided", "found"):
            told.add(row["consent"])
        elif row["event"] == "checkpoint":
            told.update(line[2] for line in row["checkpoint"]["told"])
    return told


def _last(made: Parts, count: int, until: Broken | None = None) -> tuple[list[dict[str, Any]], int]:
    """(the last entries, how many there were before the first that is kept); those before `until`, if it is given."""
    rows: list[dict[str, Any]] = []
    before = None
    try:
        for row, _, _ in entries(made.device.storage, every=True):
            before = row["number"] - 1 if before is None else before
            if row["event"] != "checkpoint":
                rows = [*rows[1 - count :], row] if count > 1 else [row]
    except Broken:
        if until is None:
            raise
    return rows, before or 0


def _walk(made: Parts, head: str | None, kept: signed.SignedHead | None) -> dict[str, Any]:
    """count, first number, head, whether `head` is in it, what to note; Broken if a signed head says otherwise."""
    found: dict[str, Any] = {"count": 0, "first": 0, "head": bytes(32), "seen": False, "notes": []}
    number, offset, first = 0, 0, 1
    for row, offset, reached in entries(made.device.storage, every=True):
        if not number:
            found["first"] = first = row["number"]
        number, found["head"] = row["number"], reached
        found["seen"] = found["seen"] or reached.hex() == head
        if kept is not None and number == kept.number and reached != kept.head:
            raise Broken("ledger", number, offset, "another one was signed")
        if row["event"] != "checkpoint":
            found["count"] += 1
        if row["event"] == "found":
            found["notes"].append(row)
    if kept is not None and number < kept.number and kept.number >= first:
        raise Broken(
            "ledger", number + 1, offset, f"entries after {number} were cut off: entry {kept.number} was signed"
        )
    return found
