"""What a camera process that systemd started says first: who it is, so that main can watch it lock, and end it.

Main knows a process that it starts itself; here the kernel vouches. It refuses a process number that is not the
sender's own; and the file that shows how the sender is locked is opened by the sender, for main's /proc shows no
process of another unit.
"""

import os
import socket
import struct

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.waiting import readable

HELLO = b"H"
_WHO = struct.Struct("=iii")  # process, user, group: struct ucred
_FILE = struct.Struct("=i")
_ROOM = socket.CMSG_SPACE(_WHO.size) + socket.CMSG_SPACE(4 * _FILE.size)


def introduce(control: socket.socket) -> None:
    """In the camera process, before anything else."""
    status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    try:
        control.sendmsg(
            [HELLO],
            [
                (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, _WHO.pack(os.getpid(), os.getuid(), os.getgid())),
                (socket.SOL_SOCKET, socket.SCM_RIGHTS, _FILE.pack(status)),
            ],
        )
    finally:
        os.close(status)


async def introduced(control: socket.socket) -> tuple[int, int]:
    """In main: (process, its status file as a descriptor). EOFError, OSError; CannotLock if it is no such hello."""
    control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    await readable(control)
    data, parts, flags, _ = control.recvmsg(len(HELLO), _ROOM, socket.MSG_CMSG_CLOEXEC)
    control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
    found = {kind: value for level, kind, value in parts if level == socket.SOL_SOCKET}
    passed = found.get(socket.SCM_RIGHTS, b"")
    files = [number for (number,) in _FILE.iter_unpack(passed[: len(passed) // _FILE.size * _FILE.size])]
    who = found.get(socket.SCM_CREDENTIALS, b"")
    if data == HELLO and len(files) == 1 and len(who) == _WHO.size and not flags & socket.MSG_CTRUNC:
        pid = _WHO.unpack(who)[0]
        if pid > 0:
            return pid, files[0]
    for number in files:
        os.close(number)
    if not data:
        raise EOFError
    raise CannotLock("hello", "its unit did not say which process it is; install the camera's units of this version")
