"""What came through exec: checked before the lock, for a filter says nothing about what is open already."""

import os
import socket
import stat
from pathlib import Path

from firmware_agent.camera.sandbox.report import CannotLock

_NOTHING = os.makedev(1, 3)  # /dev/null
_READ_IMPLIES_EXEC = 0x0400000


def check(control: socket.socket, camera: int | None, own: tuple[int, ...] = ()) -> None:
    """CannotLock, unless this process holds its control socket, its camera, `own`, /dev/null and nothing else."""
    try:
        _personality()
        _threads()
        _descriptors(control, (control.fileno(), camera, *own), camera)
        _mappings()
    except OSError as error:
        raise CannotLock("proc", f"/proc cannot be read ({error.strerror}); mount it") from None


def _personality() -> None:
    if int(Path("/proc/self/personality").read_text("ascii"), 16) & _READ_IMPLIES_EXEC:
        raise CannotLock("personality", "whatever is read could run here (READ_IMPLIES_EXEC); start without setarch -X")


def _threads() -> None:
    count = len(os.listdir("/proc/self/task"))
    if count != 1:
        raise CannotLock("threads", f"{count} threads run already, and a lock holds for one; start no threads before")


def _descriptors(control: socket.socket, expected: tuple[int | None, ...], camera: int | None) -> None:
    if control.family != socket.AF_UNIX or control.type != socket.SOCK_STREAM or control.getsockname():
        raise CannotLock("control", "the control socket is not one of a pair; start the camera process by the agent")
    device = None if camera is None else _device(os.fstat(camera))
    for number in sorted(map(int, os.listdir("/proc/self/fd"))):
        if number in expected:
            continue
        try:
            found = os.fstat(number)
        except OSError:
            continue  # the listing's own
        # Python keeps a copy of a camera's descriptor for each buffer that it maps. It leads where the camera's own
        # does, and to less: the table lets nobody ask it anything.
        if device is not None and _device(found) == device:
            continue
        if number > 2 or _device(found) != _NOTHING:
            raise CannotLock("descriptors", f"descriptor {number} was handed in; close it where the agent is started")


def _device(found: os.stat_result) -> int | None:
    return found.st_rdev if stat.S_ISCHR(found.st_mode) else None


def _mappings() -> None:
    for line in Path("/proc/self/maps").read_text("utf-8", "replace").splitlines():
        rights = line.split()[1]
        if "w" in rights and "s" in rights:
            raise CannotLock("memory", "memory is shared with another process; preload nothing into the agent")
        if "w" in rights and "x" in rights:
            raise CannotLock("memory", "memory can be written and run; use a Python without a run-time compiler")
