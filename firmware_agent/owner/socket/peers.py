"""Who is at the other end: the kernel says which user connected, a table says what role that user has.

A role is all that it gives. It is no presence: a program that runs as this user is no person at the device.
"""

import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firmware_agent.config import ROLES
from firmware_agent.errors import ConfigError

_CREDENTIALS = struct.Struct("iII")  # struct ucred of socket(7): pid, uid, gid
# What the kernel says for a user that this name space does not know: it could be anybody.
_NOBODY = (65534, 2**32 - 1)


class Connected(Protocol):
    """A connected socket, as asyncio shows it."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Peer:
    """uid: of the user that connected. name: as people know that user. screen: whether it may show codes."""

    uid: int
    name: str
    role: str
    screen: bool


class Peers:
    """roles: user, by name or number -> role. screens: those of them that are a screen of the device.

    users: the file that says which number a name has; it is read once, here, and no name server is asked.
    ConfigError, one line, for a user or a role that does not exist.
    """

    def __init__(
        self,
        roles: Mapping[str | int, str],
        screens: Collection[str | int] = (),
        users: Path = Path("/etc/passwd"),
    ) -> None:
        numbers = _numbers(users)
        names = {number: name for name, number in reversed(numbers.items())}
        shows = {_number(user, numbers, users) for user in screens}
        self._peers: dict[int, Peer] = {}
        for user, role in roles.items():
            if role not in ROLES:
                raise ConfigError(f"socket users: {user} has the role {role}; give it one of {', '.join(ROLES)}")
            uid = _number(user, numbers, users)
            if uid in self._peers:
                raise ConfigError(f"socket users: {user} is there twice, by name and by number; take one row out")
            self._peers[uid] = Peer(uid, names.get(uid, str(uid)), role, uid in shows)
        if shows - set(self._peers):
            raise ConfigError("socket screens: a screen has no role; give its user a row among the socket users")

    def who(self, connected: Connected) -> Peer | None:
        """The peer by the table; None, and nothing is to be said to it, if it has no row."""
        data = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, uid, _ = _CREDENTIALS.unpack(data)
        return self._peers.get(uid)


def _number(user: str | int, numbers: dict[str, int], users: Path) -> int:
    uid = numbers.get(user) if isinstance(user, str) else user
    if uid is None:
        raise ConfigError(f"socket users: there is no user {user} in {users}; create it, or write its number")
    if not 0 <= uid < 2**32 or uid in _NOBODY:
        raise ConfigError(f"socket users: the user {user} can be anybody; give the program a user of its own")
    return uid


def _numbers(users: Path) -> dict[str, int]:
    """Names and numbers of passwd(5)."""
    try:
        rows = [row.split(":") for row in users.read_text("utf-8", "replace").splitlines()]
    except OSError as error:
        raise ConfigError(f"{users}: {error.strerror}; the socket needs it to know users by name") from None
    return {row[0]: int(row[2]) for row in rows if len(row) == 7 and row[2].isdecimal()}
