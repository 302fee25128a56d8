"""Who may decide what. A grant needs a person: present at the device, or signing with a paired key (L16, attack 1).

A role comes from a paired key, a socket's peer or the device's own prompt. It lets somebody ask and narrow; it never
widens by itself. Nobody else may write a consent: tools/checks/handles.py lists who calls `ConsentStore.put`.
"""

import contextlib

from firmware_agent.catalogue import Catalogue
from firmware_agent.config import ROLES
from firmware_agent.consent.store import ConsentStore
from firmware_agent.consent.texts import Texts
from firmware_agent.errors import StorageError
from firmware_agent.model import AGE, GIVEN, REFUSED, ConsentRecord
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor

PEOPLE = ROLES
DECIDERS = ("owner", "guardian")
MAKER = "maker"  # the holder of a recipient's key: it may withdraw, and nothing else
LATER = "ConsentRequestDeferred"
_NARROW = (*PEOPLE, MAKER)
# action: (who may, whether it needs a proof). A proof is a signed command of a paired key, or presence.
RULES: dict[str, tuple[tuple[str, ...], bool]] = {
    "withdraw": (_NARROW, False),
    "refuse": (PEOPLE, False),
    "later": (PEOPLE, False),
    "object": (PEOPLE, False),
    "stop": (_NARROW, False),
    "declare_minor": (PEOPLE, False),
    "end_service": (PEOPLE, False),
    "leave": (PEOPLE, False),
    "show_code": (DECIDERS, False),
    "delete_upstream": (DECIDERS, False),
    "correct": (DECIDERS, False),
    "set_region": (DECIDERS, False),  # whether it leaves, a consent says
    "remove_viewer": (PEOPLE, False),
    "send_photo": (DECIDERS, False),  # the consent that it rests on is asked for besides
    **dict.fromkeys(
        ("make_bundle", "remove_text", "undo_removal", "forget_bundle", "send_bundle"), (DECIDERS, False)
    ),  # likewise
    "decide": (PEOPLE, False),  # the desk looks at each choice: one that allows is checked as "allow"
    "allow": (DECIDERS, True),
    "declare_of_age": (DECIDERS, True),
    "invite": (DECIDERS, True),
    "remove": (DECIDERS, True),
    "erase": (DECIDERS, True),
    "add_viewer": (DECIDERS, True),
    "set_crop": (DECIDERS, True),
}
READING: dict[str, tuple[str, ...]] = {
    "home": PEOPLE,
    "timeline": PEOPLE,
    "nonce": PEOPLE,
    "policy": PEOPLE,
    "payload": DECIDERS,
    "said": DECIDERS,
    "receipt": DECIDERS,
    "archive": DECIDERS,
    "bundle": DECIDERS,
    "watch": ("owner", "guardian", "viewer"),
}


def check(action: str, actor: Actor) -> None:
    """Return if this actor may do that; Refused("not_your_role") or ("no_presence") if not."""
    if action not in RULES:
        raise Refused("unknown_action")
    roles, proof = RULES[action]
    if actor.role not in roles:
        raise Refused("not_your_role")
    if proof and not actor.proved:
        raise Refused("no_presence")


def may_read(what: str, role: str) -> None:
    """Return if this role may see that; Refused if not."""
    if role not in READING.get(what, ()):
        raise Refused("not_your_role")


