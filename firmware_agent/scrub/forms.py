"""One pattern as MicroPython's `re` can run it.

A pattern is written in what both runtimes know, plus {m,n} and {m,} after one character or class and (?:...); its first
plain group is the value. MicroPython's `re` has neither: there each {m,n} is written out, and every group counts.
CPython's own form of the same pattern is quick.py.
"""

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Protocol

    class Form(Protocol):
        """A pattern that was made ready."""

        def found(self, line: str) -> "Iterator[tuple[int, int]]":
            """(start, end) of the value of each match, left to right."""


def written_out(pattern: str) -> "tuple[str, int]":
    """(the pattern without {m,n} and (?:, in group 1 what comes before the value; the number of the value's group)."""
    out = ["("]
    group, groups, at = 0, 1, 0
    while at < len(pattern):
        one, at = atom(pattern, at)
        if one == "(":
            groups += 1
            if pattern[at : at + 2] == "?:":
                at += 2
            elif not group:
                group = groups
                out.append(")")
        if pattern[at : at + 1] == "{":
            end = pattern.index("}", at)
            least, comma, most = pattern[at + 1 : end].partition(",")
            at = end + 1
            more = one + "*" if comma and not most else (one + "?") * (int(most or least) - int(least))
            one = one * int(least) + more
        out.append(one)
    return "".join(out), group


def atom(pattern: str, at: int) -> "tuple[str, int]":
    """(one character, escape or class that begins there, where the next begins)."""
    if pattern[at] == "\\":
        return pattern[at : at + 2], at + 2
    if pattern[at] != "[":
        return pattern[at], at + 1
    end = at + 1
    while pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return pattern[at : end + 1], end + 1


class Small:
    """A pattern in MicroPython's form; CPython can run it, too."""

    def __init__(self, pattern: str) -> None:
        plain, self._group = written_out(pattern)
        self._compiled = re.compile(plain)

    def found(self, line: str) -> "Iterator[tuple[int, int]]":
        """(start, end) of the value of each match, left to right."""
        base = 0
        while base <= len(line):
            match = self._compiled.search(line[base:])  # no position can be given: no pattern has ^
            if match is None:
                return
            whole = match.group(0)
            base = line.find(whole, base)  # it does not say where: the first such place, for it would match there too
            start = base + len(match.group(1))
            yield start, start + len(match.group(self._group))
            base += max(len(whole), 1)
