"""What the owner's desk has done in the running agent (owner/desk.py: Hands)."""

import contextlib
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any

from firmware_agent import __version__
from firmware_agent.agent import Agent
from firmware_agent.bundle.places import Places
from firmware_agent.camera.crop import part
from firmware_agent.camera.hub import Hub
from firmware_agent.camera.viewers.book import NAMES, is_name
from firmware_agent.cli import build, words
from firmware_agent.cli.addresses import addresses, plain
from firmware_agent.cli.build import Parts
from firmware_agent.cli.export import about
from firmware_agent.cli.facts import of_agent
from firmware_agent.cli.narrow import given
from firmware_agent.cli.people import may_invite, may_remove
from firmware_agent.cli.stores import register
from firmware_agent.cli.viewers import entered, shown
from firmware_agent.consent.authority import LATER, PEOPLE
from firmware_agent.consent.pairing import LASTS, Invitation
from firmware_agent.errors import AgentError, FormatError, SourceError
from firmware_agent.model import WITHDRAWN
from firmware_agent.owner.bundling import Bundling, Shown
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor, SessionGate

Json = dict[str, Any]
Pair = tuple[str, str]

WATCHED = ("live_view",)  # what the page shows
_ASKED = {
    "declare_of_age": "to say that everybody is old enough",
    "erase": "to ERASE everything that is kept here",
    "set_crop": "to change which part of the camera's picture is shown",
}


class AgentHands:
    """guests: sessions without a key. erase: ends the agent, destroys what is kept, and answers with the receipt.
    looked: called when a viewer was removed, so that it is cut at once.
    """

    def __init__(
        self,
        made: Parts,
        agent: Agent,
        guests: SessionGate,
        erase: Callable[[Actor], Awaitable[Json]],
        looked: Callable[[], object] = lambda: None,
    ) -> None:
        self._looked = looked
        self._guests = guests
        self._made = made
        self._agent = agent
        self._erase = erase
        self._bundling = Bundling(
            Places(made.config.bundle), __version__, lambda: "\n".join(of_agent(made, agent)), _known
        )

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
        if self._made.catalogue.local(pair[1]):
            raise Refused("recipient_local", *pair)
        request = self._made.requests(pair[1]).ask(pair[0])
        if request is not None:
            self._agent.ledger.asked("deletion_asked", *pair, request.ident)
        return request is not None

    def correct(self, name: str | None, region: str | None) -> None:
        with self._made.device.storage.lock():
            self._made.details.correct(name, region)

    def refused(self, refusal: Refused) -> None:
        self._agent.ledger.refused(refusal)

    async def watch(self, pair: Pair, viewer: str, key: bytes) -> AsyncGenerator[bytes, None]:
        """Only what the owner allowed for this page: a consent for others opens nothing here (L3)."""
        if pair not in shown(self._made) or pair[0] not in WATCHED:
            raise Refused("not_for_the_page", *pair)
        camera = self._camera()
        admission = camera.admissions.admit(*pair, viewer, True, own=True)
        async with contextlib.aclosing(camera.watch(admission, key)) as pieces:
            async for piece in pieces:
                yield piece

    def add_viewer(self, pair: Pair, name: str, way: str, actor: Actor) -> Json:
        """Whoever has what is answered may look while consent for `pair` holds; the answer can be read here only."""
        made, config = self._made, self._made.config.viewers
        if pair not in shown(made):
            raise Refused("not_for_viewers", *pair)
        if not is_name(name):
            raise FormatError(NAMES)
        if config is None:
            raise AgentError("there is no port for viewers; the configuration has no [viewers]")
        viewer, secret = made.viewers.add(name, *pair, way)
        self._agent.ledger.noted("viewer_added", pair[0])
        self._looked()
        basic, places = way == "basic", plain(config, made.config.panel)
        return {
            "name": viewer.name,
            "user": viewer.name if basic else "",
            "password": secret if basic else "",
            "addresses": [line.split()[1] for line in entered(viewer, secret, places) if "://" in line],
        }

    def remove_viewer(self, name: str, actor: Actor) -> None:
        gone = self._made.viewers.remove(name)
        self._looked()
        self._agent.ledger.noted("viewer_removed", gone.purpose)

    async def send_photo(self, pair: Pair) -> None:
        """At the owner's word only: it is never read by time."""
        found = [one for one in build.stills(self._made, self._camera()) if one.to == pair]
        if not found or not self._made.catalogue.on_request(pair[0]):
            raise Refused("not_asked_for", *pair)
        await self._agent.once(found[0])

    def bundle(self) -> Json:
        return self._bundling.state()

    def bundle_text(self, before: bool) -> str:
        return self._bundling.text(before)

    def bundle_marks(self) -> list[list[Any]]:
        return self._bundling.marks()

    def make_bundle(self, parts: list[str], serial: bool) -> None:
        self._bundling.begin(parts, serial)

    async def remove_text(self, texts: list[tuple[str, bool]]) -> None:
        await self._bundling.remove(texts)

    async def undo_removal(self, texts: "list[tuple[str, bool]] | None") -> None:
        await self._bundling.undo(texts)

    def forget_bundle(self) -> None:
        self._bundling.forget()

    async def send_bundle(self, pair: Pair, digest: str) -> None:
        """At the owner's word only: it is never read by time."""
        if pair[1] not in self._agent.uplinks:
            raise AgentError(f"there is no [uplink.{pair[1]}] in the configuration; save the bundle, and share it")
        data = self._bundling.shown(digest)
        self._permitted(pair)
        await self._agent.once(Shown(pair, data))

    def _permitted(self, pair: Pair) -> None:
        verdict = self._made.gate.decide(*pair)
        if not verdict.allowed:
            raise Refused(verdict.reason, *pair)

    def set_crop(self, crop: list[int]) -> None:
        camera, made = self._camera(), self._made
        with made.device.storage.lock():
            made.crop.choose(part(crop))
        camera.change(build.camera_source(made.config.sources["camera"], made.crop))

    def set_region(self, region: str) -> None:
        with self._made.device.storage.lock():
            self._made.region.choose(region)

    def _camera(self) -> Hub:
        if self._agent.camera is None:
            raise SourceError("there is no camera; the configuration has no [source.camera]")
        return self._agent.camera

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
        if action == "add_viewer":
            pair = (arguments.get("purpose"), arguments.get("recipient"))
            known = next((one for one in self._made.catalogue.pairs() if one == pair), None)
            about = "" if known is None else f" ({self._made.catalogue.purposes[known[0]]['title']})"
            return f"to let a program look through the camera{about}"
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
        self._bundling.forget()
        return await self._erase(actor)


def _known() -> Iterable[tuple[str, str]]:
    from firmware_agent.scrub.known import known

    return known()


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
