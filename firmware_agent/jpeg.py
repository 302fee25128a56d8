"""JPEG (ITU-T T.81) without its metadata: a walk over the segments that keeps only what a decoder needs.

EXIF, XMP, comments, thumbnails, colour profiles and everything after the end of the image stay behind. Anything
unusual raises: an odd picture is dropped, never passed (L4, attack 14).
"""

from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_FRAMES = (0xC0, 0xC1, 0xC2)  # SOF0 to SOF2: baseline, extended, progressive
_TABLES = (0xC4, 0xDB, 0xDD)  # DHT, DQT, DRI
_MOST_COLOURS = 4
_MOST_SCANS = 100  # a progressive picture has about ten
_MOST_TABLES = 16384  # bytes; a progressive picture with tables for every scan has about 2,000


def strip(data: bytes, marker: "Callable[[bytes, int], int] | None" = None) -> bytes:
    """Return the same picture without any metadata segment; FormatError if it is not a plain JPEG.

    marker: a faster `next_marker`.
    """
    marker = marker or next_marker
    if data[:2] != b"\xff\xd8":
        raise FormatError("jpeg: does not start like one")
    kept = []
    start = 0  # of what is kept and not in `kept` yet: a picture that was clean is not copied piece by piece
    at, scans, frames, tables = 2, 0, 0, 0
    frame, jfif, adobe = b"", False, -1
    fresh: "set[int]" = set()  # frame header, tables and restart interval that no scan has followed yet
    scanned = b""  # the colours of a picture that is not progressive: one scan each
    interval = 0
    while True:
        if at + 2 > len(data) or data[at] != 0xFF:
            raise FormatError("jpeg: no segment where one is due")
        kind = data[at + 1]
        if kind == 0xD9:
            if not scans:
                raise FormatError("jpeg: ends without a picture")
            if fresh:
                raise FormatError("jpeg: tables that no scan uses")
            kept.append(data[start : at + 2])
            return b"".join(kept)
        end = _segment_end(data, at)
        if kind in _FRAMES or kind in _TABLES:
            frames += kind in _FRAMES
            tables += end - at
            if tables > _MOST_TABLES:
                raise FormatError("jpeg: more tables than a picture needs")
            _check(kind, data, at + 4, end, fresh)
            frame = data[at:end] if kind in _FRAMES else frame
            interval = data[at + 4] | data[at + 5] if kind == 0xDD else interval
        elif kind == 0xDA:
            if frames != 1:
                raise FormatError("jpeg: a scan without exactly one frame header")
            if jfif and not scans and _is_rgb(frame, adobe):
                raise FormatError("jpeg: it says in two ways what its colours are")
            _check(kind, data, at + 4, end, fresh)
            scanned = _check_scan(frame, data[at + 4 : end], b"" if frame[1] == 0xC2 else scanned)
            end = _scan_end(data, end, interval, marker)
            fresh.clear()
            scans += 1
            if scans > _MOST_SCANS:
                raise FormatError("jpeg: more scans than a picture needs")
        elif 0xE0 <= kind <= 0xEF or kind == 0xFE:
            kept.append(data[start:at])
            start = end
            if kind == 0xEE and data[at + 4 : at + 9] == b"Adobe" and end - at >= 16:
                # How the colours are coded is its twelfth byte; the rest is written as Adobe's own programs write it.
                kept.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + data[at + 15 : at + 16])
                adobe = data[at + 15]
            elif kind == 0xE0 and data[at + 4 : at + 9] == b"JFIF\x00" and end - at >= 18:
                jfif = True
        else:
            raise FormatError("jpeg: segment %02x is not one of a plain picture" % kind)
        at = end


def _check_scan(frame: bytes, scan: bytes, before: bytes) -> bytes:
    """The names of the colours scanned `before` and by this scan, whose header names colours of its frame, each once,
    and numbers that there are (T.81, B.2.3); else it raises.
    """
    colours = _colours(frame)
    for at in range(1, len(scan) - 3, 2):
        if scan[at] not in colours or scan[at] in before or scan[at + 1] & 0xCC:
            raise FormatError("jpeg: a scan of a colour or a table that its frame does not have, or had already")
        before += scan[at : at + 1]
    if scan[-3] > 63 or scan[-2] > 63:
        raise FormatError("jpeg: a scan of more than there is")
    return before


def _is_rgb(frame: bytes, adobe: int) -> bool:
    """Whether a decoder that sees no JFIF marker takes it for RGB; one that sees it takes three colours for YCbCr."""
    return frame[9] == 3 and (adobe == 0 or (adobe < 0 and _colours(frame) == b"RGB"))


def _colours(frame: bytes) -> bytes:
    """The names of a frame's colours, a byte each."""
    return bytes([frame[at] for at in range(10, len(frame), 3)])


def _segment_end(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise FormatError("jpeg: ends inside a segment")
    length = data[at + 2] << 8 | data[at + 3]
    if length < 2 or at + 2 + length > len(data):
        raise FormatError("jpeg: a segment is longer than the picture")
    return at + 2 + length


def _check(kind: int, data: bytes, at: int, end: int, fresh: "set[int]") -> None:
    """Raise if a segment that is kept has room for anything but its own tables (T.81, B.2), or puts one in the place
    of one that is `fresh`, where it adds its own.
    """
    if kind == 0xDD:
        fits = end - at == 2 and kind not in fresh
        fresh.add(kind)
    elif kind == 0xDA:
        fits = at < end and end - at == 4 + 2 * data[at] and 1 <= data[at] <= _MOST_COLOURS
    elif kind in _FRAMES:
        fits = end - at > 5 and end - at == 6 + 3 * data[at + 5] and 1 <= data[at + 5] <= _MOST_COLOURS
        fresh.add(kind)
    else:
        fits = True
        while at < end and fits:
            place = kind << 8 | data[at] & (0x03 if kind == 0xDB else 0x13)
            fits = not data[at] & 0xEC and place not in fresh
            fresh.add(place)
            if kind == 0xDB:
                at += 1 + 64 * (1 + (data[at] >> 4))
            else:
                count = sum(data[at + 1 : at + 17])
                fits = fits and count <= 256
                at += 17 + count
        fits = fits and at == end
    if not fits:
        raise FormatError("jpeg: segment %02x does not fit what it holds, or is one too many" % kind)


def next_marker(data: bytes, at: int) -> int:
    """The place of the first marker at or behind `at` in the data of a scan, -1 if there is none; 0xFF 0x00 is none.

    In a scan this is all of a picture's price, and it grows with the stuffed bytes: a noisy picture has thousands. A
    compiled pattern takes the same time for all pictures (camera/markers.py); boards have none for bytes.
    """
    find = data.find
    at = find(b"\xff", at) + 1
    while 0 < at < len(data):
        if data[at]:
            return at - 1
        at = find(b"\xff", at) + 1
    return -1


def _scan_end(data: bytes, at: int, interval: int, marker: "Callable[[bytes, int], int]") -> int:
    """The place of the first marker that is not the next restart, if there is an `interval`."""
    restart = 0xD0
    while True:
        at = marker(data, at)
        if at < 0:
            raise FormatError("jpeg: ends inside the picture")
        if not interval or data[at + 1] != restart:
            return at  # a restart out of its turn is no segment of a picture, and is refused as such
        restart = 0xD0 | (restart + 1) & 7
        at += 2
