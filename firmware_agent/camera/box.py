"""Which part of a JPEG is shown: whole blocks that lie inside what the owner drew, so that nothing outside it is there.

Blocks that reach beyond the line would carry what lies beyond it in their coefficients, whatever size the header says.
"""

from typing import NamedTuple

from firmware_agent.errors import FormatError

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_MOST_SEGMENTS = 64


class Shape(NamedTuple):
    """Pixels: of the picture, and of the smallest part that can be cut out of it."""

    width: int
    height: int
    across: int
    down: int


def shape(jpeg: bytes) -> Shape:
    """From the frame header; FormatError if there is none where one is due."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 10 > len(jpeg) or jpeg[at] != 0xFF:
            break
        kind, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if kind in _FRAMES:
            parts = jpeg[at + 10 : at + 10 + 3 * jpeg[at + 9]]
            sides = [(one >> 4, one & 15) for one in parts[1::3]]
            if len(parts) != length - 8 or not sides or not all(1 <= one <= 4 for pair in sides for one in pair):
                break
            height, width = int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
            return Shape(width, height, 8 * max(one for one, _ in sides), 8 * max(one for _, one in sides))
        if length < 2 or kind == 0xDA:
            break
        at += 2 + length
    raise FormatError("jpeg: no frame header where one is due")


def inside(whole: Shape, crop: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, width, height in pixels, for left, top, width, height in thousandths. FormatError: no block fits."""
    left, width = _side(crop[0], crop[2], whole.width, whole.across)
    top, height = _side(crop[1], crop[3], whole.height, whole.down)
    return left, top, width, height


def _side(begin: int, length: int, pixels: int, block: int) -> tuple[int, int]:
    first = -(-begin * pixels // (1000 * block)) * block
    last = pixels if begin + length == 1000 else (begin + length) * pixels // (1000 * block) * block
    if begin < 0 or begin + length > 1000 or last <= first:
        raise FormatError("camera: the part of the picture to show is smaller than a block of it; draw a larger one")
    return first, last - first
