"""How the camera stands: what its process says, checked, and what main makes of it for people."""

from dataclasses import dataclass
from typing import Any

from firmware_agent.errors import FormatError

_SHAPE = {"covered": bool, "trouble": str, "odd": int, "pictures": int}
_LONGEST = 200  # characters of trouble


@dataclass(frozen=True)
class CameraState:
    """on: its process is there, or begins. covered: by its own switch. trouble: what is wrong, "" if nothing is.

    lock, level: how the process is locked, and who started it; facts: what the source is, names and numbers; odd:
    pictures that were dropped because they were not as they should be. All of them empty while it is off.
    """

    on: bool = False
    covered: bool = False
    trouble: str = ""
    lock: str = ""
    level: str = ""
    facts: dict[str, str | int] | None = None
    odd: int = 0


def said(row: dict[str, Any]) -> dict[str, Any]:
    """The body of a message `state`; FormatError if it has another shape."""
    if set(row) != set(_SHAPE) or any(type(row[name]) is not kind for name, kind in _SHAPE.items()):
        raise FormatError("camera: its process says how it stands in another shape")
    if row["odd"] < 0 or row["pictures"] < 0 or len(row["trouble"]) > _LONGEST or not row["trouble"].isprintable():
        raise FormatError("camera: its process says what cannot be")
    return row


def facts(row: dict[str, Any]) -> dict[str, str | int]:
    """What a process reports of its source, as far as it can be shown; whatever else it says is dropped."""
    shown: dict[str, str | int] = {}
    for name, value in list(row.items())[:16]:
        plain = type(value) is int or (type(value) is str and len(value) <= _LONGEST and value.isprintable())
        if isinstance(name, str) and name.isidentifier() and len(name) <= 40 and plain:
            shown[name] = value
    return shown
