"""The calls to Linux that Python has no name for, by number, straight through the C library's `syscall`.

No package does this for us: the few that there are on PyPI bring a C library along, or tables that are not ours. Only
lock.py, second.py and weaker.py use this. Every method raises OSError with the kernel's errno.
"""

import os
import sys
from collections.abc import Iterable
from ctypes import CDLL, addressof, c_long, create_string_buffer, get_errno
from struct import pack

# machine as os.uname() says it: call -> number
_NUMBERS = {
    "x86_64": {
        "mlockall": 151,
        "munlockall": 152,
        "prctl": 157,
        "seccomp": 317,
        "landlock_create_ruleset": 444,
        "landlock_add_rule": 445,
        "landlock_restrict_self": 446,
    },
    "aarch64": {
        "mlockall": 230,
        "munlockall": 231,
        "prctl": 167,
        "seccomp": 277,
        "landlock_create_ruleset": 444,
        "landlock_add_rule": 445,
        "landlock_restrict_self": 446,
    },
}
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_GET_SECCOMP = 3, 4, 21
_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 38, 39
_SECCOMP_SET_MODE_FILTER, _SECCOMP_GET_ACTION_AVAIL = 1, 2
_LANDLOCK_ASK_VERSION = 1
_LANDLOCK_PATH_BENEATH = 1


def machine() -> str | None:
    """The name of this process's instruction set if there are tables for it, else None (a 32-bit process, too)."""
    name = os.uname().machine
    return name if name in _NUMBERS and sys.maxsize > 1 << 32 else None


class Kernel:
    """name: what `machine()` said."""

    def __init__(self, name: str) -> None:
        self._numbers = _NUMBERS[name]
        self._syscall = CDLL(None, use_errno=True).syscall
        self._syscall.restype = c_long

    def lock_memory(self) -> None:
        """No page of this process, now or later, goes to swap. A page counts from its first use on."""
        self._call("mlockall", _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)

    def unlock_memory(self) -> None:
        """Undo that."""
        self._call("munlockall")

    def forbid_dumps(self) -> None:
        """No core dump, no tracer of the same user, no look into the memory."""
        self._call("prctl", _PR_SET_DUMPABLE, 0)
        if self._call("prctl", _PR_GET_DUMPABLE):
            raise PermissionError("PR_SET_DUMPABLE has no effect")

    def forbid_privileges(self) -> None:
        """No program started from here gets more rights; the kernel wants this before a filter."""
        self._call("prctl", _PR_SET_NO_NEW_PRIVS, 1)
        if self._call("prctl", _PR_GET_NO_NEW_PRIVS) != 1:
            raise PermissionError("PR_SET_NO_NEW_PRIVS has no effect")

    def knows_action(self, action: int) -> None:
        """Raises if seccomp, or this answer of a filter, is not in this kernel."""
        buffer = create_string_buffer(pack("@I", action), 4)
        self._call("seccomp", _SECCOMP_GET_ACTION_AVAIL, 0, addressof(buffer))

    def filter(self, program: bytes) -> None:
        """From here on the kernel asks this program (struct sock_filter, 8 bytes each) before every call."""
        code = create_string_buffer(program, len(program))
        header = create_string_buffer(pack("@HP", len(program) // 8, addressof(code)))
        self._call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, addressof(header))

    def ask_prctl(self) -> int:
        """A harmless prctl; the filter's table answers it with an errno."""
        return self._call("prctl", _PR_GET_SECCOMP)

    def landlock_version(self) -> int:
        """The ABI of Landlock."""
        return self._call("landlock_create_ruleset", 0, 0, _LANDLOCK_ASK_VERSION)

    def landlock_restrict(self, attributes: bytes, except_for: Iterable[tuple[int, int]] = ()) -> None:
        """From here on everything in `attributes` (struct landlock_ruleset_attr) is forbidden.

        except_for: (descriptor of a file or folder, what stays allowed there and below).
        """
        buffer = create_string_buffer(attributes, len(attributes))
        rules = self._call("landlock_create_ruleset", addressof(buffer), len(attributes), 0)
        try:
            for place, rights in except_for:
                rule = create_string_buffer(pack("=Qi", rights, place))
                self._call("landlock_add_rule", rules, _LANDLOCK_PATH_BENEATH, addressof(rule), 0)
            self._call("landlock_restrict_self", rules, 0)
        finally:
            os.close(rules)

    def _call(self, name: str, *arguments: int) -> int:
        padded = (*arguments, *(0,) * (5 - len(arguments)))
        result: int = self._syscall(c_long(self._numbers[name]), *map(c_long, padded))
        if result < 0:
            raise OSError(get_errno(), f"{name}: {os.strerror(get_errno())}")
        return result
