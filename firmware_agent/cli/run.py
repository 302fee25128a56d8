"""firmware-agent run: the agent itself, telling in plain words what leaves and what stays."""

import asyncio
import contextlib
import signal
import sys
from argparse import Namespace

from firmware_agent.cli import build, words
from firmware_agent.cli.build import Parts


def run(made: Parts, options: Namespace) -> int:
    """Until a signal ends it."""
    with made.device.storage.claim():
        print_standing(made)
        asyncio.run(until_stopped(made))
    return 0


async def until_stopped(made: Parts, seconds: float | None = None) -> None:
    """Run the agent until SIGINT, SIGTERM or for `seconds`."""
    agent = build.agent(made, lambda entry: print(words.entry(entry), flush=True))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stopped.set)
    running = loop.create_task(agent.run())
    waiting = loop.create_task(stopped.wait())
    await asyncio.wait({running, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        running.result()  # an error: let it be seen
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def print_standing(made: Parts) -> None:
    """What is allowed at this moment."""
    print(f"Policy: {made.catalogue.profile} {made.catalogue.version}. What may leave this device:")
    names = [f"{purpose} -> {recipient}" for purpose, recipient in made.catalogue.pairs()]
    for name, pair in zip(names, made.catalogue.pairs(), strict=True):
        record, _, _ = made.consents.current(*pair)
        print(f"  {name:<{max(map(len, names))}}  {words.verdict(made.gate.decide(*pair), record)}")
    if not any(made.gate.decide(*pair).allowed for pair in made.catalogue.pairs()):
        print("Nothing is allowed: no connection is opened.")
    sys.stdout.flush()
