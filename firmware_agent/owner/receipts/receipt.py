"""One consent record as a receipt: JSON-LD that says all that ISO/IEC TS 27560 asks for, and needs no network to read.

A pure function. Everything in it comes from the record, and from the policy text whose hash the record binds: rows that
are not those of that text are refused. What nobody has said (an address, a region) is there as `dpv:NotAvailable`, with
the reason. The same facts give the same receipt.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware_agent.errors import FormatError
from firmware_agent.model import GIVEN, ConsentRecord
from firmware_agent.owner.receipts.wording import span, strange

Node = dict[str, Any]  # of JSON-LD
Row = dict[str, Any]  # of a compiled profile

CONTEXT: Node = json.loads(Path(__file__).with_name("context.jsonld").read_text("utf-8"))["@context"]
SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#"  # names of DPV's profiles of the standard
OWN = "agent:"  # urn:firmware-agent: for what DPV has no name for
BASIS = "dpv:ExplicitlyExpressedConsent"
NO_CLOCK: Node = {"@value": "unknown: the device had no clock"}
_LATEST = 253402300799  # s, the end of the year 9999
# Who decided. Other roles act for the owner; their names are in agent:role.
_ROLES = {"owner": "dpv:DataSubject", "guardian": "dpv:GuardianOfDataSubject", "maker": "dpv:DataController"}


@dataclass(frozen=True)
class Facts:
    """What a receipt says besides the record.

    purpose, recipient, fields: rows of the compiled profile, fields as (name, row); a recipient's row may have
    `address` and `contact`; without a topic it is on the owner's own network. profile, version: of the policy. text:
    what was shown; its SHA-256 is record.policy. language: of the text. alias: 16 random bytes of this device, hex.
    now: seconds since 1970 UTC or None. head: of the ledger, hex. region: two capital letters, or "" if the owner chose
    none. previous: digest of the record that this one replaces, hex, or "".
    """

    purpose: Row
    recipient: Row
    fields: list[tuple[str, Row]]
    profile: str
    version: str
    text: str
    alias: str
    now: int | None
    head: str
    language: str = "en"
    region: str = ""
    previous: str = ""


def receipt(record: ConsentRecord, facts: Facts) -> Node:
    """The receipt of `record`. FormatError if facts belong to another policy or cannot be said."""
    _fit(record, facts)
    made: Node = {
        "@context": CONTEXT,
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": SCHEMA + "receipt-record",
        "dct:issued": _time(facts.now),
        "agent:ledgerHead": facts.head,
        "dct:hasPart": _record(record, facts),
    }
    return {**made, "@id": f"{OWN}receipt:{seal(made)}", "dpv:hasIdentifier": seal(made)}


def seal(made: Node) -> str:
    """SHA-256 over a receipt without its own names, hex: shows an accident, not a forger."""
    body = {key: value for key, value in made.items() if key not in ("@id", "dpv:hasIdentifier")}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def party(recipient: str) -> str:
    """How a recipient is named in a receipt."""
    return f"{OWN}recipient:{recipient}"


def event(record: ConsentRecord, alias: str) -> Node:
    """The decision: when, for how long, by whom, how, and the state that it led to."""
    indicated: Node = {
        "@id": {"owner": f"{OWN}alias:{alias}", "maker": party(record.recipient)}.get(
            record.actor, f"{OWN}role:{record.actor}"
        ),
        "@type": _ROLES.get(record.actor, "dpv:Entity"),
        "agent:role": record.actor,
    }
    begin, end = instant(record.time) or "..", instant(record.until)
    lasts: Node = {"@type": "dpv:UntilEventDuration", "dct:description": "until the owner decides otherwise"}
    if end is not None:
        lasts = {"@type": "dpv:UntilTimeDuration", "rdf:value": end}
    elif record.state in GIVEN:
        lasts["dct:description"] = "until it is withdrawn, or the policy asks for more"
    return {
        "@type": "dpv:" + record.state,
        "dct:date": _time(record.time),
        "dct:valid": f"{begin}/{end or '..'}",
        "dpv:isIndicatedAtTime": _time(record.time),
        "dpv:hasDuration": lasts,
        "dpv:isIndicatedBy": indicated,
        "dpv:hasIndicationMethod": record.method,
        "dpv:hasLegalBasis": BASIS,
    }


def notice(policy: str, profile: str, version: str, language: str) -> Node:
    """What was shown. policy: its SHA-256, hex."""
    return {
        "@id": f"{OWN}policy:{policy}",
        "@type": "dpv:ConsentNotice",
        "dct:identifier": policy,
        "dct:language": language,
        "agent:profile": profile,
        "agent:version": version,
        "agent:servedAt": f"/api/policy/{policy}",
    }


def instant(seconds: int | None) -> str | None:
    """RFC 3339 in UTC, or None; FormatError beyond the year 9999."""
    if seconds is None:
        return None
    if not 0 <= seconds <= _LATEST:
        raise FormatError("receipt: a time is not between 1970 and 9999")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(seconds: int | None) -> Any:
    return instant(seconds) or dict(NO_CLOCK)


def _record(record: ConsentRecord, facts: Facts) -> Node:
    digest = record.digest().hex()
    subject = {"@id": f"{OWN}alias:{facts.alias}", "@type": "dpv:DataSubject", "dpv:hasIdentifier": facts.alias}
    made: Node = {
        "@id": f"{OWN}record:{digest}",
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": SCHEMA + "record",
        "dpv:hasIdentifier": digest,  # the `consent` of every entry of the ledger that rests on it
        "agent:sequence": record.sequence,
        "dpv:hasDataSubject": subject,
        "dpv:hasNotice": notice(record.policy.hex(), facts.profile, facts.version, facts.language),
        "dpv:hasProcess": _process(record, facts),
        "dpv:hasEntity": [_party(record.recipient, facts.recipient)],
        "dpv:hasConsentStatus": event(record, facts.alias),
    }
    if facts.previous:
        made["dct:replaces"] = f"{OWN}record:{facts.previous}"
    return made


def _process(record: ConsentRecord, facts: Facts) -> Node:
    row = facts.purpose
    kept = row["retention"] > 0
    where = "the policy does not say where the recipient keeps it" if kept else "the recipient does not keep it"
    deletion = f"firmware-agent export, rights delete {record.purpose}, erase"
    if not facts.recipient["topic"]:
        where = "it stays on the owner's own network; what the other end keeps there is not this device's to say"
        deletion = "firmware-agent export, erase; what a program on the network keeps: with that program"
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@type": "dpv:Purpose",  # no @id: another policy may say something else of it, in the same graph
            "skos:broader": f"{OWN}purpose:{record.purpose}",
            "dct:identifier": record.purpose,
            "dct:title": row["title"],
            "dct:description": row["notice"],
            "agent:clause": row["clauses"],
        },
        "dpv:hasPersonalData": [_field(name, field) for name, field in facts.fields],
        "dpv:hasProcessing": ["dpv:Collect", "dpv:Transform", "dpv:Transmit", "dpv:Use"] + ["dpv:Store"] * kept,
        "agent:every": span(row["every"]),
        "dpv:hasLegalBasis": BASIS,
        "dpv:hasStorageCondition": [
            {"@type": "dpv:StorageDuration", "dpv:hasDuration": span(row["retention"])},
            {"@type": "dpv:StorageLocation", "dpv:hasLocation": _unsaid(where)},
        ],
        "dpv:hasDataController": party(record.recipient),
        "dpv:hasRecipient": [party(record.recipient)],
        "dpv:hasJurisdiction": f"loc:{facts.region}" if facts.region else _unsaid("the owner has chosen no region"),
        "dpv:hasConsentControl": {
            "@type": "dpv:WithdrawConsent",
            "dpv:isExercisedAt": "the device's own page, at once and without a network; or on the device: "
            f"firmware-agent consent withdraw {record.purpose} --recipient {record.recipient}",
        },
        "dpv:hasRight": {
            "@type": "dpv:DataSubjectRight",
            "dct:description": "access, a copy to take along, correction, objection, deletion",
            "dpv:isExercisedAt": f"the device's own page; or on the device: {deletion}",
        },
    }


def _field(name: str, row: Row) -> Node:
    return {
        "@type": "dpv:SensitivePersonalData" if row["sensitivity"] == "sensitive" else "dpv:PersonalData",
        "skos:broader": f"{OWN}category:{row['category']}",
        "dct:identifier": name,
        "agent:category": row["category"],
        "agent:sensitivity": row["sensitivity"],
        "agent:transform": row["transform"],
        "agent:clause": row["clause"],
        "dpv:hasDuration": span(row["retention"]),
    }


def _party(name: str, row: Row) -> Node:
    silent = "the policy profile does not say"
    return {
        "@id": party(name),
        "@type": ["dpv:DataController", "dpv:Recipient"],
        "dpv:hasIdentifier": name,
        "dpv:hasName": row["name"],
        "dpv:hasAddress": row.get("address") or _unsaid(silent),
        "dpv:hasContact": row.get("contact") or _unsaid(silent),
    }


def _unsaid(why: str) -> Node:
    return {"@type": "dpv:NotAvailable", "dct:description": why}


def _fit(record: ConsentRecord, facts: Facts) -> None:
    """FormatError unless the text is what the record binds, and the rows are what the text says."""
    if hashlib.sha256(facts.text.encode()).digest() != record.policy:
        raise FormatError("receipt: the policy text is not the one that the consent record binds")
    names, rows = (record.purpose, record.recipient), dict(facts.fields)
    wrong = strange(facts.text, names, facts.purpose, facts.recipient["name"], rows)
    if wrong:
        raise FormatError("receipt: the rows of the policy are not those of its text: " + ", ".join(wrong[:3]))
    if not re.fullmatch("[0-9a-f]{32}", facts.alias) or not re.fullmatch("([A-Z]{2})?", facts.region):
        raise FormatError("receipt: alias must be 32 digits of hex, region two capital letters or nothing")
    if not re.fullmatch("[0-9a-f]{64}", facts.head) or not re.fullmatch("([0-9a-f]{64})?", facts.previous):
        raise FormatError("receipt: head and previous must be 64 digits of hex; previous may be empty")
