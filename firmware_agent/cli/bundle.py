"""firmware-agent bundle: logs, configuration and facts for whoever helps, fit to be shared, and seen before it goes."""

import asyncio
import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_agent import __version__
from firmware_agent.bundle.bundle import Bundle
from firmware_agent.bundle.parts import AGENT, CHOICES, UNTICKED, Part
from firmware_agent.bundle.places import Places
from firmware_agent.bundle.reading import gathered, serial
from firmware_agent.bundle.text import Removal
from firmware_agent.cli import facts, words
from firmware_agent.cli.asking import Asking, asking
from firmware_agent.cli.build import Parts, parts, typed
from firmware_agent.cli.newfile import new
from firmware_agent.config import BundleConfig, Config
from firmware_agent.errors import AgentError
from firmware_agent.scrub.known import known

PURPOSE = "support_bundle"
FILE = Path("support-bundle.txt")
_LARGEST = 8 << 20  # bytes of an answer with a bundle in it
_LOOK = 0.2  # s between two looks whether the agent has made it


def bundle(options: Namespace, config: Config | None) -> int:
    """Write it, and say what is in it; or, with --send, have the running agent make, show and send it."""
    chosen = _chosen(options.parts)
    if options.send:
        if config is None:
            raise AgentError("--send needs the configuration of the running agent; name it with --config")
        return asyncio.run(_send(parts(config, lenient=True), chosen, options))
    made, why = _parts(config)
    places = Places(BundleConfig() if config is None else config.bundle)
    told = serial(places.config.serial_file)
    if options.serial and not told:
        raise AgentError("there is no serial number to tell; name its file as serial_file in [bundle]")
    said = "\n".join(facts.of_command(made, why)) if AGENT in chosen else ""
    found, left_out = list[Part](), list[tuple[str, str]]()
    for part in gathered(places, chosen, said):
        if isinstance(part, Part):
            found.append(part)
        else:
            left_out.append(part)
    serials = [("printer_sn", told)] if told else []
    one = Bundle(__version__, found, left_out, told if options.serial else "", [*known(), *serials])
    _run(one.scrub())
    if options.remove:
        _run(one.remove([Removal(text, False) for text in options.remove]))
    if one.unfinished is not None:
        raise AgentError(str(one.unfinished))
    _write(options.to or FILE, one.data)
    _tell(one.after, options.to or FILE)
    return 0


def _chosen(given: "str | None") -> list[str]:
    if given is None:
        return [name for name in CHOICES if name not in UNTICKED]
    chosen = [name.strip() for name in given.split(",")]
    if set(chosen) - set(CHOICES):
        raise AgentError(f"--with: some of {', '.join(CHOICES)}, with commas between")
    return list(dict.fromkeys(chosen))


def _parts(config: Config | None) -> "tuple[Parts | None, str]":
    """The agent's own parts, if this user may look at them; else why not."""
    if config is None:
        return None, "there is no configuration of an agent"
    try:
        return parts(config, lenient=True), ""
    except AgentError:
        return None, "what the agent keeps cannot be looked at by this user"


def _run(steps: Iterator[float]) -> None:
    for _ in steps:
        pass


def _write(path: Path, data: bytes) -> None:
    with new(path) as file:
        file.write(data)


def _tell(text: str, path: Path) -> None:
    """The bundle's own head, and where it is."""
    for line in text.partition("\n\n")[0].splitlines()[1:]:
        print(words.wrap(line, "", "    "))
    print(words.wrap(f"Written to {path}. Read it before you share it: a name that stands alone in a sentence stays."))


async def _send(made: Parts, chosen: list[str], options: Namespace) -> int:
    """The agent makes it, its bytes are written here, and after a yes exactly those leave."""
    page = "or do it on the page, under Support" if made.config.panel is not None else "or add a page, [panel]"
    if made.config.socket is None:
        raise AgentError(f"the running agent cannot be asked: the configuration has no [socket]; add one, {page}")
    wanted = [pair for pair in made.catalogue.pairs() if pair[0] == PURPOSE]
    if not wanted:
        raise AgentError("the policy names nobody whom a bundle can be sent to; save it with --to, and share the file")
    purpose, recipient = wanted[0]
    if not made.gate.decide(purpose, recipient).allowed:
        text = f"{PURPOSE} is not allowed; first: {typed(made, f'consent grant {PURPOSE}')}"
        raise AgentError(text)
    if not sys.stdin.isatty():  # before anything is made: what leaves was seen
        raise AgentError(f"sending asks a person who read the file; run this at a terminal, {page}")
    try:
        async with asking(made.config.socket.path, _LARGEST) as agent:
            await agent.ask("make_bundle", {"parts": chosen, "serial": options.serial})
            state = await _made(agent)
            if state["state"] != "ready":
                raise AgentError(f"the running agent could not make it: {state['trouble']}")
            if options.remove:
                removed = [{"text": text, "whole": False} for text in options.remove]
                await agent.ask("remove_text", {"texts": removed})
            return await _shown_and_sent(agent, purpose, recipient, options)
    except AgentError as error:
        raise AgentError(f"{error}; {page}") from None


async def _made(agent: Asking) -> dict[str, Any]:
    """How the agent's bundle stands, once it is not being made any more."""
    while True:
        state = await agent.ask("bundle")
        if state["state"] != "working":
            return state
        await asyncio.sleep(_LOOK)


async def _shown_and_sent(agent: Asking, purpose: str, recipient: str, options: Namespace) -> int:
    digest = (await agent.ask("bundle"))["bundle"]["sha256"]
    text: str = (await agent.ask("bundle_text", {"of": "after"}))["text"]
    _write(options.to or FILE, text.encode("utf-8"))
    _tell(text, options.to or FILE)
    print(f"Send exactly this file to {recipient}? Type yes (anything else: no): ", end="", flush=True)
    if sys.stdin.readline().strip() != "yes":
        print("Not sent.")
        return 3
    sent: dict[str, Any] = {"purpose": purpose, "recipient": recipient, "sha256": digest}
    await agent.ask("send_bundle", sent)
    print(f"It is on its way to {recipient}. `ledger show` says when it has left.")
    with contextlib.suppress(AgentError):
        await agent.ask("forget_bundle", {})
    return 0
