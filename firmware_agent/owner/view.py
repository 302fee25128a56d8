"""The owner's view: what stands, what left, what was refused, in values that JSON can say. It changes nothing."""

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

from firmware_agent import __version__
from firmware_agent.catalogue import Catalogue
from firmware_agent.gate import Gate
from firmware_agent.model import AGE, ConsentRecord, Session
from firmware_agent.owner.details import Details
from firmware_agent.owner.live import Live
from firmware_agent.owner.said import Heard, Said
from firmware_agent.owner.stores import instant
from firmware_agent.refusals import REASONS, Refused

Json = dict[str, Any]
Pair = tuple[str, str]

_STATES = {
    "consent_missing": "undecided",
    "consent_undecided": "later",
    "consent_refused": "refused",
    "consent_withdrawn": "withdrawn",
    "consent_expired": "ended",
    "policy_changed": "changed",
}


class Person(Protocol):
    @property
    def key(self) -> bytes: ...
    @property
    def role(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def since(self) -> int | None: ...
    @property
    def until(self) -> int | None: ...
    @property
    def case(self) -> str: ...


class Consents(Protocol):
    def current(self, purpose: str, recipient: str) -> tuple[ConsentRecord | None, int | None, str]: ...
    def records(self) -> list[ConsentRecord]: ...
    def blank(self) -> bool: ...


class Authority(Protocol):
    @property
    def age(self) -> str: ...
    def actions(self, role: str) -> list[str]: ...


class Change(Protocol):
    """A difference of two policy texts (consent/changes.py)."""

    @property
    def what(self) -> str: ...
    @property
    def before(self) -> str: ...
    @property
    def after(self) -> str: ...
    @property
    def wider(self) -> bool: ...
    @property
    def meaning(self) -> str: ...


class Sight(Protocol):
    """What the view asks of the running agent."""

    def head(self) -> bytes: ...
    def now(self) -> int | None: ...
    def people(self) -> Iterable[Person]: ...
    def camera(self) -> Json:
        """on, there, covered, trouble, watching: [{viewer, purpose, recipient, since}], viewers: [{name, purpose,
        recipient, way, since, active}], plain_port, plain_trouble,
        plain_local (nothing goes over the network), crop, can_crop, live: {purpose, recipient}. since: s since 1970."""

    def region(self) -> Json:
        """chosen: the region that the owner tells, or ""; offered: what the policy lets choose, or nothing."""

    def waiting(self) -> dict[Pair, int]:
        """How many events wait, where any do."""

    def sources(self) -> Iterable[Heard]:
        """What records come from, the camera aside."""

    def requests(self) -> Iterable[tuple[str, str, int, bool]]:
        """(purpose, recipient, asked, acknowledged) of each deletion request that is pending."""

    def changes(self, pair: Pair, policy: bytes) -> Iterable[Change]:
        """What today's text changes against the one with this hash."""

    def copies(self, pair: Pair) -> Iterable[tuple[int | None, bytes]]:
        """(when, payload) of what left and is still kept here."""

    def words(self, payload: bytes) -> list[list[Json]]:
        """A payload, event by event: [{field, value, words}]."""

    def warnings(self) -> list[Json]: ...


class View:
    def __init__(
        self, catalogue: Catalogue, gate: Gate, consents: Consents, authority: Authority, live: Live, details: Details
    ) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._consents = consents
        self._authority = authority
        self._live = live
        self._details = details

    def home(self, session: Session, sight: Sight) -> Json:
        """Everything that the first page shows."""
        catalogue, now = self._catalogue, sight.now()
        name, region = self._details.read()
        purposes = [self._purpose(pair, sight) for pair in catalogue.pairs()]
        people = list(sight.people())
        decider = session.role in ("owner", "guardian")
        return {
            "device": {
                "name": name,
                "region": region,
                "profile": catalogue.profile,
                "version": catalogue.version,
                "maker": next(row["name"] for name, row in catalogue.recipients.items() if not catalogue.local(name)),
                "agent": __version__,
                "head": sight.head().hex(),
                "entries": self._live.entries,
            },
            "now": instant(now),
            "you": {
                "role": session.role,
                "name": session.name,
                "key": session.key.hex(),
                "may": self._authority.actions(session.role),
            },
            "first": decider and all(row["state"] == "undecided" for row in purposes),
            "age": {**catalogue.age, "state": self._authority.age},
            "camera": self._camera(sight),
            "sources": [self._said(sight).standing(one) for one in sight.sources()],
            "region": sight.region() if decider else {"chosen": "", "offered": []},
            "purposes": purposes,
            "today": [
                {**self._named(pair), "messages": sums[0], "events": sums[1], "bytes": sums[2]}
                for pair, sums in sorted(self._live.sums(now).items())
            ],
            "refused": [
                {
                    **self._named((purpose, recipient)),
                    "reason": reason,
                    "why": REASONS.get(reason, ("", ""))[0],
                    "todo": REASONS.get(reason, ("", ""))[1],
                    "count": count,
                    "time": instant(when),
                }
                for reason, purpose, recipient, count, when in self._live.refused()
                if not (
                    reason.startswith("consent_") and self._gate.decide(purpose, recipient).allowed
                )  # since allowed
            ],
            "waiting": [{**self._named(pair), "events": count} for pair, count in sorted(sight.waiting().items())],
            "service": [
                {"key": one.key.hex(), "name": one.name, "case": one.case, "until": instant(one.until)}
                for one in people
                if one.role == "service"
            ],
            "people": [
                {
                    "key": one.key.hex(),
                    "role": one.role,
                    "name": one.name if decider else "",
                    "since": instant(one.since),
                    "until": instant(one.until),
                    "you": one.key == (session.key or hashlib.sha256(session.ident).digest()[:8]),
                }
                for one in people
            ],
            "requests": [
                {**self._named((purpose, recipient)), "asked": instant(asked), "acknowledged": acknowledged}
                for purpose, recipient, asked, acknowledged in sight.requests()
            ],
            "warnings": sight.warnings(),
        }

    def said(self, session: Session, sight: Sight) -> Json:
        """What each source says now, field by field."""
        return {"sources": [self._said(sight).row(one, session.role == "owner") for one in sight.sources()]}

    def _said(self, sight: Sight) -> Said:
        return Said(self._catalogue, self._gate, sight.words)

    def timeline(self, before: int | None, count: int) -> Json:
        """The last entries, newest first; older ones than the page remembers are in the archive."""
        rows = [row for row in reversed(self._live.recent) if before is None or row["number"] < before]
        shown = rows[: max(0, min(100, count))]
        return {"entries": [self._entry(row) for row in shown], "more": len(rows) > len(shown)}

    def payload(self, ident: bytes, sight: Sight) -> Json:
        """The exact bytes of a message that left, as long as its copy is kept; Refused if there is none."""
        row = next((row for row in self._live.recent if row["ident"] == ident and row["payload"]), None)
        if row is not None:
            for when, payload in sight.copies((row["purpose"], row["recipient"])):
                if hashlib.sha256(payload).digest() == row["payload"]:
                    return {
                        **self._named((row["purpose"], row["recipient"])),
                        "left": instant(when),
                        "bytes": len(payload),
                        "hex": payload.hex(),
                        "sha256": row["payload"].hex(),
                        "events": sight.words(payload),
                    }
        raise Refused("no_copy")

    def _named(self, pair: Pair) -> Json:
        purpose, recipient = pair
        about = self._catalogue.purposes.get(purpose, {"title": purpose})
        who = self._catalogue.recipients.get(recipient, {"name": recipient})
        return {"purpose": purpose, "recipient": recipient, "title": about["title"], "who": who["name"]}

    def _purpose(self, pair: Pair, sight: Sight) -> Json:
        purpose = pair[0]
        row = self._catalogue.purposes[purpose]
        verdict = self._gate.decide(*pair)
        record, _, _ = self._consents.current(*pair)
        state = "allowed" if verdict.allowed else _STATES.get(verdict.reason, "invalid")
        changed = state == "changed" and record is not None
        return {
            **self._named(pair),
            "notice": row["notice"],
            "media": row["media"],
            "ask": row["ask"],
            "local": self._catalogue.local(pair[1]),
            "every": row["every"],
            "kept": row["retention"],
            "answers": bool(self._catalogue.recipients[pair[1]]["answers"]),
            "clauses": row["clauses"],
            "fields": [
                {"name": name, "category": field["category"], "sensitivity": field["sensitivity"]}
                for name, field in self._catalogue.fields_of(purpose)
            ],
            "policy": self._catalogue.policy(*pair).hex(),
            "allowed": verdict.allowed,
            "state": state,
            "reason": verdict.reason,
            "why": REASONS[verdict.reason][0] if verdict.reason else "",
            "since": instant(record.time) if record is not None else None,
            "by": record.actor if record is not None else "",
            "method": record.method if record is not None else "",
            "until": instant(record.until) if record is not None else None,
            "sequence": record.sequence if record is not None else None,
            "changes": [vars(one) for one in sight.changes(pair, record.policy)] if changed and record else [],
        }

    def _camera(self, sight: Sight) -> Json:
        seen = sight.camera()
        live = (seen["live"]["purpose"], seen["live"]["recipient"])
        return {
            **seen,
            "watching": [
                {"who": self._named((row["purpose"], row["recipient"]))["who"], **row, "since": instant(row["since"])}
                for row in seen["watching"]
            ],
            "viewers": [{**row, "since": instant(row["since"])} for row in seen["viewers"]],
            "live": {**seen["live"], "allowed": self._gate.decide(*live).allowed},
        }

    def _entry(self, row: Json) -> Json:
        pair = (row["purpose"], row["recipient"])
        named = self._named(pair) if pair != AGE else {"purpose": AGE[0], "recipient": AGE[1], "title": "", "who": ""}
        return {
            **named,
            "number": row["number"],
            "time": instant(row["time"]),
            "event": row["event"],
            "detail": row["detail"],
            "why": REASONS[row["detail"]][0] if row["detail"] in REASONS else "",
            "categories": row["categories"],
            "size": row["size"],
            "count": row["count"],
            "ident": row["ident"].hex(),
            "viewable": self._viewable(row),
        }

    def _viewable(self, row: Json) -> bool:
        media = self._catalogue.purposes.get(row["purpose"], {"media": True})["media"]
        return bool(row["payload"]) and row["event"] in ("acknowledged", "unknown") and not media
