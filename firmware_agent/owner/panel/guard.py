"""Who may ask: the host by which the device was called, the session, the origin, the token, and how often.

A foreign page cannot read our host, set our headers or have a cookie that is SameSite=Strict (attacks 6, 7 and 9).
"""

import hmac
import ipaddress
import re
from collections.abc import Callable

from firmware_agent.limits import Buckets
from firmware_agent.model import Session
from firmware_agent.owner.panel.asked import Asked
from firmware_agent.owner.panel.needs import Gate
from firmware_agent.owner.panel.pages import is_public
from firmware_agent.owner.panel.problems import Problem
from firmware_agent.owner.panel.settings import Settings
from firmware_agent.refusals import Refused

_IDENT = re.compile(r"[0-9a-f]{32}")
# What somebody without a session can ask for, besides the public files of the pairing page.
DOORSTEP = (("GET", "/"), ("GET", "/doorbell"), ("POST", "/pair"), ("POST", "/login"))


class Guard:
    """key: 32 random bytes of this run. ticks: seconds that only go forward."""

    def __init__(self, gate: Gate, settings: Settings, key: bytes, ticks: Callable[[], float]) -> None:
        self._gate = gate
        self._settings = settings
        self._key = key
        self._strangers = Buckets(4, 60, ticks)  # for each address: a page is ten files
        self._all_strangers = Buckets(40, 240, ticks)
        self._sessions = Buckets(20, 120, ticks)

    def admit(self, asked: Asked, address: str, local: tuple[str, int]) -> None:
        """Set `asked.session`; Problem if the request may not be looked at.

        address: where it comes from. local: where it came in, address and port. Nothing of the body is read yet.
        """
        if asked.headers.get("host", "").lower() not in hosts(local, self._settings):
            raise Problem("host")
        asked.session = self.session(asked)
        if asked.session is None:
            if not self._strangers.take(address) or not self._all_strangers.take():
                raise Problem("too_many")
        elif not self._sessions.take(asked.session.ident):
            raise Problem("too_many")
        doorstep = (asked.method, asked.path) in DOORSTEP or (asked.method == "GET" and is_public(asked.path))
        if asked.session is None and not doorstep:
            raise Problem("not_a_session")
        self._same_origin(asked)
        if asked.session is None or doorstep or not asked.acting:
            return
        given = asked.headers.get("x-token", "").encode("latin-1")
        if not hmac.compare_digest(given, self.token(asked.session).encode()):
            raise Problem("token")

    def session(self, asked: Asked) -> Session | None:
        """Whom the cookie names, if the gate stands behind that session at this moment."""
        found = [
            value
            for name, _, value in (part.strip().partition("=") for part in asked.headers.get("cookie", "").split(";"))
            if name == self._settings.cookie
        ]
        if len(found) != 1 or not _IDENT.fullmatch(found[0]):  # two of one name: one of them is somebody else's
            return None
        session = self._gate.by_ident(bytes.fromhex(found[0]))
        if session is None:
            return None
        try:
            self._gate.verify(session)
        except Refused:
            return None
        return session

    def token(self, session: Session) -> str:
        """What each change must carry; handed out on the page itself, so that no other page can know it."""
        return hmac.digest(self._key, b"token" + session.ident, "sha256").hex()

    def _same_origin(self, asked: Asked) -> None:
        site = asked.headers.get("sec-fetch-site", "same-origin")
        if asked.acting:
            own = f"{self._settings.scheme}://{asked.headers['host']}".lower().encode("latin-1")
            given = asked.headers.get("origin", "").encode("latin-1")
            if not hmac.compare_digest(given, own) or site != "same-origin":
                raise Problem("origin")
            if asked.headers.get("content-type", "").replace(" ", "").lower() not in (
                "application/json",
                "application/json;charset=utf-8",
            ):
                raise Problem("content_type")
        elif asked.path not in ("/",) and site not in ("same-origin", "none"):
            raise Problem("origin")  # a foreign page may link to the first page, and to nothing else


def hosts(local: tuple[str, int], settings: Settings) -> set[str]:
    """Each `Host` by which this connection may have been made, lower-case: configured names, and the very address that
    it came in on. A foreign name that was made to point here is not among them."""
    address = ipaddress.ip_address(local[0])
    found = {f"[{address}]" if address.version == 6 else str(address), *settings.names}
    if address.is_loopback:
        found.add("localhost")
    usual = ":80" if settings.tls is None else ":443"
    whole = {name if re.search(r":[0-9]+$", name) else f"{name}:{local[1]}" for name in found}
    return {name.lower() for name in whole} | {name.removesuffix(usual).lower() for name in whole}
