"""Words that nobody knows, beside what identifies for certain: in JSON only where they are values."""

import re

from firmware_agent.scrub.content import documents
from firmware_agent.scrub.spans import Span

_KEY_OR_STRING = re.compile(r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*"(\s*:)?')


def beside(named: list[Span], strange: list[Span], text: str) -> list[Span]:
    """All of `named`, and of `strange` what overlaps none of it, left to right. Both are in order."""
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") and documents(text):
        strange = _values(strange, text)
    all_of, at = list[Span](), 0
    for one in strange:
        while at < len(named) and named[at].end <= one.start:
            all_of.append(named[at])
            at += 1
        if at == len(named) or one.end <= named[at].start:
            all_of.append(one)
    return all_of + named[at:]


def _values(strange: list[Span], text: str) -> list[Span]:
    """Those that stand in strings which are no keys."""
    kept, at = list[Span](), 0
    for string in _KEY_OR_STRING.finditer(text):
        while at < len(strange) and strange[at].start < string.end():
            if string.group(1) is None and strange[at].start > string.start():
                kept.append(strange[at])
            at += 1
    return kept
