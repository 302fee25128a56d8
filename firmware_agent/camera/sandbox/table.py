"""What the locked process may still ask of the kernel: one row a call, with the reason. Any other call kills it.

The rows serve the loop over main, a source and passed viewers (camera/loop.py). Not here, on purpose: open, the write
family (sockets have their own calls), socket, connect, bind, dup, fork, exec, memfd, shared memory, io_uring, ptrace,
kill. Numbers: the kernel's asm/unistd.h; aarch64 has no number for what it never had.
"""

from errno import ENOSYS, EPERM
from typing import NamedTuple

ALLOW = 0x7FFF0000
KILL = 0x80000000  # the whole process, by a SIGSYS that nothing can catch
_ERRNO = 0x00050000
REFUSE = _ERRNO | EPERM
UNKNOWN = _ERRNO | ENOSYS
_NO_DESCRIPTOR = 0xFFFFFFFF  # -1, as the kernel sees an int


class Check(NamedTuple):
    """One argument (0 to 5): its low word is one of `values`, or, without values, no bit beyond `mask` is set in 64."""

    argument: int
    values: tuple[int, ...] = ()
    mask: int = 0


class Row(NamedTuple):
    """A call that passes every check gets `verdict`, one that does not gets `otherwise`."""

    name: str
    x86_64: int | None
    aarch64: int | None
    reason: str
    checks: tuple[Check, ...] = ()
    verdict: int = ALLOW
    otherwise: int = KILL


def _request(letters: str, number: int, size: int) -> int:
    """A V4L2 request as asm-generic/ioctl.h codes it: R (the kernel answers), W (it is told), `size` of the struct."""
    direction = (2 if "R" in letters else 0) | (1 if "W" in letters else 0)
    return direction << 30 | size << 16 | ord("V") << 8 | number


# linux/videodev2.h with 64-bit words: what a stream of a camera that is open and mapped needs, and its privacy switch.
# Not here: what decides something (formats, buffers, controls), and EXPBUF, which makes a descriptor.
V4L2 = {
    "QBUF": _request("RW", 15, 88),
    "DQBUF": _request("RW", 17, 88),
    "STREAMON": _request("W", 18, 4),
    "STREAMOFF": _request("W", 19, 4),
    "G_CTRL": _request("RW", 27, 8),
}
_READ_WRITE = 0x3  # PROT_READ | PROT_WRITE; never PROT_EXEC
_SEND = 0x40 | 0x4000 | 0x8000  # MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE; never MSG_FASTOPEN, which connects
_SOL_SOCKET = 1
_SOCKET_FACTS = (3, 4, 38, 39)  # SO_TYPE, SO_ERROR, SO_PROTOCOL, SO_DOMAIN
_FREE = (4, 8)  # MADV_DONTNEED, MADV_FREE


def rows(control: int, camera: int | None) -> tuple[Row, ...]:
    """The table for a process whose control socket and open camera are these descriptors; the busiest rows first.

    Without a camera no ioctl at all passes, and only memory without a file can be mapped.
    """
    mapped = (_NO_DESCRIPTOR,) if camera is None else (_NO_DESCRIPTOR, camera)
    capture = (
        ()
        if camera is None
        else (
            Row(
                *("ioctl", 16, 29, "capture, and the privacy switch, of the one camera that is open"),
                (Check(0, (camera,)), Check(1, tuple(V4L2.values()))),
            ),
        )
    )
    return (
        Row("sendmsg", 46, 211, "a picture to a viewer, from where it lies", (Check(2, mask=_SEND),)),
        Row("recvfrom", 45, 207, "pictures of another camera or a command; what a viewer says, to be thrown away"),
        Row("epoll_wait", 232, None, "until somebody asks or the camera has a frame"),
        Row("epoll_pwait", 281, 22, "the same on aarch64"),
        *capture,
        Row("clock_gettime", 228, 113, "time, where the vDSO has none"),
        Row("futex", 202, 98, "Python's own locks"),
        Row(
            *("sendto", 44, 206, "what main is told, on the control socket; never with an address"),
            (Check(3, mask=_SEND), Check(4), Check(5)),
        ),
        Row("recvmsg", 47, 212, "main passes a viewer: on the control socket only", (Check(0, (control,)),)),
        Row("epoll_ctl", 233, 21, "a viewer came, or must wait until it can take more"),
        Row("poll", 7, None, "Python's waiting with a time limit"),
        Row("ppoll", 271, 73, "the same on aarch64"),
        Row("close", 3, 57, "a viewer went"),
        Row("shutdown", 48, 210, "a viewer's answer is complete, though main keeps a duplicate of its socket"),
        Row("getsockname", 51, 204, "Python asks when it wraps a passed socket"),
        Row("getpeername", 52, 205, "Python describes a socket that nobody closed, then closes it"),
        Row(
            *("getsockopt", 55, 209, "the same: type, protocol, family, error"),
            (Check(1, (_SOL_SOCKET,)), Check(2, _SOCKET_FACTS)),
        ),
        Row("fstat", 5, 80, "Python asks before it maps a camera's buffer"),
        Row(
            *("mmap", 9, 222, "memory, and the camera's buffers: nothing that runs, no other file"),
            (Check(2, mask=_READ_WRITE), Check(4, mapped)),
        ),
        Row("munmap", 11, 215, "memory goes back"),
        Row("mremap", 25, 216, "a large buffer grows"),
        Row("mprotect", 10, 226, "malloc's arenas grow: nothing that runs", (Check(2, mask=_READ_WRITE),)),
        Row(
            "madvise", 28, 233, "malloc gives pages back; other advice is not taken", (Check(2, _FREE),), ALLOW, REFUSE
        ),
        Row("brk", 12, 214, "memory"),
        Row("gettimeofday", 96, 169, "time, where the vDSO has none"),
        Row("nanosleep", 35, 101, "a pause"),
        Row("clock_nanosleep", 230, 115, "a pause, as Python makes it"),
        Row("sched_yield", 24, 124, "locks in libraries, before they sleep"),
        Row("restart_syscall", 219, 128, "the kernel goes on with a pause after a stop signal"),
        Row("rt_sigreturn", 15, 139, "the end of a signal handler"),
        Row("rt_sigaction", 13, 134, "Python puts handlers back when it ends"),
        Row("rt_sigprocmask", 14, 135, "abort() lets its own signal through"),
        Row("getrandom", 318, 278, "keys of the frames that are sealed for one recipient"),
        Row("exit", 60, 93, "the end"),
        Row("exit_group", 231, 94, "the end"),
        Row("prctl", 157, 167, "newer Pythons and libraries name their memory, and go on without", (), REFUSE),
        Row("newfstatat", 262, 79, "some C libraries write fstat so; it takes a path", (), REFUSE),
        Row("sysinfo", 99, 179, "qsort of older C libraries asks how much memory there is", (), REFUSE),
    )
