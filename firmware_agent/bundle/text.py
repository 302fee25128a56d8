"""One file of a bundle before and after: its text, and where something else stands in the bundle instead.

Lines stay lines: no mark reaches over the end of one.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from firmware_agent.bundle import form
from firmware_agent.scrub.texts import decoded

REMOVED = "removed"  # the kind of what a person took out
SLICE = 1 << 14  # characters that are worked on at a time
_ENDS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_PLACED = re.compile(r"(<[a-z_]{1,40}-(?:[0-9]{1,7}|more)>)")


class Mark(NamedTuple):
    """start, end: in code points of the text. kind: as "ipv4". new: what stands there instead, "" too."""

    start: int
    end: int
    kind: str
    new: str


class Removal(NamedTuple):
    """What a person took out wherever it stands, in small or capital letters. whole: not inside of longer words."""

    text: str
    whole: bool


def readable(data: bytes) -> str:
    """As a text that is shown as it is: each line end one line feed, what nobody would see a sign that says so."""
    text = _ENDS.sub("\n", decoded(data)[0].removeprefix("\ufeff"))
    hidden = {ord(one): "\ufffd" for one in set(text) if form.unseen(one)}
    return text.translate(hidden) if hidden else text


def slices(text: str, size: int = SLICE) -> Iterator[tuple[int, str]]:
    """(where it begins, whole lines with their ends), of about `size` characters each; a longer line stays whole."""
    at = 0
    while at < len(text):
        end = text.find("\n", at + size) + 1 or len(text)
        yield at, text[at:end]
        at = end


def between(before: str, after: str, kind: str, at: int) -> Mark | None:
    """Where one line differs from what it became, as one mark; None if it does not. at: where the line begins."""
    if before == after:
        return None
    least = min(len(before), len(after))
    head = next((n for n in range(least) if before[n] != after[n]), least)
    rest = least - head
    tail = next((n for n in range(rest) if before[-1 - n] != after[-1 - n]), rest)
    return Mark(at + head, at + len(before) - tail, kind, after[head : len(after) - tail])


class Text:
    """name: what the file is called in the bundle. note: what was left out of it, or "". marks: left to right."""

    def __init__(self, name: str, note: str, text: str) -> None:
        self.name = name
        self.note = note
        self.text = text if text.endswith("\n") or not text else text + "\n"
        self.masked: list[Mark] = []  # by the rules
        self.marks: list[Mark] = []  # with what was removed besides

    def remove(self, found: "re.Pattern[str] | None", new: "dict[str, str]") -> Iterator[None]:
        """Sets `marks` anew; yields between slices. found: what goes. new: in small letters -> what stands instead."""
        marks: list[Mark] = []
        masked = iter([*self.masked, Mark(len(self.text), len(self.text), "", "")])
        one = next(masked)
        for at, text in slices(self.text):
            begun = at
            while one.start < at + len(text):
                marks += _taken(self.text, begun, one.start, found, new)
                marks.append(one if found is None else one._replace(new=_within(one.new, found, new)))
                begun, one = one.end, next(masked)
            marks += _taken(self.text, begun, at + len(text), found, new)
            yield
        self.marks = marks

    def after(self) -> str:
        """The text as it stands in the bundle."""
        parts, at = list[str](), 0
        for one in self.marks:
            parts += [self.text[at : one.start], one.new]
            at = one.end
        return "".join([*parts, self.text[at:]])

    def rows(self, line: int) -> Iterator[tuple[int, int, int, int, int, str]]:
        """(line, start and end before, start and end after, kind) of each mark, within its line. line: the number of
        the first."""
        begins, grown, at = 0, 0, 0
        for one in self.marks:
            passed = self.text.count("\n", at, one.start)
            if passed:
                line, begins, grown = line + passed, self.text.rfind("\n", at, one.start) + 1, 0
            at = one.start
            start, end = one.start - begins, one.end - begins
            yield line, start, end, start + grown, start + grown + len(one.new), one.kind
            grown += len(one.new) - (one.end - one.start)


def pattern(removals: Iterable[Removal]) -> "re.Pattern[str] | None":
    """Finds what was removed, the longest first; None if nothing was."""
    ways = [
        rf"(?<![^\W_]){re.escape(one.text)}(?![^\W_])" if one.whole else re.escape(one.text)
        for one in sorted(removals, key=lambda one: -len(one.text))
    ]
    return re.compile("|".join(ways), re.IGNORECASE) if ways else None


def _taken(text: str, start: int, end: int, found: "re.Pattern[str] | None", new: "dict[str, str]") -> "Iterator[Mark]":
    if found is not None:
        for match in found.finditer(text, start, end):
            yield Mark(*match.span(), REMOVED, new.get(match.group().lower(), f"<{REMOVED}-more>"))


def _within(text: str, found: "re.Pattern[str]", new: "dict[str, str]") -> str:
    """The same, in what stands for another: a comment of G-code that stayed in part."""
    parts = _PLACED.split(text)
    parts[::2] = [found.sub(lambda one: new.get(one.group().lower(), f"<{REMOVED}-more>"), part) for part in parts[::2]]
    return "".join(parts)
