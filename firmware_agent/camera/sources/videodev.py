"""The words of V4L2 (linux/videodev2.h): requests, structs and flags, as the kernel of a 64-bit machine packs them.

Plain data: nothing here touches a device.
"""

from struct import Struct
from typing import NamedTuple

CAPTURE, MMAP = 1, 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP
MAJOR = 81  # of every /dev/video*

CAPABILITY = Struct("@16s32s32s6I")
DESCRIPTION = Struct("@3I32s5I")  # one format that a camera has
FORMAT = Struct("@2I12I152x")  # type, padding, struct v4l2_pix_format
RATE = Struct("@I6I176x")  # type, struct v4l2_captureparm
BUFFERS = Struct("@5I")
BUFFER = Struct("@5I2l16s2IL3I0l")
KIND = Struct("@i")
CONTROL = Struct("@Ii")


def _request(letters: str, number: int, size: int) -> int:
    """As asm-generic/ioctl.h codes it: R (the kernel answers), W (it is told)."""
    direction = (2 if "R" in letters else 0) | (1 if "W" in letters else 0)
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERYCAP = _request("R", 0, CAPABILITY.size)
ENUM_FMT = _request("RW", 2, DESCRIPTION.size)
G_FMT = _request("RW", 4, FORMAT.size)
S_FMT = _request("RW", 5, FORMAT.size)
REQBUFS = _request("RW", 8, BUFFERS.size)
QUERYBUF = _request("RW", 9, BUFFER.size)
QBUF = _request("RW", 15, BUFFER.size)
DQBUF = _request("RW", 17, BUFFER.size)
STREAMON = _request("W", 18, KIND.size)
STREAMOFF = _request("W", 19, KIND.size)
S_PARM = _request("RW", 22, RATE.size)
G_CTRL = _request("RW", 27, CONTROL.size)
AFTER_LOCK = (QBUF, DQBUF, STREAMON, STREAMOFF, G_CTRL)  # all that a camera needs once it is open

PRIVACY = 0x009A0910  # V4L2_CID_PRIVACY: a switch in hardware
ERROR = 0x40  # V4L2_BUF_FLAG_ERROR: the picture in this buffer is damaged

_VIDEO_CAPTURE, _STREAMING, _DEVICE_CAPS = 0x1, 0x04000000, 0x80000000
# Output in all its forms, overlays included: pictures could leave by it.
_OUTPUT = 0x2 | 0x4 | 0x20 | 0x80 | 0x200 | 0x2000 | 0x00400000 | 0x08000000
_MEMORY_TO_MEMORY = 0x4000 | 0x8000


def fourcc(name: str) -> int:
    """A format's number: its four letters."""
    return int.from_bytes(name.encode("ascii"), "little")


class Capability(NamedTuple):
    """driver, card: names. bits: what this node can do."""

    driver: str
    card: str
    bits: int

    def refusal(self) -> str:
        """Why no picture may be taken from this node; "" if it may."""
        if self.bits & _MEMORY_TO_MEMORY:
            return "it is a converter, not a camera"
        if self.bits & _OUTPUT:
            return "pictures could be written into it as well, and leave by it"
        if not self.bits & _VIDEO_CAPTURE:
            return "it gives no pictures in one plane (a camera has several nodes; take the first, or use an adapter)"
        return "" if self.bits & _STREAMING else "it cannot stream"


def capability(data: bytes | bytearray) -> Capability:
    """What QUERYCAP answered, without its bus and its serial number."""
    driver, card, _, _, whole, node, *_ = CAPABILITY.unpack(data)
    return Capability(_name(driver), _name(card), node if whole & _DEVICE_CAPS else whole)


def _name(raw: bytes) -> str:
    text = raw.partition(b"\0")[0].decode("ascii", "replace")
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)


class Layout(NamedTuple):
    """How a camera's pictures lie in memory. line: bytes from one row of the (first) plane to the next; size: bytes."""

    width: int
    height: int
    pixels: int
    line: int
    size: int


def layout(data: bytes | bytearray) -> Layout:
    """What G_FMT or S_FMT answered."""
    _, _, width, height, pixels, _, line, size, *_ = FORMAT.unpack(data)
    return Layout(width, height, pixels, line, size)


def wanted(width: int, height: int, pixels: int) -> bytearray:
    """What S_FMT is asked for: any interlacing (0), any row length."""
    return bytearray(FORMAT.pack(CAPTURE, 0, width, height, pixels, *(0,) * 9))


def buffer(number: int) -> bytearray:
    """The argument of QUERYBUF, QBUF and DQBUF."""
    return bytearray(BUFFER.pack(number, CAPTURE, *(0,) * 5, b"", 0, MMAP, *(0,) * 4))


class Filled(NamedTuple):
    """What a buffer's struct says. used, length: bytes; offset: where mmap finds it."""

    number: int
    used: int
    flags: int
    offset: int
    length: int


def filled(data: bytes | bytearray) -> Filled:
    """What QUERYBUF or DQBUF answered."""
    number, _, used, flags, _, _, _, _, _, _, offset, length, *_ = BUFFER.unpack(data)
    return Filled(number, used, flags, offset & 0xFFFFFFFF, length)
