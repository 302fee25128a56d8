"""A Unix socket of datagrams that programs of this device may send to, and nobody can read from."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.errors import SourceError
from firmware_agent.waiting import readable

_WHO = struct.Struct("=iii")  # process, user, group: struct ucred
_FILE = struct.Struct("=i")
_ROOM = socket.CMSG_SPACE(_WHO.size) + socket.CMSG_SPACE(_FILE.size)


class Datagrams:
    """path: where it lies; group: number of the group that may send, None: the agent's own. largest: bytes of one."""

    def __init__(self, path: Path, group: int | None, largest: int) -> None:
        self._path = path
        self._group = group
        self._largest = largest

    @contextlib.contextmanager
    def open(self) -> Iterator["Opened"]:
        """Within the block it is there. SourceError: it cannot be made."""
        try:
            sock = self._bound()
        except OSError as error:
            why = "%s; choose a directory that the agent may write to, and a shorter path" % (error.strerror or error)
            raise SourceError("cannot listen at %s: %s" % (self._path, why), "setup") from None
        ours = _identity(self._path)
        try:
            yield Opened(sock, self._largest)
        finally:
            sock.close()
            if ours is not None and _identity(self._path) == ours:
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _bound(self) -> socket.socket:
        place = self._path.parent.stat()
        if place.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or place.st_uid not in (0, os.geteuid()):
            raise OSError("others may write to its directory")  # and could put something else in its place
        if _left(self._path):
            self._path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            mask = os.umask(0o177)  # until its group is set, nobody else may send
            try:
                sock.bind(str(self._path))
            finally:
                os.umask(mask)
            if self._group is not None:
                os.chown(self._path, -1, self._group)
            os.chmod(self._path, 0o660)
        except BaseException:
            sock.close()
            raise
        return sock


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _left(path: Path) -> bool:
    """Whether a socket lies there that a run left which was killed: nobody listens."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                try:
                    probe.connect(str(path))
                except ConnectionRefusedError:
                    return True
                except OSError:  # of another kind
                    return False
    return False


class Opened:
    """Such a socket, open."""

    def __init__(self, sock: socket.socket, largest: int) -> None:
        self._socket = sock
        self._largest = largest

    async def ready(self) -> None:
        """Until something was sent."""
        await readable(self._socket)

    def take(self) -> tuple[int | None, bytes] | None:
        """(number of the user who sent it, the datagram), None if there is none. User None: it was too large."""
        try:
            data, parts, flags, _ = self._socket.recvmsg(self._largest, _ROOM, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        found = {kind: value for level, kind, value in parts if level == socket.SOL_SOCKET}
        passed = found.get(socket.SCM_RIGHTS, b"")
        for (number,) in _FILE.iter_unpack(passed[: len(passed) // _FILE.size * _FILE.size]):
            os.close(number)  # nobody asked for files
        who = found.get(socket.SCM_CREDENTIALS, b"")
        whole = not flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) and len(who) == _WHO.size
        return (_WHO.unpack(who)[1] if whole else None), data
