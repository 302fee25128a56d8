"""Tells, fast, the lines in which a rule could find anything: most lines of a log are numbers between known words.

A line is looked at word by word, with capitals and digits folded, and what was said of a word is remembered.
"""

import re
from collections.abc import Iterator

from firmware_agent.scrub.files import ENDINGS
from firmware_agent.scrub.keys import KEYS
from firmware_agent.scrub.rules import RULES

_REMEMBERED = 200_000
_BLOCK = 1 << 18
_DIGITS = str.maketrans("123456789", "000000000")
_BEYOND = re.compile(r"[^\x00-\x7e]")
_SHAPED = (".", ":", "-", "@", "lat", "lon", "id")  # anchors that say little of a word: their shapes, below, say more
_SHAPES = (
    r"(?<!\d)0{1,3}\.0{1,3}\.0{1,3}\.0",
    r"(?:[0-9a-f]{1,4}:){5}",
    r"[0-9a-f]{0,4}::[0-9a-f]{0,4}",
    r"(?:[0-9a-f]{2}-){5}",
    r"[0-9a-f]{8}-[0-9a-f]{4}-",
    r"@[a-z0-9]",
    r"^l(?:at|on|ng)[a-z]*['\"]?[:=]|^l(?:at|on|ng)$",
    r"(?:^|[_-]|print|er|machine|device|bot|client|ation|install|unique)id['\"]?(?:[:=]|$)",
)
_WORDS = sorted({max(anchor.split(), key=len) for _, anchors, _, _ in RULES for anchor in anchors} - set(_SHAPED))
_ENDS = "(?:%s)(?![a-z0-9_])" % "|".join(re.escape(ending.translate(_DIGITS)) for ending in ENDINGS)
_TELLING = re.compile("|".join((*_SHAPES, *(re.escape(word.translate(_DIGITS)) for word in _WORDS), _ENDS)))
_PARTS = re.compile(r"[a-z_-]+")


class _Words(dict[str, bool]):
    """word, folded -> whether a rule may find something in its line."""

    def __missing__(self, word: str) -> bool:
        if len(self) > _REMEMBERED:
            self.clear()
        found = _TELLING.search(word) is not None or any(
            part.replace("_", "").replace("-", "") in KEYS for part in _PARTS.findall(word)
        )
        self[word] = found
        return found


class Sieve:
    """For one report or for many."""

    def __init__(self) -> None:
        self._words = _Words()

    def telling(self, low: str) -> list[bool]:
        """Of each line of `low`, whether to look at it. low: text with A-Z folded to a-z."""
        known = self._words.__getitem__
        return [any(map(known, line.split())) for line in low.translate(_DIGITS).split("\n")]


def folded(text: str) -> str:
    """As checks.fold, faster."""
    return text.lower() if text.isascii() else _BEYOND.sub("\x7f", text).lower()


def blocks(text: str) -> Iterator[str]:
    """The text in pieces of whole lines, without the newline between two."""
    at = 0
    while True:
        end = text.find("\n", at + _BLOCK)
        if end < 0:
            yield text[at:]
            return
        yield text[at:end]
        at = end + 1
