"""What the next start finds after a crash, held against the books."""

import random
from typing import Any

from firmware_agent.errors import AgentError
from host_tests.proofs.crash_book import Book
from host_tests.proofs.crash_child import Device
from host_tests.proofs.sealed import ledger_rows

RUN = 1_000_000  # numbers of events set aside for one run
_PATIENCE = 2000  # steps in which everything that waits must have left


def restart(book: Book, storage: Any, seed: int, first: int) -> None:
    """Start on what a crash left, with a link that works: what waits is checked, then all of it must arrive."""
    answers: list[int] = []

    def say(what: list[Any]) -> None:
        book.hear(what)
        if what[0] == "publish":
            book.took(what[2], what[3])
            answers.append(what[1])

    book.failures += ledger_faults(storage, book)
    try:
        device = Device(storage, say, seed, first, random.Random(first).randbytes)
        device.start()
        for _ in range(_PATIENCE):
            if not device.waiting():
                break
            device.tick()
            due, answers[:] = answers[:], []
            device.link.poll(due)
        else:
            book.failures.append(f"{device.waiting()} events still wait with a link that works")
        ledger_rows(storage)
    except Exception as error:
        book.failures.append(f"the agent does not start or go on: {type(error).__name__}: {error}")
    book.drained()


def ledger_faults(storage: Any, book: Book) -> list[str]:
    """What is wrong with the ledger: it does not verify, or a message arrived that it does not name."""
    try:
        known = {row["ident"] for row in ledger_rows(storage)}
    except AgentError as error:
        return [f"{error}"]
    unknown = len(book.idents - known)
    return [f"{unknown} messages arrived of which the ledger knows nothing"] if unknown else []
