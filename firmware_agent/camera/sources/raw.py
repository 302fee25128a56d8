"""Pictures that are not JPEG yet: where their planes lie in a camera's buffer."""

from collections.abc import Callable
from mmap import mmap

from firmware_agent.camera.sources.videodev import Layout
from firmware_agent.camera.turbo import S420, S422, Turbo
from firmware_agent.errors import FormatError


class Converter:
    """Makes a JPEG of a buffer whose pictures lie as `at` says. name: one of FORMATS. needs: bytes of such a picture.

    FormatError: a layout that does not fit the format.
    """

    def __init__(self, turbo: Turbo, name: str, at: Layout) -> None:
        self._make, rows, bytes_a_pixel = FORMATS[name]
        self._turbo = turbo
        self._at = at
        self.needs = at.line * at.height * rows // 2
        fits = not (at.width % 2 or at.height % 2 or at.line % 4) and at.line >= at.width * bytes_a_pixel
        if not fits or not 0 < self.needs <= at.size:
            raise FormatError(
                f"{name} of {at.width} by {at.height}, rows of {at.line} bytes, is not supported; choose another size"
            )
        turbo.prepare(at.width, at.height)

    def jpeg(self, buffer: mmap) -> bytes:
        """The picture in it. FormatError."""
        return self._make(self._turbo, self._at, buffer)


def _yuyv(turbo: Turbo, at: Layout, buffer: mmap) -> bytes:
    end, half = at.line * at.height, at.line // 4
    planes = buffer[0:end:2], buffer[1:end:4], buffer[3:end:4]
    return turbo.planes(planes, (at.line // 2, half, half), at.width, at.height, S422)


def _nv12(turbo: Turbo, at: Layout, buffer: mmap) -> bytes:
    luma = at.line * at.height
    end, half = luma * 3 // 2, at.line // 2
    planes = buffer[:luma], buffer[luma:end:2], buffer[luma + 1 : end : 2]
    return turbo.planes(planes, (at.line, half, half), at.width, at.height, S420)


def _yu12(turbo: Turbo, at: Layout, buffer: mmap) -> bytes:
    luma = at.line * at.height
    middle, end, half = luma * 5 // 4, luma * 3 // 2, at.line // 2
    planes = buffer[:luma], buffer[luma:middle], buffer[middle:end]
    return turbo.planes(planes, (at.line, half, half), at.width, at.height, S420)


def _rgb(turbo: Turbo, at: Layout, buffer: mmap) -> bytes:
    return turbo.rgb(buffer[: at.line * at.height], at.line, at.width, at.height)


# Cheapest first. name: (how, rows of the first plane's length that the picture takes for two of its own, bytes a pixel)
FORMATS: dict[str, tuple[Callable[[Turbo, Layout, mmap], bytes], int, int]] = {
    "YU12": (_yu12, 3, 1),
    "NV12": (_nv12, 3, 1),
    "YUYV": (_yuyv, 2, 2),
    "RGB3": (_rgb, 2, 3),
}
