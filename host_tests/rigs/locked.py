"""Runs each attempt in a process of its own: free, locked, and locked on a kernel without Landlock.

`python -m host_tests.rigs.locked FOLDER [CAMERA [MODE...]]` prints JSON: {mode: {name: answer}}. An answer is "ok", the
name of an errno, the name of the signal that ended the process, or "refused: ..." if the lock could not be set. CAMERA is
a device of V4L2, made ready to stream; without one /dev/zero stands in.
Each child has the real entry of the camera process; only what it does once it is locked is exchanged for the attempt.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import signal
import socket
import struct
import sys
from pathlib import Path

from firmware_agent.camera import worker
from firmware_agent.camera.messages import LARGEST_TO_MAIN, TO_MAIN, Inbox, pack
from firmware_agent.camera.sandbox.lock import lock
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import videodev
from host_tests.rigs import attempts
from host_tests.rigs.preload import answer_with
from host_tests.rigs.syscalls import NUMBERS

MODES = ("free", "locked", "locked without Landlock")
_ANSWERS = struct.Struct("=qi")
_HERE = NUMBERS[os.uname().machine]
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
_X32 = 0x40000000


def possible(attempt):
    """Whether this machine has such a call."""
    if attempt in attempts.OTHER_NUMBERS:
        return os.uname().machine == "x86_64"
    return attempt[1] in _HERE


def run(attempt, mode, folder, device="/dev/zero"):
    """The answer of one attempt."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        os.chdir(folder)
        _child(attempt, mode, theirs, device)
    theirs.close()
    entry = mode != "free" and attempt not in attempts.WITH_CAMERA + attempts.ALLOWED
    with ours:
        said = b""
        if entry:
            ours.send(pack("begin", SourceSettings("pattern").row()))
        while part := ours.recv(4096):
            said += part
    _, status = os.waitpid(child, 0)
    if entry:
        length = int.from_bytes(said[:4], "big")
        ((_, data, _),) = Inbox(TO_MAIN, LARGEST_TO_MAIN).feed(said[: 4 + length])
        report, said = json.loads(data), said[4 + length :]
        if "missing" in report:
            return f"refused: {report['missing']}"
    if len(said) >= _ANSWERS.size:
        result, number = _ANSWERS.unpack(said[: _ANSWERS.size])
        return "ok" if result >= 0 else errno.errorcode[number]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return "ok" if attempt[1].startswith("exec") and os.WEXITSTATUS(status) == 0 else f"exit {os.WEXITSTATUS(status)}"


def _child(attempt, mode, control, device):
    try:
        for number in range(3):
            os.dup2(os.open("/dev/null", os.O_RDWR), number)
        camera = None
        if attempt in attempts.WITH_CAMERA + attempts.ALLOWED:
            camera = os.dup2(_opened(device), 200)
        if mode == "locked without Landlock":
            answer_with(errno.ENOSYS, _HERE["landlock_create_ruleset"])
        os.dup2(control.fileno(), 100)
        kept = 100 if camera is None else 200
        os.closerange(3, 100)
        os.closerange(101, kept)
        os.closerange(kept + 1, 1000)
        control.detach()
        control = socket.socket(fileno=100)
        act = Act(attempt, control, camera)
        if mode == "free":
            act(control)
        elif camera is not None:
            lock(control, camera)
            act(control)
        else:
            worker.begin(control, lambda _: act(control))
    finally:
        os._exit(77)


def _opened(device):
    """The camera, its buffers made and given to it."""
    camera = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    if device != "/dev/zero":
        fcntl.ioctl(camera, videodev.REQBUFS, bytearray(videodev.BUFFERS.pack(2, videodev.CAPTURE, videodev.MMAP, 0, 0)))
        fcntl.ioctl(camera, videodev.QBUF, videodev.buffer(0))
    return camera


class Act:
    """One attempt, with its buffers made beforehand; called with the control socket, it sends the answer there."""

    def __init__(self, attempt, control, camera):
        self._name, self._call, arguments, _ = attempt
        self._keep = []
        self._gate = self._old_gate() if self._call == "32-bit" else None
        page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._keep.append(page)
        place = ctypes.addressof(ctypes.c_char.from_buffer(page))
        one = self._buffer(struct.pack("PN", self._buffer(b"x"), 1))
        words = {
            attempts.CONTROL: control.fileno(),
            attempts.OTHER: 1,
            attempts.CAMERA: camera,
            attempts.PAGE: place,
            "<vector>": one,
            "<message>": self._buffer(bytes(56)),
            "<length>": self._buffer(struct.pack("I", 16)),
            "<empty>": self._buffer(bytes(256)),
            "<self>": os.getpid(),
            "<uid>": os.getuid(),
        }
        self._numbers = [
            words[word] if word in words else self._buffer(word) if isinstance(word, bytes) else word
            for word in (
                word.encode() + b"\0" if isinstance(word, str) and word not in words else word for word in arguments
            )
        ]

    def _buffer(self, data):
        self._keep.append(ctypes.create_string_buffer(data, max(1, len(data))))
        return ctypes.addressof(self._keep[-1])

    def _old_gate(self):
        """A function that calls the kernel as a 32-bit program does: mov eax, 20; int 0x80; ret."""
        page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page[:8] = bytes.fromhex("b814000000cd80c3")
        place = ctypes.addressof(ctypes.c_char.from_buffer(page))
        self._keep.append(page)
        assert _syscall(_HERE["mprotect"], ctypes.c_long(place), ctypes.c_long(4096), ctypes.c_long(5)) == 0
        return ctypes.CFUNCTYPE(ctypes.c_int)(place)

    def __call__(self, control):
        if self._gate is not None:
            result = self._gate()
            control.send(_ANSWERS.pack(min(result, 0) and -1, max(0, -result)))
            os._exit(78)
        number = _HERE[self._call] | (_X32 if self._name.startswith("x32") else 0)
        result = _syscall(number, *map(ctypes.c_long, self._numbers))
        failure = ctypes.get_errno()
        if result == 0 and self._call in ("fork", "clone", "clone3"):
            os._exit(0)  # the child of the attempt; its parent tells
        control.send(_ANSWERS.pack(result, failure))
        os._exit(78)


def main():
    folder, device, *modes = (*sys.argv[1:], "/dev/zero")[: max(2, len(sys.argv) - 1)]
    folder = Path(folder)
    answers = {}
    for mode in modes or MODES:
        for place, attempt in enumerate([*attempts.ALL, *attempts.WITH_CAMERA, *attempts.ALLOWED]):
            if not possible(attempt):
                continue
            scratch = folder / f"{mode}-{place}"
            (scratch / "folder").mkdir(parents=True)
            (scratch / "file").write_bytes(b"content")
            (scratch / "spare").write_bytes(b"content")
            (scratch / "link").symlink_to("file")
            answers.setdefault(mode, {})[attempt[0]] = run(attempt, mode, scratch, device)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
