"""A piece of a file, cut at line ends: what goes from it, found without looking at each line.

Most bytes are motion, and nothing in motion says anything. One bytes.translate makes every byte that motion is made of
a blank; what is left is found by bytes.find. There stands a comment, or a command that is not motion. The common ones
match one pattern (slicers.HOT); of the others each different comment is judged once.
"""

import re
from itertools import repeat
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
_BLOCK = re.compile(rb"(?:;(?![ \t]*\w+[ \t]+end)[^\n]*(?:\n++|\Z))*", re.IGNORECASE)
_BLOCK_END = re.compile(rb";[ \t]*\w+[ \t]+end[^\n]*", re.IGNORECASE)
_KIND = {"date": "note", "thumbnail": "opaque"}  # told apart here, and alike to who asks for spans
_REMEMBERED = 16_384  # comments whose judgement is kept, and
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
        self._judged: dict[bytes, tuple[Change, ...]] = {}
        self._kept: set[bytes] = set()  # shapes of comments that stay: where a digit stands tells, not which
        self._commands: dict[bytes, tuple[tuple[Change, ...], bool]] = {}
        self.generator = ""
        self._asked = 1000  # comments that are asked for it: most begin with it, some end with it

    def changes(self, view: bytes) -> "list[Change]":
        """What changes in a piece, left to right. view: the piece with each carriage return made a line feed."""
        found: list[Change] = []
        done = 0
        if self._in_thumbnail:
            done = self._block(view, 0, found)
        marks = view.translate(_TABLE)
        hot, find, kept = HOT.match, marks.find, self._kept
        at = find(b"x", done)
        while at >= 0:
            sign = view[at]
            start = at - 2 if sign == 84 and at > 1 and view[at - 2 : at] == b"SE" else at  # "SET_": motion has S and E
            if sign == 59 or start == 0 or view[start - 1] == 10:
                match = hot(view, start)
                if match is not None:
                    done = match.end()
                    at = find(b"x", done)
                    continue
            if sign == 59:
                end = view.find(b"\n", at)
                body = view[at + 1 : end]
                if end >= 0 and (body if b"=" in body else body.translate(_DIGITS)) in kept:
                    at = find(b"x", end)
                    continue
            done = self._line(view, at, done, found)
            at = find(b"x", done)
        return found

    def _line(self, view: bytes, at: int, done: int, found: "list[Change]") -> int:
        """One line in which something stands at `at`; gives where to go on."""
        end = view.find(b"\n", at)
        end = len(view) if end < 0 else end
        if view[at] != 59:
            start = max(view.rfind(b"\n", done, at) + 1, done)
            sign = view.find(b";", at, end)
            changes, taken = self._command(view[start:end], sign - start)
            found += [Change(start + one, start + past, kind, new) for one, past, kind, new in changes]
            if sign < 0 or taken:
                return end
            at = sign
        if _THUMBNAIL.match(view, at, end):
            return self._block(view, at, found)
        body = view[at + 1 : end]
        at += 1
        changes = self._judge(body) if len(body) <= _REMEMBERED_LENGTH else self._new(body, self._look(body))
        found += [Change(at + one, at + past, kind, new) for one, past, kind, new in changes]
        return end

    def _command(self, line: bytes, sign: int) -> "tuple[tuple[Change, ...], bool]":
        judged = self._commands.get(line)
        if judged is None:
            edits, taken = command(line, b"") if sign < 0 else command(line[:sign], line[sign:])
            judged = self._new(line, edits), taken
            if len(line) <= _REMEMBERED_LENGTH:
                if len(self._commands) >= _REMEMBERED:
                    self._commands.clear()
                self._commands[line] = judged
        return judged

    def _judge(self, body: bytes) -> "tuple[Change, ...]":
        changes = self._judged.get(body)
        if changes is not None:
            return changes
        shape = body if b"=" in body else body.translate(_DIGITS)
        if shape in self._kept:
            return ()
        edits = self._look(body)
        changes = self._new(body, edits)
        if len(self._judged) >= _REMEMBERED or len(self._kept) >= _REMEMBERED:
            self._judged.clear()
            self._kept.clear()
        if edits or any(value in shape.lower().translate(_DIGITS) for value in self._secret_shapes):
            self._judged[body] = changes
        else:
            self._kept.add(shape)
        return changes

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

    def _new(self, text: bytes, edits: "tuple[Edit, ...]") -> "tuple[Change, ...]":
        """What stands there now, in bytes of the text. What a name is called once it is called always."""
        return tuple([one for one in map(self._changed, repeat(text), edits) if one is not None])

    def _changed(self, text: bytes, edit: Edit) -> "Change | None":
        start, end, kind, form = edit
        if (kind == "thumbnail" and self._thumbnails) or (kind == "opaque" and self._opaque and form == DROP):
            return None
        if form == DROP:
            new = b""
        elif form == REMARK:
            new = b";"
        else:
            new = self._names.plain(text[start:end]) if form == PLAIN else self._names.token(kind, text[start:end])
        return Change(start, end, _KIND.get(kind, kind), new)

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
