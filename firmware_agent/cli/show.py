"""firmware-agent show: the exact payload that would leave now, and why each other field stays.

The running agent is asked (cli/said.py): it alone can read some sources, and no printer is asked twice. Without one
each source is read once, here.
"""

import asyncio
from argparse import Namespace

from firmware_agent import cbor
from firmware_agent.cli import said, words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.sources import sources
from firmware_agent.cli.stores import sent
from firmware_agent.errors import AgentError, SourceError
from firmware_agent.gate import compose, message, plan
from firmware_agent.itself import marked
from firmware_agent.model import Denial, Record
from firmware_agent.telemetry.source import Source


def show(made: Parts, options: Namespace) -> int:
    """What leaves now; nothing is sent. With --sent, the copies of what left."""
    if options.sent is not None:
        return _sent(made, options.sent)
    why = _unasked(made)
    try:
        if not why and made.config.socket is not None:
            path = made.config.socket.path
            asyncio.run(said.live(path) if options.live else said.once(path, options.json))
            return 0
    except KeyboardInterrupt:
        return 0
    except AgentError as error:
        why = str(error)
    if options.live or options.json:
        raise AgentError(f"show --live and --json ask the running agent, and it cannot be asked: {why}")
    if made.config.socket is not None and made.device.storage.claimed():
        print(words.wrap(f"The agent runs and was not asked: {why}. Each source is read once more here.") + "\n")
    return asyncio.run(_show(made))


def _unasked(made: Parts) -> str:
    """Why the running agent cannot be asked; "" if it can be."""
    if not made.device.storage.claimed():
        return "no agent runs; start `firmware-agent run`"
    return (
        ""
        if made.config.socket is not None
        else 'the configuration has no [socket]; add: [socket] users = { "YOUR-USER" = "owner" }'
    )


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
            print(
                words.wrap(
                    f"{source.name}: only the running agent can read it; its page shows it; with [socket], this, too."
                )
                + "\n"
            )
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
            if made.catalogue.pictured(pair[0]):
                _pictures(made, *pair)
    print(words.wrap("Each message also carries 16 bytes, zeros here, by which a second copy of it can be told."))
    if any(map(made.catalogue.epoch, made.catalogue.purposes)):
        print(words.wrap("A number that changes every day is zeros here, too: it is made when something leaves."))
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
    steps, now = plan(made.catalogue, purpose), made.clock.now()
    record = next((one for one in records if compose(steps, one, now)[0]), None)
    found = made.gate.decide(purpose, recipient)
    print(f"{purpose} -> {recipient}: {'allowed' if found.allowed else 'not allowed'}")
    if record is None:
        print("  Nothing for it just now.\n")
        return
    record = marked(record, [name for name, *_ in steps])
    data, fates = made.gate.explain(record, purpose, recipient)
    if isinstance(found, Denial):
        print(f"  Leaves now: nothing, {words.why(found.reason)}.")
        preview = message(bytes(16), purpose, [cbor.encode(compose(steps, record, now)[0])])
        print(words.wrap(", ".join(words.payload(preview, made.catalogue)[0]), "  If you allowed it: "))
    else:
        print(words.wrap(", ".join(words.payload(data, made.catalogue)[0]), "  Leaves now: "))
        print(words.wrap(words.notation(cbor.decode(data)), f"  That is {len(data)} bytes of CBOR: "))
    reasons: dict[str, list[str]] = {}
    for name, fate in fates:
        if fate in words.FATES and (data or name not in dict(made.catalogue.fields_of(purpose))):
            clause = made.catalogue.fields.get(name, {}).get("clause")
            reasons.setdefault(words.FATES[fate].format(clause=clause), []).append(words.printable(name))
    for reason, names in sorted(reasons.items()):
        print(words.wrap(", ".join(names), f"  Stays, {reason}: ", "    "))
    print()
