"""firmware-agent ledger show|verify."""

from argparse import Namespace
from typing import Any

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.egress.ledger import START, Broken, entries
from firmware_agent.model import ConsentRecord


def show(made: Parts, options: Namespace) -> int:
    """The last entries, oldest first, under the day on which they were written."""
    rows: list[dict[str, Any]] = []
    trouble = None
    try:
        for row, _, _ in entries(made.device.storage):
            rows = [*rows[1 - options.last :], row] if options.last > 1 else [row]
    except Broken as error:
        trouble = error
    day = ""
    for row in rows:
        if words.day(row["time"]) != day:
            day = words.day(row["time"])
            print(day)
        print(words.wrap(words.entry(row), "  ", " " * 27))
    if not rows:
        print("The ledger is empty.")
    for line in cut_off(made) if trouble is None else [f"{trouble}; what comes after is not shown"]:
        print(line)
        trouble = trouble or Broken(0, 0, line, False)
    return 1 if trouble else 0


def verify(made: Parts, options: Namespace) -> int:
    """Walk the whole chain, and look whether every decision that counts is in it."""
    count, head, seen = 0, START, options.head is None
    try:
        for row, _, reached in entries(made.device.storage):
            count, head = row["number"], reached
            seen = seen or reached.hex() == options.head
            if row["event"] == "found":
                print(f"note: entry {count}: {words.entry(row)}")
    except Broken as error:
        print(f"wrong: {error}. The {count} entries before it verify.")
        return 1
    lines = cut_off(made)
    for line in lines:
        print(f"wrong: {line}")
    if not seen:
        print("wrong: no entry has the head you gave: entries were cut off the end, or this is another ledger")
    if lines or not seen:
        return 1
    print(f"ok: {count} entries, none changed, head {head.hex()}")
    print(words.wrap("Keep the head elsewhere: a cut end shows when you give it back with --head."))
    return 0


def cut_off(made: Parts) -> list[str]:
    """One line for each decision that counts and is not in the ledger: its end was cut off, or the file replaced."""
    return [
        f"ledger: the decision on {record.purpose} -> {record.recipient} is missing: entries were removed"
        for record in untold(made)
    ]


def untold(made: Parts) -> list[ConsentRecord]:
    """The decisions that count and have no entry."""
    told = {row["consent"] for row, _, _ in entries(made.device.storage) if row["event"] in ("decided", "found")}
    return [record for record in made.consents.records() if record.digest() not in told]
