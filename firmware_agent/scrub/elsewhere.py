"""Where values that are known to identify stand again, without anything around them that would tell."""

import re
from collections.abc import Iterator

from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.words import DEFAULTS, NOBODY

_SHORTEST = 5  # characters of a value that is looked for everywhere

# character -> what may follow; "" where a word ends
_Tree = dict[str, "_Tree"]


def far(value: str) -> bool:
    """Whether a value tells enough to be looked for everywhere."""
    low = value.lower()
    return len(value) >= _SHORTEST and low not in NOBODY and low not in DEFAULTS and not value.isspace()


def elsewhere(text: str, known: dict[str, str]) -> Iterator[Span]:
    """Where they stand in `text`, not as a part of a word. known: value -> kind."""
    if not known:
        return
    for match in re.finditer(_one_of(sorted(known)), text):
        start, end = match.span()
        if not ((start and text[start - 1].isalnum()) or (end < len(text) and text[end].isalnum())):
            yield Span(start, end, known[match.group()])


def _one_of(words: list[str]) -> str:
    """A pattern for any of them, the longest first, that looks at each character once."""
    root: _Tree = {}
    for word in words:
        node = root
        for one in word:
            node = node.setdefault(one, {})
        node[""] = {}
    return _branch(root)


def _branch(node: _Tree) -> str:
    text = ""
    while len(node) == 1 and "" not in node:
        one, node = next(iter(node.items()))
        text += re.escape(one)
    if set(node) <= {""}:
        return text
    ways = [re.escape(one) + _branch(below) for one, below in node.items() if one]
    return text + "(?:" + "|".join(ways) + ")" + ("?" if "" in node else "")
