"""A piece of a file, cut at line ends: what goes from it, found without looking at each line.

Most bytes are motion, and nothing in motion says anything. One bytes.translate makes every byte that motion is made of
a blank; what is left is found by bytes.find. There stands a comment, or a command that is not motion. The common ones
match one pattern (slicers.HOT); of the others each different comment is judged once.
"""

import re
from typing import NamedTuple

from firmware_agent.scrub.gcode_commands import command
from firmware_agent.scrub.gcode_comments import comment
from firmware_agent.scrub.gcode_names import Names
from firmware_agent.scrub.gcode_text import DROP, PLAIN, REMARK, Edit
from firmware_agent.scrub.slicers import GENERATOR, HOT

_MOTION = b"0123456789.-+* \tGXYZEFIJKRSPN\n"
_TABLE = bytes(32 if value in _MOTION else 120 for value in range(256))
_DIGITS = bytes.maketrans(b"3456789", b"2222222")  # outside settings, which may hold commands, no rule parts these
_THUMBNAIL = re.compile(rb";[ \t]*(?:thumbnail\w*|png|jpe?g|qoi|gif|bmp|image)[ \t]+begin", re.IGNORECASE)
_BLOCK = re.compile(rb"(?:;(?![ \t]*\w+[ \t]+end)[^\n]*(?:\n++|\Z))*+", re.IGNORECASE)
_RUN = re.compile(rb"(?:;[^\n]*\n){2,200}")
_BLOCK_END = re.compile(rb";[ \t]*\w+[ \t]+end[^\n]*", re.IGNORECASE)
_KIND = {"date": "note", "thumbnail": "opaque"}  # told apart here, and alike to who asks for spans
_REMEMBERED = 4096  # comments whose judgement is kept, and
_REMEMBERED_LENGTH = 200  # the longest of them, in bytes


class Change(NamedTuple):
    """In bytes of the piece: from, to, the kind of what stood there, and what stands there now."""

    start: int
    end: int
    kind: str
    new: bytes


