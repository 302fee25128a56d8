"""Holds what a receipt says of a policy against the policy's text, line by line (`key: value`)."""

import re
from typing import Any

_SPAN = re.compile(r"P(?:([0-9]{1,9})D|T([0-9]{1,12})S)")
FIELD = ("category", "transform", "sensitivity", "retention", "clause")
PURPOSE = ("title", "notice", "every", "retention")


def span(seconds: int) -> str:
    """A period as ISO 8601 writes it: whole days if they are, else seconds."""
    days, rest = divmod(seconds, 86400)
    return f"P{days}D" if days and not rest else f"PT{seconds}S"


def seconds(period: str) -> int:
    """Of what `span` wrote; ValueError of anything else."""
    found = _SPAN.fullmatch(period)
    if found is None:
        raise ValueError("not a period of days or seconds")
    return int(found[1]) * 86400 if found[1] else int(found[2])


def strange(text: str, names: tuple[str, str], purpose: dict[str, Any], who: str, fields: dict[str, Any]) -> list[str]:
    """The keys of what the text does not say, or says besides: nothing if it is the policy of exactly these rows.

    names: of purpose and recipient. purpose, and each row of fields: the parts named above; periods in seconds. who:
    the recipient's name.
    """
    said = {"purpose": names[0], "recipient": names[1], "recipient.name": who}
    said.update({f"purpose.{part}": purpose[part] for part in PURPOSE})
    for name, row in fields.items():
        said.update({f"field.{name}.{part}": row[part] for part in FIELD})
    lines = set(text.split("\n"))
    absent = [key for key, value in said.items() if f"{key}: {value}".replace("\\", "\\x5c") not in lines]
    declared = {line.split(".")[1] for line in lines if line.startswith("field.")}
    return absent + [f"field.{name}" for name in sorted(declared - set(fields))]
