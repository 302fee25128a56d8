"""What a USB webcam says about itself and how it answers: USB Video Class 1.0, MJPEG over one bulk endpoint.

Pure: bytes of a control request in, bytes out. Names and numbers are those of the specification (tables in brackets).
"""

import struct
from collections.abc import Callable

VIDEO = 1  # the endpoint that pictures come from
SERIAL = "CANARY-SERIAL-0001"  # must never leave the device
_TERMINAL, _OUTPUT = 1, 2  # entities: the sensor, and where its pictures go
_PRIVACY = 0x11  # CT_PRIVACY_CONTROL
_PROBE, _COMMIT = 1, 2
_PROBE_SIZE = 26  # bytes, of version 1.0 [4-47]
_CURRENT, _LENGTH, _INFO = 0x81, 0x85, 0x86  # GET_CUR, GET_LEN, GET_INFO
_CLEAR_FEATURE, _GET_DESCRIPTOR, _SET_INTERFACE = 1, 6, 11  # USB 2.0, table 9-4
_DEVICE_TO_HOST, _CLASS_IN, _CLASS_OUT = 0x80, 0xA1, 0x21


def _described(kind: int, body: bytes) -> bytes:
    """A descriptor: its length, its kind, what it says."""
    return bytes((len(body) + 2, kind)) + body


def _class(subtype: int, body: bytes) -> bytes:
    return _described(0x24, bytes((subtype,)) + body)


class Webcam:
    """One size of picture at one rate. covered: its privacy switch. `note(event)` hears what the host does with it."""

    def __init__(self, width: int, height: int, rate: int, note: Callable[[str], None]) -> None:
        self.covered = False
        self._note = note
        self._largest = width * height * 2  # bytes of a picture
        self._interval = 10_000_000 // rate  # of 100 ns
        self._device = _described(1, struct.pack("<HBBBBHHHBBBB", 0x200, 0xEF, 2, 1, 64, 0x1D6B, 0x0104, 1, 1, 2, 3, 1))
        self._configuration = self._described_whole(width, height, rate)
        self._strings = ("\u0409", "Emulated", "Emulated webcam", SERIAL)

    def _described_whole(self, width: int, height: int, rate: int) -> bytes:
        sensor = _class(
            2, struct.pack("<BHBBHHHB", _TERMINAL, 0x201, 0, 0, 0, 0, 0, 3) + b"\0\0\x04"
        )  # bit 18: privacy
        output = _class(3, struct.pack("<BHBBB", _OUTPUT, 0x101, 0, _TERMINAL, 0))
        head = struct.pack("<HHIBB", 0x100, 13 + len(sensor) + len(output), 48_000_000, 1, 1)
        control = _class(1, head) + sensor + output
        bits = self._largest * 8 * rate
        picture = struct.pack(
            "<BBHHIIIIBI", 1, 0, width, height, bits, bits, self._largest, self._interval, 1, self._interval
        )
        formats = _class(6, bytes((1, 1, 1, 1, 0, 0, 0, 0))) + _class(7, picture) + _class(13, b"\1\1\4")
        stream = _class(1, struct.pack("<BHBBBBBBBB", 1, 14 + len(formats), 0x80 | VIDEO, 0, _OUTPUT, 0, 0, 0, 1, 0))
        body = b"".join(
            (
                _described(11, bytes((0, 2, 0x0E, 3, 0, 0))),  # two interfaces belong together
                _described(4, bytes((0, 0, 0, 0x0E, 1, 0, 0))),
                control,
                _described(4, bytes((1, 0, 1, 0x0E, 2, 0, 0))),
                stream + formats,
                _described(5, struct.pack("<BBHB", 0x80 | VIDEO, 2, 512, 0)),
            )
        )
        return _described(2, struct.pack("<HBBBBB", 9 + len(body), 2, 1, 0, 0x80, 250)) + body

    def answer(self, setup: bytes) -> bytes | None:
        """What a control request gets; None: it is refused (the endpoint stalls)."""
        kind, request, value, index, length = struct.unpack("<BBHHH", setup)
        given = self._answer(kind, request, value, index)
        return None if given is None else given[:length]

    def _answer(self, kind: int, request: int, value: int, index: int) -> bytes | None:
        if kind == _DEVICE_TO_HOST and request == _GET_DESCRIPTOR:
            return self._descriptor(value >> 8, value & 0xFF)
        if kind in (0x00, 0x01, 0x02):
            if request == _SET_INTERFACE:
                self._note(f"SET_INTERFACE {index} {value}")
            if request == _CLEAR_FEATURE and kind == 0x02:
                self._note("CLEAR_HALT")
            return b""
        if kind in (0x80, 0x81, 0x82):  # status: nothing to say
            return b"\0\0"
        if kind == _CLASS_IN:
            return self._asked(request, value >> 8, index & 0xFF, index >> 8)
        if kind == _CLASS_OUT:
            if value >> 8 == _COMMIT and index & 0xFF == 1:
                self._note("COMMIT")
            return b""
        return None

    def _descriptor(self, kind: int, number: int) -> bytes | None:
        if kind == 1:
            return self._device
        if kind == 2:
            return self._configuration
        if kind == 3 and number < len(self._strings):
            return _described(3, self._strings[number].encode("utf-16le"))
        return None

    def _asked(self, request: int, control: int, interface: int, entity: int) -> bytes | None:
        if interface == 1 and control in (_PROBE, _COMMIT):
            if request == _LENGTH:
                return _PROBE_SIZE.to_bytes(2, "little")
            if request == _INFO:
                return b"\x03"
            payload = self._largest + 12
            return struct.pack("<HBBIHHHHHII", 1, 1, 1, self._interval, 0, 0, 0, 0, 0, self._largest, payload)
        if (interface, entity, control) == (0, _TERMINAL, _PRIVACY):
            if request == _CURRENT:
                return bytes((self.covered,))
            if request == _LENGTH:
                return b"\1\0"
            return b"\x09" if request == _INFO else b"\1"  # it can be read, and changes by itself
        return None
