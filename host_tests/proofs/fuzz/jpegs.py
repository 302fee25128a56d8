"""JPEG: whatever comes out of `jpeg.strip` has no metadata, comes out of it the same again, and shows the same picture.

Real pictures (Pillow's libjpeg-turbo) of all kinds that it writes, with canaries in every segment that may hold text:
where T.81 allows them, and where it does not. Two thirds are only built so; the rest is damaged at random on top.
"""

import io
import warnings
from collections.abc import Callable
from random import Random

from PIL import Image

from firmware_agent import jpeg
from firmware_agent.camera.markers import next_marker
from firmware_agent.errors import FormatError
from host_tests.proofs.fuzz.target import CANARY, LARGE, Broken, Bytes, Control, Target, canary, mutated

_PIECES = (
    b"\xff\xd8", b"\xff\xd9", b"\xff\xe1\x00\x10", b"\xff\xfe\x00\x0c", b"\xff\xff", b"\xff\x00", b"\xff\xd3",
    b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"\xff\xc4\x00\x02", b"\xff\xdb\x00\x43", b"\xff\xdd\x00\x04\x00\x01",
    b"\xff\xdc", b"\xff\x01", b"\xff\xe0\x00\x00", b"\xff\xe0\xff\xff", b"\xff", b"\x00",
)  # fmt: skip


def segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body


def strip(data: bytes) -> bytes:
    """As boards do it and as the camera's process does; Broken if they differ."""
    found: list[bytes | None] = []
    for marker in (jpeg.next_marker, next_marker):
        try:
            found.append(jpeg.strip(data, marker))
        except FormatError:
            found.append(None)
    if found[0] != found[1]:
        raise Broken("the two ways to look for a marker disagree")
    if found[0] is None:
        raise FormatError("jpeg: odd")
    return found[0]


class Jpegs(Bytes):
    """look: every so many pictures that came out are decoded, and held against what went in."""

    name = "jpeg"
    share = 30

    def __init__(self, strip: Callable[[bytes], bytes] = strip, look: int = 4) -> None:
        self._strip = strip
        self._look = look
        self._count = 0
        self._plain: list[bytes] = []

    def case(self, rng: Random) -> bytes:
        if not self._plain:
            self._plain = _pictures(rng)
        data = _dirty(rng, rng.choice(self._plain))
        if rng.random() < LARGE:  # before its end: a decoder passes that over
            data = data[:-2] + rng.randbytes(rng.randrange(300_000)).replace(b"\xff", b"\xff\0") + data[-2:]
        if rng.random() < 0.33:
            data = mutated(rng, data, _PIECES)
        return data

    def verdict(self, case: bytes) -> str:
        try:
            out = self._strip(case)
        except FormatError:
            return "refused"
        said = "passed"
        at = out.find(CANARY)
        while at >= 0:
            where = _where(out, at)
            if where not in ("picture", "table"):
                raise Broken(f"metadata came out, in {where}")
            said = f"passed, with text where a decoder reads its {where}"
            at = out.find(CANARY, at + 1)
        if self._strip(out) != out:
            raise Broken("what came out comes out differently the next time")
        self._count += 1
        if self._count % self._look == 0:
            shown = _pixels(case)
            if shown is not None:
                said += ", same pixels"
                if _pixels(out) != shown:
                    raise Broken("it shows another picture")
        return said


def _pictures(rng: Random) -> list[bytes]:
    """One of each kind that a camera or a program writes."""
    found = []
    for mode in ("RGB", "L", "CMYK", "RGB"):
        noise = Image.frombytes(mode, (24, 16), rng.randbytes(24 * 16 * len(mode)))
        for extra in (
            {},
            {"progressive": True},
            {"subsampling": 0},
            {"subsampling": 2, "quality": 95},
            {"restart_marker_blocks": 2},
            {"restart_marker_rows": 1, "progressive": True},
            {"optimize": True, "quality": 20},
            {"keep_rgb": True},
        ):
            if mode != "RGB" and {"subsampling", "keep_rgb"} & set(extra):
                continue
            written = io.BytesIO()
            exif = Image.Exif()
            exif[0x010E] = exif[0x013B] = canary(rng).decode()
            exif.get_ifd(0x8825)[1] = canary(rng).decode()
            noise.save(written, "JPEG", exif=exif, icc_profile=canary(rng) * 9, comment=canary(rng), **extra)
            found.append(written.getvalue())
    one = Image.frombytes("RGB", (16, 16), rng.randbytes(768))
    written = io.BytesIO()  # several pictures in one file, with an index in APP2
    one.save(written, "MPO", save_all=True, append_images=[one.rotate(90)])
    return [*found, written.getvalue()]


