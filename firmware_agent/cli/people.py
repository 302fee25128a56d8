"""firmware-agent pair, people, age: who may see the owner's page and decide there."""

import sys
from argparse import Namespace

from firmware_agent.cli import words
from firmware_agent.cli.addresses import addresses
from firmware_agent.cli.at_device import present
from firmware_agent.cli.build import Parts
from firmware_agent.cli.narrow import given, narrow
from firmware_agent.consent.pairing import LASTS, Invitation
from firmware_agent.errors import AgentError, ConfigError, LedgerError, StorageError
from firmware_agent.model import WITHDRAWN
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor

_TASKS = {
    "owner": "can see, allow and stop everything",
    "guardian": "can see, allow and stop everything, and decides where a minor uses the device",
    "viewer": "can see what leaves, and stop it",
    "service": "can see how the device stands, for a time; can stop, and never allow",
}


def pair(made: Parts, options: Namespace) -> int:
    """Open the pairing window, and show its code."""
    from firmware_agent.cli import qr  # here: what is rare is loaded when it happens
    from firmware_agent.owner.panel.certificate import fingerprint

    if made.config.panel is None:
        raise ConfigError(f"{made.config.file}: panel: there is none; to pair a phone, add the section [panel]")
    role, hours, case = options.role, options.hours or 0, options.case or ""
    if (role == "service") != bool(hours and case):
        raise AgentError("service access is for one case and some hours: --role service --hours 4 --case 4711")
    may_invite(made, role, Actor("owner", made.config.presence, True))
    text = f"A phone that is paired now becomes {role}: it {_TASKS[role]}."
    actor = present(made, text, "To open the pairing")
    if actor is None:
        return 3
    secret, code = made.pairing.open(Invitation(role, hours, case))
    urls = addresses(made.config.panel)
    qr.terminal(f"{urls[0]}/#pair={secret}", sys.stdout)
    print(words.wrap(f"Scan this with the phone, or open {urls[0]} there and type the code {code[:4]} {code[4:]}"))
    print(
        words.wrap(
            f"Open for {int(LASTS // 60)} minutes, for one phone. Other addresses: {', '.join(urls[1:]) or 'none'}"
        )
    )
    shown = made.device.storage.read("panel.pem") if made.config.panel.tls else None
    if shown:
        print("The browser warns, for no authority knows this printer. It is the right one if the certificate has:")
        print(f"  {fingerprint(shown)}")
    if not made.device.storage.claimed():
        print("No agent runs: start it, or nobody answers there.")
    return 0


def may_invite(made: Parts, role: str, actor: Actor) -> None:
    """Return if this actor may pair such a role. While a minor uses the device, a guardian lets in the next one."""
    made.authority.check("invite", actor)
    if role == "guardian" and actor.role != "guardian" and made.authority.age == "minor" and _guardians(made):
        raise Refused("guardian_needed")


def may_remove(made: Parts, role: str, actor: Actor) -> None:
    """Return if this actor may unpair such a role: while a minor uses the device, guardians go by guardians only."""
    guarded = made.catalogue.age["guardian"] and made.authority.age == "minor"
    if role == "guardian" and actor.role != "guardian" and guarded:
        raise Refused("guardian_needed")


def show(made: Parts, options: Namespace) -> int:
    """Everybody who is paired."""
    people = made.people.all()
    for one in people:
        until = "" if one.until is None else f", until {words.moment(one.until)}, case {one.case}"
        print(f"{one.key.hex()}  {one.role:<9} {words.printable(one.name)}, since {words.moment(one.since)}{until}")
    if not people:
        print("Nobody is paired.")
    return 0


def remove(made: Parts, options: Namespace) -> int:
    """Unpair one; its sessions end at once."""
    try:
        key = bytes.fromhex(options.key)
    except ValueError:
        key = b""
    found = made.people.find(key)
    if found is None:
        raise AgentError("nobody with this key is paired; `people show` lists them")
    may_remove(made, found.role, Actor("owner", made.config.presence))
    actor = present(made, f"{words.printable(found.name)} ({found.role}) cannot see or decide any more.", "To unpair")
    if actor is None:
        return 3
    made.people.remove(key)
    made.ledger().noted("unpaired", found.role)
    print("Unpaired.")
    if found.role == "guardian" and made.authority.age == "minor" and not _guardians(made):
        return narrow(made, given(made), WITHDRAWN, "Withdrawn")  # what a guardian allowed to a minor ends with them
    return 0


def age(made: Parts, options: Namespace) -> int:
    """Show, or say, whether everybody who uses the device is old enough for the policy."""
    threshold = made.catalogue.age["threshold"]
    if options.answer is None:
        print(
            {"unknown": "Nobody has said.", "of_age": f"All are at least {threshold}.", "minor": "A minor uses it."}[
                made.authority.age
            ]
        )
        return 0
    if options.answer == "minor":
        return _minor(made)
    actor = present(made, f"You say: everybody who uses this device is at least {threshold}.", "To say so")
    if actor is None:
        return 3
    made.ledger().decided(made.authority.attest(True, actor, made.clock.now()))
    print("Noted. Nothing is allowed by that.")
    return 0


def _minor(made: Parts) -> int:
    """Nothing that comes after the word is stored may stop what it means: the ledger last, as in `narrow`."""
    record = made.authority.attest(False, Actor("owner", "command_line"), made.clock.now())
    print("A minor uses this device: nothing leaves any more.")
    if made.catalogue.age["guardian"]:
        print("A guardian's paired phone can allow things again (pair --role guardian).")
    code = narrow(made, given(made), WITHDRAWN, "Withdrawn")
    try:
        made.ledger().decided(record)
    except (LedgerError, StorageError) as error:
        print(words.wrap(f"It holds, but it could not be recorded: {error}"))
        return 1
    return code


def _guardians(made: Parts) -> bool:
    return any(one.role == "guardian" for one in made.people.all())
