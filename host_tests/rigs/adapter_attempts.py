"""What an adapter command could try to keep a picture or bring it out, as JSON.

`adapter_attempts.py FOLDER PORT MEMORY QUEUE SEMAPHORE`:
FOLDER holds what host_tests/test_adapter.py puts there; PORT listens on 127.0.0.1; the others are System V's. Each
attempt runs in a child, and again in a child's child: {name: ["ok" or errno's name, the same of the grandchild]}.
"""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import struct
import sys

PLACE = {"folder": "", "port": 0, "memory": 0, "queue": 0, "semaphore": 0}
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_X86 = os.uname().machine == "x86_64"
_TMPFILE = os.O_TMPFILE | os.O_WRONLY


def path(name):
    return os.path.join(PLACE["folder"], name)


def raw(x86_64, aarch64, *arguments):
    """One system call; EFAULT, EINVAL, ENOENT, EBADF and ENOTTY show that the kernel took it up."""
    if _syscall(x86_64 if _X86 else aarch64, *map(ctypes.c_long, arguments)) < 0:
        number = ctypes.get_errno()
        if number not in (errno.EFAULT, errno.EINVAL, errno.ENOENT, errno.EBADF, errno.ENOSYS, errno.ENOTTY):
            raise OSError(number, "")


def opened(name, flags):
    os.close(os.open(path(name), flags, 0o600))


def connected(family, kind, address, protocol=0):
    with socket.socket(family, kind, protocol) as one:
        one.settimeout(2)
        one.connect(address)


def sent_as_datagram():
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"picture", path("datagrams"))


def large_memory():
    """Memory that is a file, as large as many pictures."""
    number = os.memfd_create("pictures")
    os.ftruncate(number, 4 << 20)


def existing_memory():
    """System V's, which another process made before."""
    attach = ctypes.CDLL(None, use_errno=True).shmat
    attach.restype, attach.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    place = attach(PLACE["memory"], None, 0)
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "")
    ctypes.memmove(place, b"picture", 7)


def existing_queue():
    message = ctypes.create_string_buffer(struct.pack("=q8s", 1, b"picture"))
    raw(69, 189, PLACE["queue"], ctypes.addressof(message), 8, 0o4000)


def existing_semaphore(call=(65, 193)):
    change = ctypes.create_string_buffer(struct.pack("=Hhh", 0, 42, 0))
    raw(*call, PLACE["semaphore"], ctypes.addressof(change), 1, 0)


def asked(request):
    """A request at a file that is open to be read."""
    with open(path("file"), "rb") as file:
        raw(16, 29, file.fileno(), request, 0)


def shared():
    number = os.open("/dev/shm/adapter-attempt", os.O_CREAT | os.O_RDWR, 0o600)  # noqa: S108
    os.unlink("/dev/shm/adapter-attempt")  # noqa: S108
    os.close(number)


def written_through_a_map():
    with open(path("mapped"), "r+b") as file, mmap.mmap(file.fileno(), 4) as view:
        view[:4] = b"pict"


def attribute_at():
    value, name, file = (ctypes.create_string_buffer(text) for text in (b"x", b"user.at", path("file").encode()))
    how = ctypes.create_string_buffer(struct.pack("=QII", ctypes.addressof(value), 1, 0))
    raw(463, 463, -100, ctypes.addressof(file), 0, ctypes.addressof(name), ctypes.addressof(how), 16)


