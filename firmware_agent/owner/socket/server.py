"""The socket itself, a local front of the panel's exit: whoever the kernel says has a role gets a Session, nobody else.

    peer = self._peers.who(socket)          # the kernel's word, against the configured table
    if peer is None: turn_away(...)         # no row: not one byte is read
    Connection(peer, ...)                   # a Session by the gate; each line out asks the gate anew

It lies in the file system and no network reaches it.
"""

import asyncio
import contextlib
import logging
import os
import stat
from pathlib import Path

from firmware_agent.errors import ConfigError
from firmware_agent.owner.socket.connection import PATIENCE, Connection, turn_away
from firmware_agent.owner.socket.lines import LINE
from firmware_agent.owner.socket.needs import Desk, Gate
from firmware_agent.owner.socket.pace import RATE
from firmware_agent.owner.socket.peers import Peers
from firmware_agent.owner.socket.screens import Screens

log = logging.getLogger(__name__)

MOST = 8  # connections
EACH = 4  # of one user: a program that leaks connections leaves room for the others
_MODE = 0o660


class ControlSocket:
    """path: where it lies. group: the number of the group that may connect; None: the agent's own.

    rate: requests a second of one connection. patience: s that an answer may wait for its reader.
    """

    def __init__(
        self,
        path: Path,
        desk: Desk,
        gate: Gate,
        peers: Peers,
        screens: Screens,
        group: int | None = None,
        rate: float = RATE,
        patience: float = PATIENCE,
    ) -> None:
        self._path = path
        self._desk = desk
        self._gate = gate
        self._peers = peers
        self._screens = screens
        self._group = group
        self._rate = rate
        self._patience = patience
        self._server: asyncio.Server | None = None
        self._file: tuple[int, int] | None = None
        self._serving: dict[asyncio.Task[None], Connection] = {}

    async def start(self) -> None:
        """Listen. ConfigError, naming the path and the system's reason, if that cannot be done."""
        server = None
        try:
            _clear(self._path)
            server = await asyncio.start_unix_server(
                self._connected, self._path, limit=LINE, backlog=MOST, start_serving=False
            )
            os.chmod(self._path, _MODE)  # before it listens: until then nobody can connect
            if self._group is not None:
                os.chown(self._path, -1, self._group)
            self._file = _identity(self._path)
            await server.start_serving()
        except OSError as error:
            if server is not None:
                server.close()
            why = error.strerror or str(error)
            raise ConfigError(f"{self._path}: no socket can be made there ({why}); name another path") from None
        self._server = server
        log.info("socket: listens")

    async def stop(self) -> None:
        """Hang up on everybody and take the file away; sessions end."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        with contextlib.suppress(OSError):
            if _identity(self._path) == self._file:  # another's may lie there by now
                self._path.unlink()
        tasks = list(self._serving)
        for task, served in list(self._serving.items()):
            task.cancel()
            served.hang_up()
        await asyncio.gather(*tasks, return_exceptions=True)
        log.info("socket: closed")

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = self._peers.who(writer.get_extra_info("socket"))
        if peer is None:
            log.warning("socket: a user without a row was turned away")
            return turn_away(writer, "not_listed")
        same = sum(one.peer.uid == peer.uid for one in self._serving.values())
        if len(self._serving) >= MOST or same >= EACH:
            log.warning("socket: one connection too many of user %d", peer.uid)
            return turn_away(writer, "busy")
        streams = (reader, writer)
        served = Connection(peer, self._desk, self._gate, self._screens, streams, self._rate, self._patience)
        task = asyncio.create_task(served.serve())
        self._serving[task] = served
        task.add_done_callback(self._ended)
        log.info("socket: user %d connected as %s", peer.uid, peer.role)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._serving[task]
        if not task.cancelled() and task.exception() is not None:
            log.error("socket: a connection failed", exc_info=task.exception())


def _clear(path: Path) -> None:
    """Take away the socket that an earlier run of ours left; OSError for anything else that lies there."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise FileExistsError(17, "something else lies there")
    path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
