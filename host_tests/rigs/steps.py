"""How much work something does, without a clock: calls, and characters that strings are asked to look at."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, SupportsIndex


def calls(work: "Callable[[], object]") -> int:
    """How many functions it calls, of Python and of C."""
    count = 0

    def seen(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


class Watched(str):
    """A text that adds up in `looked` how many characters it was asked to copy or to search, at most."""

    looked = 0

    def __getitem__(self, key: "SupportsIndex | slice") -> str:
        part = super().__getitem__(key)
        Watched.looked += len(part)
        return part

    def find(self, sub: str, start: Any = 0, end: Any = None) -> int:
        at = super().find(sub, start, end)
        Watched.looked += (at if at >= 0 else len(self) if end is None else end) - start
        return at

    def rfind(self, sub: str, start: Any = 0, end: Any = None) -> int:
        at = super().rfind(sub, start, end)
        Watched.looked += (len(self) if end is None else end) - (at if at >= 0 else start)
        return at
