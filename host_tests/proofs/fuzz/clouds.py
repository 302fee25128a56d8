"""Point clouds: the header that comes out is of words of a list, the body is the one that went in, and ends there."""

import re
import struct
from collections.abc import Callable
from random import Random

from firmware_agent import pointcloud
from firmware_agent.errors import FormatError
from host_tests.proofs.fuzz.target import CANARY, LARGE, Broken, Bytes, Control, Target, canary, mutated

_TYPES = {"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I", "float": "f", "double": "d"}
_ALIASES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
_NAMES = ("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue", "alpha", "intensity", "confidence", "label")
_PIECES = (
    b"comment ", b"obj_info ", b"\ncomment " + CANARY, b"#" + CANARY, b"\n", b"\r\n", b"end_header\n",
    b"DATA binary\n", b"element vertex 1\n", b"property float x\n", b"property list uchar int vertex_index\n",
    b"VIEWPOINT 1 2 3 4 5 6 7\n", b"999999999", b"-1", b"0", b"1e9", b" " + CANARY, b"\xff\xff\xff\xff", b"\0\0\0\0",
)  # fmt: skip
# All that a header of ours can be made of, and nothing else.
_PLY = re.compile(
    rb"ply\nformat (?:ascii|binary_little_endian|binary_big_endian) 1\.0\n"
    rb"(?:element (?:vertex|face|edge|tristrips|range_grid) \d{1,10}\n"
    rb"(?:property (?:list (?:u?char|u?short|u?int) )?(?:u?char|u?short|u?int|float|double) [a-z_]{1,14}[12]?\n)+)+"
    rb"end_header\n"
)
_PCD = re.compile(
    rb"VERSION 0\.7\nFIELDS(?: [a-z_]{1,14}[12]?)+\nSIZE(?: [1248])+\nTYPE(?: [IUF])+\nCOUNT(?: \d\d?)+\n"
    rb"WIDTH \d{1,10}\nHEIGHT \d{1,10}\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS \d{1,10}\n"
    rb"DATA (?:ascii|binary|binary_compressed)\n"
)


class Clouds(Bytes):
    name = "point cloud"
    share = 25

    def __init__(self, strip: Callable[[bytes], bytes] = pointcloud.strip) -> None:
        self._strip = strip

    def case(self, rng: Random) -> bytes:
        data = rng.choice((_ply, _pcd))(rng)
        return mutated(rng, data, _PIECES) if rng.random() < 0.4 else data

    def verdict(self, case: bytes) -> str:
        try:
            out = self._strip(case)
        except FormatError:
            return "refused"
        head = _PLY.match(out) or _PCD.match(out)
        if head is None:
            raise Broken("its header is not one of ours")
        body = out[head.end() :]
        if not case.endswith(body):
            raise Broken("its body is not the one that came in")
        if CANARY in head[0]:
            raise Broken("its header holds what was hidden in it")
        said = "passed"
        if CANARY in body:
            if b"ascii" in head[0]:
                raise Broken("its body holds text")
            said = "passed, with text where a reader takes its numbers from"
        if self._strip(out) != out:
            raise Broken("what came out comes out differently the next time")
        return said


def _ply(rng: Random) -> bytes:
    form = rng.choice(("ascii", "binary_little_endian", "binary_big_endian"))
    end = rng.choice((b"\n", b"\n", b"\r\n"))
    order = ">" if form == "binary_big_endian" else "<"
    lines, body = [b"ply", b"format " + form.encode() + b" 1.0"], b""
    for element in rng.sample(("vertex", "face", "edge", "range_grid"), rng.randrange(1, 4)):
        count = rng.choice((0, 1, 2, rng.randrange(30))) if rng.random() >= LARGE else rng.randrange(9_000)
        lines.append(f"element {element} {count}".encode())
        rows = []
        for name in rng.sample(_NAMES, rng.randrange(1, 5)):
            at = rng.randrange(len(_TYPES))
            kind, length = list(_TYPES)[at], rng.choice(("", "", "", "uchar", "char", "ushort", "int"))
            said = kind if rng.random() < 0.8 or at >= len(_ALIASES) else _ALIASES[at]
            lines.append(f"property {'list ' + length + ' ' if length else ''}{said} {name}".encode())
            rows.append((kind, length))
        for _ in range(count):
            words = []
            for kind, length in rows:
                items = rng.randrange(5) if length else 1
                values = [
                    rng.randrange(100) if kind not in ("float", "double") else rng.uniform(-9, 9) for _ in range(items)
                ]
                body += struct.pack(order + _TYPES[length], items) if length and form != "ascii" else b""
                body += b"" if form == "ascii" else struct.pack(f"{order}{items}{_TYPES[kind]}", *values)
                words += ([str(items)] if length else []) + [f"{value:.9g}" for value in values]
            body += (" ".join(words) + "\n").encode() if form == "ascii" else b""
    for _ in range(rng.randrange(4)):
        at, kind = rng.randrange(1, len(lines) + 1), rng.randrange(6)
        secret = canary(rng)
        if kind < 4:
            lines.insert(at, rng.choice((b"comment ", b"obj_info ", b"comment  end_header ")) + secret)
        elif kind == 4 and at < len(lines):
            lines[at] = lines[at].rpartition(b" ")[0] + b" " + secret
        else:
            lines.insert(
                at, rng.choice((secret, b"element " + secret + b" 0", b"property float " + secret, b"# " + secret))
            )
    if rng.random() < 0.1:
        body += rng.choice((canary(rng), b"comment " + canary(rng) + b"\n", b"\0"))
    return end.join([*lines, b"end_header", b""]) + body


