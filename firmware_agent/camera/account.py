"""Who looks through the camera, and what the ledger says of it: when it began, and how much was seen when it ended.

What one viewer asks for again within a minute is one session, and its sum is written: whoever asks again and again must
not flood the history. Where sessions still follow one another, the pause that joins them grows. What is written at an
end is written later (`settle`): whoever cuts does not wait for the flash.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from firmware_agent.admissions import Admission
from firmware_agent.errors import FormatError

log = logging.getLogger(__name__)

TOGETHER = 60.0  # s between two uses of one session, at most; twice as many for each session that follows within
LATELY = 3600.0  # s after the one before
LONGEST = 600.0  # s: then a viewer makes 6 sessions of each detail in an hour at most, of two entries each

Pair = tuple[str, str]
Key = tuple[object, ...]


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
    """key: what one session has in common. open: uses that something may still be added to."""

    def __init__(self, first: Admission, key: Key, told: bool, since: float) -> None:
        self.first = first
        self.key = key
        self.told = told
        self.since = self.last = since
        self.open = 0
        self.pictures = 0
        self.size = 0
        self.hidden = False


class _Part:
    """One use within a session."""

    def __init__(self, session: _Session, about: Admission, since: float) -> None:
        self.session = session
        self.about = about
        self.since = since
        self.pictures = 0
        self.size = 0
        self.shown = True


class Account:
    """ticks: seconds that only go forward."""

    def __init__(self, history: History, ticks: Callable[[], float]) -> None:
        self._history = history
        self._ticks = ticks
        self._sessions: dict[Key, _Session] = {}
        self._parts: dict[bytes, _Part] = {}  # by the ident of the use
        self._pauses: dict[Key, tuple[float, float]] = {}  # viewer -> (s that join, when a session was begun or ended)
        self._over: list[_Session] = []

    def begin(self, admission: Admission, detail: str) -> None:
        """Write that it begins, before anything is seen. detail: "stream", "picture", "page", or "" for what has
        entries of its own, as a release has.
        """
        key = (*_who(admission), admission.consent, admission.generation, detail)
        session = self._sessions.get(key)
        if session is None or session.hidden or self._past(session):
            fresh = _Session(admission, key, bool(detail), self._ticks())
            if detail:
                self._history.watching(
                    admission.purpose, admission.recipient, admission.ident, admission.consent, detail
                )
            if session is not None and not session.open:
                self._close(session)
            session = self._sessions[key] = fresh
            self._follows(admission)
        session.open += 1
        session.last = self._ticks()
        self._parts[admission.ident] = _Part(session, admission, session.last)

    def add(self, ident: bytes, pictures: int, size: int) -> None:
        """So many pictures and bytes more went to this use."""
        part = self._parts.get(ident)
        if part is not None:
            for one in (part, part.session):
                one.pictures += pictures
                one.size += size

    def left(self, ident: bytes) -> None:
        """Nobody looks there any more; what it was may still be counted."""
        part = self._parts.get(ident)
        if part is not None:
            part.shown = False

    def end(self, ident: bytes) -> None:
        """This use is over; nothing is added to it any more."""
        part = self._parts.pop(ident, None)
        if part is None:
            return
        session = part.session
        session.open -= 1
        session.last = self._ticks()
        if not session.open and session.hidden:
            self._close(session)

    def hide(self, which: Callable[[Admission], bool]) -> None:
        """Nobody looks under such an admission any more: what counts it may still come."""
        for part in self._parts.values():
            if which(part.about):
                part.shown = False
        for session in list(self._sessions.values()):
            if which(session.first):
                session.hidden = True
                if not session.open:
                    self._close(session)

    def uses(self) -> list[Use]:
        """Who looks, or got a picture within the last minute."""
        streams = [_use(part.about, part) for part in self._parts.values() if part.shown and part.about.stream]
        stills = [
            _use(session.first, session)
            for session in self._sessions.values()
            if not session.first.stream
            and not session.hidden
            and (session.open or self._ticks() - session.last < TOGETHER)
        ]
        return streams + stills

    def settle(self, everything: bool = False) -> None:
        """Write what ended. everything: the agent ends, and so does all that is open."""
        for session in list(self._sessions.values()):
            if everything or self._past(session):
                self._close(session)
        for who, (_, last) in list(self._pauses.items()):
            if self._ticks() - last >= LATELY:
                del self._pauses[who]
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

    def _past(self, session: _Session) -> bool:
        """Whether what comes now is another session."""
        pause, _ = self._pauses.get(_who(session.first), (TOGETHER, 0.0))
        return not session.open and self._ticks() - session.last >= pause

    def _follows(self, admission: Admission) -> None:
        """One more session of this viewer."""
        who = _who(admission)
        before = self._pauses.get(who)
        pause = TOGETHER if before is None else min(2 * before[0], LONGEST)
        self._pauses[who] = (pause, self._ticks())

    def _close(self, session: _Session) -> None:
        if self._sessions.get(session.key) is session:
            del self._sessions[session.key]
        who = _who(session.first)
        if who in self._pauses:
            pause, last = self._pauses[who]
            self._pauses[who] = (pause, max(last, session.last))
        if session.told:
            self._over.append(session)


def _who(one: Admission) -> Key:
    return (one.viewer, one.purpose, one.recipient)


def _use(about: Admission, one: _Session | _Part) -> Use:
    return Use(about.viewer, about.purpose, about.recipient, about.stream, one.since, one.pictures, one.size)
