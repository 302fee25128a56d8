"""JPEG (ITU-T T.81) without its metadata: a walk over the segments that keeps only what a decoder needs.

EXIF, XMP, comments, thumbnails, colour profiles and everything after the end of the image stay behind. Anything
unusual raises: an odd picture is dropped, never passed (L4, attack 14).
"""

from firmware_agent.errors import FormatError

_KEEP = (0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD)  # SOF0-2, DHT, DQT, DRI
_ADOBE = b"Adobe"


def strip(data: bytes) -> bytes:
    """Return the same picture without any metadata segment; FormatError if it is not a plain JPEG."""
    if data[:2] != b"\xff\xd8":
        raise FormatError("jpeg: does not start like one")
    out = bytearray(b"\xff\xd8")
    at, scans, frames = 2, 0, 0
    while True:
        if at + 2 > len(data) or data[at] != 0xFF:
            raise FormatError("jpeg: no segment where one is due")
        kind = data[at + 1]
        if kind == 0xD9:
            if not scans:
                raise FormatError("jpeg: ends without a picture")
            return bytes(out) + b"\xff\xd9"
        end = _segment_end(data, at)
        if kind in (0xC0, 0xC1, 0xC2):
            frames += 1
        if kind in _KEEP:
            out.extend(data[at:end])
        elif kind == 0xEE:  # says how the colours are coded; its twelve bytes hold nothing else
            if data[at + 4 : at + 9] == _ADOBE and end - at == 16:
                out.extend(data[at:end])
        elif kind == 0xDA:
            if frames != 1:
                raise FormatError("jpeg: a scan without exactly one frame header")
            out.extend(data[at:end])
            body = end
            end = _scan_end(data, end)
            out.extend(data[body:end])
            scans += 1
        elif not (0xE0 <= kind <= 0xEF or kind == 0xFE):
            raise FormatError("jpeg: segment %02x is not one of a plain picture" % kind)
        at = end


def _segment_end(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise FormatError("jpeg: ends inside a segment")
    length = data[at + 2] << 8 | data[at + 3]
    if length < 2 or at + 2 + length > len(data):
        raise FormatError("jpeg: a segment is longer than the picture")
    return at + 2 + length


def _scan_end(data: bytes, at: int) -> int:
    """The place of the first marker that is neither a stuffed byte nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise FormatError("jpeg: ends inside the picture")
        kind = data[at + 1]
        if kind != 0 and not 0xD0 <= kind <= 0xD7:
            return at
        at += 2
