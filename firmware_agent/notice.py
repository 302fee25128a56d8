"""The policy text of one purpose and one recipient: what is shown, hashed into a consent, and served again later (P11).

One line for each thing that the policy says, `key: value`. So that two texts can be compared line by line, a value
never holds a line break. The same text comes from the same rows on every runtime.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

PURPOSE = ("title", "notice", "media", "every", "retention", "clauses")
RECIPIENT = ("name", "topic", "answers")
FIELD = ("id", "category", "transform", "sensitivity", "retention", "clause")
AGE = ("threshold", "guardian")


def lines(
    profile: str,
    age: "dict[str, Any]",
    purpose: "tuple[str, dict[str, Any]]",
    recipient: "tuple[str, dict[str, Any]]",
    fields: "list[tuple[str, dict[str, Any]]]",
) -> "Iterator[str]":
    """Each line with its end. Periods are in seconds; bytes are hex."""
    yield _line("policy", profile)
    yield from age_lines(age)
    for kind, named, parts in (("purpose", purpose, PURPOSE), ("recipient", recipient, RECIPIENT)):
        yield _line(kind, named[0])
        for part in parts:
            yield _line(kind + "." + part, named[1][part])
    if not recipient[1]["topic"]:
        yield "recipient.local: yes\n"
    for name, row in fields:
        for part in FIELD:
            yield _line("field." + name + "." + part, row[part])
        for part in sorted(row["parameters"]):
            yield _line("field." + name + ".transform." + part, row["parameters"][part])


def age_lines(age: "dict[str, Any]") -> "Iterator[str]":
    """What the policy says about age."""
    for part in AGE:
        yield _line("age." + part, age[part])


def parse(text: str) -> "dict[str, str]":
    """key -> value, in the order of the text. A key that stands there twice gets another name: it is no such text."""
    found: "dict[str, str]" = {}
    for line in text.split("\n"):
        if line:
            key, value = (line.split(": ", 1) + [""])[:2]
            while key in found:
                key += "+"
            found[key] = value
    return found


def _line(key: str, value: "Any") -> str:
    return key + ": " + _value(value) + "\n"


def _value(value: "Any") -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return "".join(["%02x" % one for one in value])
    if isinstance(value, list):
        return ", ".join([_escaped(str(one)).replace(",", "\\x2c") for one in value])
    return _escaped(str(value))


def _escaped(text: str) -> str:
    return "".join([one if one >= " " and one != "\\" else "\\x%02x" % ord(one) for one in text])
