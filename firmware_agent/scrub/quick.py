"""One pattern as CPython's `re` runs it, which is faster: it knows where a match stands.

Parts that may go on without an end are searched for with an end, so that the time for a line grows with its length
and no more: a pattern that fails behind such a part would otherwise look at the rest of the line from each place where
it could begin. A value that is as long as that end is taken whole.
"""

import re
from collections.abc import Iterator
from functools import cached_property

from firmware_agent.scrub.forms import atom

_OFTEN = ("?", "*", "+", "{")
MOST = 300  # characters of one part of a match; the name of a file has 255 at most


def bounded(pattern: str, most: int = MOST) -> str:
    """The pattern with an end to each "*", "+" and {m,}."""
    out, at = list[str](), 0
    while at < len(pattern):
        one, at = atom(pattern, at)
        out.append(one)
        if pattern[at : at + 1] == "{":
            end = pattern.index("}", at)
            least, comma, more = pattern[at + 1 : end].partition(",")
            out.append("{%s,%s}" % (least, more or most) if comma else "{%s}" % least)
            at = end + 1
        elif pattern[at : at + 1] in ("*", "+") and one not in ("(", "|"):
            out.append("{%d,%d}" % (pattern[at] == "+", most))
            at += 1
    return "".join(out)


def _led(pattern: str) -> str:
    """The pattern, bounded; if it begins with any number of some characters and then another, only where they begin."""
    begin = 1 if pattern[0] == "(" and pattern[1] != "?" else 0
    one, at = atom(pattern, begin)
    after, past = atom(pattern, at + 1)
    if one[0] != "[" or pattern[at] != "+" or pattern[past : past + 1] in _OFTEN or re.fullmatch(one, after):
        return bounded(pattern)
    return "(?<!%s)%s%s++%s" % (one, pattern[:begin], one, bounded(pattern[at + 1 :]))


class Quick:
    """The same matches as forms.Small, but that no part before a value is longer than MOST."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._whole = re.compile(pattern, re.ASCII)

    @cached_property
    def _bounded(self) -> "re.Pattern[str]":
        return re.compile(_led(self._pattern), re.ASCII)

    def found(self, line: str) -> Iterator[tuple[int, int]]:
        """(start, end) of the value of each match, left to right."""
        if len(line) <= MOST:
            for match in self._whole.finditer(line):
                yield match.span(1)
            return
        at = 0
        while first := self._bounded.search(line, at):
            start, end = first.span(1)
            match = (end - start >= MOST and self._whole.match(line, first.start())) or first
            yield match.span(1)
            at = max(match.end(), at + 1)
