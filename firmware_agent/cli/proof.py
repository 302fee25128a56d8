"""The receipt of one decision, from what stands in the store (owner/receipts/)."""

import re
from typing import Any

from firmware_agent import notice
from firmware_agent.cli.build import Parts
from firmware_agent.model import AGE
from firmware_agent.owner.receipts.receipt import Facts
from firmware_agent.owner.receipts.receipt import receipt as make
from firmware_agent.refusals import Refused

_NUMBERS = ("every", "retention", "id")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")


def receipt(made: Parts, sequence: int, head: bytes) -> dict[str, Any]:
    """The receipt of the record with this sequence; Refused("no_copy") without one, or without the text it binds."""
    for record in made.consents.records():
        if record.sequence != sequence or (record.purpose, record.recipient) == AGE:
            continue
        text = made.texts.get(record.policy)
        if text is None:
            break
        rows = notice.parse(text)
        facts = Facts(
            purpose=_rows(rows, "purpose."),
            recipient=_rows(rows, "recipient."),
            fields=[(name, _rows(rows, f"field.{name}.")) for name in _fields(rows)],
            profile=rows["policy"],
            version=made.catalogue.version,
            text=text,
            alias=made.alias().hex(),
            now=made.clock.now(),
            head=head.hex(),
            region=made.details.read()[1],
        )
        return make(record, facts)
    raise Refused("no_copy")


def _fields(rows: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(key.split(".")[1] for key in rows if key.startswith("field.")))


def _rows(rows: dict[str, str], prefix: str) -> dict[str, Any]:
    parts = {key.removeprefix(prefix): value for key, value in rows.items() if key.startswith(prefix)}
    return {part: _value(part, value) for part, value in parts.items()}


def _value(part: str, text: str) -> Any:
    """By the name of the part, never by its looks: a title may be a number, or "yes"."""
    if part in _NUMBERS:
        return int(text)
    if part == "media":
        return text == "yes"
    return [_plain(one) for one in text.split(", ")] if part == "clauses" else _plain(text)


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
