"""A person at the device's own terminal: what several commands ask before they widen anything."""

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.owner.presence import confirmed, require_terminal
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor


def present(made: Parts, text: str, aim: str) -> Actor | None:
    """Say what it is about and ask for the code; None if the person did not type it. Refused away from the device."""
    try:
        require_terminal(made.config.presence, "", "")
    except Refused as refusal:
        ledger = made.ledger()
        ledger.refused(refusal)
        ledger.settle()
        raise
    print(words.wrap(text))
    if not confirmed(aim):
        print("Nothing changed.")
        return None
    return Actor("owner", made.config.presence, True)
