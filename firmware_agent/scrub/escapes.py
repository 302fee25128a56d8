r"""What stands in a line in other signs: as JSON and Python write texts within texts, addresses of the web, terminals.

In "\n192.168.4.17" the n belongs to no word, in "{\"sn\":\"01S00A\"}" there is a key, and %3A is a colon.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from firmware_agent.scrub.spans import Span

# What JSON and Python write of one sign, what addresses of the web do, and what colours a terminal.
_ESCAPE = re.compile(
    r"\\(?:u[0-9A-Fa-f]{4}|x[0-7][0-9A-Fa-f]|[\"'\\/bfnrtv])|%(?:0[9ADad]|[2-7][0-9A-Fa-f])|\x1b\[[0-9;?]{0,20}[A-Za-z]"
)
_SIGNS = ("\\", "%", "\x1b")  # one of which begins each
_MEANS = {"n": "\n", "r": "\n", "b": " ", "f": " ", "t": " ", "v": " "}
_LONGEST = 6  # characters of one, but of colours
_DEEPEST = 3  # texts within texts

Look = Callable[[str], Iterable[Span]]


def beneath(block: str, look: Look) -> Iterator[Span]:
    """What `look` finds in the lines of `block` that hold such signs, once these are read; in code points of `block`.

    In no order, and one may be in another. look: text -> spans, left to right, none in another.
    """
    if not any(sign in block for sign in _SIGNS):
        return
    at = 0
    while (first := _ESCAPE.search(block, at)) is not None:
        begin = block.rfind("\n", at, first.start()) + 1 or at
        at = block.find("\n", first.end()) + 1 or len(block)
        for start, end, kind in _within(block[begin:at], look):
            yield Span(begin + start, begin + end, kind)


def _within(line: str, look: Look) -> Iterator[Span]:
    above = [line]
    while len(above) <= _DEEPEST and (text := _ESCAPE.sub(_sign, above[-1])) != above[-1]:
        spans = list(look(text))
        for outer in reversed(above):
            spans = _placed(outer, spans)
        yield from spans
        above.append(text)


def _sign(match: "re.Match[str]") -> str:
    """One sign for each, so that places can be told."""
    said = match[0]
    if said[0] == "\x1b":
        return " "
    if said[0] == "%" or said[1] in "ux":
        sign = chr(int(said.lstrip("\\%ux"), 16))
        return "\n" if sign == "\r" else sign
    return _MEANS.get(said[1], said[1])


def _placed(outer: str, spans: "list[Span]") -> "list[Span]":
    """Where in `outer` stands what was found in what it says."""
    placed, marks = list[Span](), _ESCAPE.finditer(outer)
    mark, less = next(marks, None), 0  # less: how much shorter the text is than `outer`, before the mark
    for start, end, kind in spans:
        ends = []
        for at in (start, end):
            while mark is not None and mark.start() - less < at:
                less += mark.end() - mark.start() - 1
                mark = next(marks, None)
            ends.append(at + less)
        placed.append(Span(ends[0], ends[1], kind))
    return placed


def whole(named: "list[Span]", below: "set[Span]", block: str) -> "list[Span]":
    """`named` without what is in `below`, too, but not with a rest of a sign before it or the beginning of one."""

    def cut(one: Span) -> bool:
        after = block[one.start - 1 : one.start] in ("\\", "%", "[", ";")
        return (after and any(one._replace(start=one.start + rest) in below for rest in range(1, _LONGEST))) or (
            block[one.end - 1] == "\\" and one._replace(end=one.end - 1) in below
        )

    return [one for one in named if not cut(one)]


def read(value: str) -> str:
    """A value as it is read, if it was written so."""
    return _ESCAPE.sub(_sign, value) if "\\" in value else value
