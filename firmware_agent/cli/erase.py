"""firmware-agent erase: the device forgets its owner. Destroys much, allows nothing."""

import contextlib
import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import BinaryIO

from firmware_agent.cli import narrow, words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.cli.export import fresh
from firmware_agent.cli.stores import register
from firmware_agent.consent import installed
from firmware_agent.consent.store import KEY, SLOTS
from firmware_agent.egress.ledger import START, Broken, entries
from firmware_agent.errors import AgentError, LedgerError, StorageError
from firmware_agent.model import WITHDRAWN
from firmware_agent.owner.erase import Erased
from firmware_agent.owner.erase import erase as destroy
from firmware_agent.owner.presence import confirmed
from firmware_agent.owner.stores import Row, instant

_ELSEWHERE = (
    "what recipients have stored: erasing takes away what they need to find it, so ask first (rights delete)",
    "copies of the state directory that somebody made, and blocks that a file system or a memory card put aside",
)


def erase(made: Parts, options: Namespace) -> int:
    """Withdraw everything, then destroy everything; 1 if a part of it resisted or an agent still runs."""
    storage = made.device.storage
    if not options.yes and not _agreed():
        print("Nothing changed.")
        return 3
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(fresh(made, options.receipt)) if options.receipt else None
        troubles: list[str] = []  # none of them may keep a key from being overwritten
        ledger: Row = {"entries": 0, "head": START.hex()}
        fresh_start = False
        with noted(troubles):
            made.consents.records()  # what cannot be read cannot be narrowed
            narrow.narrow(made, narrow.given(made), WITHDRAWN, "Withdrawn")  # a running agent stops sending at once
        with noted(troubles):
            if storage.claimed():
                raise AgentError(_runs(made, troubles))
        with contextlib.ExitStack() as held:
            with noted(troubles):
                held.enter_context(storage.claim())
            with noted(troubles):
                ledger = _ledger(made)
            with noted(troubles):
                fresh_start = _fresh(made)
            with noted(troubles):
                held.enter_context(storage.lock())
            done = destroy(storage, register(made))
        done.troubles[:0] = [line for line in troubles if line not in done.troubles]
        if fresh_start:
            done.destroyed = []
        _tell(done, _receipt(made, done, ledger), file)
    return 1 if done.troubles or any(not row["store"] for row in done.stays) else 0


@contextlib.contextmanager
def noted(troubles: list[str]) -> Iterator[None]:
    """A part that fails is told in the receipt and stops nothing."""
    try:
        yield
    except (StorageError, LedgerError) as error:
        troubles.append(str(error))


def erase_held(made: Parts, troubles: list[str]) -> Row:
    """Destroy everything while the storage is claimed by us and no agent runs any more; the receipt.

    troubles: what went wrong before, and from here on.
    """
    ledger: Row = {"entries": 0, "head": START.hex()}
    with noted(troubles):
        ledger = _ledger(made)
    with contextlib.ExitStack() as held:
        with noted(troubles):
            held.enter_context(made.device.storage.lock())
        done = destroy(made.device.storage, register(made))
    done.troubles[:0] = [line for line in troubles if line not in done.troubles]
    return _receipt(made, done, ledger)


def _runs(made: Parts, troubles: list[str]) -> str:
    text = "An agent runs, so nothing is erased yet. "
    text += "Everything is withdrawn: nothing leaves any more. " if not troubles else "; ".join(troubles) + ". "
    return text + f"Stop the agent (its service, or Ctrl-C where it runs), then again: {typed(made, 'erase')}"


def _agreed() -> bool:
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise AgentError("erase asks for a code at a terminal, and there is none: add --yes if you mean it")
    text = "This withdraws every consent and destroys all that the agent keeps here: decisions, history, what waits, "
    text += "copies, keys. It cannot be undone. What recipients have stays there: " + _ELSEWHERE[0].partition(": ")[2]
    print(words.wrap(text + "."))
    return confirmed("To erase all of it")


def _fresh(made: Parts) -> bool:
    """Whether there is nothing but the key and the empty slots that the start of every command makes."""
    files = made.device.storage.names()
    held = [file for store in register(made) if not store.stays for file in files if store.holds(file)]
    return set(held) <= {KEY, *SLOTS, *installed.SLOTS} and made.consents.blank()


def _ledger(made: Parts) -> Row:
    """How many entries there were, and SHA-256 over all of them: shows later that a copy of the history is whole."""
    count, head = 0, START
    try:
        for row, _, reached in entries(made.device.storage):
            count, head = row["number"], reached
    except Broken as error:
        return {"entries": count, "head": head.hex(), "trouble": str(error)}
    return {"entries": count, "head": head.hex()}


def _receipt(made: Parts, done: Erased, ledger: Row) -> Row:
    return {
        "receipt": "erase",
        "time": instant(made.device.now()),
        "profile": f"{made.catalogue.profile} {made.catalogue.version}",
        "ledger": ledger,
        "destroyed": done.destroyed,
        "stays": done.stays,
        "elsewhere": list(_ELSEWHERE),
        "troubles": done.troubles,
    }


def _tell(done: Erased, receipt: Row, file: BinaryIO | None) -> None:
    """A summary on the terminal; the receipt itself into its file."""
    if file is not None:
        file.writelines([(json.dumps(receipt, indent=1, ensure_ascii=False) + "\n").encode()])
    for line in done.troubles:
        print(words.wrap(f"Trouble: {line}"))
    stays = [row for row in done.stays if row["bytes"] or not row["store"]]
    if not done.destroyed and not done.troubles:
        print("There was nothing left to erase.")
    for row in done.destroyed:
        print(words.wrap(f"Destroyed: {row['what']} ({len(row['files'])} files, {row['bytes']:,} bytes)."))
    if done.destroyed:
        size = sum(row["bytes"] for row in done.destroyed)
        count = sum(len(row["files"]) for row in done.destroyed)
        keys = sum(row["keys"] for row in done.destroyed)
        whole = "" if stays or done.troubles else " The device is as it was when it was new."
        print(words.wrap(f"Erased: {count} files, {size:,} bytes, {keys} keys.{whole}"))
        print(words.wrap(f"The ledger had {receipt['ledger']['entries']:,} entries, head {receipt['ledger']['head']}."))
    for row in stays:
        if row["store"]:
            print(words.wrap(f"Stays: {row['what']} ({len(row['files'])} files): {row['why']}."))
        else:
            print(words.wrap(f"Look at {', '.join(row['files'])}: {row['why']}."))
    if done.troubles:
        print(words.wrap("Not all of it could be destroyed, or told: see the troubles, repair that, and erase again."))
