"""What the owner's desk has done in the running agent (owner/desk.py: Hands)."""

import io
from collections.abc import Awaitable, Callable
from typing import Any

from firmware_agent.agent import Agent
from firmware_agent.cli import build, words
from firmware_agent.cli.addresses import addresses
from firmware_agent.cli.build import Parts
from firmware_agent.cli.export import about
from firmware_agent.cli.narrow import given
from firmware_agent.cli.people import may_invite, may_remove
from firmware_agent.cli.stores import register
from firmware_agent.consent.authority import LATER, PEOPLE
from firmware_agent.consent.pairing import LASTS, Invitation
from firmware_agent.errors import AgentError
from firmware_agent.model import WITHDRAWN
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor, SessionGate

Json = dict[str, Any]
Pair = tuple[str, str]

_ASKED = {
    "declare_of_age": "to say that everybody is old enough",
    "erase": "to ERASE everything that is kept here",
}


class AgentHands:
    """guests: sessions without a key. erase: ends the agent, destroys what is kept, and answers with the receipt."""

    def __init__(
        self, made: Parts, agent: Agent, guests: SessionGate, erase: Callable[[Actor], Awaitable[Json]]
    ) -> None:
        self._guests = guests
        self._made = made
        self._agent = agent
        self._erase = erase

    def withdraw(self, pairs: list[Pair], state: str, actor: Actor) -> int:
        return build.narrow(self._made, self._agent, pairs, state, actor)

    def later(self, pair: Pair, actor: Actor) -> None:
        made = self._made
        self._agent.ledger.decided(made.authority.narrow(*pair, LATER, actor, made.clock.now()))

    def allow(self, choices: list[tuple[Pair, bytes, int | None]], actor: Actor, of_age: bool) -> list[Json]:
        made, now = self._made, self._made.clock.now()
        for pair, policy, hours in choices:
            made.authority.may_allow(*pair, actor, policy, of_age)
            if hours is not None and now is None:
                raise Refused("clock_untrusted", *pair)
        for pair, _, _ in choices:
            made.texts.keep("".join(made.catalogue.text(*pair)))  # what fails for want of room fails here, before all
        if of_age and made.authority.age == "unknown":
            self._agent.ledger.decided(made.authority.attest(True, actor, now))
        records: list[Json] = []
        try:
            for pair, policy, hours in choices:
                until = None if hours is None or now is None else now + hours * 3600
                record = made.authority.allow(*pair, actor, policy, now, until)
                records.append({"purpose": pair[0], "recipient": pair[1], "sequence": record.sequence})
                self._agent.ledger.decided(record)
        except AgentError:  # all of it or nothing
            self.withdraw([(row["purpose"], row["recipient"]) for row in records], WITHDRAWN, actor)
            raise
        return records

    def given(self) -> list[Pair]:
        return given(self._made)

    def known(self, purpose: str, recipient: str) -> Pair:
        if purpose not in self._made.catalogue.purposes:
            raise Refused("unknown_purpose")
        if not self._made.catalogue.allows(purpose, recipient):
            raise Refused("unknown_recipient", purpose)
        return purpose, recipient

    def attest(self, of_age: bool, actor: Actor) -> int:
        """A minor shuts every purpose at once, and what waited of it is destroyed (L18, P8)."""
        made = self._made
        given = [] if of_age else self.given()
        for pair in given:
            self._agent.shut(*pair)
        record = made.authority.attest(of_age, actor, made.clock.now())
        count = self.withdraw(given, WITHDRAWN, actor)
        self._agent.ledger.decided(record)  # last: what it means must not wait for it
        return count

    def invite(self, role: str, hours: int, case: str, actor: Actor) -> Json:
        made = self._made
        may_invite(made, role, actor)
        if made.config.panel is None:
            raise AgentError("there is no page to pair with; the configuration has no [panel]")
        if not made.config.panel.private:
            raise Refused("not_private")
        secret, code = made.pairing.open(Invitation(role, hours, case))
        from firmware_agent.cli import qr  # here, as below: what is rare is loaded when it happens

        url = f"{addresses(made.config.panel)[0]}/#pair={secret}"
        return {"code": code, "secret": secret, "url": url, "qr": qr.svg(url), "seconds": int(LASTS)}

    def remove(self, key: bytes, actor: Actor) -> None:
        """Unpair. Without any guardian nothing that a guardian allowed to a minor goes on."""
        made = self._made
        if self._guests.end(key):
            return
        may_remove(made, self.person(key), actor)
        gone = made.people.remove(key)
        self._agent.ledger.noted("unpaired", gone.role)
        alone = not any(one.role == "guardian" for one in made.people.all())
        if gone.role == "guardian" and alone and made.authority.age == "minor":
            self.withdraw(self.given(), WITHDRAWN, actor)

    def person(self, key: bytes) -> str:
        role = self._made.people.role(key) or self._guests.role(key)
        if role is None:
            raise Refused("key_unknown")
        return role

    def delete_upstream(self, pair: Pair) -> bool:
        request = self._made.requests(pair[1]).ask(pair[0])
        if request is not None:
            self._agent.ledger.asked("deletion_asked", *pair, request.ident)
        return request is not None

    def correct(self, name: str | None, region: str | None) -> None:
        with self._made.device.storage.lock():
            self._made.details.correct(name, region)

    def refused(self, refusal: Refused) -> None:
        self._agent.ledger.refused(refusal)

    def receipt(self, sequence: int) -> Json:
        from firmware_agent.cli.proof import receipt

        return receipt(self._made, sequence, self._agent.ledger.head)

    def policy(self, digest: bytes) -> str:
        made = self._made
        for pair in made.catalogue.pairs():
            if made.catalogue.policy(*pair) == digest:
                return "".join(made.catalogue.text(*pair))
        text = made.texts.get(digest)
        if text is None:
            raise Refused("no_copy")
        return text

    def archive(self) -> bytes:
        from firmware_agent.owner.export import export

        made, out = self._made, io.BytesIO()
        export(register(made), about(made), out)
        return out.getvalue()

    def describe(self, action: str, arguments: Json) -> str:
        """Everything that would widen; names out of the policy and of who is paired, nothing else from a browser."""
        if action == "decide":
            parts = [self._allows(one) for one in _list(arguments.get("choices"))]
            parts += ["that everybody is old enough"] if arguments.get("of_age") is True else []
            return "to allow: " + "; ".join(part for part in parts if part)
        if action == "invite" and arguments.get("role") in PEOPLE:
            hours = f" for {arguments['hours']} h" if type(arguments.get("hours")) is int and arguments["hours"] else ""
            return f"to let in another phone, as {arguments['role']}{hours}"
        if action == "remove":
            found = [one for one in self._made.people.all() if one.key.hex() == arguments.get("key")]
            return f"to unpair {words.printable(found[0].name)} ({found[0].role})" if found else "to unpair nobody"
        return _ASKED.get(action, "for the owner's page")

    def _allows(self, choice: object) -> str:
        if not isinstance(choice, dict) or choice.get("choice") != "allow":
            return ""
        pair = (choice.get("purpose"), choice.get("recipient"))
        known = next((one for one in self._made.catalogue.pairs() if one == pair), None)
        if known is None:
            return "something unknown"
        hours = choice.get("hours")
        span = f"for {hours} h" if type(hours) is int else "without an end"
        return f"{self._made.catalogue.purposes[known[0]]['title']} to {known[1]}, {span}"

    async def erase(self, actor: Actor) -> Json:
        return await self._erase(actor)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
