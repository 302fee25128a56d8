"""What the socket needs of others; agent.py hands it in. It knows no store, no door and no key."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from firmware_agent.model import Session

Said = dict[str, Any]  # names -> what JSON can say


class Gate(Protocol):
    """The gate for sessions (sessions.SessionGate)."""

    def open(self, role: str, key: bytes, name: str, seconds: float) -> Session:
        """A session for `seconds`."""

    def verify(self, session: Session) -> None:
        """Return if it holds at this moment; Refused if not."""

    def close(self, session: Session) -> None:
        """End it."""


class Desk(Protocol):
    """What every front end calls. All of it raises Refused for what this session may not do or see."""

    def home(self, session: Session, /) -> Said: ...
    def said(self, session: Session, /) -> Said: ...
    def timeline(self, session: Session, before: int | None, count: int, /) -> Said: ...
    def payload(self, session: Session, ident: str, /) -> Said: ...
    def receipt(self, session: Session, sequence: int, /) -> Said: ...
    def policy(self, session: Session, digest: str, /) -> str: ...
    def archive(self, session: Session, /) -> bytes: ...
    def nonce(self, session: Session, /) -> str: ...
    def changes(self, session: Session, /) -> AsyncIterator[Said]: ...
    async def do(self, session: Session, action: str, arguments: Said, proof: Said | None, /) -> Said: ...
