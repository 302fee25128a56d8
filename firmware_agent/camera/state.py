"""How the camera stands: what its process says, checked, and what main makes of it for people."""

from dataclasses import dataclass
from typing import Any

from firmware_agent.errors import FormatError

_SHAPE = {"covered": bool, "trouble": str, "odd": int, "pictures": int}
_LONGEST = 200  # characters of trouble
_MOST = 1 << 32  # pictures: years
_MOST_BYTES = 1 << 48


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
    if not (0 <= row["odd"] < _MOST and 0 <= row["pictures"] < _MOST and _words(row["trouble"])):
        raise FormatError("camera: its process says what cannot be")
    return row


def counted(pictures: int, size: int, why: str) -> None:
    """FormatError, unless one use may have ended so."""
    if not (0 <= pictures < _MOST and 0 <= size < _MOST_BYTES and _words(why)):
        raise FormatError("camera: its process counts what cannot be")


def facts(row: dict[str, Any]) -> dict[str, str | int]:
    """What a process reports of its source, as far as it can be shown; whatever else it says is dropped."""
    shown: dict[str, str | int] = {}
    for name, value in list(row.items())[:16]:
        plain = type(value) is int or (type(value) is str and _words(value))
        if isinstance(name, str) and name.isidentifier() and len(name) <= 40 and plain:
            shown[name] = value
    return shown


def _words(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable()
