"""firmware-agent ledger show|verify."""

from argparse import Namespace

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.egress.ledger import START, Broken, entries


def show(made: Parts, options: Namespace) -> int:
    """The last entries, oldest first."""
    lines = []
    trouble = None
    try:
        for row, _, _ in entries(made.device.storage):
            lines.append(words.entry(row))
    except Broken as error:
        trouble = error
    for line in lines[-options.last :]:
        print(line)
    if not lines:
        print("Nothing has left, nothing was refused, nothing was decided yet.")
    if trouble is not None:
        print(f"{trouble}; what comes after is not shown")
    return 1 if trouble else 0


def verify(made: Parts, options: Namespace) -> int:
    """Walk the whole chain."""
    count, head = 0, START
    try:
        for row, _, reached in entries(made.device.storage):
            count, head = row["number"], reached
    except Broken as error:
        print(f"wrong: {error}. The {count} entries before it verify.")
        return 1
    print(f"ok: {count} entries, head {head.hex()}")
    return 0
