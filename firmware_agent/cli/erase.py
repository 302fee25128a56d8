"""firmware-agent erase: the device forgets its owner. Destroys much, allows nothing."""

import contextlib
import json
import sys
from argparse import Namespace
from typing import BinaryIO

from firmware_agent.cli import narrow, words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.cli.export import fresh
from firmware_agent.cli.stores import instant, register
from firmware_agent.consent.store import KEY
from firmware_agent.egress.ledger import START, Broken, entries
from firmware_agent.errors import AgentError
from firmware_agent.model import WITHDRAWN
from firmware_agent.owner.erase import Erased
from firmware_agent.owner.erase import erase as destroy
from firmware_agent.owner.presence import confirmed
from firmware_agent.owner.stores import Row

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
        narrow.narrow(made, narrow.given(made), WITHDRAWN, "Withdrawn")  # a running agent stops sending at once
        if storage.claimed():
            raise AgentError(
                "An agent runs, so nothing is erased yet. Everything is withdrawn: nothing leaves any more. Stop the "
                f"agent (its service, or Ctrl-C where it runs), then again: {typed(made, 'erase')}"
            )
        with storage.claim():
            ledger = _ledger(made)
            fresh_start = _fresh(made)
            with storage.lock():
                done = destroy(storage, register(made))
        if fresh_start:
            done.destroyed = []
        _tell(done, _receipt(made, done, ledger), file)
    return 1 if done.troubles or any(not row["store"] for row in done.stays) else 0


def _agreed() -> bool:
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise AgentError("erase asks for a code at a terminal, and there is none: add --yes if you mean it")
    text = "This withdraws every consent and destroys all that the agent keeps here: decisions, history, what waits, "
    text += "copies, keys. It cannot be undone. What recipients have stays there: " + _ELSEWHERE[0].partition(": ")[2]
    print(words.wrap(text + "."))
    return confirmed("To erase all of it")


def _fresh(made: Parts) -> bool:
    """Whether there is nothing but the key that the start of every command makes."""
    files = made.device.storage.names()
    return [file for store in register(made) if not store.stays for file in files if store.holds(file)] == [KEY]


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
    shown = json.dumps(receipt, indent=1, ensure_ascii=False) + "\n"
    print(shown, end="")
    if file is not None:
        file.writelines([shown.encode()])
    if done.troubles:
        print(words.wrap("Not all of it could be destroyed: see troubles above, repair that, and erase again."))
    elif not done.destroyed:
        print("There was nothing left to erase.")
    else:
        size = sum(row["bytes"] for row in done.destroyed)
        count = sum(len(row["files"]) for row in done.destroyed)
        keys = sum(row["keys"] for row in done.destroyed)
        print(
            words.wrap(f"Erased: {count} files, {size:,} bytes, {keys} keys. The device is as it was when it was new.")
        )
    for row in done.stays:
        if not row["store"]:
            print(words.wrap(f"Look at {', '.join(row['files'])}: {row['why']}."))
