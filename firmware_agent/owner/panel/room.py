"""What a session gets: the page itself, what the desk knows, and what it does. Every answer is a Page."""

import binascii
import re
from collections.abc import Callable

from firmware_agent.model import Session
from firmware_agent.owner.panel import events, pictures
from firmware_agent.owner.panel.answers import EVENTS, PICTURES, Answer, Page, packed
from firmware_agent.owner.panel.asked import Asked
from firmware_agent.owner.panel.doorstep import cookie
from firmware_agent.owner.panel.free import Farewell
from firmware_agent.owner.panel.needs import ACTIONS, Desk
from firmware_agent.owner.panel.pages import Pages
from firmware_agent.owner.panel.problems import Problem
from firmware_agent.owner.panel.settings import Settings

FIRST = "app.html"
ENDING = ("leave", "erase")  # these end the very session that asks for them
PLAIN = {
    "code": "plain_http",
    "text": "This page is not encrypted: whoever is on your network can read it and act in your name, and a phone "
    "cannot be paired with a key. Switch HTTPS on in the configuration.",
}
_NUMBER = re.compile(r"[0-9]{1,15}")
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes as base64url, without padding
_TEXT = "text/plain; charset=utf-8"
_HELD = 1024 * 1024  # bytes on their way, beyond which no other archive is made
_MOST = 100  # entries of the timeline at a time
_PROOFS = ({"code"}, {"body", "signature"})


