"""Tells, fast, in which lines which rules could find anything: most lines of a log are numbers between known words.

A text is looked at word by word, with capitals and digits folded, and what was said of a word is remembered.
"""

import re
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

from firmware_agent.scrub.checks import ipv6
from firmware_agent.scrub.files import ENDINGS
from firmware_agent.scrub.keyed import ASSIGNED
from firmware_agent.scrub.keys import KEYS
from firmware_agent.scrub.needs import need
from firmware_agent.scrub.rules import RULES

_REMEMBERED = 100_000
_LONGEST = 200  # bytes of a word that is remembered; of a longer one it is only asked what it holds
_BLOCK = 1 << 18
_DIGITS = str.maketrans("123456789", "000000000")
_BEYOND = re.compile(r"[^\x00-\x7e]")
_FOLDED = bytes(
    value + 32 if 65 <= value <= 90 else 48 if 48 <= value <= 57 else min(value, 0x7F) for value in range(256)
)
# What a check asks for that its pattern does not say; without it each time of day could be an address.
_SHAPES: dict[Callable[[str, int, int], bool], str] = {ipv6: r"[0-9a-f:]::|::[0-9a-f:]|(?:[0-9a-f]{1,4}:){7}"}
_ENDS = re.compile("(?:%s)(?![a-z0-9_])" % "|".join(re.escape(ending.translate(_DIGITS)) for ending in ENDINGS))
_PIECE = 3  # letters of a key that is written with a blank within
_KEYS = {key.translate(_DIGITS) for key in KEYS}
_BARE = {key.encode() for key in _KEYS}
_SEPARATED = re.compile(rb"([^:=]{1,40})[:=]")
_SET = {key.translate(_DIGITS) for key, kind in KEYS.items() if kind in ASSIGNED}
_SIGNS = "abcdefghijklmnopqrstuvwxyz0_-"
_LONGEST_KEY = 40  # characters
_FIRSTS = {key[:size] for key in _KEYS for size in range(_PIECE, len(key) + 1)}
_LASTS = {key[size:] for key in _KEYS for size in range(len(key) - _PIECE + 1)}
_KEY = re.compile(r"(?:^[#;]*|(['\"]))([a-z0-9_-]+)(['\"]?[:=]|$)?")

# Beside the numbers of rules, in the bits of what is said of a word.
_KEYED, _JOBS, _STARTS = len(RULES), len(RULES) + 1, len(RULES) + 2
_REST = (1 << _STARTS) - 1


class Said(NamedTuple):
    """Of a line: the numbers of the rules that may find something, whether keys may, and whether names of jobs."""

    numbers: list[int]
    keys: bool
    jobs: bool


class _Words(dict[bytes, int]):
    """word, folded -> what may be found in its line: a bit for each rule's number, for _KEYED and for _JOBS."""

    def __init__(self) -> None:
        self._tests: dict[str, list[tuple[int, re.Pattern[str]]]] = {}
        for number, (_, _, pattern, check) in enumerate(RULES):
            literals, shape = need(pattern)
            test = re.compile(_SHAPES.get(check, shape))
            for literal in literals:
                self._tests.setdefault(literal, []).append((1 << number, test))

    def __missing__(self, word: bytes) -> int:
        text = word.decode("ascii")
        said = 0
        for literal, tests in self._tests.items():
            if literal in text:
                for bit, test in tests:
                    if not said & bit and (len(word) > _LONGEST or test.search(text)):
                        said |= bit
        said |= _keyed(text) | ((_ENDS.search(text) is not None) << _JOBS)
        if len(word) <= _LONGEST:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[word] = said
        return said


def _keyed(word: str) -> int:
    """Whether a key that identifies may stand in it, or a part of one: _KEYED in quotes or before =, else _STARTS."""
    said = 0
    for match in _KEY.finditer(word):
        quote, key, sign = match.groups()
        bare = key.replace("_", "").replace("-", "")
        first = match.start() == 0 and not quote
        if bare in _KEYS or (first and bare in _LASTS) or (match.end() == len(word) and not sign and bare in _FIRSTS):
            said |= 1 << (_KEYED if quote or (sign and sign[0] in "'\"") else _STARTS)
    for before in word.split("=")[:-1]:
        before = before[-_LONGEST_KEY:]
        if before[len(before.rstrip(_SIGNS)) :].replace("_", "").replace("-", "") in _SET:
            said |= 1 << _KEYED
    return said


def _starts(row: bytes) -> bool:
    """Whether a line begins with a key that identifies."""
    match = _SEPARATED.match(row)
    return match is not None and match[1].translate(None, b"_- ").strip(b"\t#;") in _BARE


class _Says(dict[int, Said]):
    """bits -> what they mean."""

    def __missing__(self, bits: int) -> Said:
        if len(self) >= _REMEMBERED:
            self.clear()
        numbers = [number for number in range(len(RULES)) if bits >> number & 1]
        said = self[bits] = Said(numbers, bool(bits >> _KEYED & 1), bool(bits >> _JOBS & 1))
        return said


class Sieve:
    """For one report or for many."""

    def __init__(self) -> None:
        self._words = _Words()
        self._says = _Says()

    def telling(self, block: str) -> "list[tuple[int, str, Said]]":
        """(where it begins, the line, what to look for) of the lines in which any may be found.

        block: whole lines, between line feeds.
        """
        said = self._words.__getitem__
        rows = block.encode("utf-8", "surrogatepass").translate(_FOLDED).split(b"\n")
        told = [at for at, row in enumerate(rows) if any(map(said, row.split()))]
        if not told:
            return []
        lines = block.split("\n")
        starts = list(accumulate(map(len, lines), initial=0))
        found = []
        for at in told:
            bits = reduce(int.__or__, map(said, rows[at].split()))
            if bits >> _STARTS:
                bits = bits & _REST | _starts(rows[at]) << _KEYED
            if bits:
                found.append((starts[at] + at, lines[at], self._says[bits]))
        return found


def folded(text: str) -> str:
    """As checks.fold, faster."""
    return text.lower() if text.isascii() else _BEYOND.sub("\x7f", text).lower()


def blocks(text: str) -> "Iterator[tuple[int, str]]":
    """Where it begins, and a piece of whole lines, without the line feed between two."""
    at = 0
    while True:
        end = text.find("\n", at + _BLOCK)
        if end < 0:
            yield at, text[at:]
            return
        yield at, text[at:end]
        at = end + 1
