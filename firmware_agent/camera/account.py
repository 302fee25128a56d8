"""Who looks through the camera, and what the ledger says of it: when it began, and how much was seen when it ended.

Single pictures of one viewer within a minute are one session: a time-lapse program must not flood the history. What is
written at an end is written later (`settle`): whoever cuts does not wait for the flash.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from firmware_agent.admissions import Admission
from firmware_agent.errors import FormatError

log = logging.getLogger(__name__)

TOGETHER = 60.0  # s between two pictures of one session, at most

Pair = tuple[str, str]


class History(Protocol):
    """The ledger."""

    def watching(self, purpose: str, recipient: str, ident: bytes, consent: bytes, detail: str) -> None: ...
    def watched(self, purpose: str, recipient: str, ident: bytes, consent: bytes, count: int, size: int) -> None: ...


@dataclass(frozen=True)
class Use:
    """viewer: as the owner named it, "" for a recipient that gets pictures by itself. since: ticks, s. size: bytes."""

    viewer: str
    purpose: str
    recipient: str
    stream: bool
    since: float
    pictures: int
    size: int


class _Session:
    def __init__(self, first: Admission, told: bool, since: float) -> None:
        self.first = first
        self.told = told
        self.since = self.last = since
        self.open = 0
        self.pictures = 0
        self.size = 0
        self.shown = True


class Account:
    """ticks: seconds that only go forward."""

    def __init__(self, history: History, ticks: Callable[[], float]) -> None:
        self._history = history
        self._ticks = ticks
        self._sessions: dict[tuple[object, ...], _Session] = {}
        self._of: dict[bytes, _Session] = {}  # ident of a use -> its session
        self._over: list[_Session] = []

    def begin(self, admission: Admission, detail: str) -> None:
        """Write that it begins, before anything is seen. detail: "stream", "picture", "page", or "" for what has
        entries of its own, as a release has.
        """
        key = _key(admission)
        session = self._sessions.get(key)
        if session is None or not session.shown or self._ticks() - session.last >= TOGETHER:
            fresh = _Session(admission, bool(detail), self._ticks())
            if detail:
                self._history.watching(
                    admission.purpose, admission.recipient, admission.ident, admission.consent, detail
                )
            if session is not None:
                self._close(session)
            session = self._sessions[key] = fresh
        session.open += 1
        session.last = self._ticks()
        self._of[admission.ident] = session

    def add(self, ident: bytes, pictures: int, size: int) -> None:
        """So many pictures and bytes more went to this use."""
        session = self._of.get(ident)
        if session is not None:
            session.pictures += pictures
            session.size += size

    def left(self, ident: bytes) -> None:
        """Nobody looks there any more; what it was may still be counted."""
        session = self._of.get(ident)
        if session is not None and session.first.stream:
            session.shown = False

    def end(self, ident: bytes) -> None:
        """This use is over; nothing is added to it any more."""
        session = self._of.pop(ident, None)
        if session is None:
            return
        session.open -= 1
        session.last = self._ticks()
        if not session.open and (session.first.stream or not session.shown):
            self._close(session)

    def hide(self, pair: Pair) -> None:
        """Nobody looks for this purpose and recipient any more: what counts it may still come."""
        for session in list(self._sessions.values()):
            if (session.first.purpose, session.first.recipient) == pair:
                session.shown = False
                if not session.open:
                    self._close(session)

    def uses(self) -> list[Use]:
        """Who looks, or got a picture within the last minute."""
        return [
            Use(
                session.first.viewer,
                session.first.purpose,
                session.first.recipient,
                session.first.stream,
                session.since,
                session.pictures,
                session.size,
            )
            for session in self._sessions.values()
            if session.shown
        ]

    def settle(self, everything: bool = False) -> None:
        """Write what ended. everything: the agent ends, and so does all that is open."""
        for session in list(self._sessions.values()):
            if everything or (not session.open and self._ticks() - session.last >= TOGETHER):
                self._close(session)
        while self._over:
            one = self._over[0]
            about = one.first
            try:
                self._history.watched(
                    about.purpose, about.recipient, about.ident, about.consent, one.pictures, one.size
                )
            except FormatError as error:  # it would be so for ever
                log.error("camera: the end of a view cannot be written: %s", error)
            del self._over[0]

    def _close(self, session: _Session) -> None:
        key = _key(session.first)
        if self._sessions.get(key) is session:
            del self._sessions[key]
            if session.told:
                self._over.append(session)


def _key(one: Admission) -> tuple[object, ...]:
    if one.stream:
        return (one.ident,)
    return (one.viewer, one.purpose, one.recipient, one.consent, one.generation)
