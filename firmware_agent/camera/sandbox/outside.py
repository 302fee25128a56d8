"""The kernel's own word, from outside, that the camera process is locked: its report alone is not believed."""

from pathlib import Path

from firmware_agent.camera.sandbox.report import CannotLock

_FILTERED = "2"  # a program of its own, or its parent's, answers its calls


def confirm(pid: int) -> None:
    """CannotLock, unless process `pid` may gain no rights, and has a filter more than the process that asks."""
    try:
        theirs, ours = _status(str(pid)), _status("self")
    except OSError as error:
        raise CannotLock("proc", f"/proc cannot be read ({error.strerror}); mount it") from None
    if theirs.get("NoNewPrivs") != "1" or theirs.get("Seccomp") != _FILTERED or not _more(theirs, ours):
        raise CannotLock("seccomp", "the process says that it is locked, and the kernel says that it is not")


def _more(theirs: dict[str, str], ours: dict[str, str]) -> bool:
    """Kernels before 5.11 do not count filters."""
    key = "Seccomp_filters"
    return key not in theirs or int(theirs[key]) > int(ours.get(key, "0"))


def _status(process: str) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text("utf-8", "replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
