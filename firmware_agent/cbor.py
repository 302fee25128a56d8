"""One value, one encoding: the subset of CBOR that leaves this device.

RFC 8949 core deterministic encoding (4.2.1), narrowed to integers of 64 bits, byte and text strings, arrays, maps
with text keys, booleans and null. No floats (runtimes differ in their width), no tags, no indefinite lengths. The
decoder accepts exactly what the encoder makes, so that nothing can hide in a second spelling of the same value.
"""

from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 8


def encode(value: "Any") -> bytes:
    """Return the only encoding of `value`; FormatError if it has none."""
    out = bytearray()
    _put(out, value, 0)
    return bytes(out)


def joined(items: "list[bytes]") -> bytes:
    """The array of `items`, each of which is encoded already."""
    out = bytearray()
    _head(out, 4, len(items))
    return bytes(out) + b"".join(items)


def decode(data: bytes) -> "Any":
    """Return the value that `data` encodes; FormatError on anything `encode` would not have written."""
    reader = _Reader(data)
    value = reader.take(0)
    if reader.at != len(data):
        raise FormatError("cbor: %d bytes after the value" % (len(data) - reader.at))
    return value


def is_int(value: "Any") -> bool:
    """An integer and not a bool, the same answer on both runtimes."""
    return isinstance(value, int) and value is not True and value is not False


def _head(out: bytearray, major: int, number: int) -> None:
    if number < 24:
        out.append(major << 5 | number)
        return
    size, code = 1, 24
    while number >> (8 * size):
        size, code = size * 2, code + 1
    if size > 8:
        raise FormatError("cbor: an integer needs more than 64 bits")
    out.append(major << 5 | code)
    out.extend(number.to_bytes(size, "big"))


def _put(out: bytearray, value: "Any", depth: int) -> None:
    if depth > MAX_DEPTH:
        raise FormatError("cbor: nested deeper than %d" % MAX_DEPTH)
    if type(value) is int and 0 <= value < 256:  # nearly all of what leaves
        if value >= 24:
            out.append(24)
        out.append(value)
    elif value is False or value is True:  # before int: the runtimes disagree on whether a bool is one
        out.append(0xF5 if value else 0xF4)
    elif value is None:
        out.append(0xF6)
    elif isinstance(value, int):
        if value >= 0:
            _head(out, 0, value)
        else:
            _head(out, 1, -1 - value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _head(out, 2, len(value))
        out.extend(value)
    elif isinstance(value, str):
        try:
            raw = value.encode()
        except UnicodeError:
            raw = b"\xff"
        if raw and max(raw) >= 0x80 and not _is_utf8(raw):
            raise FormatError("cbor: text that is not Unicode")
        _head(out, 3, len(raw))
        out.extend(raw)
    elif isinstance(value, (list, tuple)):
        _head(out, 4, len(value))
        for item in value:
            _put(out, item, depth + 1)
    elif isinstance(value, dict):
        rows = []
        for key in value:
            if not isinstance(key, str):
                raise FormatError("cbor: a map key is not text")
            name = bytearray()
            _put(name, key, depth + 1)
            rows.append((bytes(name), key))
        rows.sort()
        _head(out, 5, len(rows))
        for raw, key in rows:
            out.extend(raw)
            _put(out, value[key], depth + 1)
    else:
        raise FormatError("cbor: no encoding for a value of type %s" % type(value).__name__)


class _Reader:
    """A place in `data`. Kept on an object and not in tuples: a small heap must not be littered while it fills."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, depth: int) -> "Any":
        if depth > MAX_DEPTH:
            raise FormatError("cbor: nested deeper than %d" % MAX_DEPTH)
        if self.at >= len(self.data):
            raise FormatError("cbor: ends too early")
        first = self.data[self.at]
        if 0xF4 <= first <= 0xF6:
            self.at += 1
            return None if first == 0xF6 else first == 0xF5
        major = first >> 5
        if major > 5:
            raise FormatError("cbor: byte %d: a float, a tag or a simple value" % self.at)
        number = self.number()
        if major == 0:
            return number
        if major == 1:
            return -1 - number
        if number > len(self.data) - self.at:  # each item of an array or map needs a byte, too
            raise FormatError("cbor: byte %d: a length beyond the end" % self.at)
        if major == 4:
            return [self.take(depth + 1) for _ in range(number)]
        if major == 5:
            return self.map(number, depth)
        raw = self.raw(number)
        return raw if major == 2 else self.text(raw)

    def map(self, number: int, depth: int) -> "dict[str, Any]":
        rows = {}
        before = b""
        for place in range(number):
            if self.at < len(self.data) and self.data[self.at] >> 5 != 3:
                raise FormatError("cbor: byte %d: a map key is not text" % self.at)
            if depth + 1 > MAX_DEPTH or self.at >= len(self.data):
                raise FormatError("cbor: byte %d: no key where one is due" % self.at)
            length = self.number()
            key = self.raw(length)
            if place and (length < len(before) or (length == len(before) and key <= before)):
                raise FormatError("cbor: byte %d: a map key is repeated or out of order" % self.at)
            before = key
            name = self.text(key)
            rows[name] = self.take(depth + 1)
        return rows

    def number(self) -> int:
        short = self.data[self.at] & 31
        self.at += 1
        if short < 24:
            return short
        if short > 27:
            raise FormatError("cbor: byte %d: an indefinite length or a reserved form" % (self.at - 1))
        size = 1 << (short - 24)
        number = int.from_bytes(self.raw(size), "big")
        if number < 24 or (size > 1 and not number >> (4 * size)):
            raise FormatError("cbor: byte %d: a number not in its shortest form" % self.at)
        return number

    def raw(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise FormatError("cbor: ends too early")
        part = self.data[self.at : end]
        self.at = end
        return part

    def text(self, raw: bytes) -> str:
        if not _is_utf8(raw):
            raise FormatError("cbor: byte %d: text that is not UTF-8" % self.at)
        return raw.decode()


def _is_utf8(raw: bytes) -> bool:
    """RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF: MicroPython's decoder lets these pass."""
    at, end = 0, len(raw)
    while at < end:
        first = raw[at]
        at += 1
        if first < 0x80:
            continue
        if 0xC2 <= first <= 0xDF:
            more, low, high = 1, 0x80, 0xBF
        elif 0xE0 <= first <= 0xEF:
            more = 2
            low, high = (0xA0 if first == 0xE0 else 0x80), (0x9F if first == 0xED else 0xBF)
        elif 0xF0 <= first <= 0xF4:
            more = 3
            low, high = (0x90 if first == 0xF0 else 0x80), (0x8F if first == 0xF4 else 0xBF)
        else:
            return False
        for _ in range(more):
            if at >= end or not low <= raw[at] <= high:
                return False
            low, high = 0x80, 0xBF
            at += 1
    return True
