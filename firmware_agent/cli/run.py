"""firmware-agent run: the agent itself, telling in plain words what leaves and what stays."""

import asyncio
import contextlib
import signal
import sys
from argparse import Namespace
from typing import Any

from firmware_agent.cli import build, logs, words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.cli.ledger import untold
from firmware_agent.consent.store import SLOTS
from firmware_agent.device.watch import watched


def run(made: Parts, options: Namespace) -> int:
    """Until a signal ends it."""
    with made.device.storage.claim():
        ledger = made.ledger()  # one that was changed stops the start before anything is said
        for record in untold(made):
            ledger.decided(record, "found")
        print_standing(made)
        asyncio.run(until_stopped(made))
        print(f"Stopped. Decisions and the ledger stay in {made.config.state}.")
    return 0


async def until_stopped(made: Parts, seconds: float | None = None) -> None:
    """Run the agent until SIGINT, SIGTERM or for `seconds`."""
    stopped = asyncio.Event()

    def tell(entry: dict[str, Any]) -> None:
        if not stopped.is_set():  # what is summed up at the end is for the ledger
            print(words.wrap(words.entry(entry), rest=" " * 25), flush=True)

    agent = build.agent(made, tell)
    loop = asyncio.get_running_loop()
    logs.watch(loop)
    journal = logs.Journal(made.device.storage)
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stopped.set)
    changed = asyncio.Event()
    with watched(made.device.storage, SLOTS, changed.set) as tells:
        running = loop.create_task(agent.run(changed if tells else None))
        waiting = loop.create_task(stopped.wait())
        await asyncio.wait({running, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.set()
        waiting.cancel()
        if running.done():
            running.result()  # an error: let it be seen
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    journal.close()


def print_standing(made: Parts) -> None:
    """What is allowed at this moment."""
    print(f"Policy: {made.catalogue.profile} {made.catalogue.version}. What may leave this device:")
    for purpose, recipient in made.catalogue.pairs():
        record, _, _ = made.consents.current(purpose, recipient)
        found = words.verdict(made.gate.decide(purpose, recipient), record)
        print(words.wrap(f"{purpose + ' -> ' + recipient:<34}{found}", "  ", "    "))
    if not any(made.gate.decide(*pair).allowed for pair in made.catalogue.pairs()):
        print("Nothing is allowed: no connection is opened.")
    if not made.config.uplinks:
        print("No [uplink.RECIPIENT] is configured: nothing can leave, whatever is allowed.")
    print(f"To see or change it: {typed(made, 'consent show')}")
    sys.stdout.flush()