def _dirty(rng: Random, plain: bytes) -> bytes:
    """`plain` with up to four canaries more, somewhere between its segments, in one of them or after its end."""
    for _ in range(rng.randrange(5)):
        places = _segments(plain)
        at, end = rng.choice(places)
        kind = rng.randrange(12)
        if kind < 7:
            plain = plain[:at] + _metadata(rng) + plain[at:]
        elif kind == 7:
            plain += rng.choice((canary(rng), plain + canary(rng), segment(0xFE, canary(rng)) + b"\xff\xd9"))
        elif kind == 8:  # longer than what it holds
            secret = canary(rng)
            body = plain[at + 4 : end] + secret
            plain = plain[: at + 2] + (len(body) + 2).to_bytes(2, "big") + body + plain[end:] if end > at + 3 else plain
        elif kind == 9:
            plain = plain[:at] + rng.choice((canary(rng), b"\xff" * rng.randrange(1, 9) + canary(rng))) + plain[at:]
        elif kind == 10:
            odd = rng.choice(
                (*range(0xF0, 0xFE), 0x01, 0x02, 0xBF, 0xC3, 0xC8, 0xCC, 0xDC, 0xDE, 0xDF, 0xD0, 0xD7, 0xFF)
            )
            plain = plain[:at] + segment(odd, canary(rng)) + plain[at:]
        else:  # within a scan
            start = plain.rfind(b"\xff\xda")
            at = rng.randrange(start, len(plain)) if 0 <= start < len(plain) else 0
            plain = plain[:at] + _metadata(rng) + plain[at:]
    return plain


def _metadata(rng: Random) -> bytes:
    """One segment as real files have them, with a canary in it."""
    secret = canary(rng) * rng.choice((1, 1, 3))
    thumb = b"\xff\xd8" + segment(0xFE, secret) + b"\xff\xd9"
    return rng.choice(
        (
            segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0" + bytes(8) + secret + thumb),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + secret),
            segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + secret),
            segment(0xE0, b"JFXX\0\x10" + thumb),
            segment(0xE0, b"JFXX\0\x13\x01\x08" + secret),
            segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02" + secret),
            segment(0xE2, b"ICC_PROFILE\0\x01\x01" + secret),
            segment(0xE2, b"MPF\0II*\0" + secret),
            segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + secret),
            segment(0xEB, b"JP\0\x01" + secret),
            segment(0xEE, b"Adobe" + secret),
            segment(0xEE, b"Adobe" + secret[:6] + b"\x01"),
            segment(0xE0 | rng.randrange(16), secret),
            segment(0xFE, secret),
        )
    )


def _segments(data: bytes) -> list[tuple[int, int]]:
    """(begin, end) of each segment, scans' data left out; of what is left of a picture."""
    at, found = 2, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((at, end))
        if data[at + 1] == 0xDA:
            while end + 1 < len(data) and not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
                end += 1
        at = end
    return [*found, (at, at)]


def _where(out: bytes, at: int) -> str:
    """What a decoder takes the byte at `at` for: "picture" (a scan's data), "table" (of DQT or DHT), or a marker."""
    places = [one for one in _segments(out) if one[0] <= at]
    begin, end = places[-1] if places else (0, 0)
    kind = out[begin + 1] if begin + 1 < len(out) else 0
    if kind == 0xDA and at >= end:
        return "picture"
    return "table" if kind in (0xC4, 0xDB) else f"marker {kind:02x}"


def _pixels(data: bytes) -> "bytes | None":
    """The picture as a decoder shows it; None if it shows none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shown = Image.open(io.BytesIO(data), formats=("JPEG",))
            if shown.width * shown.height > 1 << 16:
                return None
            return repr((shown.mode, shown.size)).encode() + shown.tobytes()
    except Exception:  # Pillow raises nearly anything
        return None


def controls() -> list[Control]:
    """Cleaners with a defect that must be found."""

    def lax(kinds: "tuple[int, ...]") -> Callable[[bytes], bytes]:
        """Passes these segments on."""

        def strip(data: bytes) -> bytes:
            clean = jpeg.strip(data)
            kept = [data[at:end] for at, end in _segments(data) if end > at and data[at + 1] in kinds]
            return clean[:2] + b"".join(kept) + clean[2:]

        return strip

    def tail(data: bytes) -> bytes:
        clean = jpeg.strip(data)
        return clean + data[data.rfind(b"\xff\xd9") + 2 :]

    def crash(data: bytes) -> bytes:
        clean = jpeg.strip(data)
        return clean if clean.count(b"\xff\xc4") < 9 else clean[len(clean) :][0:1] + bytes([[][0]])

    def restarts(data: bytes) -> bytes:
        clean = jpeg.strip(data)
        at = clean.find(b"\xff\xdd")
        return clean if at < 0 else clean[:at] + clean[at + 6 :]

    made: list[tuple[str, Callable[[bytes], bytes]]] = [
        ("APP1 is kept", lax((0xE1,))),
        ("comments are kept", lax((0xFE,))),
        ("APP0 is kept", lax((0xE0,))),
        ("what follows the end is kept", tail),
        ("some pictures end it", crash),
        ("the restart interval is lost", restarts),
    ]
    return [(what, _target(strip)) for what, strip in made]


def _target(strip: Callable[[bytes], bytes]) -> Callable[[], Target]:
    return lambda: Jpegs(strip, look=1)