class Authority:
    """Checks, then stores. What follows from a narrower decision (cutting, shredding) is done by who calls this."""

    def __init__(self, catalogue: Catalogue, consents: ConsentStore, texts: Texts) -> None:
        self._catalogue = catalogue
        self._consents = consents
        self._texts = texts

    def check(self, action: str, actor: Actor) -> None:
        """Return if this actor may do that; Refused("unknown_action"), ("not_your_role") or ("no_presence") if not."""
        check(action, actor)

    def may_read(self, what: str, role: str) -> None:
        """Return if this role may see that; Refused if not."""
        may_read(what, role)

    def actions(self, role: str) -> list[str]:
        """What this role may do or see, with whatever proof that takes."""
        return [name for name, (roles, _) in RULES.items() if role in roles] + [
            name for name, roles in READING.items() if role in roles
        ]

    @property
    def age(self) -> str:
        """ "unknown", "of_age" or "minor". What was said for another age limit is unknown."""
        if self._consents.minor():
            return "minor"
        record, floor, _ = self._consents.current(*AGE)
        if record is None or floor is None or record.policy != self._catalogue.age_policy():
            return "unknown"
        return "of_age"

    def may_allow(self, purpose: str, recipient: str, actor: Actor, policy: bytes, of_age: bool = False) -> None:
        """Return if `actor` may allow this now, having been shown the text with the hash `policy`.

        of_age: it is said with it that everybody is old enough. Refused names the reason.
        """
        catalogue = self._catalogue
        if purpose not in catalogue.purposes:
            raise Refused("unknown_purpose", purpose, recipient)
        if not catalogue.allows(purpose, recipient):
            raise Refused("unknown_recipient", purpose, recipient)
        if actor.role not in DECIDERS:
            raise Refused("not_your_role", purpose, recipient)
        if not actor.proved:
            raise Refused("no_presence", purpose, recipient)
        if policy != catalogue.policy(purpose, recipient):
            raise Refused("text_changed", purpose, recipient)
        age = self.age
        if age == "minor" and not catalogue.age["guardian"]:
            raise Refused("minor", purpose, recipient)
        if age == "minor" and actor.role != "guardian":
            raise Refused("guardian_needed", purpose, recipient)
        if age == "unknown" and not of_age:
            raise Refused("age_unknown", purpose, recipient)

    def allow(
        self,
        purpose: str,
        recipient: str,
        actor: Actor,
        policy: bytes,
        now: int | None,
        until: int | None = None,
    ) -> ConsentRecord:
        """Store a consent, and the text that it is for."""
        self.may_allow(purpose, recipient, actor, policy)
        before, _, _ = self._consents.current(purpose, recipient)
        state = GIVEN[1] if before is not None and before.state in GIVEN else GIVEN[0]
        self._texts.keep("".join(self._catalogue.text(purpose, recipient)))
        return self._consents.put(purpose, recipient, state, policy, actor.role, actor.method, now, until)

    def narrow(self, purpose: str, recipient: str, state: str, actor: Actor, now: int | None) -> ConsentRecord:
        """Store a refusal, a withdrawal or a decision put off."""
        if state in GIVEN:
            raise Refused("no_presence", purpose, recipient)
        check("withdraw", actor)
        known = self._catalogue.allows(purpose, recipient)
        before, _, _ = self._consents.current(purpose, recipient)
        if not known and before is None:
            raise Refused("unknown_purpose", purpose, recipient)
        policy = self._catalogue.policy(purpose, recipient) if known or before is None else before.policy
        record = self._consents.put(purpose, recipient, state, policy, actor.role, actor.method, now)
        if not known:
            return record
        with contextlib.suppress(StorageError):  # a full disk costs the receipt its text, and stops no withdrawal
            self._texts.keep("".join(self._catalogue.text(purpose, recipient)))
        return record

    def attest(self, of_age: bool, actor: Actor, now: int | None) -> ConsentRecord:
        """Store whether everybody is old enough. While one is not, a guardian has to say that all are, if there are
        guardians in the policy."""
        check("declare_of_age" if of_age else "declare_minor", actor)
        if of_age and self.age == "minor" and self._catalogue.age["guardian"] and actor.role != "guardian":
            raise Refused("guardian_needed")
        state = GIVEN[0] if of_age else REFUSED
        policy = self._catalogue.age_policy()
        if not of_age:  # in both slots: damage to one must not lift it
            self._consents.put(*AGE, state, policy, actor.role, actor.method, now)
        return self._consents.put(*AGE, state, policy, actor.role, actor.method, now)

    def prune(self) -> None:
        """Let go the texts that no decision rests on."""
        self._texts.prune({record.policy for record in self._consents.records()})
