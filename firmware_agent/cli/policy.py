"""firmware-agent policy show|install, receipt, details: the policy's text, the proof of a decision, your own words."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from firmware_agent.catalogue import Catalogue
from firmware_agent.cli import words
from firmware_agent.cli.at_device import present
from firmware_agent.cli.build import Parts
from firmware_agent.cli.consent import chosen
from firmware_agent.cli.export import fresh
from firmware_agent.consent import installed
from firmware_agent.consent.changes import changes
from firmware_agent.errors import AgentError, CatalogueError
from firmware_agent.model import AGE, GIVEN


def show(made: Parts, options: Namespace) -> int:
    """The text that a consent to this purpose binds: its SHA-256 stands in the record."""
    sys.stdout.writelines(made.catalogue.text(*chosen(made, options)))
    return 0


def install(made: Parts, options: Namespace) -> int:
    """Take a compiled profile: with the maker's signature, or by a person at the device."""
    try:
        compiled = options.file.read_bytes()
        catalogue = Catalogue(compiled)
    except (OSError, CatalogueError) as error:
        raise AgentError(f"{options.file}: {error}") from None
    if catalogue.profile != made.catalogue.profile:
        raise AgentError(f"{options.file}: is of {catalogue.profile}; this device has {made.catalogue.profile}")
    same = compiled == (made.device.storage.read(installed.FILE) or made.config.profile.read_bytes())  # a repair
    if not same and catalogue.order <= made.catalogue.order:
        raise AgentError(f"{options.file}: {catalogue.version} is not newer than {made.catalogue.version}")
    _tell(made, catalogue)
    if options.signature is not None:
        _signed(made, options.signature, compiled)
    elif present(made, f"The policy of {catalogue.profile} becomes {catalogue.version}.", "To install it") is None:
        return 3
    made.installed.accept(compiled, catalogue, True, anew=True)
    installed.take(made.device.storage, compiled)
    made.ledger().noted("installed", f"{catalogue.profile} {catalogue.version}")
    print("Installed. It counts when the agent starts anew; what was widened is shut until you are asked again.")
    return 0


def _tell(made: Parts, new: Catalogue) -> None:
    """What the new policy changes in what is allowed now."""
    for record in made.consents.records():
        pair = (record.purpose, record.recipient)
        old = made.texts.get(record.policy)
        if record.state not in GIVEN or pair == AGE:
            continue
        if not new.allows(*pair):
            print(words.wrap(f"{pair[0]} -> {pair[1]}: the new policy does not have it any more; it ends."))
        elif old is not None:
            for one in changes(old, "".join(new.text(*pair))):
                ask = " You are asked again." if one.wider else ""
                said = f"{one.what}: {one.before or '-'} becomes {one.after or '-'}: {one.meaning}.{ask}"
                print(words.wrap(said, f"{pair[0]} -> {pair[1]}: "))


def receipt(made: Parts, options: Namespace) -> int:
    """Write the receipt of a decision, by its sequence; without one, list them."""
    if options.sequence is None:
        for record in sorted(made.consents.records(), key=lambda one: one.sequence):
            if (record.purpose, record.recipient) != AGE:
                said = words.decided(record.state)
                print(f"{record.sequence:>6}  {record.purpose} -> {record.recipient}: {said}")
        print("For the receipt of one: receipt NUMBER FILE")
        return 0
    from firmware_agent.cli.proof import receipt as make  # here: no other command needs receipts

    text = json.dumps(make(made, options.sequence, made.ledger().head), indent=1, ensure_ascii=False) + "\n"
    if options.file is None:
        sys.stdout.writelines([text])
        return 0
    with fresh(made, options.file) as out:
        out.writelines([text.encode()])
    print(f"Written: {options.file}")
    return 0


def details(made: Parts, options: Namespace) -> int:
    """Show or correct the name and the region."""
    if options.name is not None or options.region is not None:
        with made.device.storage.lock():
            made.details.correct(options.name, options.region)
    name, region = made.details.read()
    print(f"name    {words.printable(name) or '-'} (kept here; it never leaves)")
    print(f"region  {region or '-'}")
    return 0


def _signed(made: Parts, path: Path, compiled: bytes) -> None:
    if not made.config.maker:
        raise AgentError(f"{made.config.file}: maker: no key is configured, so no signature can be believed")
    try:
        signature = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        raise AgentError(f"{path}: cannot be read; it holds 128 digits of hex") from None
    if not made.device.verify(bytes.fromhex(made.config.maker), signature, installed.signed(compiled)):
        raise AgentError(f"{path}: the maker did not sign this profile; nothing was installed")
