"""What can be asked for, and who answers: the table of the page's routes, on microdot.

Each handler is wrapped, so that no exception reaches microdot, which would print it with its values.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from microdot import Microdot, Request

from firmware_agent.errors import AgentError, FormatError
from firmware_agent.owner.panel.answers import Answer, Page, packed
from firmware_agent.owner.panel.asked import Asked
from firmware_agent.owner.panel.doorstep import FIRST, Doorstep, told, told_no
from firmware_agent.owner.panel.problems import Problem
from firmware_agent.owner.panel.room import Room
from firmware_agent.refusals import Refused

log = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[Answer]]
_NAME = "[a-z][a-z0-9_]{0,39}"  # of a purpose, of a recipient


class Routes:
    """room: what a session gets. doorstep: what anybody gets. Who may ask at all was decided before (guard.py)."""

    def __init__(self, doorstep: Doorstep, room: Room) -> None:
        self._doorstep = doorstep
        self._room = room
        self._app = Microdot()
        self._app.options_handler = None  # type: ignore[assignment]  # OPTIONS is refused before
        for method, pattern, handler in self.table():
            self._app.route(pattern, methods=[method])(_wrapped(handler))
        self._app.errorhandler(404)(_raising("not_found"))
        self._app.errorhandler(405)(_raising("method"))

    def table(self) -> list[tuple[str, str, Handler]]:
        """(method, pattern of microdot, handler) of every route."""
        room = self._room
        return [
            ("GET", "/", self._first),
            ("GET", "/pages/<name>", self._file),
            ("GET", "/doorbell", self._doorbell),
            ("POST", "/pair", self._pair),
            ("POST", "/login", self._login),
            ("GET", "/api/home", room.home),
            ("GET", "/api/said", room.said),
            ("GET", "/api/timeline", room.timeline),
            ("GET", "/api/payload/<re:[0-9a-f]{2,64}:ident>", room.payload),
            ("GET", "/api/receipt/<re:[0-9]{1,15}:number>", room.receipt),
            ("GET", "/api/policy/<re:[0-9a-f]{64}:policy>", room.policy),
            ("GET", "/api/nonce", room.nonce),
            ("GET", "/api/events", room.events),
            ("GET", r"/archive\.zip", room.archive),
            ("GET", "/api/bundle", room.bundle),
            ("GET", "/api/bundle/<re:before|after:of>", room.bundle_text),
            ("GET", "/api/bundle/marks", room.bundle_marks),
            ("POST", "/api/do/<re:[a-z_]{1,20}:action>", room.do),
            ("POST", "/api/leave", room.leave),
            ("POST", f"/api/watch/<re:{_NAME}:purpose>/<re:{_NAME}:recipient>", room.watch),
        ]

    async def answer(self, asked: Asked) -> Answer:
        """What to answer; never an exception."""
        request = Request(self._app, ("", 0), asked.method, asked.path, "1.1", {})
        request.g.asked = asked
        found: Any = (await self._app.dispatch_request(request)).body
        return found if isinstance(found, Answer) else told(Problem("fault"))

    async def _first(self, asked: Asked) -> Answer:
        if asked.session is None:
            return self._doorstep.file(FIRST, asked.headers.get("if-none-match", ""))
        return await self._room.first(asked)

    async def _file(self, asked: Asked, name: str) -> Answer:
        if asked.session is None:
            return self._doorstep.file(name, asked.headers.get("if-none-match", ""))
        return await self._room.file(asked, name)

    async def _doorbell(self, asked: Asked) -> Answer:
        return self._doorstep.doorbell()

    async def _pair(self, asked: Asked) -> Answer:
        return self._doorstep.pair(asked.document)

    async def _login(self, asked: Asked) -> Answer:
        return self._doorstep.login(asked.document)


def _wrapped(handler: Handler) -> Callable[..., Awaitable[Answer]]:
    async def answer(request: Request, **parts: str) -> Answer:
        asked: Asked = request.g.asked
        try:
            return await handler(asked, **parts)
        except Problem as problem:
            return told(problem)
        except Refused as refusal:
            return _refused(asked, refusal)
        except AgentError as error:
            return _failed(asked, error)
        except Exception as error:
            log.error("the page failed at %s %s: %s", asked.method, handler.__name__, type(error).__name__)
            return told(Problem("fault"))

    return answer


def _raising(name: str) -> Callable[[Request], Awaitable[Answer]]:
    async def answer(request: Request) -> Answer:
        return told(Problem(name))

    return answer


def _refused(asked: Asked, refusal: Refused) -> Answer:
    """403 with the reason: to a stranger its name and words, which hold nothing of the printer."""
    if refusal.reason in ("session_ended", "not_a_session"):
        return told(Problem(refusal.reason))
    if asked.session is None:
        return told_no(refusal)
    return Page(asked.session, packed({"error": refusal.reason, "text": str(refusal)}), status=403)


def _failed(asked: Asked, error: AgentError) -> Answer:
    known = isinstance(error, FormatError)  # it asked for what is not there
    if not known:
        log.warning("the page could not answer: %s", type(error).__name__)
    if asked.session is None:
        return told(Problem("fault"))
    return Page(asked.session, packed({"error": "fault", "text": str(error)}), status=400 if known else 503)
