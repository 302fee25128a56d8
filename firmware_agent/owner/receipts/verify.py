"""python -m firmware_agent.owner.receipts.verify RECEIPT [--policy TEXT]: does a receipt hold together?

For whoever gets one, on any machine, without a network. It computes the consent record's digest anew from what the
receipt says: compare that with `consent` in the ledger's export, whose end is signed. Exit codes: 0 it holds together,
1 something is wrong, 2 it cannot be read.
"""

import argparse
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_agent.errors import AgentError
from firmware_agent.model import ConsentRecord, consent_record
from firmware_agent.owner.receipts.receipt import CONTEXT, NO_CLOCK, event, notice, party, seal
from firmware_agent.owner.receipts.wording import seconds, strange

LARGEST = 1 << 20  # bytes of a receipt or a policy text

_RECORD = ("dct:hasPart",)
_NOTICE = (*_RECORD, "dpv:hasNotice")
_PROCESS = (*_RECORD, "dpv:hasProcess")
_PARTY = (*_RECORD, "dpv:hasEntity", 0)
_EVENT = (*_RECORD, "dpv:hasConsentStatus")
# (what the standard calls it, where it stands); the last six are this project's own
MANDATORY: tuple[tuple[str, tuple[str | int, ...]], ...] = (
    ("receipt_id", ("dpv:hasIdentifier",)),
    ("schema_version of the receipt", ("dct:conformsTo",)),
    ("schema_version", (*_RECORD, "dct:conformsTo")),
    ("record_id", (*_RECORD, "dpv:hasIdentifier")),
    ("pii_principal_id", (*_RECORD, "dpv:hasDataSubject", "dpv:hasIdentifier")),
    ("privacy_notice", (*_NOTICE, "dct:identifier")),
    ("language", (*_NOTICE, "dct:language")),
    ("purpose", (*_PROCESS, "dpv:hasPurpose", "dct:identifier")),
    ("lawful_basis", (*_PROCESS, "dpv:hasLegalBasis")),
    ("pii_information", (*_PROCESS, "dpv:hasPersonalData")),
    ("pii_type", (*_PROCESS, "dpv:hasPersonalData", 0, "skos:broader")),
    ("pii_controllers", (*_PROCESS, "dpv:hasDataController")),
    ("processing_method", (*_PROCESS, "dpv:hasProcessing")),
    ("retention_period", (*_PROCESS, "dpv:hasStorageCondition", 0, "dpv:hasDuration")),
    ("storage_locations", (*_PROCESS, "dpv:hasStorageCondition", 1, "dpv:hasLocation")),
    ("jurisdiction", (*_PROCESS, "dpv:hasJurisdiction")),
    ("recipient_third_parties", (*_PROCESS, "dpv:hasRecipient")),
    ("withdrawal_method", (*_PROCESS, "dpv:hasConsentControl", "dpv:isExercisedAt")),
    ("privacy_rights", (*_PROCESS, "dpv:hasRight", "dpv:isExercisedAt")),
    ("party_id", (*_PARTY, "dpv:hasIdentifier")),
    ("party_name", (*_PARTY, "dpv:hasName")),
    ("party_address", (*_PARTY, "dpv:hasAddress")),
    ("party_contact", (*_PARTY, "dpv:hasContact")),
    ("party_type", (*_PARTY, "@type")),
    ("event_time", (*_EVENT, "dct:date")),
    ("validity_duration", (*_EVENT, "dct:valid")),
    ("entity_id", (*_EVENT, "dpv:isIndicatedBy", "@id")),
    ("event_type", (*_EVENT, "dpv:hasLegalBasis")),
    ("event_state", (*_EVENT, "@type")),
    ("issue time", ("dct:issued",)),
    ("ledger head", ("agent:ledgerHead",)),
    ("sequence", (*_RECORD, "agent:sequence")),
    ("policy address", (*_NOTICE, "agent:servedAt")),
    ("actor role", (*_EVENT, "dpv:isIndicatedBy", "agent:role")),
    ("method", (*_EVENT, "dpv:hasIndicationMethod")),
)


