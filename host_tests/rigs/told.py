"""What tests of sources wait for: a status that holds, a trouble, an end."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.source import Source


async def comes(what: Callable[[], Any]) -> None:
    """Wait until `what` is true."""
    while not what():  # noqa: ASYNC110 - what another part does sets no event here
        await asyncio.sleep(0.01)


async def told(source: Source, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read until a status holds; that one. Troubles on the way are for other tests."""
    while True:
        try:
            for record in await source.read():
                if holds(record.fields):
                    return record.fields
        except SourceError:
            pass
        await asyncio.sleep(0.02)


async def trouble(source: Source) -> str:
    """Read until it fails; with what words."""
    while True:
        await asyncio.sleep(0.02)
        try:
            await source.read()
        except SourceError as error:
            return str(error)


def state(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda fields: fields.get("state") == name


def story(coroutine: Any, seconds: float = 60) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, seconds))


def changed(seed: int, samples: list[str]) -> Iterator[str]:
    """Real ones, changed at random."""
    rng = random.Random(seed)
    for _ in range(20_000):
        line = list(rng.choice(samples))
        for _ in range(rng.randrange(6)):
            at = rng.randrange(len(line) + 1)
            digits = "9" * rng.randrange(400)
            line[at : at + rng.randrange(8)] = rng.choice([digits, *":/ -=<|,", "NaN", "1e999", "\u0663", "\U0001f980"])
        yield "".join(line)[:1024]