class Room:
    """token: of a session, for its changes. live: how many live views there are, of a session by its ident, and of a
    content type (crowd.py). held: bytes of all answers that are being sent.
    """

    def __init__(
        self,
        desk: Desk,
        pages: Pages,
        settings: Settings,
        token: Callable[[Session], str],
        live: Callable[..., int],
        held: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._pages = pages
        self._settings = settings
        self._token = token
        self._live = live
        self._held = held
        self._opening: list[bytes] = []  # sessions whose live view is not answered yet

    async def first(self, asked: Asked) -> Answer:
        return await self.file(asked, FIRST)

    async def file(self, asked: Asked, name: str) -> Answer:
        found = self._pages.read(name)
        if found is None:
            raise Problem("not_found")
        data, kind, tag = found
        status = 304 if asked.headers.get("if-none-match") == tag else 200
        return Page(_session(asked), data, kind, status=status, headers=(("ETag", tag),), keep="no-cache")

    async def home(self, asked: Asked) -> Answer:
        session = _session(asked)
        home = self._desk.home(session)
        encrypted = self._settings.tls is not None or self._settings.local
        warnings = [row for row in home.get("warnings", []) if row["code"] != PLAIN["code"]]
        warnings = warnings if encrypted else [PLAIN, *warnings]
        more = {"warnings": warnings, "token": self._token(session), "encrypted": encrypted}
        return Page(session, packed({**home, **more}))

    async def said(self, asked: Asked) -> Answer:
        session = _session(asked)
        return Page(session, packed(self._desk.said(session)))

    async def timeline(self, asked: Asked) -> Answer:
        session, query = _session(asked), asked.query
        if set(query) - {"before", "count"}:
            raise Problem("malformed")
        before = _number(query["before"]) if query.get("before") else None
        count = _number(query.get("count", "50"))
        if not 1 <= count <= _MOST:
            raise Problem("malformed")
        return Page(session, packed(self._desk.timeline(session, before, count)))

    async def payload(self, asked: Asked, ident: str) -> Answer:
        session = _session(asked)
        return Page(session, packed(self._desk.payload(session, ident)))

    async def receipt(self, asked: Asked, number: str) -> Answer:
        session = _session(asked)
        return Page(session, packed(self._desk.receipt(session, int(number))), "application/ld+json")

    async def policy(self, asked: Asked, policy: str) -> Answer:
        session = _session(asked)
        return Page(session, self._desk.policy(session, policy).encode("utf-8"), _TEXT)

    async def nonce(self, asked: Asked) -> Answer:
        session = _session(asked)
        return Page(session, packed({"nonce": self._desk.nonce(session)}))

    async def events(self, asked: Asked) -> Answer:
        session = _session(asked)
        if self._live(session.ident) >= self._settings.streams_each:
            raise Problem("too_many")
        return Page(session, events.events(self._desk.changes(session)), EVENTS, beat=events.BEAT)

    async def watch(self, asked: Asked, purpose: str, recipient: str) -> Answer:
        session, settings = _session(asked), self._settings
        if set(asked.document) != {"key"}:
            raise Problem("malformed")
        key = _key(asked.document["key"])
        for ident, kind, most in (
            (session.ident, "", settings.streams_each),
            (session.ident, PICTURES, settings.watching_each),
            (b"", PICTURES, settings.watching),
        ):
            opening = sum(ident in (b"", one) for one in self._opening)
            if self._live(ident, kind) + opening >= most:
                raise Problem("too_many")
        found = pictures.Pictures(self._desk.watch(session, purpose, recipient, key))
        self._opening.append(session.ident)
        try:
            await found.begin(settings.opening)
        finally:
            self._opening.remove(session.ident)
        return Page(session, found, PICTURES, beat=pictures.BEAT)

    async def archive(self, asked: Asked) -> Answer:
        session = _session(asked)
        if self._held() > _HELD:
            raise Problem("too_many")
        saved = (("Content-Disposition", 'attachment; filename="firmware-agent.zip"'),)
        return Page(session, self._desk.archive(session), "application/zip", headers=saved)

    async def bundle(self, asked: Asked) -> Answer:
        session = _session(asked)
        return Page(session, packed(self._desk.bundle(session)))

    async def bundle_text(self, asked: Asked, of: str) -> Answer:
        session = _session(asked)
        if self._held() > _HELD:
            raise Problem("too_many")
        return Page(session, self._desk.bundle_text(session, of).encode("utf-8"), _TEXT)

    async def bundle_marks(self, asked: Asked) -> Answer:
        session = _session(asked)
        return Page(session, packed({"marks": self._desk.bundle_marks(session)}))

    async def do(self, asked: Asked, action: str) -> Answer:
        arguments, proof = asked.document.get("arguments"), asked.document.get("proof")
        if action not in ACTIONS:
            raise Problem("not_found")
        if set(asked.document) - {"arguments", "proof"} or not isinstance(arguments, dict) or not _proof(proof):
            raise Problem("malformed")
        return await self._do(asked, action, arguments, proof)

    async def leave(self, asked: Asked) -> Answer:
        return await self._do(asked, "leave", {}, None)

    async def _do(
        self, asked: Asked, action: str, arguments: "dict[str, object]", proof: "dict[str, str] | None"
    ) -> Answer:
        session = _session(asked)
        body = packed(await self._desk.do(session, action, arguments, proof))
        if action in ENDING:
            return Farewell(body, headers=cookie(self._settings, "", 0))
        return Page(session, body)


def _session(asked: Asked) -> Session:
    if asked.session is None:
        raise Problem("not_a_session")
    return asked.session


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Problem("malformed")
    return int(text)


def _key(text: object) -> bytes:
    """The 32 bytes that `text` stands for, in the one way in which they are written."""
    if not isinstance(text, str) or not _KEY.fullmatch(text):
        raise Problem("malformed")
    plain = text.translate(str.maketrans("-_", "+/")) + "="
    key = binascii.a2b_base64(plain)
    if binascii.b2a_base64(key, newline=False) != plain.encode("ascii"):
        raise Problem("malformed")
    return key


def _proof(proof: object) -> bool:
    """Whether it has the shape of a proof; what it proves is the desk's to say."""
    if proof is None:
        return True
    return isinstance(proof, dict) and set(proof) in _PROOFS and all(isinstance(part, str) for part in proof.values())
