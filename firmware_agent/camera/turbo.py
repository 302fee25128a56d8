"""libturbojpeg through ctypes: raw pictures become JPEG, and a JPEG is cut to a part of it without being decoded.

Only functions that 2.1 and 3.x both have. Loaded, and used once, before the lock: on some processors the library reads
a file at its first use. After that it asks the kernel for memory and for nothing else; it starts no threads. What it
makes goes into memory of a size that is known before, and it may not enlarge that (TJFLAG_NOREALLOC).
"""

from collections.abc import Sequence
from ctypes import CDLL, addressof, byref, c_char, c_char_p, c_int, c_ulong, c_void_p, string_at
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from struct import pack
from typing import Any

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.errors import FormatError

LIBRARY = "libturbojpeg.so.0"
S422, S420 = 1, 2  # TJSAMP: chroma at half the width; at half the width and height
_RGB = 0  # TJPF_RGB
_CROP, _COPY_NO_METADATA = 4, 64  # TJXOPT
_NO_REALLOC, _STOP_ON_WARNING, _LIMIT_SCANS = 1024, 8192, 32768  # TJFLAG
_QUALITY = 80
_LARGEST = 56 << 20  # bytes for one JPEG at its worst: 3840 by 2160 pixels
_MISSING = (
    "libturbojpeg is not installed, and this camera's pictures, or showing a part of them, need it; "
    "install it (Debian: apt install libturbojpeg0; Fedora: turbojpeg; Alpine: libjpeg-turbo)"
)
Box = tuple[int, int, int, int]  # left, top, width, height in pixels


class Turbo:
    """One for a process. Each result is a copy of its own. FormatError: the library will not have that picture."""

    def __init__(self, name: str = LIBRARY) -> None:
        """CannotLock: there is no such library, or it is not what it should be."""
        try:
            library = CDLL(name)
            self._from_planes, self._from_rgb = library.tjCompressFromYUVPlanes, library.tjCompress2
            self._cut, self._why = library.tjTransform, library.tjGetErrorStr2
            self._why.restype = c_char_p
            self._compress, self._begin_cut = _handle(library.tjInitCompress), library.tjInitTransform
            self._end_cut = library.tjDestroy
            self._room = _Room(1 << 16)
            flat = bytes(32 * 32)
            self.planes((flat, flat, flat), (32, 32, 32), 32, 32, S420)
            self.cut(self.rgb(flat * 3, 96, 32, 32), (16, 0, 16, 16))
        except (OSError, AttributeError):
            raise CannotLock("libturbojpeg", _MISSING) from None
        except FormatError as error:
            raise CannotLock("libturbojpeg", f"libturbojpeg does not work here ({error}); install it anew") from None

    def prepare(self, width: int, height: int) -> None:
        """Have memory for any JPEG of that size; FormatError if it would be too much."""
        # At least what tjBufSize says for any sampling: a picture of another one than expected must fit as well.
        worst = _padded(width) * _padded(height) * 6 + 2048
        if worst > _LARGEST:
            raise FormatError(f"camera: a picture of {width} by {height} is too large to convert; choose a smaller one")
        if worst > self._room.size:
            try:
                self._room = _Room(worst)
            except OSError:  # the limit of locked memory
                raise FormatError("camera: no memory to convert a picture of that size; choose a smaller one") from None

    def planes(self, planes: Sequence[bytes], strides: Sequence[int], width: int, height: int, sampling: int) -> bytes:
        """Y, Cb and Cr as a JPEG. strides: bytes from row to row of each."""
        self.prepare(width, height)
        place, size = self._room.argument()
        shape = (c_int(width), (c_int * 3)(*strides), c_int(height), c_int(sampling))
        what = (c_char_p * 3)(*planes)
        how = (byref(place), byref(size), c_int(_QUALITY), c_int(_NO_REALLOC))
        return self._done(self._from_planes, self._compress, what, *shape, *how, size=size)

    def rgb(self, pixels: bytes, stride: int, width: int, height: int) -> bytes:
        """Red, green, blue, 8 bits each, as a JPEG."""
        self.prepare(width, height)
        place, size = self._room.argument()
        shape = (c_char_p(pixels), c_int(width), c_int(stride), c_int(height), c_int(_RGB))
        how = (byref(place), byref(size), c_int(S420), c_int(_QUALITY), c_int(_NO_REALLOC))
        return self._done(self._from_rgb, self._compress, *shape, *how, size=size)

    def cut(self, jpeg: bytes, box: Box) -> bytes:
        """That part of a JPEG, its coefficients as they are, without metadata. The box must begin at a block."""
        self.prepare(box[2], box[3])
        place, size = self._room.argument()
        # struct tjtransform: region, operation (none), options, data, filter
        order = c_char_p(pack("@4i2iPP", *box, 0, _CROP | _COPY_NO_METADATA, 0, 0))
        source = (c_char_p(jpeg), c_ulong(len(jpeg)), c_int(1))
        flags = c_int(_NO_REALLOC | _STOP_ON_WARNING | _LIMIT_SCANS)
        # A handle of its own: one that is used again would read a picture without tables by those of the one before.
        handle = _handle(self._begin_cut)
        try:
            return self._done(self._cut, handle, *source, byref(place), byref(size), order, flags, size=size)
        finally:
            self._end_cut(handle)

    def _done(self, function: Any, handle: c_void_p, *arguments: object, size: c_ulong) -> bytes:
        if function(handle, *arguments):
            said: bytes = self._why(handle)
            raise FormatError(f"jpeg: {said.decode('ascii', 'replace')[:100]}")
        return string_at(self._room.place, size.value)


def _handle(make: Any) -> c_void_p:
    make.restype = c_void_p
    handle = c_void_p(make())
    if not handle:
        raise FormatError("jpeg: libturbojpeg has no memory")
    return handle


def _padded(length: int) -> int:
    return (length + 31) & ~31


class _Room:
    """Private memory whose pages count from their first use on; size in bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS)
        self.place = addressof(c_char.from_buffer(self._memory))

    def argument(self) -> tuple[c_void_p, c_ulong]:
        """Where, and how much: what the library is told."""
        return c_void_p(self.place), c_ulong(self.size)