def _pcd(rng: Random) -> bytes:
    form = rng.choice(("ascii", "binary", "binary_compressed"))
    width, height = rng.randrange(9), rng.choice((1, 1, 3))
    names = rng.sample(_NAMES, rng.randrange(1, 5))
    kinds = [rng.choice((("F", 4), ("F", 8), ("U", 1), ("I", 2), ("U", 4))) for _ in names]
    counts = [rng.choice((1, 1, 1, 3)) for _ in names]
    raw = rng.randbytes(width * height * sum(size * count for (_, size), count in zip(kinds, counts, strict=True)))
    if form == "ascii":
        words = [f"{rng.uniform(-99, 99):.6g}" for _ in range(width * height * sum(counts))]
        body = " ".join(rng.choice((word, word, "nan")) for word in words).encode() + b"\n"
    elif form == "binary":
        body = raw
    else:
        packed = _packed(rng, raw)
        body = struct.pack("<II", len(packed), len(raw)) + packed
    rows = {
        "VERSION": rng.choice((".7", "0.7")),
        "FIELDS": " ".join(names),
        "SIZE": " ".join(str(size) for _, size in kinds),
        "TYPE": " ".join(kind for kind, _ in kinds),
        "COUNT": " ".join(map(str, counts)),
        "WIDTH": str(width),
        "HEIGHT": str(height),
        "VIEWPOINT": rng.choice(("0 0 0 1 0 0 0", "48.8583 2.2945 35 1 0 0 0", canary(rng).decode())),
        "POINTS": str(width * height),
    }
    lines = [f"{key} {value}".encode() for key, value in rows.items()]
    for _ in range(rng.randrange(4)):
        at, kind = rng.randrange(len(lines) + 1), rng.randrange(6)
        secret = canary(rng)
        if kind < 4:
            lines.insert(at, b"#" + rng.choice((b"", b" ", b" .PCD v0.7 - ")) + secret)
        elif kind == 4 and at < len(lines):
            lines[at] = rng.choice((lines[at] + b" ", lines[at].partition(b" ")[0] + b" ")) + secret
        else:
            lines.insert(at, rng.choice((secret, b"SENSOR " + secret, b"FIELDS " + secret)))
    if rng.random() < 0.1:
        body += rng.choice((canary(rng), b"# " + canary(rng) + b"\n", b"\0"))
    return (
        rng.choice((b"", b"# .PCD v0.7 - " + canary(rng) + b"\n"))
        + b"\n".join(lines)
        + f"\nDATA {form}\n".encode()
        + body
    )


def _packed(rng: Random, raw: bytes) -> bytes:
    """LZF of `raw`: runs as they are, and now and then a step back."""
    out, at = bytearray(), 0
    while at < len(raw):
        far = rng.randrange(1, 300)
        length = 0
        while far <= at and length < 200 and at + length < len(raw) and raw[at + length] == raw[at + length - far]:
            length += 1
        if length >= 3:
            short = min(length - 2, 7)
            out += bytes((short << 5 | (far - 1) >> 8,)) + (bytes((length - 9,)) if short == 7 else b"")
            out += bytes(((far - 1) & 255,))
            at += length
        else:
            run = raw[at : at + rng.randrange(1, 33)]
            out += bytes((len(run) - 1,)) + run
            at += len(run)
    return bytes(out)


def controls() -> list[Control]:
    """Cleaners with a defect that must be found."""

    def comments(data: bytes) -> bytes:
        clean = pointcloud.strip(data)
        kept = b"".join(re.findall(rb"^comment .*\n", data[:2000], re.M))
        return clean[:4] + kept + clean[4:] if clean[:4] == b"ply\n" else clean

    def viewpoint(data: bytes) -> bytes:
        found = re.search(rb"\nVIEWPOINT .*\n", data[:2000])
        return pointcloud.strip(data).replace(b"\nVIEWPOINT 0 0 0 1 0 0 0\n", found[0] if found else b"")

    def names(data: bytes) -> bytes:
        return pointcloud.strip(re.sub(rb"property float CANARY-\w+", b"property float quality", data)).replace(
            b"quality", CANARY
        )

    def tail(data: bytes) -> bytes:
        return pointcloud.strip(data[: data.rfind(CANARY)] if data[-19:].startswith(CANARY) else data) + data[-19:]

    made: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("comments are kept", comments),
        ("the viewpoint is kept", viewpoint),
        ("names are kept", names),
        ("what follows the body is kept", tail),
    ]
    return [(what, _target(strip)) for what, strip in made]


def _target(strip: Callable[[bytes], bytes]) -> Callable[[], Target]:
    return lambda: Clouds(strip)
