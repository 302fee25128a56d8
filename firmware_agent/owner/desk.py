"""The owner's desk: everything that a front end (the page, the makers' socket) can ask for or do, in one table.

Each call names a Session. It is verified, then the authority's rules are asked, then something happens. What widens
needs a proof for exactly that action and those arguments: a command signed by the session's paired key, or a code
that the device showed.
"""

import contextlib
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from firmware_agent.config import ROLES
from firmware_agent.errors import FormatError
from firmware_agent.model import REFUSED, WITHDRAWN, Session
from firmware_agent.owner.live import Live
from firmware_agent.owner.view import Json, Pair, Sight, View
from firmware_agent.refusals import Refused
from firmware_agent.sessions import Actor, SessionGate

_HEX = re.compile(r"([0-9a-f]{2})*")
_CASE = re.compile(r"[A-Za-z0-9 ._#/-]{1,40}")
_WAYS = ("address", "basic")
_HOURS = 24 * 365
_SERVICE_HOURS = 72
_CHOICES = 64


class Rules(Protocol):
    """consent/authority.py"""

    def check(self, action: str, actor: Actor) -> None: ...
    def may_read(self, what: str, role: str) -> None: ...


class Signed(Protocol):
    """consent/commands.py"""

    def check(self, key: bytes, body: str, signature: bytes, action: str, arguments: dict[str, Any]) -> object: ...


class Prover(Protocol):
    """consent/presence.py"""

    def ask(self, aim: str, text: str, who: str) -> bool: ...
    def prove(self, aim: str, code: str) -> str: ...


class Hands(Protocol):
    """What the desk has done: in the running agent, at once."""

    def withdraw(self, pairs: list[Pair], state: str, actor: Actor) -> int:
        """Store `state` and destroy what waits; how many events that was."""

    def later(self, pair: Pair, actor: Actor) -> None: ...
    def allow(self, choices: list[tuple[Pair, bytes, int | None]], actor: Actor, of_age: bool) -> list[Json]:
        """Store all these consents, (pair, hash of what was shown, hours or None), or none of them: Refused."""

    def given(self) -> list[Pair]:
        """All that is, or may be, allowed."""

    def known(self, purpose: str, recipient: str) -> Pair:
        """Refused unless the policy has it."""

    def attest(self, of_age: bool, actor: Actor) -> int: ...
    def invite(self, role: str, hours: int, case: str, actor: Actor) -> Json: ...
    def remove(self, key: bytes, actor: Actor) -> None: ...
    def person(self, key: bytes) -> str:
        """The role of a paired key; Refused if it is not paired."""

    def delete_upstream(self, pair: Pair) -> bool: ...
    def correct(self, name: str | None, region: str | None) -> None: ...
    def refused(self, refusal: Refused) -> None:
        """Put it on record."""

    def watch(self, pair: Pair, viewer: str, key: bytes) -> AsyncGenerator[bytes, None]:
        """Sealed pictures of the camera; Refused if it may not be, or is not for this page."""

    def add_viewer(self, pair: Pair, name: str, way: str, actor: Actor) -> Json: ...
    def remove_viewer(self, name: str, actor: Actor) -> None: ...
    async def send_photo(self, pair: Pair) -> None:
        """Take one picture and send it; Refused if consent does not hold, SourceError if there is no camera."""

    def bundle(self) -> Json:
        """What could go into a support bundle, and the one that is in hand."""

    def bundle_text(self, before: bool) -> str: ...
    def bundle_marks(self) -> list[list[Any]]: ...
    def make_bundle(self, parts: list[str], serial: bool) -> None: ...
    async def remove_text(self, texts: list[tuple[str, bool]]) -> None:
        """Each wherever it stands in the bundle; True: not inside of longer words."""

    async def undo_removal(self, texts: "list[tuple[str, bool]] | None") -> None:
        """Put them back; None: what was removed last."""

    def forget_bundle(self) -> None: ...
    async def send_bundle(self, pair: Pair, digest: str) -> None:
        """Send the bytes with this SHA-256; Refused if they are not the bundle in hand, or may not leave."""

    def set_crop(self, crop: list[int]) -> None: ...
    def set_region(self, region: str) -> None: ...
    def receipt(self, sequence: int) -> Json: ...
    def policy(self, digest: bytes) -> str: ...
    def archive(self) -> bytes: ...
    def describe(self, action: str, arguments: Json) -> str:
        """What a person at the device is told that a code is for."""

    async def erase(self, actor: Actor) -> Json: ...


