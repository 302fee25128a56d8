"""firmware-agent consent grant|refuse|withdraw|show."""

import re
from argparse import Namespace

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.cli.narrow import given, narrow
from firmware_agent.consent.changes import changes
from firmware_agent.errors import AgentError, ConfigError, Refused
from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN
from firmware_agent.owner.presence import confirmed, require_terminal
from firmware_agent.sessions import Actor

AGE_WORDS = "This policy is meant for people who are at least {}: everybody who uses this device has to be."
_SPAN = re.compile(r"([1-9][0-9]{0,4})(min|h|d)")
_SECONDS = {"min": 60, "h": 3600, "d": 86400}


def show(made: Parts, options: Namespace) -> int:
    """Every decision that can be made, what it means, and how it stands."""
    for purpose, recipient in made.catalogue.pairs():
        row = made.catalogue.purposes[purpose]
        found = made.gate.decide(purpose, recipient)
        record, _, _ = made.consents.current(purpose, recipient)
        print(f"{purpose} -> {recipient}\n  {words.verdict(found, record)}")
        print(words.wrap(f"{row['title']}: {row['notice']}", "  "))
        _tell_changes(made, purpose, recipient)
        print()
    return 0


def grant(made: Parts, options: Namespace) -> int:
    """Ask the person at the device, then store the consent."""
    purpose, recipient = chosen(made, options)
    ledger = made.ledger()
    until = _until(made, options)
    authority, policy = made.authority, made.catalogue.policy(purpose, recipient)
    person = Actor("owner", made.config.presence, True)
    asks = authority.age == "unknown"
    try:
        require_terminal(made.config.presence, purpose, recipient)
        authority.may_allow(purpose, recipient, person, policy, of_age=asks)
    except Refused as refusal:
        ledger.refused(refusal)
        ledger.settle()
        raise
    _explain(made, purpose, recipient, until)
    if asks:
        print(words.wrap(f"{AGE_WORDS.format(made.catalogue.age['threshold'])} With the code you also say that.", "  "))
    if not confirmed():
        print(f"Nothing changed: {purpose} -> {recipient} is {_standing(made, purpose, recipient)}.")
        return 3
    if asks:
        ledger.decided(authority.attest(True, person, made.clock.now()))
    ledger.decided(authority.allow(purpose, recipient, person, policy, made.clock.now(), until))
    only = f" --recipient {recipient}" if len(made.catalogue.purposes[purpose]["recipients"]) > 1 else ""
    print(f"Allowed: {purpose} -> {recipient}. To stop it:\n  {typed(made, f'consent withdraw {purpose}{only}')}")
    return 0


def refuse(made: Parts, options: Namespace) -> int:
    """Store a no; to all recipients if none is named."""
    return narrow(made, _all_chosen(made, options), REFUSED, "Refused")


def withdraw(made: Parts, options: Namespace) -> int:
    """Store a withdrawal of what was given and destroy what waits; a running agent stops before its next publish."""
    allowed = given(made)
    if options.all:
        pairs = allowed
        if not pairs:
            print("Nothing was allowed: there is nothing to withdraw.")
    else:  # an older policy may have had it
        _parted(options)
        pairs = [pair for pair in allowed if pair[0] == options.purpose and options.recipient in (None, pair[1])]
        pairs = pairs or _all_chosen(made, options)
    for purpose, recipient in pairs:
        if (purpose, recipient) not in allowed:
            print(f"{purpose} -> {recipient} was not allowed: there is nothing to withdraw.")
    return narrow(made, [pair for pair in pairs if pair in allowed], WITHDRAWN, "Withdrawn")


def _standing(made: Parts, purpose: str, recipient: str) -> str:
    found = made.gate.decide(purpose, recipient)
    return "STILL ALLOWED" if found.allowed else f"not allowed, {words.why(found.reason)}"


def _all_chosen(made: Parts, options: Namespace) -> list[tuple[str, str]]:
    """As `chosen`, for what narrows: without a recipient it means all of them."""
    _parted(options)
    if options.recipient is None and options.purpose in made.catalogue.purposes:
        return [(options.purpose, one) for one in made.catalogue.purposes[options.purpose]["recipients"]]
    return [chosen(made, options)]


def _parted(options: Namespace) -> None:
    """PURPOSE:RECIPIENT is the same as PURPOSE --recipient RECIPIENT."""
    if options.purpose is not None and ":" in options.purpose and options.recipient is None:
        options.purpose, _, options.recipient = options.purpose.partition(":")


def chosen(made: Parts, options: Namespace) -> tuple[str, str]:
    """The purpose and recipient that the command line names; AgentError says which there are."""
    _parted(options)
    purpose, recipient = options.purpose, options.recipient
    known = ", ".join(sorted(made.catalogue.purposes))
    if purpose is None:
        raise AgentError(f"which purpose? one of: {known}")
    if purpose not in made.catalogue.purposes:
        raise AgentError(f"this policy has no such purpose; one of: {known}")
    recipients = made.catalogue.purposes[purpose]["recipients"]
    if recipient is None and len(recipients) == 1:
        return purpose, recipients[0]
    if recipient not in recipients:
        raise AgentError(f"to whom? add --recipient with one of: {', '.join(recipients)}")
    return purpose, recipient


def _until(made: Parts, options: Namespace) -> int | None:
    if options.time is None:
        return None
    found = _SPAN.fullmatch(options.time)
    if found is None:
        raise AgentError("--for takes a whole number from 1 to 99999 and min, h or d, like 30min, 12h or 7d")
    now = made.clock.now()
    if now is None:
        raise ConfigError("a consent with an end needs a clock: set the clock, or grant without --for")
    return now + int(found[1]) * _SECONDS[found[2]]


def _tell_changes(made: Parts, purpose: str, recipient: str) -> None:
    """What the policy says otherwise than the text that was allowed before, and what that does to privacy (L19)."""
    record, _, _ = made.consents.current(purpose, recipient)
    if record is None or record.state not in GIVEN or made.catalogue.covers(purpose, recipient, record.policy):
        return
    old = made.texts.get(record.policy)
    for one in [] if old is None else changes(old, "".join(made.catalogue.text(purpose, recipient))):
        said = f"{one.what}: {one.before or '-'} becomes {one.after or '-'}: {one.meaning}"
        print(words.wrap(said, "  Changed:       "))


def _explain(made: Parts, purpose: str, recipient: str, until: int | None) -> None:
    row = made.catalogue.purposes[purpose]
    fields = ", ".join(name for name, _ in made.catalogue.fields_of(purpose))
    kept = "not kept" if row["retention"] == 0 else f"at most {words.span(row['retention'])}"
    if made.catalogue.local(recipient):
        kept = "nothing by this device; what the other end keeps is its own affair"
    print(f"{row['title']} -> {made.catalogue.recipients[recipient]['name']}")
    _tell_changes(made, purpose, recipient)
    for label, text in (
        ("What happens:", row["notice"]),
        ("What leaves:", fields),
        ("Kept there:", kept),
        ("Ends:", "when you withdraw it" if until is None else words.moment(until)),
    ):
        print(words.wrap(text, f"  {label:<14} "))
