"""Where JSON's own signs stand: what is masked between them must become a string."""

import re
from collections.abc import Iterable, Iterator

from firmware_agent.scrub.lines import apart
from firmware_agent.scrub.spans import Span

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"')
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
            quoted.append(one)
        else:
            bare += _token(text, one)
    return quoted, [Span(*one) for one in apart(bare)]


def _token(text: str, one: Span) -> Iterator[Span]:
    start, end = one.start, one.end
    while start and _NUMBER.fullmatch(text[start - 1]):
        start -= 1
    while end < len(text) and _NUMBER.fullmatch(text[end]):
        end += 1
    if _NUMBER.fullmatch(text, start, end):  # else it is no value: JSON's own signs stay
        yield Span(start, end, one.kind)