class Desk:
    def __init__(
        self,
        sessions: SessionGate,
        rules: Rules,
        signed: Signed,
        prover: Prover,
        hands: Hands,
        view: View,
        sight: Sight,
        live: Live,
        nonce: Callable[[], str],
    ) -> None:
        self._sessions = sessions
        self._rules = rules
        self._signed = signed
        self._prover = prover
        self._hands = hands
        self._view = view
        self._sight = sight
        self._live = live
        self._nonce = nonce
        self._table: dict[str, Callable[[Session, Actor, Json], Awaitable[Json]]] = {
            "withdraw": self._withdraw,
            "refuse": self._refuse,
            "object": self._object,
            "later": self._later,
            "stop": self._stop,
            "decide": self._decide,
            "declare_minor": self._declare_minor,
            "declare_of_age": self._declare_of_age,
            "invite": self._invite,
            "remove": self._remove,
            "end_service": self._end_service,
            "leave": self._leave,
            "show_code": self._show_code,
            "delete_upstream": self._delete_upstream,
            "correct": self._correct,
            "erase": self._erase,
            "add_viewer": self._add_viewer,
            "remove_viewer": self._remove_viewer,
            "send_photo": self._send_photo,
            "set_crop": self._set_crop,
            "set_region": self._set_region,
            "make_bundle": self._make_bundle,
            "remove_text": self._remove_text,
            "undo_removal": self._undo_removal,
            "forget_bundle": self._forget_bundle,
            "send_bundle": self._send_bundle,
        }

    # --- reading

    def home(self, session: Session) -> Json:
        self._may_read(session, "home")
        return self._view.home(session, self._sight)

    def said(self, session: Session) -> Json:
        """What the printers say now, and what becomes of it; names that no policy has to owners only."""
        self._may_read(session, "said")
        return self._view.said(session, self._sight)

    def timeline(self, session: Session, before: int | None, count: int) -> Json:
        self._may_read(session, "timeline")
        return self._view.timeline(before, count)

    def payload(self, session: Session, ident: str) -> Json:
        self._may_read(session, "payload")
        return self._view.payload(_hex(ident, 16), self._sight)

    def receipt(self, session: Session, sequence: int) -> Json:
        self._may_read(session, "receipt")
        return self._hands.receipt(sequence)

    def policy(self, session: Session, digest: str) -> str:
        self._may_read(session, "policy")
        return self._hands.policy(_hex(digest, 32))

    def archive(self, session: Session) -> bytes:
        self._may_read(session, "archive")
        return self._hands.archive()

    def bundle(self, session: Session) -> Json:
        """The support bundle: what could go in, and the one that is in hand."""
        self._may_read(session, "bundle")
        return self._hands.bundle()

    def bundle_text(self, session: Session, of: str) -> str:
        """All of it. of: "before" or "after"."""
        self._may_read(session, "bundle")
        return self._hands.bundle_text(of == "before")

    def bundle_marks(self, session: Session) -> list[list[Any]]:
        """Of each place that differs: line, start and end before, start and end after (code points), kind."""
        self._may_read(session, "bundle")
        return self._hands.bundle_marks()

    def nonce(self, session: Session) -> str:
        self._may_read(session, "nonce")
        return self._nonce()

    async def changes(self, session: Session) -> AsyncIterator[Json]:
        """Yield at once, then whenever there is something new, for as long as the session lasts. what: "home", or
        "said" for whoever may read that."""
        self._may_read(session, "home")
        async for news in self._live.changes():
            self._sessions.verify(session)
            for what in news:
                if what == "home" or self._reads(session, what):
                    yield {"what": what}

    async def watch(self, session: Session, purpose: str, recipient: str, key: bytes) -> AsyncIterator[bytes]:
        """Pictures of the camera, each sealed to `key`, for as long as session and consent hold. Refused, SourceError:
        there are none.
        """
        self._may_read(session, "watch")
        pair = self._hands.known(purpose, recipient)
        try:
            async with contextlib.aclosing(self._hands.watch(pair, session.name, key)) as pieces:
                async for piece in pieces:
                    self._may_read(session, "watch")
                    yield piece
        except Refused as refusal:
            self._hands.refused(refusal)
            raise

    # --- doing

    async def do(self, session: Session, action: str, arguments: Json, proof: Json | None) -> Json:
        """Do `action`; its answer. Refused says why not, and is on record where something would have widened."""
        self._sessions.verify(session)
        if action not in self._table:
            raise Refused("unknown_action")
        if not isinstance(arguments, dict):
            raise FormatError("arguments: not an object")
        try:
            actor = self._actor(session, action, arguments, proof)
            self._rules.check(action, actor)
            answer = await self._table[action](session, actor, arguments)
        except Refused as refusal:
            self._hands.refused(refusal)
            raise
        finally:
            self._live.ring()
        return answer

    def _may_read(self, session: Session, what: str) -> None:
        self._sessions.verify(session)
        self._rules.may_read(what, session.role)

    def _reads(self, session: Session, what: str) -> bool:
        try:
            self._rules.may_read(what, session.role)
        except Refused:
            return False
        return True

    def _actor(self, session: Session, action: str, arguments: Json, proof: Json | None) -> Actor:
        if proof is None:
            method = f"paired key {session.key.hex()}" if session.key else f"session of {session.name}"
            return Actor(session.role, method)
        if not isinstance(proof, dict):
            raise FormatError("proof: not an object")
        if set(proof) == {"code"} and isinstance(proof["code"], str):
            how = self._prover.prove(_aim(session, action, arguments), proof["code"])
            return Actor(session.role, how, True)
        if set(proof) == {"body", "signature"} and session.key:
            self._signed.check(session.key, proof["body"], _hex(proof["signature"], 64), action, arguments)
            return Actor(session.role, f"paired key {session.key.hex()}", True)
        raise FormatError("proof: neither a code nor a signed command of this session's key")

    async def _withdraw(self, session: Session, actor: Actor, arguments: Json) -> Json:
        pair = self._pair(arguments)
        return self._narrowed([pair] if pair in self._hands.given() else [], WITHDRAWN, actor)

    async def _refuse(self, session: Session, actor: Actor, arguments: Json) -> Json:
        return self._narrowed([self._pair(arguments)], REFUSED, actor)

    async def _object(self, session: Session, actor: Actor, arguments: Json) -> Json:
        """A refusal; the record says that it was an objection (L13)."""
        return await self._refuse(session, Actor(actor.role, f"objection, {actor.method}", actor.proved), arguments)

    async def _later(self, session: Session, actor: Actor, arguments: Json) -> Json:
        pair = self._pair(arguments)
        if pair in self._hands.given():
            return self._narrowed([pair], WITHDRAWN, actor)
        self._hands.later(pair, actor)
        return {}

    async def _stop(self, session: Session, actor: Actor, arguments: Json) -> Json:
        _take(arguments)
        return self._narrowed(self._hands.given(), WITHDRAWN, actor)

    async def _decide(self, session: Session, actor: Actor, arguments: Json) -> Json:
        choices, of_age = _take(arguments, choices=list, of_age=bool)
        allow: list[tuple[Pair, bytes, int | None]] = []
        refuse: list[Pair] = []
        later: list[Pair] = []
        if len(choices) > _CHOICES:
            raise FormatError(f"choices: at most {_CHOICES} at a time")
        for one in choices:
            if not isinstance(one, dict):
                raise FormatError("choices: not objects")
            purpose, recipient, choice, policy, hours = _take(
                one, purpose=str, recipient=str, choice=str, policy=str, hours=(int, type(None))
            )
            pair = self._hands.known(purpose, recipient)
            if pair in refuse + later + [other for other, _, _ in allow]:
                raise FormatError("choices: one purpose twice")
            if choice == "allow":
                if hours is not None and not 0 < hours <= _HOURS:
                    raise FormatError(f"hours: from 1 to {_HOURS}")
                allow.append((pair, _hex(policy, 32), hours))
            elif choice in ("refuse", "later"):
                (refuse if choice == "refuse" else later).append(pair)
            else:
                raise FormatError("choice: allow, refuse or later")
        if allow or of_age:
            self._rules.check("allow", actor)
        records = self._hands.allow(allow, actor, of_age) if allow or of_age else []  # first: it is all or nothing
        given = self._hands.given()
        if refuse:
            self._hands.withdraw(refuse, REFUSED, actor)
        for pair in later:
            if pair in given:
                self._hands.withdraw([pair], WITHDRAWN, actor)
            else:
                self._hands.later(pair, actor)
        return {"records": records}

    async def _declare_minor(self, session: Session, actor: Actor, arguments: Json) -> Json:
        _take(arguments)
        begun = time.perf_counter()
        return _destroyed(self._hands.attest(False, actor), begun)

    async def _declare_of_age(self, session: Session, actor: Actor, arguments: Json) -> Json:
        _take(arguments)
        self._hands.attest(True, actor)
        return {}

    async def _invite(self, session: Session, actor: Actor, arguments: Json) -> Json:
        role, hours, case = _take(arguments, role=str, hours=int, case=str)
        if role not in ROLES:
            raise FormatError(f"role: one of {', '.join(ROLES)}")
        if role == "service" and not (0 < hours <= _SERVICE_HOURS and _CASE.fullmatch(case)):
            raise FormatError(f"service: hours from 1 to {_SERVICE_HOURS}, and a case of 1 to 40 plain characters")
        if role != "service" and (hours or case):
            raise FormatError("hours and case are for service only")
        return self._hands.invite(role, hours, case, actor)

    async def _remove(self, session: Session, actor: Actor, arguments: Json) -> Json:
        (key,) = _take(arguments, key=str)
        self._hands.remove(_hex(key, 8), actor)
        return {}

    async def _end_service(self, session: Session, actor: Actor, arguments: Json) -> Json:
        (key,) = _take(arguments, key=str)
        if self._hands.person(_hex(key, 8)) != "service":
            raise Refused("not_your_role")
        self._hands.remove(_hex(key, 8), actor)
        return {}

    async def _leave(self, session: Session, actor: Actor, arguments: Json) -> Json:
        _take(arguments)
        if session.key:
            self._hands.remove(session.key, actor)
        self._sessions.close(session)
        return {}

    async def _show_code(self, session: Session, actor: Actor, arguments: Json) -> Json:
        action, about = _take(arguments, **{"for": str, "arguments": dict})
        if action not in self._table:
            raise Refused("unknown_action")
        self._rules.check(action, Actor(actor.role, actor.method, True))
        button = self._prover.ask(
            _aim(session, action, about), self._hands.describe(action, about), session.ident.hex()
        )
        return {"button": button}

    async def _delete_upstream(self, session: Session, actor: Actor, arguments: Json) -> Json:
        return {"asked": self._hands.delete_upstream(self._pair(arguments))}

    async def _correct(self, session: Session, actor: Actor, arguments: Json) -> Json:
        if not arguments or set(arguments) - {"name", "region"}:
            raise FormatError("correct takes name, region or both")
        if not all(isinstance(one, str) for one in arguments.values()):
            raise FormatError("name and region are text")
        self._hands.correct(arguments.get("name"), arguments.get("region"))
        return {}

    async def _erase(self, session: Session, actor: Actor, arguments: Json) -> Json:
        _take(arguments)
        answer = await self._hands.erase(actor)
        self._sessions.close_all()  # now: one without a key would still write to what was just emptied
        return answer

    async def _add_viewer(self, session: Session, actor: Actor, arguments: Json) -> Json:
        """Let a program look from the network: it shows pictures to whoever has the secret that is answered."""
        name, purpose, recipient, way = _take(arguments, name=str, purpose=str, recipient=str, way=str)
        if way not in _WAYS:
            raise FormatError(f"way: one of {', '.join(_WAYS)}")
        return self._hands.add_viewer(self._hands.known(purpose, recipient), name, way, actor)

    async def _remove_viewer(self, session: Session, actor: Actor, arguments: Json) -> Json:
        (name,) = _take(arguments, name=str)
        self._hands.remove_viewer(name, actor)
        return {}

    async def _send_photo(self, session: Session, actor: Actor, arguments: Json) -> Json:
        await self._hands.send_photo(self._pair(arguments))
        return {}

    async def _set_crop(self, session: Session, actor: Actor, arguments: Json) -> Json:
        self._hands.set_crop(_take(arguments, left=int, top=int, width=int, height=int))
        return {}

    async def _set_region(self, session: Session, actor: Actor, arguments: Json) -> Json:
        (region,) = _take(arguments, region=str)
        self._hands.set_region(region)
        return {}

    async def _make_bundle(self, session: Session, actor: Actor, arguments: Json) -> Json:
        parts, serial = _take(arguments, parts=list, serial=bool)
        if not all(isinstance(one, str) for one in parts):
            raise FormatError("parts: not texts")
        self._hands.make_bundle(parts, serial)
        return {}

    async def _remove_text(self, session: Session, actor: Actor, arguments: Json) -> Json:
        (texts,) = _take(arguments, texts=list)
        await self._hands.remove_text(_texts(texts))
        return {}

    async def _undo_removal(self, session: Session, actor: Actor, arguments: Json) -> Json:
        (texts,) = _take(arguments, texts=(list, type(None)))
        await self._hands.undo_removal(None if texts is None else _texts(texts))
        return {}

    async def _forget_bundle(self, session: Session, actor: Actor, arguments: Json) -> Json:
        _take(arguments)
        self._hands.forget_bundle()
        return {}

    async def _send_bundle(self, session: Session, actor: Actor, arguments: Json) -> Json:
        purpose, recipient, digest = _take(arguments, purpose=str, recipient=str, sha256=str)
        await self._hands.send_bundle(self._hands.known(purpose, recipient), _hex(digest, 32).hex())
        return {}

    def _pair(self, arguments: Json) -> Pair:
        purpose, recipient = _take(arguments, purpose=str, recipient=str)
        return self._hands.known(purpose, recipient)

    def _narrowed(self, pairs: list[Pair], state: str, actor: Actor) -> Json:
        begun = time.perf_counter()
        return _destroyed(self._hands.withdraw(pairs, state, actor), begun)


