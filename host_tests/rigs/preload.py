"""Makes this process, and all that it starts, live on a poorer kernel: some system calls answer with an errno."""

import ctypes
import os
import struct

from host_tests.rigs.syscalls import NUMBERS

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06


def answer_with(error, *calls):
    """error: the errno that each of `calls` (numbers) gets from now on."""
    steps = [(_LOAD, 0, 0, 0)]
    for call in calls:
        steps += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ERRNO | error)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    _install(steps)


def _install(steps):
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    header = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    call = ctypes.CDLL(None, use_errno=True).syscall
    numbers = NUMBERS[os.uname().machine]
    if call(numbers["prctl"], 38, 1, 0, 0, 0) or call(
        numbers["prctl"], 22, 2, ctypes.c_void_p(ctypes.addressof(header))
    ):
        raise OSError(ctypes.get_errno(), "the test's own filter was refused")
