"""What is refused whole: files that show a made thing, archives that may hold one, and images of memory (L9, C3).

By content, never by name.
"""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO

from firmware_agent.errors import AgentError

_DEEP = 4  # archives within archives
_LARGEST = 1 << 26  # bytes of one part of an archive that are looked at
_PARTS = 200
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
_TEXTS = (
    ("a STEP model", re.compile(rb"ISO-10303-21;")),
    ("an SVG drawing", re.compile(rb"<svg[\s>]", re.I)),
    ("an STL model", re.compile(rb"^\s*facet\s+normal\s[-+.\deE\s]+\s+outer\s+loop", re.M | re.I)),
    (
        "a DXF drawing",
        re.compile(rb"^\s*0\s*\r?\n\s*SECTION\s*\r?\n\s*2\s*\r?\n\s*(?:HEADER|ENTITIES|BLOCKS|TABLES|CLASSES)", re.M),
    ),
    ("an OBJ model", re.compile(rb"(?:^v[ \t]+[-+.\deE]+[ \t]+[-+.\deE]+[ \t]+[-+.\deE]+[^\n]*\n){3}", re.M)),
    ("an OBJ model", re.compile(rb"(?:^f(?:[ \t]+\d+(?:/\d*){0,2}){3,}[^\n]*\n){3}", re.M)),
    ("a 3MF model", re.compile(rb"<model[\s>].{0,4000}3dmanufacturing", re.S | re.I)),
    ("a PLY model", re.compile(rb"\Aply\r?\nformat ", re.I)),
)
_BINARY_STL = 84  # bytes before the first triangle, of 50 bytes each


class Refused(AgentError):
    """What it is, and what to do."""


def refuse(data: bytes, name: str) -> None:
    """Refused if `data` is a model, may hold one, or is an image of memory. name: for the message."""
    for what in _seen(data, 0):
        raise Refused(
            f"{name}: this is {what}; it is never shared. Take it away, and give logs, configuration or G-code"
        )


def _seen(data: bytes, deep: int) -> Iterator[str]:
    yield from (what for mark, what in _MEMORY.items() if data.startswith(mark) and b"\0" in data[:64])
    if data.startswith(_ZIP) or zipfile.is_zipfile(BytesIO(data)):
        yield from (f"an archive with {what}" for what in _inside(data, deep))
        yield "an archive, which is not looked through; unpack it and give the files"
    yield from (
        f"{what}, which is not looked through; unpack it and give the files"
        for mark, what in _PACKED.items()
        if data.startswith(mark)
    )
    if data[257:262] == b"ustar":
        yield "a tar archive, which is not looked through; unpack it and give the files"
    if len(data) > _BINARY_STL and len(data) == _BINARY_STL + 50 * int.from_bytes(data[80:84], "little"):
        yield "an STL model"
    yield from (what for what, marks in _TEXTS if marks.search(data))
    if deep == 0 and b"\0" in data and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        yield "binary data"


def _inside(data: bytes, deep: int) -> Iterator[str]:
    if deep >= _DEEP:
        return
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for part in archive.infolist()[:_PARTS]:
                with archive.open(part) as stream:
                    yield from _seen(stream.read(_LARGEST), deep + 1)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError, zipfile.LargeZipFile):
        return
