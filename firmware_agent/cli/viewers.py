"""firmware-agent viewer add|list|remove: which programs on the owner's network may look through the camera."""

from argparse import Namespace

from firmware_agent.addresses import is_loopback
from firmware_agent.camera.hub import STILLS
from firmware_agent.camera.viewers.book import NAMES, WAYS, Viewer, is_name
from firmware_agent.cli import words
from firmware_agent.cli.addresses import plain
from firmware_agent.cli.at_device import present
from firmware_agent.cli.build import Parts, typed
from firmware_agent.errors import AgentError, ConfigError
from firmware_agent.model import Permit
from firmware_agent.refusals import Refused

OPEN = (
    "This is plain HTTP, for such programs know nothing else: whoever is on your network can listen, see the pictures "
    "and find out the address or password. Give it to one program only, and remove it when you do not need it."
)
ENDS = (
    "Our promise ends at this program: what it keeps, shows or sends on is up to it, and nothing here can take a "
    "picture back from it."
)
KEEPS = "local_service"  # the purpose whose programs keep pictures; for every other one only `OPEN` is said


def shown(made: Parts) -> list[tuple[str, str]]:
    """(purpose, recipient) of all that a viewer can look for: pictures, for somebody on the owner's own network."""
    catalogue = made.catalogue
    return [
        (purpose, recipient)
        for purpose, recipient in catalogue.pairs()
        if catalogue.purposes[purpose]["media"] and catalogue.local(recipient)
    ]


def add(made: Parts, options: Namespace) -> int:
    """Let a program in, at the device; print what to enter there."""
    config = made.config.viewers
    if config is None:
        raise ConfigError(f"{made.config.file}: viewers: there is none; to add a viewer, add the section [viewers]")
    purpose, recipient = _chosen(made, options.purpose)
    way = WAYS[1] if options.basic else WAYS[0]
    if not is_name(options.name):
        raise AgentError(NAMES)
    if any(one.name == options.name for one in made.viewers.all()):
        raise Refused("viewer_exists", purpose, recipient)
    who = made.catalogue.recipients[recipient]["name"]
    text = f"{words.printable(options.name)} can look through the camera, as: {who}, for {purpose}, while you allow it."
    if not is_loopback(config.host):
        print(words.wrap(OPEN))
    if purpose == KEEPS:
        print(words.wrap(ENDS))
    if present(made, text, "To let it in") is None:
        return 3
    viewer, secret = made.viewers.add(options.name, purpose, recipient, way)
    made.ledger().noted("viewer_added", purpose)
    print("Let in. Enter this there now: it is shown once, and kept nowhere.")
    for line in entered(viewer, secret, plain(config, made.config.panel)):
        print(f"  {line}")
    _tell(made, viewer)
    return 0


def entered(viewer: Viewer, secret: str, places: list[str]) -> list[str]:
    """What the owner enters into the program: the best address first. places: without a path."""
    own = f"/v/{secret}" if viewer.way == "address" else ""
    lines = []
    for place in places:
        if viewer.purpose not in STILLS:
            lines.append(f"stream    {place}{own}/?action=stream")
        lines.append(f"snapshot  {place}{own}/?action=snapshot")
    if viewer.way == "basic":
        lines = [f"user      {viewer.name}", f"password  {secret}", *lines]
    return lines


def show(made: Parts, options: Namespace) -> int:
    """Every program that may look, and whether it can at this moment."""
    viewers = made.viewers.all()
    for one in viewers:
        verdict = made.gate.decide(one.purpose, one.recipient)
        stands = "can look" if isinstance(verdict, Permit) else f"cannot: {words.why(verdict.reason)}"
        line = f"{words.printable(one.name)}: {one.purpose} -> {one.recipient}, by {one.way}, "
        print(words.wrap(f"{line}since {words.moment(one.since)}; {stands}"))
    if not viewers:
        print("No program was let in: the port is closed.")
    elif made.config.viewers is None:
        print("The configuration has no [viewers]: the port is closed.")
    return 0


def remove(made: Parts, options: Namespace) -> int:
    """Take one out; a running agent cuts it at once. Needs nobody at the device: it only narrows."""
    gone = made.viewers.remove(options.name)
    print(f"Removed: {words.printable(gone.name)}. Its address or password is worth nothing any more.")
    made.ledger().noted("viewer_removed", gone.purpose)
    return 0


def _chosen(made: Parts, text: str) -> tuple[str, str]:
    """PURPOSE or PURPOSE:RECIPIENT; AgentError says which there are."""
    purpose, _, recipient = text.partition(":")
    pairs = shown(made)
    found = [pair for pair in pairs if pair[0] == purpose and recipient in ("", pair[1])]
    if len(found) == 1:
        return found[0]
    known = ", ".join(":".join(pair) for pair in pairs)
    if not known:
        raise AgentError("this policy shows pictures to nobody on your own network: nobody can be added")
    raise AgentError(f"--for takes one of: {known}")


def _tell(made: Parts, viewer: Viewer) -> None:
    verdict = made.gate.decide(viewer.purpose, viewer.recipient)
    if not isinstance(verdict, Permit):
        grant = typed(made, f"consent grant {viewer.purpose} --recipient {viewer.recipient}")
        print(f"It sees nothing yet, {words.why(verdict.reason)}. To allow it:\n  {grant}")
    if "camera" not in made.config.sources:
        print("The configuration has no camera: add the section [source.camera].")
    if not made.device.storage.claimed():
        print("No agent runs: start it, or nobody answers there.")
