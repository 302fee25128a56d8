"""Which part of the camera's picture is shown: what lies outside is cut away before anybody sees it."""

from typing import Protocol

from firmware_agent import cbor
from firmware_agent.errors import FormatError

Part = tuple[int, int, int, int]
WHOLE: Part = (0, 0, 0, 0)
SPOT: Part = (0, 0, 1, 1)


class Slots(Protocol):
    """A pair of slots: a body under a sequence that only rises."""

    def raw(self) -> list[bytes | None]: ...
    def blank(self, raw: list[bytes | None]) -> bool: ...
    def newest(self, raw: list[bytes | None]) -> tuple[int, bytes | None]: ...
    def write(self, sequence: int, body: bytes) -> None: ...


class Crop:
    """What the owner drew: left, top, width, height in thousandths of the picture; WHOLE: all of it."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def read(self) -> Part | None:
        """None if nobody chose. If that cannot be read any more, next to nothing is shown: a SPOT in the corner."""
        raw = self._slots.raw()
        if self._slots.blank(raw):
            return None
        _, body = self._slots.newest(raw)
        try:
            return SPOT if body is None else part(cbor.decode(body))
        except FormatError:
            return SPOT

    def choose(self, chosen: Part) -> None:
        """In both slots: damage to one must not bring back what was shown before."""
        for _ in range(2):
            sequence, _ = self._slots.newest(self._slots.raw())
            self._slots.write(sequence + 1, cbor.encode(list(chosen)))


def part(row: object) -> Part:
    """A part of the picture; FormatError if it is none."""
    if not isinstance(row, list) or len(row) != 4 or any(type(one) is not int for one in row):
        raise FormatError("a part of the picture is four whole numbers: left, top, width, height, in thousandths")
    left, top, width, height = row
    inside = min(left, top) >= 0 and min(width, height) > 0 and left + width <= 1000 and top + height <= 1000
    if not inside and row != list(WHOLE):
        raise FormatError("a part of the picture lies within 0 to 1000 thousandths; four zeros are the whole of it")
    return left, top, width, height
