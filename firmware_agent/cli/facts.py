"""What the agent says of itself in a support bundle, a line each. It is scrubbed like any other file of it."""

import asyncio
import os
import sys
from collections.abc import Iterator

from firmware_agent import __version__
from firmware_agent.agent import Agent
from firmware_agent.cli import doctor
from firmware_agent.cli.build import Parts


def of_command(made: "Parts | None", why: str) -> Iterator[str]:
    """With what `doctor` finds. why: there is nothing to look at."""
    yield from _versions()
    if made is None:
        yield f"doctor: {why}"
        return
    yield from _standing(made)
    for level, sentence in asyncio.run(doctor.every(made, connect=False)):
        if "mailbox" not in sentence:  # where this device is reached with commands: for the maker alone
            yield f"{level}: {sentence}"


def of_agent(made: Parts, agent: Agent) -> Iterator[str]:
    """From inside of the running agent, which knows how its sources and links are."""
    yield from _versions()
    yield from _standing(made)
    yield from (f"{level}: {sentence}" for level, sentence in doctor.quick(made))
    for reading in agent.readings:
        yield f"source {reading.source.name}: {'read' if reading.awake else 'at rest'}"
    yield from (f"wrong: {name}: {error}" for name, error in agent.troubles.items())
    for name, uplink in agent.uplinks.items():
        yield f"uplink {name}: {uplink.waiting()} wait"


def _versions() -> Iterator[str]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield f"firmware-agent {__version__}, Python {version}, {os.uname().machine}"


def _standing(made: Parts) -> Iterator[str]:
    yield f"policy {made.catalogue.profile} {made.catalogue.version}"
    for pair in made.catalogue.pairs():
        verdict = made.gate.decide(*pair)
        yield f"{pair[0]} to {pair[1]}: {'allowed' if verdict.allowed else verdict.reason}"
