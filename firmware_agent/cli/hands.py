"""What the owner's desk has done in the running agent (owner/desk.py: Hands)."""

import io
from collections.abc import Awaitable, Callable
from typing import Any

from firmware_agent import __version__
from firmware_agent.agent import Agent
from firmware_agent.cli import build
from firmware_agent.cli.addresses import addresses
from firmware_agent.cli.build import Parts
from firmware_agent.cli.people import may_invite
from firmware_agent.cli.stores import instant, register
from firmware_agent.consent.authority import LATER
from firmware_agent.consent.pairing import LASTS, Invitation
from firmware_agent.errors import AgentError
from firmware_agent.model import WITHDRAWN
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor

Json = dict[str, Any]
Pair = tuple[str, str]

_ASKED = {
    "decide": "to allow: {}",
    "declare_of_age": "to say that everybody is old enough",
    "invite": "to let in another phone, as {}",
    "remove": "to unpair a phone",
    "erase": "to ERASE everything that is kept here",
}


class AgentHands:
    """erase: ends the agent, destroys what is kept, and answers with the receipt."""

    def __init__(self, made: Parts, agent: Agent, erase: Callable[[Actor], Awaitable[Json]]) -> None:
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
        if of_age and made.authority.age == "unknown":
            self._agent.ledger.decided(made.authority.attest(True, actor, now))
        records = []
        for pair, policy, hours in choices:
            until = None if hours is None or now is None else now + hours * 3600
            record = made.authority.allow(*pair, actor, policy, now, until)
            self._agent.ledger.decided(record)
            records.append({"purpose": pair[0], "recipient": pair[1], "sequence": record.sequence})
        return records

    def given(self) -> list[Pair]:
        return [pair for pair in self._made.catalogue.pairs() if self._made.consents.may_be_given(*pair)]

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
            made.gate.shut(*pair)
        self._agent.ledger.decided(made.authority.attest(of_age, actor, made.clock.now()))
        return self.withdraw(given, WITHDRAWN, actor) if given else 0

    def invite(self, role: str, hours: int, case: str, actor: Actor) -> Json:
        made = self._made
        may_invite(made, role, actor)
        if made.config.panel is None:
            raise AgentError("there is no page to pair with; the configuration has no [panel]")
        secret, code = made.pairing.open(Invitation(role, hours, case))
        from firmware_agent.cli import qr  # here, as below: what is rare is loaded when it happens

        url = f"{addresses(made.config.panel)[0]}/#pair={secret}"
        return {"code": code, "secret": secret, "url": url, "qr": qr.svg(url), "seconds": int(LASTS)}

    def remove(self, key: bytes, actor: Actor) -> None:
        """Unpair. Without any guardian nothing that a guardian allowed to a minor goes on."""
        made = self._made
        gone = made.people.remove(key)
        self._agent.ledger.noted("unpaired", gone.role)
        alone = not any(one.role == "guardian" for one in made.people.all())
        if gone.role == "guardian" and alone and made.authority.age == "minor":
            self.withdraw(self.given(), WITHDRAWN, actor)

    def person(self, key: bytes) -> str:
        role = self._made.people.role(key)
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
        about = {
            "agent": __version__,
            "profile": made.catalogue.profile,
            "version": made.catalogue.version,
            "time": instant(made.clock.now()),
        }
        export(register(made), about, out)
        return out.getvalue()

    def describe(self, action: str, arguments: Json) -> str:
        """Names out of the policy only: what came from a browser is not shown on the device."""
        purposes = self._made.catalogue.purposes
        names = []
        if action == "decide" and isinstance(arguments.get("choices"), list):
            for one in arguments["choices"]:
                purpose = one.get("purpose") if isinstance(one, dict) and one.get("choice") == "allow" else None
                if isinstance(purpose, str) and purpose in purposes:
                    names.append(purposes[purpose]["title"])
        elif action == "invite" and arguments.get("role") in ("owner", "guardian", "viewer", "service"):
            names.append(arguments["role"])
        return _ASKED.get(action, "for the owner's page").format(", ".join(names))

    async def erase(self, actor: Actor) -> Json:
        return await self._erase(actor)
