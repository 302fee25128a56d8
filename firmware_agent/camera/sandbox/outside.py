"""The kernel's own word, from outside, that the camera process is locked: its report alone is not believed."""

import os
import re

from firmware_agent.camera.sandbox.report import CannotLock

_FILTERED = "2"  # a program of its own, its parent's or its unit's answers its calls
_WHOLE = 1 << 16  # bytes, more than that file ever has


class Witness:
    """`with Witness(pid)` sees that process from before its lock on: afterwards a /proc that hides some hides it, too.

    status: that file, opened by the process itself, where our /proc never shows it: from then on the witness's.
    CannotLock: /proc cannot be read, or that is another file, or of another process.
    """

    def __init__(self, pid: int, status: int | None = None) -> None:
        self._pid = str(pid)
        try:
            self._file = open(f"/proc/{pid}/status" if status is None else status, "rb")  # noqa: SIM115
            place = os.readlink(f"/proc/self/fd/{self._file.fileno()}")  # the kernel's word, too
            self._before = self._now()
        except OSError as error:
            raise _no_proc(error) from None
        if not re.fullmatch(rf"(/proc)?/{pid}/status", place) or self._before.get("Pid") != self._pid:
            self._file.close()
            raise CannotLock("proc", "what should tell how its process is locked is another file")

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def confirm(self) -> None:
        """CannotLock, unless the process may gain no rights, and has a filter more than when this began to look."""
        try:
            now = self._now()
        except OSError as error:
            raise _no_proc(error) from None
        if now.get("NoNewPrivs") != "1" or now.get("Seccomp") != _FILTERED or not _more(now, self._before):
            raise CannotLock("seccomp", "the process says that it is locked, and the kernel says that it is not")

    def _now(self) -> dict[str, str]:
        return _fields(os.pread(self._file.fileno(), _WHOLE, 0))


def _more(now: dict[str, str], before: dict[str, str]) -> bool:
    """Kernels before 5.11 do not count filters."""
    key = "Seccomp_filters"
    return key not in now or int(now[key]) > int(before.get(key, "0"))


def _fields(status: bytes) -> dict[str, str]:
    lines = status.decode("utf-8", "replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _no_proc(error: OSError) -> CannotLock:
    return CannotLock("proc", f"/proc cannot be read ({error.strerror}); mount it")