def check(receipt: Any, text: bytes | None = None) -> list[str]:
    """What is wrong with a receipt, one line each; nothing if it holds together. Never raises, whatever it is given.

    text: the policy text that was kept, if it was: then all that the receipt says of the policy must stand in it.
    """
    missing = [
        f"{'/'.join(map(str, path))}: missing or empty ({name})"
        for name, path in MANDATORY
        if _at(receipt, path) in (None, "", [], {})
    ]
    if missing:
        return missing
    wrong = []
    if receipt.get("@context") != CONTEXT or receipt.get("@type") != "dpv:ConsentReceipt":
        wrong.append("@context or @type: not those of a receipt of this agent; its words could mean anything")
    try:
        wrong += _contradictions(receipt, _rebuilt(receipt))
        if receipt["dpv:hasIdentifier"] != seal(receipt):
            wrong.append("dpv:hasIdentifier: the receipt was changed since it was made")
        if text is not None:
            wrong += _worded(receipt["dct:hasPart"], text)
    except (AgentError, AttributeError, KeyError, LookupError, OverflowError, RecursionError, TypeError, ValueError):
        wrong.append("dct:hasPart: a part has another shape than this agent writes")
    return wrong


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What stands at `path`, or None."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _rebuilt(receipt: dict[str, Any]) -> ConsentRecord:
    """The consent record that the receipt tells of; FormatError or ValueError if there can be none."""
    said = {name: _at(receipt, path) for name, path in MANDATORY}
    date, end = said["event_time"], said["validity_duration"].split("/")[1]
    return consent_record(
        [
            said["purpose"],
            said["party_id"],
            said["event_state"].removeprefix("dpv:"),
            bytes.fromhex(said["privacy_notice"]),
            said["sequence"],
            said["actor role"],
            said["method"],
            None if date == NO_CLOCK else _seconds(date),
            None if end == ".." else _seconds(end),
        ]
    )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _contradictions(receipt: dict[str, Any], made: ConsentRecord) -> list[str]:
    """Where the receipt does not say what follows from the record that it tells of."""
    record = receipt["dct:hasPart"]
    process, shown, who = record["dpv:hasProcess"], record["dpv:hasNotice"], party(made.recipient)
    due = {
        "digest of the consent record": (record["dpv:hasIdentifier"], made.digest().hex()),
        "name of the record": (record["@id"], f"agent:record:{made.digest().hex()}"),
        "name of the receipt": (receipt["@id"], f"agent:receipt:{receipt['dpv:hasIdentifier']}"),
        "event": (
            record["dpv:hasConsentStatus"],
            event(made, record["dpv:hasDataSubject"]["dpv:hasIdentifier"]),
        ),
        "notice": (
            shown,
            notice(made.policy.hex(), shown["agent:profile"], shown["agent:version"], shown["dct:language"]),
        ),
        "controller": (process["dpv:hasDataController"], who),
        "recipient": (process["dpv:hasRecipient"], [who]),
        "party": ([one["@id"] for one in record["dpv:hasEntity"]], [who]),
        "kind of purpose": (process["dpv:hasPurpose"]["skos:broader"], f"agent:purpose:{made.purpose}"),
    }
    return [f"{name}: does not follow from the rest" for name, (is_, should) in due.items() if is_ != should]


def _worded(record: dict[str, Any], text: bytes) -> list[str]:
    """Where the record says something else of the policy than its text."""
    if hashlib.sha256(text).hexdigest() != record["dpv:hasNotice"]["dct:identifier"]:
        return ["policy text: not the one that was shown"]
    process, who = record["dpv:hasProcess"], record["dpv:hasEntity"][0]
    shown = process["dpv:hasPurpose"]
    purpose = {
        "title": shown["dct:title"],
        "notice": shown["dct:description"],
        "every": seconds(process["agent:every"]),
        "retention": seconds(process["dpv:hasStorageCondition"][0]["dpv:hasDuration"]),
    }
    fields = {
        one["dct:identifier"]: {
            **{part: one[f"agent:{part}"] for part in ("category", "transform", "sensitivity", "clause")},
            "retention": seconds(one["dpv:hasDuration"]),
        }
        for one in process["dpv:hasPersonalData"]
    }
    names = shown["dct:identifier"], who["dpv:hasIdentifier"]
    wrong = strange(text.decode(), names, purpose, who["dpv:hasName"], fields)
    return [f"{key}: the policy text that was shown says something else" for key in wrong]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m firmware_agent.owner.receipts.verify", description="Does a consent receipt hold together?"
    )
    parser.add_argument("receipt", type=Path, help="a receipt, as the owner's page saves it")
    parser.add_argument("--policy", type=Path, help="the policy text that was kept: it must be the one that was shown")
    options = parser.parse_args(arguments)
    try:
        receipt = json.loads(_read(options.receipt))
        text = None if options.policy is None else _read(options.policy)
    except (OSError, ValueError, RecursionError) as error:
        print(f"not readable: {options.receipt} or its policy ({type(error).__name__})", file=sys.stderr)
        return 2
    wrong = check(receipt, text)
    for line in wrong:
        print(f"wrong: {line}")
    if wrong:
        return 1
    print(f"ok: {_at(receipt, (*_EVENT, '@type'))}, consent record {_at(receipt, (*_RECORD, 'dpv:hasIdentifier'))}")
    print("The ledger's export must have a line with that `consent`; without it, anybody could have written this.")
    return 0


def _read(path: Path) -> bytes:
    """The bytes of a file; ValueError if it is larger than any receipt."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError
    return data


if __name__ == "__main__":
    sys.exit(main())
