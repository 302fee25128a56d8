"""firmware-agent region: the region of the world that the owner tells, chosen by hand and derived from nothing (L8)."""

from argparse import Namespace

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.owner.region import FIELD


def region(made: Parts, options: Namespace) -> int:
    """Show, choose, or choose none. Choosing allows nothing: that is asked for by `consent grant`."""
    if options.choice != "show":
        with made.device.storage.lock():
            made.region.choose("" if options.choice == "none" else options.choice)
    chosen, offered = made.region.read(), made.region.offered
    if not offered:
        print("This policy has no region to choose: none ever leaves.")
        return 0
    print(f"region  {chosen or '-'}")
    print(words.wrap(", ".join(offered), "To choose: ", " " * 11))
    allowed = [pair for pair in _pairs(made) if made.gate.decide(*pair).allowed]
    for purpose, recipient in allowed:
        every = words.span(made.catalogue.purposes[purpose]["every"])
        said = f"your choice leaves, once in {every}" if chosen else "nothing leaves, for you chose none"
        print(words.wrap(f"{purpose} -> {recipient} is allowed: {said}."))
        print(words.wrap("What left, or waits, is not changed by another choice."))
    if not allowed:
        print(words.wrap("It stays here: nobody is allowed to know it."))
    if chosen and options.choice == "show":
        print(f"To tell none any more:\n  {typed(made, 'region none')}")
    return 0


def _pairs(made: Parts) -> list[tuple[str, str]]:
    return [pair for pair in made.catalogue.pairs() if FIELD in dict(made.catalogue.fields_of(pair[0]))]
