"""What is refused whole: files that show a made thing, archives that may hold one, and images of memory (L9, C3).

By content, never by name.
"""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO

from firmware_agent.errors import AgentError
from firmware_agent.scrub.texts import decoded

_DEEP = 4  # archives within archives
_LOOKED_AT = 1 << 24  # bytes of an archive's parts, unpacked, altogether
_PACKED = {
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"Rar!": "a RAR archive",
    b"\x04\x22\x4d\x18": "an lz4 archive",
}
_MEMORY = {
    b"\x7fELF": "a core file or a program",
    b"MZ": "a program",
    b"PAGEDU": "an image of memory",
    b"MDMP": "an image of memory",
}
_ZIP = b"PK\x03\x04"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TEXTS = (  # what, one of which signs must be in it in small letters, and the pattern: a sign is found much faster
    ("a STEP model", (b"iso-10303-21;",), re.compile(rb"ISO-10303-21;")),
    ("an SVG drawing", (b"<svg", b":svg"), re.compile(rb"<(?:\w{1,40}:)?svg[\s>]", re.I)),
    ("an AMF model", (b"<amf",), re.compile(rb"<amf[\s>]", re.I)),
    ("a LightBurn drawing", (b"<lightburnproject",), re.compile(rb"<LightBurnProject[\s>]", re.I)),
    ("a document", (b"%pdf-",), re.compile(rb"^%PDF-\d", re.M)),
    (
        "an STL model",
        (b"facet",),
        re.compile(rb"facet\s{1,80}normal\s[-+.\deE\s]{1,200}outer\s{1,80}loop", re.I),
    ),
    (
        "a DXF drawing",
        (b"section",),
        re.compile(rb"^[ \t]{0,9}0[ \t]{0,9}\r?\n[ \t]{0,9}SECTION[ \t]{0,9}\r?\n[ \t]{0,9}2\s", re.M),
    ),
    (
        "an OBJ model",
        (b"\nv ", b"\nv\t", b" v ", b"\tv "),
        re.compile(rb"(?:^[ \t]{0,9}v(?:[ \t]{1,9}[-+.\deE]{1,40}){3}[^\n]*\n(?:#[^\n]*\n){0,9}){3}", re.M),
    ),
    (
        "an OBJ model",
        (b"\nf ", b"\nf\t"),
        re.compile(rb"(?:^f(?:[ \t]{1,9}\d{1,20}(?:/\d{0,20}){0,2}){3}[^\n]*\n){3}", re.M),
    ),
)
_HOLES = re.compile(
    rb"\0{64,}+"
)  # what a power cut leaves in a log; programs and images of memory have shorter runs, too
_PLY = re.compile(rb"ply\r?\nformat ", re.I)
_3MF = ((b"<model", re.compile(rb"<model[\s>]", re.I)), (b"3dmanufacturing", re.compile(rb"3dmanufacturing", re.I)))
_BINARY_STL = 84  # bytes before the first triangle, of 50 bytes each
_UNPACK = ", which is not looked through; unpack it and give the files"


class NeverShared(AgentError):
    """What it is, and what to do."""


def refuse(data: bytes, name: str) -> None:
    """NeverShared if `data` is a model, may hold one, or is an image of memory. name: for the message.

    data: the whole file, or its beginning: then what comes later is not seen.
    """
    for what in _seen(data, 0, [_LOOKED_AT]):
        raise NeverShared(f"{name}: this is {what}; it is never shared. Give logs, configuration or G-code instead")


def _seen(data: bytes, deep: int, left: list[int]) -> Iterator[str]:
    """What is seen in it, the worst first. left: how much of archives may still be unpacked, in bytes."""
    yield from (what for mark, what in _MEMORY.items() if data.startswith(mark) and b"\0" in data[:64])
    if data.startswith(_ZIP) or zipfile.is_zipfile(BytesIO(data)):
        yield from (f"an archive with {what}" for what in _inside(data, deep, left))
        yield "an archive" + _UNPACK
    yield from (what + _UNPACK for mark, what in _PACKED.items() if data.startswith(mark))
    if data[257:262] == b"ustar":
        yield "a tar archive" + _UNPACK
    if len(data) > _BINARY_STL and len(data) == _BINARY_STL + 50 * int.from_bytes(data[80:84], "little"):
        yield "an STL model"
    if data.startswith(_UTF_16):
        data = decoded(data)[0].encode("utf-8", "surrogateescape")[3:]
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    low = data.lower()
    yield from (what for what, signs, mark in _TEXTS if any(sign in low for sign in signs) and mark.search(data))
    if _PLY.match(data):
        yield "a PLY model"
    if all(sign in low and mark.search(data) for sign, mark in _3MF):
        yield "a 3MF model"
    if deep == 0 and b"\0" in data and b"\0" in _HOLES.sub(b"", data):
        yield "binary data"


def _inside(data: bytes, deep: int, left: list[int]) -> Iterator[str]:
    if deep >= _DEEP:
        return
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for part in archive.infolist():
                with archive.open(part) as stream:
                    content = stream.read(left[0])
                left[0] -= len(content)
                yield from _seen(content, deep + 1, left)
                if left[0] <= 0:
                    return
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return  # a broken or an encrypted one: it is refused all the same