def _texts(given: list[Any]) -> list[tuple[str, bool]]:
    if not 0 < len(given) <= _CHOICES or not all(isinstance(one, dict) for one in given):
        raise FormatError(f"texts: 1 to {_CHOICES} objects")
    return [(text, whole) for text, whole in (_take(one, text=str, whole=bool) for one in given)]


def _destroyed(events: int, begun: float) -> Json:
    return {"destroyed": events, "milliseconds": round((time.perf_counter() - begun) * 1000, 2)}


def _aim(session: Session, action: str, arguments: Json) -> str:
    """What a code is good for: this session, this action, these arguments."""
    try:
        return f"{session.ident.hex()} {action} {json.dumps(arguments, sort_keys=True)}"
    except RecursionError:
        raise FormatError("arguments: nested too deep") from None


def _take(arguments: Json, /, **kinds: Any) -> list[Any]:
    """The values of exactly these keys, each of its type; FormatError names what is wrong."""
    if set(arguments) != set(kinds):
        raise FormatError(f"arguments: exactly {', '.join(kinds) or 'none'}")
    for name, kind in kinds.items():
        value = arguments[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise FormatError(f"{name}: of another type")
    return [arguments[name] for name in kinds]


def _hex(text: Any, size: int) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * size or not _HEX.fullmatch(text):
        raise FormatError(f"{2 * size} hex digits are needed")
    return bytes.fromhex(text)
