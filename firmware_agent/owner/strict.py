"""JSON from outside, for the page and for the socket: read in the one way that leaves no doubt about what it says."""

import json
import math
from typing import Any

DEPTH = 8
_DIGITS = 16  # more than any count or time needs


def document(data: bytes) -> dict[str, Any]:
    """The object that `data` is; ValueError, without a word of the data, if it is anything else.

    Refused: other encodings than UTF-8, a name that comes twice, NaN and infinities, numbers of more than 16 digits,
    half surrogates, more than 8 levels.
    """
    try:
        found = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
        _walk(found, DEPTH)
    except (ValueError, RecursionError):
        raise ValueError("not JSON as it is taken here") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _constant(text: str) -> None:
    raise ValueError("not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("too large")
    return value


def _int(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS:
        raise ValueError("too large")
    return int(text)


def _walk(value: Any, left: int) -> None:
    """ValueError for what is nested too deep and for text that has no UTF-8."""
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, (dict, list)):
        if not left:
            raise ValueError("too deep")
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            _walk(part, left - 1)
