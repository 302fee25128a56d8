"""firmware-agent run: the agent itself, telling in plain words what leaves and what stays."""

import asyncio
import contextlib
import signal
import sys
from argparse import Namespace
from typing import Any

from firmware_agent.agent import Agent
from firmware_agent.camera.viewers.book import SLOTS as BOOK
from firmware_agent.camera.viewers.server import Viewers
from firmware_agent.cli import build, logs, words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.cli.erase import erase_held, noted
from firmware_agent.cli.front import Front, where
from firmware_agent.cli.ledger import untold
from firmware_agent.cli.narrow import given
from firmware_agent.consent.store import SLOTS
from firmware_agent.device.watch import watched
from firmware_agent.model import WITHDRAWN
from firmware_agent.owner.live import Live
from firmware_agent.sessions import Actor

_FAREWELL = 1.0  # s for the page to show the receipt of an erase


def run(made: Parts, options: Namespace) -> int:
    """Until a signal ends it."""
    with made.device.storage.claim():
        while True:
            ledger = made.ledger()  # one that was changed stops the start before anything is said
            for record in untold(made):
                ledger.decided(record, "found")
            made.authority.prune()
            print_standing(made)
            if not asyncio.run(until_stopped(made)):
                break
            made = build.parts(made.config)
        print(f"Stopped. Decisions and the ledger stay in {made.config.state}.")
    return 0


async def until_stopped(made: Parts, seconds: float | None = None) -> bool:
    """Run the agent until SIGINT, SIGTERM or for `seconds`; True if it was erased and begins anew."""
    stopped = asyncio.Event()
    ended = asyncio.Event()  # by a signal
    erased = asyncio.Event()
    live = Live()

    def tell(entry: dict[str, Any]) -> None:
        if not stopped.is_set():  # what is summed up at the end is for the ledger
            print(words.wrap(words.entry(entry), rest=" " * 25), flush=True)

    def end() -> None:
        ended.set()
        stopped.set()

    async def erase(actor: Actor) -> dict[str, Any]:
        """Withdraw everything, end the agent, destroy what is kept. The page has a moment to show the receipt."""
        troubles: list[str] = []  # none of them may keep a key from being overwritten
        erased.set()
        front.sessions.shut()  # first: whoever came in now would write to what was just emptied
        try:
            with noted(troubles):
                build.narrow(made, agent, given(made), WITHDRAWN, actor)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError), noted(troubles):
                await running
            journal.close()
            receipt = erase_held(made, troubles)
        finally:
            loop.call_later(_FAREWELL, stopped.set)  # whatever failed: the agent begins anew, and says how it stands
        print("Everything was erased. The agent begins anew.", flush=True)
        return receipt

    agent = build.agent(made, tell, live.saw)
    loop = asyncio.get_running_loop()
    logs.watch(loop)
    journal = logs.Journal(made.device.storage)
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, end)
    front = Front(made, agent, live, erase)
    await front.start()
    running = loop.create_task(attend(made, agent, front.viewers))
    waiting = loop.create_task(stopped.wait())
    await asyncio.wait({running, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if erased.is_set():
        await waiting
        await front.stop()
        return not ended.is_set()
    stopped.set()
    waiting.cancel()
    try:
        if running.done():
            running.result()  # an error: let it be seen
    finally:
        await front.stop()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        journal.close()
    return False


async def attend(made: Parts, agent: Agent, viewers: Viewers | None) -> None:
    """Run the agent and the viewers' port, woken by whoever writes a decision, or to the book; until cancelled."""
    changed = asyncio.Event()
    added = asyncio.Event()

    def wake() -> None:
        changed.set()
        added.set()
        agent.glance()

    async with contextlib.AsyncExitStack() as stack:
        tells = stack.enter_context(watched(made.device.storage, (*SLOTS, *BOOK), wake))
        if viewers is not None:
            following = asyncio.get_running_loop().create_task(viewers.run(added if tells else None))
            stack.push_async_callback(_ended, following)
        await agent.run(changed if tells else None)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


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
        print("No [uplink.RECIPIENT] is configured: no message can leave, whatever is allowed.")
    print(f"To see or change it: {typed(made, 'consent show')}")
    if made.config.panel is not None:
        print(f"{where(made)} (to pair a phone: {typed(made, 'pair')})")
    sys.stdout.flush()
