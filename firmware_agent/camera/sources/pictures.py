"""Cuts a stream of JPEG after JPEG at the end of each picture: a strict, bounded walk over their segments.

Anything odd, also between two pictures, is thrown away up to what begins like the next picture. What a picture carries
beside itself is still in it; whoever passes it on cuts that out.
"""

import re

_BEGIN = b"\xff\xd8"
_NEXT = b"\xff\xd8\xff"
_END, _SCAN = 0xD9, 0xDA
# Frames (baseline, extended, progressive), tables, scans, application segments, comments.
_SEGMENTS = frozenset((0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, _SCAN, *range(0xE0, 0xF0), 0xFE))
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)  # in a scan: neither a stuffed byte nor a restart


class Pictures:
    """largest: bytes of one picture. odd: how often something was thrown away."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._held = bytearray()
        self._at = 0  # so far the walk came; 0: before a picture
        self._scans = False  # inside a scan
        self.odd = 0

    @property
    def begun(self) -> bool:
        """Whether a picture has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes | memoryview) -> bytes | None:
        """The newest picture that ends in `data`, None if none does."""
        self._held += data
        newest = None
        while True:
            end = self._walk()
            if end is None:
                break
            if end:
                newest = bytes(self._held[:end])
                del self._held[:end]
                self._at = 0
            else:
                self._give_up()
        if len(self._held) > self._largest:
            self._give_up()
        return newest

    def _walk(self) -> int | None:
        """Where the picture ends; 0: it is none; None: more must come."""
        held = self._held
        if not self._at:
            if len(held) < 2:
                return None
            if held[:2] != _BEGIN:
                return 0
            self._at = 2
        while True:
            if self._scans:
                found = _MARKER.search(held, self._at)
                if found is None:
                    self._at = max(self._at, len(held) - 1)  # half a marker may be the last byte
                    return None
                self._at, self._scans = found.start(), False
            if len(held) < self._at + 2:
                return None
            kind = held[self._at + 1]
            if held[self._at] == 0xFF and kind == _END:
                return self._at + 2
            if held[self._at] != 0xFF or kind not in _SEGMENTS:
                return 0
            if len(held) < self._at + 4:
                return None
            length = int.from_bytes(held[self._at + 2 : self._at + 4], "big")
            if length < 2:
                return 0
            if len(held) < self._at + 2 + length:
                return None
            self._at += 2 + length
            self._scans = kind == _SCAN

    def _give_up(self) -> None:
        """Go on with what begins like a picture after this one's first byte."""
        self.odd += 1
        self._at, self._scans = 0, False
        after = self._held.find(_NEXT, 1)
        if after < 0:  # its first bytes may be the last that came
            kept = 2 if self._held.endswith(_BEGIN) else int(self._held.endswith(b"\xff"))
            after = max(1, len(self._held) - kept)
        del self._held[:after]
