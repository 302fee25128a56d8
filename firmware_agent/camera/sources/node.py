"""One /dev/video*: opened before the lock, asked by ioctl. What the tests replace by a camera without hardware."""

import fcntl
import mmap
import os
import stat
from typing import Protocol

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sources.videodev import MAJOR


class Node(Protocol):
    """fd: the descriptor."""

    fd: int

    def ask(self, request: int, argument: bytearray) -> None:
        """The ioctl; the kernel writes its answer into `argument`. OSError."""
        ...

    def map(self, length: int, offset: int) -> mmap.mmap:
        """A buffer of the device, to be read only. OSError."""
        ...


class Device:
    """Implements Node."""

    def __init__(self, path: str) -> None:
        """CannotLock: there is none, it may not be opened, or it is something else."""
        try:
            # Looked at first: opening something else could have effects of its own.
            if not path.startswith("/dev/") or not _is_video(os.stat(path)):
                raise CannotLock("camera", f"{path} is not a camera; name a /dev/video* (`doctor` lists them)")
            self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise CannotLock("camera", f"{path} cannot be opened: {_advice(error)}") from None
        if not _is_video(os.fstat(self.fd)):
            os.close(self.fd)
            raise CannotLock("camera", f"{path} is not a camera any more; look what replaces it")

    def ask(self, request: int, argument: bytearray) -> None:
        """See Node."""
        fcntl.ioctl(self.fd, request, argument)

    def map(self, length: int, offset: int) -> mmap.mmap:
        """See Node."""
        # Not writable: memory that is shared and writable could reach another process, and the lock refuses it.
        return mmap.mmap(self.fd, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset)


def _is_video(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == MAJOR


def _advice(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is not there; plug the camera in, or name another (`doctor` lists them)"
    if isinstance(error, PermissionError):
        return "this user may not; put it into the group video, or run `firmware-agent doctor`"
    return f"{error.strerror}; unplug the camera and plug it in again"
