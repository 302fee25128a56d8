"""What anybody gets: the pairing page, its files, the doorbell, and a session for whoever can prove it.

Only this file makes an Open answer, and none of them holds anything of the printer.
"""

from collections.abc import Callable

from firmware_agent.errors import AgentError
from firmware_agent.model import Session
from firmware_agent.owner.panel.answers import Headers, packed
from firmware_agent.owner.panel.free import Open
from firmware_agent.owner.panel.needs import Doorbell, Gate, Table
from firmware_agent.owner.panel.pages import Pages
from firmware_agent.owner.panel.problems import PROBLEMS, Problem
from firmware_agent.owner.panel.settings import Settings
from firmware_agent.refusals import Refused

FIRST = "pair.html"


class Doorstep:
    """ticks: the clock of `Session.until`."""

    def __init__(
        self, doorbell: Doorbell, gate: Gate, pages: Pages, settings: Settings, ticks: Callable[[], float]
    ) -> None:
        self._doorbell = doorbell
        self._gate = gate
        self._pages = pages
        self._settings = settings
        self._ticks = ticks

    def file(self, name: str, tag: str) -> Open:
        """A public file; without a body if the browser has the one with this tag."""
        found = self._pages.read(name)
        if found is None:
            raise Problem("not_found")
        data, kind, now = found
        return Open(data, kind, 304 if tag == now else 200, (("ETag", now),), "no-cache")

    def doorbell(self) -> Open:
        return Open(packed({**self._doorbell.state(), "words": self._pages.languages()}))

    def pair(self, arguments: Table) -> Open:
        return self._welcome(self._doorbell.pair(arguments))

    def login(self, arguments: Table) -> Open:
        return self._welcome(self._doorbell.login(arguments))

    def _welcome(self, session: Session) -> Open:
        try:
            self._gate.verify(session)
        except AgentError:
            raise Problem("not_a_session") from None
        seconds = max(1, int(session.until - self._ticks()))
        return Open(packed({"ok": True}), headers=cookie(self._settings, session.ident.hex(), seconds))


def cookie(settings: Settings, value: str, seconds: int) -> Headers:
    """The header that makes a browser keep the session for `seconds`; 0 makes it forget."""
    secure = "" if settings.tls is None else "; Secure"
    text = f"{settings.cookie}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{secure}"
    return (("Set-Cookie", text),)


def told(problem: Problem) -> Open:
    """A problem, by its name and in words."""
    status, text = PROBLEMS[problem.name]
    return Open(packed({"error": problem.name, "text": text}), status=status)


def told_no(refusal: Refused) -> Open:
    """A refusal of somebody without a session: its name and words say what went wrong with the proof."""
    return Open(packed({"error": refusal.reason, "text": str(refusal)}), status=403)
