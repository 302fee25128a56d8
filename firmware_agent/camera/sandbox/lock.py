"""Locks the process that calls it, for good. Order matters: what reads files comes before what forbids reading."""

import mmap
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from errno import EPERM
from functools import partial
from typing import TypeVar

from firmware_agent.camera.sandbox import inherited, second
from firmware_agent.camera.sandbox.kernel import Kernel, machine
from firmware_agent.camera.sandbox.program import program
from firmware_agent.camera.sandbox.report import CannotLock, Locked
from firmware_agent.camera.sandbox.table import KILL, rows

T = TypeVar("T")
_DESCRIPTORS = 160  # a hundred viewers, and room
_ROOM = 64 << 20  # bytes of pictures and buffers to come
_LIMITS = {
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_NOFILE: _DESCRIPTORS,
}


def lock(control: socket.socket, camera: int | None = None, own: tuple[int, ...] = ()) -> Locked:
    """From here on this process has its control socket, its camera (a descriptor) and no way to get more.

    own: descriptors that it opened itself, or was passed for its work: to wait on, and to read pictures from.

    CannotLock: something is missing; the process must end without having looked at a picture.
    """
    name = machine()
    if name is None:
        raise CannotLock("architecture", "there is a table for x86-64 and aarch64 only, with a 64-bit Python")
    kernel = Kernel(name)
    table = rows(control.fileno(), camera)
    inherited.check(control, camera, own)
    for what, limit in _LIMITS.items():
        _must("limits", partial(_lower, what, limit))
    memory = _lock_memory(kernel)
    _must("dumpable", kernel.forbid_dumps)
    _must("no_new_privileges", kernel.forbid_privileges)
    landlock = _must("landlock", lambda: second.restrict(kernel))
    _must("seccomp", lambda: kernel.knows_action(KILL))
    _must("seccomp", lambda: kernel.filter(program(name, table)))
    _prove(kernel)
    return Locked(landlock, memory)


def _must(missing: str, step: Callable[[], T]) -> T:
    try:
        return step()
    except (OSError, ValueError) as error:
        raise CannotLock(
            missing,
            f"the kernel refuses ({error}); use one with seccomp filters, and a container that lets them be set",
        ) from None


def _lower(what: int, limit: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(what, (limit, limit))


def _lock_memory(kernel: Kernel) -> bool:
    """False if the limit of locked memory is too low: the lock holds without, and the report says so.

    A limit that is reached later would take the process down in the middle of a picture: so there must be room.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    try:
        kernel.lock_memory()
    except OSError:
        return False
    try:
        mmap.mmap(-1, _ROOM, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()  # counted; no page of it is ever used
    except OSError:
        kernel.unlock_memory()
        return False
    return True


def _prove(kernel: Kernel) -> None:
    """The filter answers where the kernel would: so it is in force."""
    try:
        kernel.ask_prctl()
    except OSError as error:
        if error.errno == EPERM:
            return
    raise CannotLock("seccomp", "the filter was taken and does nothing; use another kernel")
