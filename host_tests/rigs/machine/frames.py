"""Pictures for the emulated webcam, each unlike all others, and the search for what is left of them on a disk.

A needle is a piece of a picture's entropy-coded data, so it is there as long as the picture is, whatever happened to
its metadata. Several per picture, since a picture is torn apart where memory pages are.
"""

import hashlib
import io
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

NEEDLE = 32  # bytes
_WORD, _STEP = 8, 3  # bytes; words from one look to the next
_PIECE = 1 << 22  # bytes read at a time
_OVERLAP = 2 * _WORD * _STEP
METADATA = b"metadata-canary-of-the-emulated-webcam"  # in every picture, as a comment and as EXIF
_EVERY = 2048  # bytes from one needle to the next


def make(path: Path, count: int, width: int = 640, height: int = 480, seed: int = 1, grain: int = 12) -> None:
    """Write `count` pictures of noise into the file `path`. grain: pixels of a speck; finer ones make more bytes."""
    from PIL import Image

    draw = random.Random(f"frames {seed}")
    specks = (width // grain, height // grain)
    with open(path, "wb") as file:
        for number in range(count):
            noise = Image.frombytes("L", specks, draw.randbytes(specks[0] * specks[1]))
            data = io.BytesIO()
            about = Image.Exif()
            about[0x010E] = METADATA.decode()
            noise.resize((width, height), Image.Resampling.NEAREST).convert("RGB").save(
                data, "JPEG", quality=40, comment=METADATA + b" %d" % number, exif=about
            )
            file.write(len(data.getvalue()).to_bytes(4, "big") + data.getvalue())


def read(path: Path) -> list[bytes]:
    """The pictures of a file that `make` wrote."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : end])
        at = end
    return found


def scan(picture: bytes) -> bytes:
    """The entropy-coded data of a baseline JPEG with one scan. ValueError: it is none."""
    at = 2
    while picture[at : at + 1] == b"\xff":
        end = at + 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
        if picture[at + 1] == 0xDA and picture.endswith(b"\xff\xd9"):
            return picture[end:-2]
        at = end
    raise ValueError("not a JPEG with one scan")


def digest(picture: bytes) -> str:
    """Which picture it is, whatever metadata it has."""
    return hashlib.sha256(scan(picture)).hexdigest()[:32]


def needles(picture: bytes) -> list[bytes]:
    """Pieces of its entropy-coded data, spread over all of it."""
    data = scan(picture)
    return [data[at : at + NEEDLE] for at in range(64, len(data) - NEEDLE, _EVERY)]


def index(pictures: Iterable[bytes]) -> dict[bytes, int]:
    """needle -> which picture. ValueError: two pictures share one, or a picture has none."""
    found: dict[bytes, int] = {}
    for number, picture in enumerate(pictures):
        mine = needles(picture)
        if not mine or any(needle in found for needle in mine):
            raise ValueError(f"picture {number} cannot be told from the others")
        found |= dict.fromkeys(mine, number)
    return found


def search(image: Path, wanted: Iterable[bytes]) -> dict[bytes, int]:
    """How often each of the needles that are in the file `image` is in it; those that are not are not in the answer.

    A needle is as long as a step and a word, so one of its words begins where a step ends, wherever the needle lies:
    only the words there are looked up, then the whole needle is compared.
    """
    table: dict[int, list[tuple[bytes, int]]] = {}
    for needle in wanted:
        for offset in range(_STEP * _WORD):
            word = int.from_bytes(needle[offset : offset + _WORD], sys.byteorder)
            table.setdefault(word, []).append((needle, offset))
    words = frozenset(table)
    found: dict[bytes, set[int]] = {}
    for at, data in _pieces(image):
        view = memoryview(data).cast("Q")[::_STEP]
        if words.isdisjoint(view):
            continue
        for place, word in enumerate(view):
            for needle, offset in table.get(word, ()):
                begin = place * _STEP * _WORD - offset
                if begin >= 0 and data[begin : begin + len(needle)] == needle:
                    found.setdefault(needle, set()).add(at + begin)
    return {needle: len(places) for needle, places in found.items()}


def _pieces(image: Path) -> Iterator[tuple[int, bytes]]:
    """(place, bytes) of the whole file: whole words, each piece with the end of the one before it."""
    with open(image, "rb") as file:
        at, before = 0, b""
        while piece := file.read(_PIECE):
            data = before + piece
            yield at, data + bytes(-len(data) % _WORD)
            before = data[-_OVERLAP:]
            at += len(data) - len(before)
