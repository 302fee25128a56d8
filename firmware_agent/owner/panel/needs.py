"""What the owner's page needs of others. They are handed in: nothing of consent or egress is imported here.

All values are what JSON can say. A method that may not do what it is asked raises Refused, or another AgentError.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from firmware_agent.model import Session

Table = dict[str, Any]  # names -> what JSON can say


class Gate(Protocol):
    """firmware_agent/sessions.py."""

    def verify(self, session: Session) -> None: ...
    def by_ident(self, ident: bytes) -> Session | None: ...
    def close(self, session: Session) -> None: ...


class Doorbell(Protocol):
    """What works without a session: to ask for one."""

    def state(self) -> Table: ...
    def pair(self, arguments: Table) -> Session: ...
    def login(self, arguments: Table) -> Session: ...


class Desk(Protocol):
    """What a session can read and do. `ident` and `policy` are lower-case hex, `archive` is a ZIP."""

    def home(self, session: Session) -> Table: ...
    def said(self, session: Session) -> Table: ...
    def timeline(self, session: Session, before: int | None, count: int) -> Table: ...
    def payload(self, session: Session, ident: str) -> Table: ...
    def receipt(self, session: Session, sequence: int) -> Table: ...
    def policy(self, session: Session, policy: str) -> str: ...
    def archive(self, session: Session) -> bytes: ...
    def nonce(self, session: Session) -> str: ...
    def changes(self, session: Session) -> AsyncIterator[Table]: ...

    def watch(self, session: Session, purpose: str, recipient: str, key: bytes) -> AsyncIterator[bytes]:
        """Pictures, sealed for the X25519 public key `key` (32 bytes); they end when they are no longer permitted.

        It refuses when it is called, or instead of the first picture. The camera begins only with the first picture
        that is asked for; the next is asked for when the browser has taken the last.
        """
        ...

    async def do(self, session: Session, action: str, arguments: Table, proof: Table | None) -> Table: ...


# fmt: off
ACTIONS = (
    "withdraw", "refuse", "later", "object", "stop", "declare_minor", "end_service", "leave", "show_code",
    "delete_upstream", "correct", "decide", "declare_of_age", "invite", "remove", "erase",
    "add_viewer", "remove_viewer", "send_photo", "set_crop", "set_region",
)
# fmt: on
