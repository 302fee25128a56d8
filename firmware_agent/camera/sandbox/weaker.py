"""The lock of an adapter command, named "adapter": it writes no file and reaches no network. Weaker than the camera
process's own, for the command is another's program: it may open, read, start programs, and use every camera device.

It needs Landlock (Linux 5.13), and holds for all that the command starts.
"""

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from struct import pack

from firmware_agent.camera.sandbox.kernel import Kernel, machine
from firmware_agent.camera.sandbox.program import program
from firmware_agent.camera.sandbox.refused import NEWEST, ROWS
from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.sandbox.table import ALLOW

NAME = "adapter"
# What may be opened for writing below /dev: what keeps nothing, and what cameras and their memory are asked by.
DEVICES = (
    *("null", "zero", "full"),
    *("video*", "media*", "v4l-subdev*"),
    *("dma_heap/*", "udmabuf", "vchiq", "vcio", "vcsm-cma"),
)
# linux/landlock.h: WRITE_FILE, then REMOVE and MAKE of all kinds; REFER, TRUNCATE and IOCTL_DEV came later.
_WRITE, _REMOVE_AND_MAKE, _REFER, _TRUNCATE, _IOCTL = 0x2, 0x1FF0, 0x2000, 0x4000, 0x8000
_NETWORK, _SCOPE = 0x3, 0x3  # bind and connect; abstract sockets and signals of others
# bytes: no file can be opened for writing, but libcamera keeps settings of a Raspberry Pi 5 in files that are memory.
_LARGEST_MEMORY_FILE = 256 << 10
# With 0, a program that collects dumps would still be given one; less than a page is none at all.
_DUMP = 1


def confine() -> int:
    """Lock this process, what it becomes by exec and all that it starts; Landlock's ABI.

    CannotLock: something is missing; the command must not run.
    """
    name = machine()
    if name is None:
        raise CannotLock("architecture", "there is a table for x86-64 and aarch64 only, with a 64-bit Python")
    kernel = Kernel(name)
    try:
        version = kernel.landlock_version()
    except OSError:
        raise CannotLock(
            "landlock", "an adapter command runs only where Landlock keeps it from writing; use a kernel with Landlock"
        ) from None
    try:
        _lower(resource.RLIMIT_FSIZE, _LARGEST_MEMORY_FILE)
        _lower(resource.RLIMIT_CORE, _DUMP)
        kernel.forbid_privileges()
        with ExitStack() as opened:
            kernel.landlock_restrict(_attributes(version), _exceptions(version, opened))
        kernel.filter(program(name, ROWS, ALLOW, NEWEST))
        _prove()
    except (OSError, ValueError) as error:
        raise CannotLock("adapter lock", f"the kernel refuses ({error}); use one with Landlock and seccomp") from None
    return version


def _lower(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(what, (limit, limit))


def _attributes(version: int) -> bytes:
    """struct landlock_ruleset_attr: reading and executing are not handled, and so stay."""
    files = _WRITE | _REMOVE_AND_MAKE
    files |= _REFER if version >= 2 else 0
    files |= _TRUNCATE if version >= 3 else 0
    files |= _IOCTL if version >= 5 else 0
    words = [files] + ([_NETWORK] if version >= 4 else []) + ([_SCOPE] if version >= 6 else [])
    return pack(f"@{len(words)}Q", *words)


def _exceptions(version: int, opened: ExitStack) -> Iterator[tuple[int, int]]:
    rights = _WRITE | (_IOCTL if version >= 5 else 0)
    for pattern in DEVICES:
        for path in Path("/dev").glob(pattern):
            with suppress(FileNotFoundError):  # unplugged since
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
                opened.callback(os.close, place)
                yield place, rights


def _prove() -> None:
    """The filter answers where the kernel would: so it is in force."""
    try:
        os.removexattr("", "user.none")  # without the filter: there is no such file
    except PermissionError:
        return
    except OSError:
        pass
    raise OSError("the filter was taken and does nothing")
