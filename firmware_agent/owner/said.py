"""What the printers say now, field by field: what leaves of it and as what, or why it stays. For the owner; pure.

A value that stays is in none of it, and a name that no policy declares only where `names` says so: people name
objects, and such a name can identify.
"""

from collections.abc import Callable
from typing import Any, Protocol

from firmware_agent.catalogue import Catalogue
from firmware_agent.gate import Gate
from firmware_agent.itself import marked
from firmware_agent.model import Record
from firmware_agent.owner.stores import instant

Json = dict[str, Any]
Pair = tuple[str, str]

READING, WAITING, TROUBLE, REST, NOWHERE = STATES = ("reading", "waiting", "trouble", "rest", "nowhere")
MACHINE = ("error", "offline")  # of the field `state`: the printer is heard, and cannot work
NAMES = 400  # that are listed
NAME = 40  # characters of one


class Heard(Protocol):
    """A source of the running agent. awake: it is read. last: its newest status; at: when, epoch s. linked: whether
    what it says could be sent anywhere. trouble: of telemetry/troubles.py, "" if there is none."""

    @property
    def name(self) -> str: ...
    @property
    def offers(self) -> tuple[str, ...]: ...
    @property
    def linked(self) -> bool: ...
    @property
    def awake(self) -> bool: ...
    @property
    def trouble(self) -> str: ...
    @property
    def last(self) -> Record | None: ...
    @property
    def at(self) -> int | None: ...


class Said:
    """words: a payload, event by event: [{field, value, words}]."""

    def __init__(self, catalogue: Catalogue, gate: Gate, words: Callable[[bytes], list[list[Json]]]) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._words = words

    def standing(self, source: Heard) -> Json:
        """How it stands, for everybody who may see the page: {name, state, trouble}."""
        state = self._state(source)
        return {"name": source.name, "state": state, "trouble": source.trouble if state == TROUBLE else ""}

    def row(self, source: Heard, names: bool) -> Json:
        """All of it: standing, and {time, machine, said, leaving, purposes, never, undeclared}.

        said, leaving: numbers of fields. machine: of MACHINE, or "". never: [{field, clause}] that were said and are
        declared as never leaving. undeclared: {count, names}; names that begin alike stand once. purposes: `_purpose`.
        """
        standing = self.standing(source)
        record = source.last if standing["state"] == READING else None
        purposes = [self._purpose(source, pair, record) for pair in self._pairs(source)]
        fields: list[str] = [] if record is None else sorted(record.fields)
        known = self._catalogue.fields
        strange = [name for name in fields if name not in known]
        machine = "" if record is None else record.fields.get("state")
        return {
            **standing,
            "time": None if standing["state"] == REST else instant(source.at),
            "machine": machine if isinstance(machine, str) and machine in MACHINE else "",
            "said": len(fields),
            "leaving": len({one["field"] for row in purposes for one in row["leaves"]}),
            "purposes": purposes,
            "never": [
                {"field": name, "clause": known[name]["clause"]}
                for name in fields
                if name in known and known[name]["transform"] == "drop"
            ],
            "undeclared": {
                "count": len(strange),
                "names": list(dict.fromkeys(map(shown, strange)))[:NAMES] if names else [],
            },
        }

    def _state(self, source: Heard) -> str:
        if not source.linked:
            return NOWHERE
        if not any(self._gate.decide(*pair).allowed for pair in self._pairs(source)):
            return REST
        if source.trouble:
            return TROUBLE
        return WAITING if source.last is None or not source.awake else READING

    def _pairs(self, source: Heard) -> list[Pair]:
        """Each purpose and recipient that declares one of its fields."""
        catalogue = self._catalogue
        return [
            (purpose, recipient)
            for purpose, recipient in catalogue.pairs()
            if not catalogue.local(recipient) and any(name in source.offers for name, _ in catalogue.fields_of(purpose))
        ]

    def _purpose(self, source: Heard, pair: Pair, record: Record | None) -> Json:
        """{purpose, recipient, title, who, allowed, reason, leaves, stays, would, elsewhere}.

        leaves: [{field, value, words}] that leaves now. stays: [{field, fate}] of its fields that were said and stay.
        would: [{field, transform, parameters}] of its fields that were not said now, or may not leave. elsewhere: names
        of what was said and is declared, yet for other purposes.
        """
        purpose, recipient = pair
        verdict = self._gate.decide(*pair)
        if record is not None:
            record = marked(record, [name for name, _ in self._catalogue.fields_of(purpose)])
        payload, fates = (b"", []) if record is None else self._gate.explain(record, *pair)
        leaves = self._words(payload)[0] if payload else []
        left = {one["field"] for one in leaves}
        stays = [(name, fate) for name, fate in fates if fate in ("expired", "no_time", "unfit")]
        spoken = {name for name, _ in stays} | left
        return {
            "purpose": purpose,
            "recipient": recipient,
            "title": self._catalogue.purposes[purpose]["title"],
            "who": self._catalogue.recipients[recipient]["name"],
            "allowed": verdict.allowed,
            "reason": verdict.reason,
            "leaves": leaves,
            "stays": [{"field": name, "fate": fate} for name, fate in stays],
            "would": [
                {"field": name, "transform": row["transform"], "parameters": row["parameters"]}
                for name, row in self._catalogue.fields_of(purpose)
                if name in source.offers and name not in spoken
            ],
            "elsewhere": [name for name, fate in fates if fate == "elsewhere"],
        }


def shown(name: str) -> str:
    """A name that came from outside, short, and without what a screen would obey."""
    short = name if len(name) <= NAME else name[: NAME - 1] + "…"
    return "".join(letter if letter.isprintable() else "?" for letter in short)
