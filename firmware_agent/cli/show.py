"""firmware-agent show: the exact payload that would leave now, and why each other field stays."""

import asyncio
from argparse import Namespace

from firmware_agent import cbor
from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.sources import sources
from firmware_agent.cli.stores import sent
from firmware_agent.errors import AgentError, SourceError
from firmware_agent.gate import compose, message, plan
from firmware_agent.model import Denial, Record
from firmware_agent.telemetry.source import Source


def show(made: Parts, options: Namespace) -> int:
    """Read each source once, send nothing; with --sent, the copies of what left."""
    return asyncio.run(_show(made)) if options.sent is None else _sent(made, options.sent)


def _sent(made: Parts, purpose: str) -> int:
    """Newest last."""
    if purpose and purpose not in made.catalogue.purposes:
        raise AgentError(f"this policy has no such purpose; one of: {', '.join(sorted(made.catalogue.purposes))}")
    rows = sent(made, purpose or None)
    for row in rows:
        print(
            words.wrap(row["words"], f"{row['left'] or 'without a clock':<21} {row['purpose']} -> {row['recipient']}: ")
        )
    if not rows:
        print("There is no copy of anything that left.")
    days = words.span(made.catalogue.device["sent"])
    print(
        words.wrap(
            f"Copies are kept for {days}, while there is room, until you withdraw; pictures never. Times are UTC."
        )
    )
    return 0


async def _show(made: Parts) -> int:
    troubles = 0
    for source in sources(made.config, made.catalogue, made.device.ticks, made.device.now, made.region.read):
        if source.exclusive:
            print(words.wrap(f"{source.name}: only the running agent can read it; its page shows what it says.") + "\n")
            continue
        pairs = [pair for pair in made.catalogue.pairs() if _serves(made, source, pair[0])]
        try:
            records = await source.read()
        except SourceError as error:
            print(f"{error}\n")
            troubles += 1
            continue
        finally:
            await source.rest()
        for purpose, recipient in pairs:
            _one(made, records, purpose, recipient)
    if "camera" in made.config.sources:
        for pair in made.catalogue.pairs():
            if made.catalogue.purposes[pair[0]]["media"]:
                _pictures(made, *pair)
    print(words.wrap("Each message also carries 16 bytes, zeros here, by which a second copy of it can be told."))
    return 1 if troubles else 0


def _serves(made: Parts, source: Source, purpose: str) -> bool:
    return any(name in source.offers for name, _ in made.catalogue.fields_of(purpose))


def _pictures(made: Parts, purpose: str, recipient: str) -> None:
    """No picture is taken to show it: only the camera process ever sees one."""
    found, row = made.gate.decide(purpose, recipient), made.config.uplinks.get(recipient)
    print(f"{purpose} -> {recipient}: {'allowed' if found.allowed else 'not allowed'}")
    if isinstance(found, Denial):
        said = f"The camera is off for it: {words.why(found.reason)}."
    elif made.catalogue.local(recipient):
        said = "It stays on your network: pictures go to whom you let in, while they look."
    elif row is None or not row.media_key:
        said = "Leaves now: nothing, for the configuration has no media_key to seal pictures to."
    else:
        said = "Leaves now: a picture, sealed so that only this recipient can open it."
    print(words.wrap(said, "  ") + "\n")


def _one(made: Parts, records: list[Record], purpose: str, recipient: str) -> None:
    record = next((one for one in records if compose(plan(made.catalogue, purpose), one, made.clock.now())[0]), None)
    found = made.gate.decide(purpose, recipient)
    print(f"{purpose} -> {recipient}: {'allowed' if found.allowed else 'not allowed'}")
    if record is None:
        print("  Nothing for it just now.\n")
        return
    data, fates = made.gate.explain(record, purpose, recipient)
    if isinstance(found, Denial):
        print(f"  Leaves now: nothing, {words.why(found.reason)}.")
        preview = message(
            bytes(16), purpose, [cbor.encode(compose(plan(made.catalogue, purpose), record, made.clock.now())[0])]
        )
        print(words.wrap(", ".join(words.payload(preview, made.catalogue)[0]), "  If you allowed it: "))
    else:
        print(words.wrap(", ".join(words.payload(data, made.catalogue)[0]), "  Leaves now: "))
        print(words.wrap(words.notation(cbor.decode(data)), f"  That is {len(data)} bytes of CBOR: "))
    reasons: dict[str, list[str]] = {}
    for name, fate in fates:
        if fate.startswith("stays: ") and (data or name not in dict(made.catalogue.fields_of(purpose))):
            reasons.setdefault(fate.removeprefix("stays: "), []).append(words.printable(name))
    for reason, names in sorted(reasons.items()):
        print(words.wrap(", ".join(names), f"  Stays, {reason}: ", "    "))
    print()
