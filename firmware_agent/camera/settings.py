"""What the camera process is told about its source: plain data, checked by main, and again by whoever reads it."""

from dataclasses import asdict, dataclass
from typing import Any

from firmware_agent.errors import FormatError

KINDS = ("pattern", "v4l2", "mjpeg", "adapter")


@dataclass(frozen=True)
class SourceSettings:
    """kind: pattern (a test picture), v4l2 (a camera of this device), mjpeg (another program's or camera's stream: main
    connects and passes the connection) or adapter (a command's output, JPEG after JPEG: main passes the pipe).

    device: of v4l2, /dev/video*. width, height: pixels, what is asked of a camera; 0: what it likes. rate: pictures a
    second, at most. crop: left, top, width, height in thousandths of the picture, all 0: all of it (lossless, through
    libturbojpeg; without that library nothing is shown).
    """

    kind: str
    device: str = ""
    width: int = 0
    height: int = 0
    rate: int = 30
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)

    def row(self) -> dict[str, Any]:
        """As it travels (messages.py: begin)."""
        return {**asdict(self), "crop": list(self.crop)}


def settings(row: dict[str, Any]) -> SourceSettings:
    """Rebuild what `row` said; FormatError if a part is missing, unknown or of another shape."""
    shapes = {"kind": str, "device": str, "width": int, "height": int, "rate": int, "crop": list}
    if set(row) != set(shapes) or any(type(row[name]) is not kind for name, kind in shapes.items()):
        raise FormatError("camera: settings of another shape")
    crop = row["crop"]
    sizes = all(0 <= row[name] <= 16384 for name in ("width", "height")) and 1 <= row["rate"] <= 120
    inside = len(crop) == 4 and all(type(one) is int and 0 <= one <= 1000 for one in crop)
    if row["kind"] not in KINDS or not sizes or not inside or crop[0] + crop[2] > 1000 or crop[1] + crop[3] > 1000:
        raise FormatError("camera: settings out of bounds")
    return SourceSettings(**{**row, "crop": tuple(crop)})
