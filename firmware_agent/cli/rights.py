"""firmware-agent rights delete|show: what the owner asks of those who received something."""

from argparse import Namespace

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.cli.consent import chosen
from firmware_agent.egress.ledger import entries
from firmware_agent.egress.requests import KEEP, Request
from firmware_agent.refusals import Refused


def delete(made: Parts, options: Namespace) -> int:
    """Ask a recipient to delete everything that it has of a purpose."""
    purpose, recipient = chosen(made, options)
    if made.catalogue.local(recipient):
        raise Refused("recipient_local", purpose, recipient)
    name = made.catalogue.recipients[recipient]["name"]
    ledger = made.ledger()  # one that was changed is found before anything is asked
    request = made.requests(recipient).ask(purpose)
    if request is None:
        print(words.wrap(f"Nothing of {purpose} left for {name} since the last request: there is nothing to delete."))
        return 0
    ledger.asked("deletion_asked", purpose, recipient, request.ident)
    print(words.wrap(f"Asked: {name} is to delete all it has of {purpose}. {_promise(made, recipient)}"))
    if recipient not in made.config.uplinks:
        print(words.wrap(f"No [uplink.{recipient}] is configured: the request waits until there is one."))
    if made.gate.decide(purpose, recipient).allowed:
        print(words.wrap(f"{purpose} is still allowed, so new data goes on leaving. To stop that:"))
        print(f"  {typed(made, f'consent withdraw {purpose}')}")
    print(f"To see how it stands:\n  {typed(made, 'rights show')}")
    return 0


def show(made: Parts, options: Namespace) -> int:
    """Every request that is pending, and what became of the others."""
    count = 0
    for recipient in sorted(made.catalogue.recipients):
        for request in made.requests(recipient).look():
            print(words.wrap(_standing(made, recipient, request), f"{request.purpose} -> {recipient}: "))
            count += 1
    print("No request is pending." if not count else f"{count} pending.")
    with made.device.storage.lock():  # or it might read half an entry of the running agent
        past = [row for row, _, _ in entries(made.device.storage) if row["event"] in words.DELETION]
    if past:
        print("From the ledger:")
    for row in past[-40:]:
        print(words.wrap(f"{words.moment(row['time'])}{words.entry(row)[8:]}", "  ", " " * 35))
    return 0


def hint(made: Parts, pairs: list[tuple[str, str]]) -> None:
    """After a withdrawal: what left before is still there, and how to have it deleted."""
    left = [pair for pair in pairs if made.idents.slot(*pair).read() is not None]
    if left:
        print("What left before stays with those who have it. To have it deleted there:")
    for purpose, recipient in left:
        several = len(made.catalogue.purposes[purpose]["recipients"]) > 1
        more = f" --recipient {recipient}" if several else ""
        print(f"  {typed(made, f'rights delete {purpose}{more}')}")


def _promise(made: Parts, recipient: str) -> str:
    if made.catalogue.recipients[recipient]["answers"]:
        end = "a signed answer says that it is done."
    else:
        end = "the broker has it. The policy names no key for answers: nobody can confirm more."
    return (
        "The request goes out within a quarter of an hour while the agent runs, on a connection of its own, and is "
        f"repeated for up to {KEEP // 86400} days until {end}"
    )


def _standing(made: Parts, recipient: str, request: Request) -> str:
    if request.acknowledged:
        return f"asked {words.moment(request.asked or None)}, acknowledged; the receipt is still to come"
    return f"asked {words.moment(request.asked or None)}, waiting: not acknowledged yet"
