"""What the camera process tells the main process first: that it is locked, or what is missing. JSON, at most 1 KiB."""

import json
from typing import NamedTuple

from firmware_agent.errors import AgentError, FormatError

LARGEST = 1024  # bytes


class CannotLock(AgentError):
    """The camera process must not start. `missing` names what; the message says why and what to do."""

    def __init__(self, missing: str, message: str) -> None:
        super().__init__(message)
        self.missing = missing


class Locked(NamedTuple):
    """landlock: its ABI, 0 if the kernel has none. memory: no page goes to swap."""

    landlock: int
    memory: bool

    def __str__(self) -> str:
        second = f"Landlock {self.landlock}" if self.landlock else "no Landlock"
        return f"seccomp, {second}, memory {'locked' if self.memory else 'not locked'}"


def encode(report: "Locked | CannotLock") -> bytes:
    """The message, with no length before it."""
    if isinstance(report, CannotLock):
        return json.dumps({"missing": report.missing, "text": str(report)[:600]}).encode()
    return json.dumps({"landlock": report.landlock, "memory": report.memory}).encode()


def decode(data: bytes) -> Locked:
    """The report of a process that is locked; CannotLock if it is not, FormatError if that is no report."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    match said:
        case {"missing": str(missing), "text": str(text)} if (
            len(said) == 2 and len(text) <= 600 and (missing + text).isprintable()
        ):
            raise CannotLock(missing, text)
        case {"landlock": int(landlock), "memory": bool(memory)} if len(said) == 2:
            return Locked(landlock, memory)
    raise FormatError("camera: its process sent no report of its lock")