ATTEMPTS = {
    "open a new file": lambda: opened("new", os.O_CREAT | os.O_WRONLY),
    "open a file to write": lambda: opened("file", os.O_WRONLY),
    "open a file to read and write": lambda: opened("file", os.O_RDWR),
    "append to a file": lambda: opened("file", os.O_WRONLY | os.O_APPEND),
    "empty a file": lambda: opened("file", os.O_WRONLY | os.O_TRUNC),
    "a file without a name": lambda: os.close(os.open(path(""), _TMPFILE, 0o600)),
    "a file by a map": written_through_a_map,
    "truncate": lambda: os.truncate(path("file"), 5),
    "write to a FIFO": lambda: opened("fifo", os.O_WRONLY | os.O_NONBLOCK),
    "make a folder": lambda: os.mkdir(path(f"folder{os.getpid()}")),
    "make a FIFO": lambda: os.mkfifo(path(f"fifo{os.getpid()}")),
    "make a link": lambda: os.symlink("picture as a name", path(f"link{os.getpid()}")),
    "make a hard link": lambda: os.link(path("file"), path(f"hard{os.getpid()}")),
    "rename": lambda: os.rename(path("spare"), path("spare")),
    "remove": lambda: os.unlink(path("spare" if os.getppid() == MAIN else "spare2")),
    "remove a folder": lambda: os.rmdir(path("empty" if os.getppid() == MAIN else "empty2")),
    "an attribute": lambda: os.setxattr(path("file"), "user.picture", b"picture"),
    "an attribute, as Linux 6.13 has it": attribute_at,
    "the mode": lambda: os.chmod(path("file"), 0o640),
    "the times": lambda: os.utime(path("file"), (1, 1)),
    "the owner": lambda: os.chown(path("file"), os.getuid(), os.getgid()),
    "shared memory": shared,
    "a large file in memory": large_memory,
    "SysV shared memory": lambda: raw(29, 194, 77, 4096, 0o1600),
    "SysV shared memory that is there": existing_memory,
    "SysV messages to a queue that is there": existing_queue,
    "a message taken from a SysV queue": lambda: raw(70, 188, -1, 0, 0, 0, 0),
    "a SysV semaphore that is there": existing_semaphore,
    "the same, with a time limit": lambda: existing_semaphore((220, 192)),
    "the mode of SysV memory": lambda: raw(31, 195, PLACE["memory"], 1, 0),
    "the mode of a SysV queue": lambda: raw(71, 187, PLACE["queue"], 1, 0),
    "the value of a SysV semaphore": lambda: raw(66, 191, PLACE["semaphore"], 0, 16, 42),
    "flags of a file": lambda: asked(0x40086602),
    "the project of a file": lambda: asked(0x401C5820),
    "the generation of a file": lambda: asked(0x40087602),
    "a Btrfs volume": lambda: asked(0x5000940E),
    "a session of its own": os.setsid,
    "a group of its own": os.setpgrp,
    "a message queue": lambda: raw(240, 180, ctypes.addressof(ctypes.create_string_buffer(b"none")), 0, 0, 0),
    "a key": lambda: raw(250, 219, 0, -3, 0, 0, 0),
    "TCP": lambda: connected(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PLACE["port"])),
    "UDP": lambda: connected(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", PLACE["port"])),
    "IPv6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close(),
    "a Unix socket": lambda: connected(socket.AF_UNIX, socket.SOCK_STREAM, path("listener")),
    "a Unix datagram": sent_as_datagram,
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "io_uring": lambda: raw(425, 425, 4, 0),
    "ptrace": lambda: raw(101, 117, 0, 0, 0, 0),
    "memory of another": lambda: raw(311, 271, os.getpid(), 0, 0, 0, 0, 0),
    "mount": lambda: raw(165, 40, 0, 0, 0, 0, 0),
    "unshare": lambda: raw(272, 97, 0x04000000),
}
ALLOWED = {
    "open a file to read": lambda: opened("file", os.O_RDONLY),
    "list a folder": lambda: os.listdir(path("")),
    "open a device that keeps nothing": lambda: os.close(os.open("/dev/null", os.O_RDWR)),
    "a small file in memory": lambda: os.ftruncate(os.memfd_create("settings"), 1 << 16),
    "a pair of sockets": lambda: socket.socketpair(),
    "hear of devices": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15).bind((0, 1)),
    "a request at a file": lambda: asked(0x80086601),  # FS_IOC_GETFLAGS
    "start a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
}
MAIN = os.getpid()


def tried(attempt, deeper):
    """The answer of one attempt in a child, or in a child's child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        if deeper and os.fork():
            os._exit(0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            attempt()
            said = "ok"
        except OSError as error:
            said = errno.errorcode.get(error.errno, str(error))
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 100).decode() or "no answer"
    os.close(reading)
    os.waitpid(child, 0)
    return said


if __name__ == "__main__":
    PLACE.update(zip(PLACE, [sys.argv[1], *map(int, sys.argv[2:])]))
    every = {**ATTEMPTS, **ALLOWED}
    print(json.dumps({name: [tried(one, False), tried(one, True)] for name, one in every.items()}), flush=True)
