"""A test picture that moves: colour bars and a square, as a baseline JPEG (ITU-T T.81) of flat 8 by 8 blocks.

Small enough to need no picture library on a printer: each block is its average colour, so only the DC coefficients
are coded. It carries an EXIF and a comment segment on purpose, so that cutting them out can be seen to work.
"""

import math

from firmware_agent.camera.settings import SourceSettings

WIDTH, HEIGHT = 320, 240
METADATA = b"pattern-metadata-that-must-not-leave"
_BARS = ((235, 235, 235), (235, 235, 16), (16, 235, 235), (16, 235, 16), (235, 16, 235), (235, 16, 16), (16, 16, 235))
_STEP = 8  # quantiser of the DC coefficient, which is eight times the average: one code step is one grey level
# Huffman code for DC sizes 0 to 11: all lengths 4, in order. For AC: one symbol, end of block, one bit.
_DC_SIZES = bytes(range(12))
_AC_END = b"\x00"


class Pattern:
    """Implements Source: picture after picture, `rate` a second, while somebody looks."""

    fd = -1
    camera: int | None = None

    def __init__(self, settings: SourceSettings) -> None:
        self.facts: dict[str, str | int] = {"kind": "test picture", "width": WIDTH, "height": HEIGHT}
        self._pause = 1 / settings.rate
        self._next: float | None = None
        self._number = 0

    def on(self) -> None:
        """The next picture is due at once."""
        self._next = 0.0

    def off(self) -> None:
        """None is due."""
        self._next = None

    def due(self, now: float) -> float | None:
        """Seconds until the next picture."""
        return None if self._next is None else max(0.0, self._next - now)

    def take(self, now: float) -> bytes | None:
        """The next picture if it is due."""
        if self._next is None or now < self._next:
            return None
        self._next = max(self._next + self._pause, now)  # late once: that is not caught up
        self._number += 1
        return jpeg(self._number - 1)

    def covered(self) -> bool:
        """Never."""
        return False


def jpeg(number: int) -> bytes:
    """Picture `number` of the sequence."""
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE1, b"Exif\x00\x00" + METADATA),
            _segment(0xFE, METADATA),
            _segment(0xDB, b"\x00" + bytes([_STEP]) * 64),
            _segment(
                0xC0,
                b"\x08"
                + HEIGHT.to_bytes(2, "big")
                + WIDTH.to_bytes(2, "big")
                + b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00",
            ),
            _segment(0xC4, b"\x00" + bytes([0, 0, 0, 12] + [0] * 12) + _DC_SIZES),
            _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + _AC_END),
            _segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00"),
            _scan(number),
            b"\xff\xd9",
        )
    )


def _segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body


def _scan(number: int) -> bytes:
    bits: list[str] = []
    before = [0, 0, 0]
    for row in range(HEIGHT // 8):
        for column in range(WIDTH // 8):
            for part, level in enumerate(_ycc(_colour(row, column, number))):
                difference = level - before[part]
                before[part] = level
                size = abs(difference).bit_length()
                bits.append(f"{size:04b}")
                if size:
                    coded = difference if difference > 0 else difference + (1 << size) - 1
                    bits.append(f"{coded:0{size}b}")
                bits.append("0")  # end of block
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


def _colour(row: int, column: int, number: int) -> tuple[int, int, int]:
    middle_row = HEIGHT / 16 + HEIGHT / 32 * math.sin(number / 7)
    middle_column = WIDTH / 16 + WIDTH / 32 * math.cos(number / 7)
    if abs(row - middle_row) < 3 and abs(column - middle_column) < 3:
        return 40, 40, 40
    return _BARS[column * len(_BARS) * 8 // WIDTH]


def _ycc(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """JFIF's luma and chroma, shifted to be around zero."""
    red, green, blue = colour
    return (
        round(0.299 * red + 0.587 * green + 0.114 * blue) - 128,
        round(-0.1687 * red - 0.3313 * green + 0.5 * blue),
        round(0.5 * red - 0.4187 * green - 0.0813 * blue),
    )
