"""A camera of this device (V4L2): opened, asked, told and mapped before the lock. capture.py goes on after it."""

from collections.abc import Callable
from contextlib import suppress
from errno import EBUSY
from mmap import mmap

from firmware_agent.camera.sandbox.report import CannotLock
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import videodev
from firmware_agent.camera.sources.capture import BUSY, MOST, Camera
from firmware_agent.camera.sources.node import Device, Node
from firmware_agent.camera.sources.raw import FORMATS, Converter
from firmware_agent.camera.sources.videodev import Layout
from firmware_agent.camera.turbo import Turbo
from firmware_agent.errors import FormatError

_COMPRESSED = ("MJPG", "JPEG")
_BUFFERS, _FEWEST = 4, 2


def open_camera(settings: SourceSettings) -> Camera:
    """The camera of settings.device, ready to stream. CannotLock: why not, and what to do."""
    return prepare(Device(settings.device), settings, Turbo)


def prepare(node: Node, settings: SourceSettings, turbo: Callable[[], Turbo]) -> Camera:
    """The same with a node that is open. turbo is called if the camera has no JPEG."""
    try:
        return _prepared(node, settings, turbo)
    except OSError as error:
        why = BUSY if error.errno == EBUSY else f"the camera answers: {error.strerror}; unplug it and plug it in again"
    except FormatError as error:
        why = str(error)
    raise CannotLock("camera", f"{settings.device}: {why}")


def _prepared(node: Node, settings: SourceSettings, turbo: Callable[[], Turbo]) -> Camera:
    answer = bytearray(videodev.CAPABILITY.size)
    node.ask(videodev.QUERYCAP, answer)
    able = videodev.capability(answer)
    if why := able.refusal():
        raise FormatError(f"{why}; name another /dev/video* (`doctor` lists them)")
    name = _choice(node)
    at = _decide(node, settings, name)
    converter = None if name in _COMPRESSED else Converter(turbo(), name, at)
    facts: dict[str, str | int] = {
        "driver": able.driver,
        "card": able.card,
        "width": at.width,
        "height": at.height,
        "format": name,
    }
    return Camera(node, _mapped(node), facts, converter)


def _choice(node: Node) -> str:
    """The best format that the camera has."""
    found = set()
    with suppress(OSError):  # EINVAL: no more
        for index in range(64):
            answer = bytearray(videodev.DESCRIPTION.pack(index, videodev.CAPTURE, 0, b"", *(0,) * 5))
            node.ask(videodev.ENUM_FMT, answer)
            found.add(videodev.DESCRIPTION.unpack(answer)[4])
    for name in (*_COMPRESSED, *FORMATS):
        if videodev.fourcc(name) in found:
            return name
    raise FormatError("the camera has no format that this program reads; use an adapter command")


def _decide(node: Node, settings: SourceSettings, name: str) -> Layout:
    """Set format, size and rate; what the camera made of it."""
    answer = videodev.wanted(0, 0, 0)
    node.ask(videodev.G_FMT, answer)
    before = videodev.layout(answer)
    pixels = videodev.fourcc(name)
    answer = videodev.wanted(settings.width or before.width, settings.height or before.height, pixels)
    node.ask(videodev.S_FMT, answer)
    at = videodev.layout(answer)
    if at.pixels != pixels:
        raise FormatError(f"the camera says that it has {name}, and does not give it; use an adapter command")
    with suppress(OSError):  # a camera without a choice of rates
        node.ask(videodev.S_PARM, bytearray(videodev.RATE.pack(videodev.CAPTURE, 0, 0, 1, settings.rate, 0, 0)))
    return at


def _mapped(node: Node) -> list[mmap]:
    """The camera's buffers, to be read."""
    request = bytearray(videodev.BUFFERS.pack(_BUFFERS, videodev.CAPTURE, videodev.MMAP, 0, 0))
    node.ask(videodev.REQBUFS, request)
    count = videodev.BUFFERS.unpack(request)[0]
    if not _FEWEST <= count <= MOST:
        raise FormatError(f"the camera gives {count} buffers; {_FEWEST} to {MOST} can be used; use an adapter command")
    maps = []
    for index in range(count):
        answer = videodev.buffer(index)
        node.ask(videodev.QUERYBUF, answer)
        found = videodev.filled(answer)
        maps.append(node.map(found.length, found.offset))
    return maps
