"""Who is at the other end: the kernel says which user connected, a table says what role that user has.

A role is all that it gives. It is no presence: a program that runs as this user is no person at the device.
"""

import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firmware_agent import accounts
from firmware_agent.config import ROLES
from firmware_agent.errors import ConfigError

_CREDENTIALS = struct.Struct("iII")  # struct ucred of socket(7): pid, uid, gid
_WHERE = "socket users"


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
        users: Path = accounts.USERS,
    ) -> None:
        names = accounts.names(_WHERE, users)
        shows = {accounts.user(user, _WHERE, users) for user in screens}
        self._peers: dict[int, Peer] = {}
        for user, role in roles.items():
            if role not in ROLES:
                raise ConfigError(f"socket users: {user} has the role {role}; give it one of {', '.join(ROLES)}")
            uid = accounts.user(user, _WHERE, users)
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
