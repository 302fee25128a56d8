"""G-code made fit to be shared: the machine moves the same, and nobody is named.

    with open("part.gcode", "rb") as source, open("shared.gcode", "wb") as target:
        result = scrub(source.read, target.write)

Clauses L9, C3, P4; attacks 13, 14 and 16.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from firmware_agent.scrub.gcode_lines import Change, Pieces
from firmware_agent.scrub.gcode_names import Alias, Names
from firmware_agent.scrub.gcode_text import looks_like
from firmware_agent.scrub.spans import Span

PIECE = 1 << 18  # bytes read at a time; a line longer than this is not read as a command or a comment
_BOM = b"\xef\xbb\xbf"
_MOTION_ONLY = re.compile(rb"[0-9.\-+* \tGXYZEFIJKRSPN]*")


class Result(NamedTuple):
    """What was done. generator: the first slicer or laser program that a comment names, "" if none."""

    generator: str
    size: int  # of the input, in bytes
    replaced: "dict[str, int]"  # how many, by kind


def scrub(
    read: "Callable[[int], bytes]",
    write: "Callable[[bytes], object]",
    *,
    spans: "Callable[[Span], object] | None" = None,
    thumbnails: bool = False,
    opaque: bool = False,
    known: "Iterable[tuple[str, str]]" = (),
    alias: "Alias | None" = None,
    progress: "Callable[[int], object] | None" = None,
    piece: int = PIECE,
) -> Result:
    """Copies G-code from `read` to `write` without what names a person, a printer, a file or a thing that is printed.

    Promised: every command stays byte for byte where it stood, except the arguments that name or say something (names
    of objects, which are renamed alike everywhere; messages; names of files, networks and users; texts). Of a line that
    is no command a ";" stays. The number of lines and their ends stay. Comments stay if they are known (slicers.py,
    gcode_settings.py, gcode_words.py). Memory does not grow with the file; time grows with its length alone. Never
    raises for what it reads, binary too, but what is not G-code loses nearly all.

    read, write: as of binary files; `read(n)` gives b"" at the end. spans: called with each replacement, in order; a
    byte that is no UTF-8 counts as one code point, a byte order mark as one. thumbnails, opaque: pictures, or blocks of
    base64 and hex, stay. known: (kind, value) of what is known to name the device or its owner; it goes from comments
    in any case. alias: (kind, value) -> token, where several files are shared together. progress: called with the bytes
    read so far. piece: bytes that are read at a time, and the longest line that is looked into; of a longer one the
    motion at its beginning stays.
    """
    secrets = tuple((kind, value.lower().encode()) for kind, value in known if len(value) > 2)
    stream = _Stream(write, spans, Pieces(Names(alias), thumbnails, opaque, secrets), thumbnails or opaque)
    carry = b""
    while data := read(piece):
        if progress is not None:
            progress(stream.size + len(carry) + len(data))
        carry = stream.feed(carry + data if carry else data, len(carry), piece)
    stream.end(carry)
    return Result(stream.pieces.generator, stream.size, stream.replaced)


class _Stream:
    """Cuts at line ends, applies what changes, and counts code points."""

    def __init__(
        self, write: "Callable[[bytes], object]", spans: "Callable[[Span], object] | None", pieces: Pieces, blocks: bool
    ) -> None:
        self._write, self._spans, self.pieces, self._blocks = write, spans, pieces, blocks
        self.size = 0
        self.replaced: dict[str, int] = {}
        self._at = 0  # code points before what comes next
        self._long = ""  # "", or what happens to the rest of a line that is too long: "motion", "stay", or "go"
        self._long_from = 0

    def feed(self, data: bytes, old: int, longest: int) -> bytes:
        """Takes all whole lines; gives what is left. old: how much of data was left before, which has no line end."""
        cut = max(data.rfind(b"\n", old), data.rfind(b"\r", old)) + 1
        if cut == 0:
            if len(data) <= longest:
                return data
            cut = _whole(data)
            self._too_long(data[:cut], False)
            return data[cut:]
        self._lines(data[:cut])
        return data[cut:]

    def end(self, data: bytes) -> None:
        """The last line, which has no end."""
        if data:
            self._lines(data)
        self._close()

    def _lines(self, data: bytes) -> None:
        if self._long:
            first = re.search(rb"[\r\n]", data)
            cut = first.start() if first else len(data)
            self._too_long(data[:cut], True)
            data = data[cut:]
        if self.size == 0 and data.startswith(_BOM):
            self._apply(data[:3], [])
            data = data[3:]
        if data:
            view = data.replace(b"\r", b"\n") if b"\r" in data else data
            self._apply(data, self.pieces.changes(view))

    def _apply(self, data: bytes, changes: "list[Change]") -> None:
        self.size += len(data)
        if not changes:
            self._write(data)
            if self._spans is not None:
                self._at += _points(data)
            return
        out = []
        last = 0
        for change in changes:
            start, end, kind, new = change
            out.append(data[last:start])
            if self._spans is not None:
                begin = self._at + _points(data[last:start])
                self._at = begin + _points(data[start:end])
                self._spans(Span(begin, self._at, kind))
            out.append(_ends(data[start:end], new))
            self.replaced[kind] = self.replaced.get(kind, 0) + 1
            last = end
        out.append(data[last:])
        if self._spans is not None:
            self._at += _points(data[last:])
        self._write(b"".join(out))

    def _too_long(self, data: bytes, last: bool) -> None:
        """A part of a line that is longer than a piece: motion stays, from the first other byte on it goes."""
        motion = _MOTION_ONLY.match(data) if self._long in ("", "motion") else None
        keep = motion.end() if motion else 0
        if not self._long or self._long == "motion":
            stays = self._blocks and data[keep : keep + 1] == b";" and looks_like(data[keep : keep + 200]) == "opaque"
            self._long = "motion" if keep == len(data) else "stay" if stays else "go"
            self._apply(data[:keep], [])
            data = data[keep:]
            if self._long == "go":
                self._write(b";")
                self._long_from = self._at
        if self._long == "stay":
            self._apply(data, [])
        else:
            self.size += len(data)
            if self._spans is not None:
                self._at += _points(data)
        if last:
            self._close()

    def _close(self) -> None:
        if self._long == "go":
            self.replaced["opaque"] = self.replaced.get("opaque", 0) + 1
            if self._spans is not None:
                self._spans(Span(self._long_from, self._at, "opaque"))
        self._long = ""


def _points(data: bytes) -> int:
    """Unicode code points; a byte that is no UTF-8 is one."""
    return len(data) if data.isascii() else len(data.decode("utf-8", "surrogateescape"))


def _ends(old: bytes, new: bytes) -> bytes:
    """What is written for lines that went, with their own line ends."""
    if b"\n" in new and b"\r" in old:
        return re.sub(rb";[^\r\n]*", b";", old)
    return new


def _whole(data: bytes) -> int:
    """Where to cut so that no UTF-8 character is cut: before the last, if it may go on."""
    for back in range(1, min(len(data), 4)):
        one = data[-back]
        if one & 0xC0 != 0x80:
            return len(data) - back if one >= 0xC0 else len(data)
    return len(data)
