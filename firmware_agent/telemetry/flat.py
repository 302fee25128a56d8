"""What printers' programs say, as raw leaves: bounded in number and depth, and nothing of it trusted."""

import json
from collections.abc import Iterator
from typing import Any, TypeGuard

DEPTH = 6  # levels of nesting; what lies deeper is not looked at
LEAVES = 200  # of one document that keep a name of their own


def parse(text: bytes | str) -> dict[str, Any] | None:
    """The JSON object (RFC 8259) in `text`; None if it is none, or holds NaN or an infinity."""
    try:
        found = json.loads(text if isinstance(text, str) else text.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def leaves(value: Any, path: str = "", depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of each leaf that is not null."""
    if isinstance(value, dict | list):
        if depth:
            for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from leaves(inner, "%s.%s" % (path, name) if path else str(name), depth - 1)
    elif value is not None:
        yield path, value


def number(value: Any, low: float, high: float) -> TypeGuard[float]:
    """Whether it is a number from low to high: outside of that it is no measurement. NaN never is."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def size(text: str) -> int:
    """Bytes of it in UTF-8; a lone surrogate, which no UTF-8 has, counts as three."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def shortened(text: str, most: int) -> str:
    """Its beginning, of at most `most` bytes in UTF-8."""
    if size(text) <= most:
        return text
    return text.encode("utf-8", "surrogatepass")[:most].decode("utf-8", "ignore")
