"""The gate of the owner's page: a Session that was sealed here, is not over and whose key is still paired sees it.

Sessions live in memory only: a restart ends them, and a paired phone opens a new one by signing.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from firmware_agent.config import ROLES
from firmware_agent.model import Session
from firmware_agent.refusals import Refused, Unsealed


@dataclass(frozen=True)
class Actor:
    """Who acts. method: how that is known, for the record. proved: by presence or a signature, for this very action."""

    role: str
    method: str
    proved: bool = False


MOST = 32  # sessions at a time; one more ends the oldest
EACH = 4  # of them of one paired key


class SessionGate:
    """key: 32 random bytes of this run. entropy: unpredictable bytes. ticks: seconds that only go forward.

    paired: key -> its role now, or None if it is paired no more.
    """

    def __init__(
        self,
        key: bytes,
        entropy: Callable[[int], bytes],
        ticks: Callable[[], float],
        paired: Callable[[bytes], str | None],
    ) -> None:
        self._key = key
        self._entropy = entropy
        self._ticks = ticks
        self._paired = paired
        self._shut = False
        self._open: dict[bytes, Session] = {}  # SHA-256 of the ident -> session, oldest first

    def open(self, role: str, key: bytes, name: str, seconds: float) -> Session:
        """A new session for `seconds`. Who calls this has seen a pairing or a signature (consent/doorbell.py)."""
        if self._shut:
            raise Refused("session_ended")
        if role not in ROLES:
            raise Refused("not_your_role")
        own = [digest for digest, one in self._open.items() if key and one.key == key]
        for digest in own[: max(0, len(own) - EACH + 1)]:  # whoever signs in again and again pushes nobody else out
            del self._open[digest]
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        session = Session(self._entropy(16), role, key, name, self._ticks() + seconds, b"")
        session.seal = self._seal(session)
        self._open[_digest(session.ident)] = session
        return session

    def by_ident(self, ident: bytes) -> Session | None:
        """The session that a cookie names; looked up by a hash, so that timing tells nothing of other idents."""
        return self._open.get(_digest(ident))

    def verify(self, session: Session) -> None:
        """Return if `session` may see a page at this moment; Unsealed or Refused if not."""
        if type(session) is not Session:
            raise Unsealed("not_a_session")
        try:
            intact = hmac.compare_digest(self._seal(session), session.seal)
        except Exception:  # a forged part can be of any type: whatever it breaks, it is not ours
            intact = False
        if not intact:
            raise Unsealed("not_a_session")
        live = self._open.get(_digest(session.ident)) is session and self._ticks() < session.until
        if live and session.key and self._paired(session.key) != session.role:
            live = False
        if not live:
            self.close(session)
            raise Refused("session_ended")

    def guests(self) -> list[tuple[bytes, Session]]:
        """(8 bytes that name it, session) of each that rests on no paired key."""
        now = self._ticks()
        return [(digest[:8], one) for digest, one in self._open.items() if not one.key and now < one.until]

    def role(self, name: bytes) -> str | None:
        """The role of the guest with this name."""
        return next((one.role for found, one in self.guests() if found == name), None)

    def end(self, name: bytes) -> bool:
        """End the guest with this name; False if there is none."""
        for found, session in self.guests():
            if found == name:
                self.close(session)
                return True
        return False

    def close(self, session: Session) -> None:
        """End it."""
        self._open.pop(_digest(session.ident), None)

    def close_all(self) -> None:
        """End every session."""
        self._open.clear()

    def shut(self) -> None:
        """End every session and open no more: what an erase does, and the end."""
        self._open.clear()
        self._shut = True

    def _seal(self, session: Session) -> bytes:
        parts = [session.ident, session.role.encode(), session.key, session.name.encode(), repr(session.until).encode()]
        bound = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, bound, "sha256")


def _digest(ident: bytes) -> bytes:
    return hashlib.sha256(ident).digest()
