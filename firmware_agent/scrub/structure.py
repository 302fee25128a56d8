"""Where JSON's own signs stand: what is masked between them must become a string."""

import re
from collections.abc import Iterable, Iterator

from firmware_agent.scrub.lines import apart
from firmware_agent.scrub.spans import Span

_STRING = re.compile(r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*"')
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)")
_LONGEST = 6  # characters of it
_NUMBER = re.compile(r"[-+.0-9A-Za-z]+")


def split(text: str, spans: Iterable[Span]) -> tuple[list[Span], list[Span]]:
    """(what stands in strings, whole numbers of which a part is in `spans`). text: JSON, or JSON a line."""
    strings: Iterator[re.Match[str]] = _STRING.finditer(text)
    string = next(strings, None)
    quoted, bare = list[Span](), list[tuple[int, int, str]]()
    for one in spans:
        while string is not None and string.end() <= one.start:
            string = next(strings, None)
        if string is not None and string.start() < one.start:
            quoted += _unbroken(text, string.start(), quoted[-1].end if quoted else 0, one)
        else:
            bare += _token(text, one)
    return quoted, [Span(*one) for one in apart(bare)]


def _unbroken(text: str, begin: int, past: int, one: Span) -> Iterator[Span]:
    r"""The span without the n of a \n before it and the \ of a \" behind it; of \u0041 it takes all.

    begin: of the string. past: where the span before it ends.
    """
    start, end = one.start, one.end
    first, last = _escape(text, begin, start), _escape(text, begin, end)
    if first is not None:
        start = first.start() if first[0][1] == "u" else first.end()
    if last is not None:
        end = last.end() if last[0][1] == "u" else last.start()
    if max(start, past) < end:
        yield Span(max(start, past), end, one.kind)


def _escape(text: str, begin: int, at: int) -> "re.Match[str] | None":
    """That of which a part stands before `at`, and a part behind."""
    for slash in range(at - 1, max(begin, at - _LONGEST), -1):
        match = _ESCAPE.match(text, slash)
        if match is not None and match.end() > at:
            before = slash
            while text[before - 1] == "\\":
                before -= 1
            return None if (slash - before) % 2 else match
    return None


def _token(text: str, one: Span) -> Iterator[Span]:
    start, end = one.start, one.end
    while start and _NUMBER.fullmatch(text[start - 1]):
        start -= 1
    while end < len(text) and _NUMBER.fullmatch(text[end]):
        end += 1
    if _NUMBER.fullmatch(text, start, end):  # else it is no value: JSON's own signs stay
        yield Span(start, end, one.kind)