class Pieces:
    """One file's pieces, in turn.

    thumbnails, opaque: let pictures, or blocks of base64 and hex, stay. secrets: (kind, lower-case value) of what the
    caller knows about the device and its owner, which goes from comments even where it is made of known words.
    """

    def __init__(
        self,
        names: Names,
        thumbnails: bool = False,
        opaque: bool = False,
        secrets: "tuple[tuple[str, bytes], ...]" = (),
    ) -> None:
        self._names = names
        self._thumbnails, self._opaque, self._secrets = thumbnails, opaque, secrets
        self._secret_shapes = tuple(value.translate(_DIGITS) for _, value in secrets)
        self._in_thumbnail = False
        self._judged: dict[bytes, tuple[Edit, ...]] = {}
        self._kept: set[bytes] = set()  # shapes of comments that stay: where a digit stands tells, not which
        self._commands: dict[bytes, tuple[tuple[Edit, ...], bool]] = {}
        self.generator = ""
        self._asked = 1000  # comments that are asked for it: most begin with it, some end with it

    def changes(self, view: bytes) -> "list[Change]":
        """What changes in a piece, left to right. view: the piece with each carriage return made a line feed."""
        found: list[Change] = []
        done = 0
        if self._in_thumbnail:
            done = self._block(view, 0, found)
        marks = view.translate(_TABLE)
        hot, find = HOT.match, marks.find
        looked = 0  # up to there, comments are looked at one by one
        at = find(b"x", done)
        while at >= 0:
            start = at
            if view[at] != 59 and at and view[at - 1] != 10:  # it may begin with letters that motion has, too
                start = max(view.rfind(b"\n", done, at) + 1, done)
            match = hot(view, start)
            if match is not None and match.end() > at:
                done = match.end()
            elif view[at] == 59 and at >= looked:
                done, looked = self._run(view, at)
            else:
                done = self._line(view, at, done, found)
            at = find(b"x", done)
        return found

    def _run(self, view: bytes, at: int) -> "tuple[int, int]":
        """Comments that follow one another: (where to go on, up to where they are to be looked at one by one)."""
        match = _RUN.match(view, at)
        if match is None:
            return at, at + 1
        end = match.end()
        bodies = set(view[at + 1 : end - 1].split(b"\n;")) - self._kept
        shapes = {body.translate(_DIGITS) for body in bodies if b"=" not in body}
        all_kept = all(b"=" not in body for body in bodies) and shapes <= self._kept
        return (end, end) if all_kept else (at, end)

    def _line(self, view: bytes, at: int, done: int, found: "list[Change]") -> int:
        """One line in which something stands at `at`; gives where to go on."""
        end = view.find(b"\n", at)
        end = len(view) if end < 0 else end
        if view[at] != 59:
            start = max(view.rfind(b"\n", done, at) + 1, done)
            sign = view.find(b";", at, end)
            edits, taken = self._command(view[start:end], sign - start)
            self._put(view, start, edits, found)
            if sign < 0 or taken:
                return end
            at = sign
        if _THUMBNAIL.match(view, at, end):
            return self._block(view, at, found)
        body = view[at + 1 : end]
        edits = self._judge(body) if len(body) <= _REMEMBERED_LENGTH else self._look(body)
        if edits:
            self._put(view, at + 1, edits, found)
        return end

    def _command(self, line: bytes, sign: int) -> "tuple[tuple[Edit, ...], bool]":
        judged = self._commands.get(line)
        if judged is None:
            judged = command(line, b"") if sign < 0 else command(line[:sign], line[sign:])
            if len(line) <= _REMEMBERED_LENGTH:
                if len(self._commands) >= _REMEMBERED:
                    self._commands.clear()
                self._commands[line] = judged
        return judged

    def _judge(self, body: bytes) -> "tuple[Edit, ...]":
        edits = self._judged.get(body)
        if edits is not None:
            return edits
        shape = body if b"=" in body else body.translate(_DIGITS)
        if shape in self._kept:
            return ()
        edits = self._look(body)
        if len(self._judged) >= _REMEMBERED or len(self._kept) >= _REMEMBERED:
            self._judged.clear()
            self._kept.clear()
        if edits or any(value in shape.lower().translate(_DIGITS) for value in self._secret_shapes):
            self._judged[body] = edits
        else:
            self._kept.add(shape)
        return edits

    def _look(self, body: bytes) -> "tuple[Edit, ...]":
        if self._asked and len(body) < _REMEMBERED_LENGTH:
            match = GENERATOR.search(body)
            self.generator = match[0].decode() if match else ""
            self._asked = 0 if match else self._asked - 1
        edits = comment(body)
        if self._secrets:
            low = body.lower()
            for kind, value in self._secrets:
                if value in low and not any(edit.start <= low.find(value) < edit.end for edit in edits):
                    return (Edit(0, len(body), kind, DROP),)
        return edits

    def _put(self, view: bytes, base: int, edits: "tuple[Edit, ...]", found: "list[Change]") -> None:
        for edit in edits:
            start, end = base + edit.start, base + edit.end
            kind, form = edit.kind, edit.form
            if (kind == "thumbnail" and self._thumbnails) or (kind == "opaque" and self._opaque and form == DROP):
                continue
            value = view[start:end]
            if form == PLAIN:
                new = self._names.plain(value)
            elif form == DROP:
                new = b""
            elif form == REMARK:
                new = b";"
            else:
                new = self._names.token(kind, value)
            found.append(Change(start, end, _KIND.get(kind, kind), new))

    def _block(self, view: bytes, at: int, found: "list[Change]") -> int:
        """A picture's lines, from its beginning or from where the piece begins to where either of them ends."""
        match = _BLOCK.match(view, at)
        end = match.end() if match else at
        self._in_thumbnail = end == len(view)
        if not self._in_thumbnail:
            close = _BLOCK_END.match(view, end)
            if close is not None:
                end = close.end()
        if not self._thumbnails and end > at:
            stop = end - 1 if view[end - 1] == 10 else end
            found.append(Change(at, stop, "opaque", re.sub(rb";[^\n]*", b";", view[at:stop])))
        return end
