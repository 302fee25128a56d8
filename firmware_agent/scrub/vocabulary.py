"""Words that public firmware and plain English know, and where a text has others: names in free sentences, mostly.

The list is beside this file, packed; `vocabulary.txt` says what it was made from and its licences, `tools/vocabulary`
makes it again.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from firmware_agent.scrub import words
from firmware_agent.scrub.keys import KEYS
from firmware_agent.scrub.spans import Span

KIND = "word"
SHORTEST = 4  # letters: shorter words say little, and units, axes and commands are all short
_LONGEST = 60  # letters that are looked at for words written together
PACKED = Path(__file__).with_name("vocabulary.z")
NOT = "!"  # begins a name that would be taken for two words, or for the plural of one
_MOST_BYTES = 4 << 20  # of the list, unpacked
_BLOCK = 1 << 18  # characters that are looked at together
_DIGITS = str.maketrans("123456789", "000000000")
_CHUNK = re.compile(r"\S+")
_LETTER = r"\\u[0-9A-Fa-f]{4}"  # as JSON writes one
_BYTE = r"\\x[0-9A-Fa-f]{2}"  # a part of one, as Python does
# One group: what stands behind a line's end that JSON or Python wrote is a word of its own.
_UNIT = re.compile(r"\\[\"\\/bfnrt]|((?:%s|%s|[^\W_])+)" % (_LETTER, _BYTE))
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_a-zA-Z]+")
_NO_NAME = re.compile(r"(?:0x|g)?(?=[a-f]*0)[0-9a-f]+", re.I)  # hex, or a commit; digits are folded to 0
_WIDE = re.compile(r"[^\W\d_\x00-\x7f]+")
_WIDEST = 2  # letters that are no ASCII: a name in Chinese has two
_BLOB = re.compile(r"[A-Za-z0-9+/=]{40,}")
_PIECE = 16  # characters between slashes, of a blob; of a path there are fewer


def parts(text: str) -> Iterator[str]:
    """Its words of SHORTEST letters and more, small; `camelCase`, `snake_case` and digits part them."""
    for unit in filter(None, _UNIT.findall(text)):
        for part in _PART.findall(unit):
            if len(part) >= SHORTEST:
                yield part.lower()


def packed(known: Iterable[str]) -> bytes:
    """Sorted, without what each shares with the one before, compressed."""
    before, rows = "", list[str]()
    for word in sorted(set(known)):
        same = next((n for n in range(15) if before[n : n + 1] != word[n : n + 1]), 15)
        rows.append(f"{same:x}{word[same:]}")
        before = word
    return zlib.compress("\n".join(rows).encode("ascii"), 9)


def unpacked(data: bytes) -> frozenset[str]:
    """What `packed` was given. ValueError: it is damaged."""
    shape = zlib.decompressobj()
    try:
        rows = shape.decompress(data, _MOST_BYTES).decode("ascii").split("\n")
    except zlib.error as error:
        raise ValueError(f"vocabulary: damaged ({error}); install the package again") from None
    if not shape.eof:
        raise ValueError("vocabulary: cut short, or larger than any of ours; install the package again")
    before, known = "", set[str]()
    for row in rows:
        before = before[: int(row[:1], 16)] + row[1:]
        known.add(before)
    return frozenset(known)


@cache
def _shipped() -> frozenset[str]:
    return unpacked(PACKED.read_bytes())


def one_of(word: str, known: frozenset[str]) -> bool:
    """Whether it is known, or the plural of one, or two or three in one; a name that only looks so is none."""
    if word in known:
        return True
    if NOT + word in known:
        return False
    return len(word) <= _LONGEST and ((word.endswith("s") and word[:-1] in known) or _joined(word, known, 3))


def _joined(word: str, known: frozenset[str], most: int) -> bool:
    return most > 1 and any(
        word[:at] in known and (word[at:] in known or _joined(word[at:], known, most - 1))
        for at in range(SHORTEST, len(word) - SHORTEST + 1)
    )


class Vocabulary:
    """For one report or for many: what it said of a word is remembered.

    known: small words, and NOT with a name; the list of this package, read when first needed, if none is given.
    remembered: words, after which it begins anew.
    """

    def __init__(self, known: "frozenset[str] | None" = None, remembered: int = 100_000) -> None:
        self._known = _ours() if known is None else known
        self._most = remembered
        self._chunks: dict[str, tuple[tuple[int, int], ...]] = {}

    def unknown(self, text: str) -> list[Span]:
        """Words in `text` that no firmware knows, in code points, left to right."""
        spans, at = list[Span](), 0
        while at < len(text):
            end = text.find("\n", at + _BLOCK) + 1 or len(text)
            spans += self._in(text[at:end], at)
            at = end
        return spans

    def _in(self, block: str, at: int) -> Iterator[Span]:
        """at: where the block stands in the text."""
        folded = block.translate(_DIGITS)
        chunks = self._chunks
        distinct = set(folded.split())
        if len(chunks) > self._most:
            chunks.clear()
        for chunk in distinct - chunks.keys():
            chunks[chunk] = tuple(self._strange(chunk))
        strange = {chunk for chunk in distinct if chunks[chunk]}
        start = at
        for line in folded.split("\n"):
            if not strange.isdisjoint(line.split()):
                for found in _CHUNK.finditer(line):
                    here = start + found.start()
                    for first, last in chunks[found.group()]:
                        yield Span(here + first, here + last, KIND)
            start += len(line) + 1

    def _strange(self, chunk: str) -> Iterator[tuple[int, int]]:
        blobs = [blob.span() for blob in _BLOB.finditer(chunk) if not self._readable(blob.group())]
        yield from blobs
        for unit in _UNIT.finditer(chunk):
            start, end = unit.span(1)
            if end > 0 and not any(a <= start < b for a, b in blobs) and not self.knows(unit.group(1)):
                yield start, end

    def _readable(self, blob: str) -> bool:
        """A path, a line of signs, or words written together."""
        return len(blob) < _PIECE * (blob.count("/") + 1) or all(map(self.knows, filter(None, _UNIT.findall(blob))))

    def knows(self, unit: str) -> bool:
        """Whether all in a run of letters and digits is known, or tells nothing."""
        if "\\" in unit:
            unit = re.sub(_LETTER, "\u00e9", re.sub(_BYTE, "", unit))
        if not unit.isascii():
            return sum(map(str.isalpha, unit)) < SHORTEST and max(map(len, _WIDE.findall(unit)), default=0) < _WIDEST
        if len(unit) < SHORTEST or unit.lower() in self._known or _NO_NAME.fullmatch(unit):
            return True
        return all(one_of(word, self._known) for word in parts(unit))


@cache
def _ours() -> frozenset[str]:
    """The list, and the words that the rules know."""
    tables = (words.DEFAULTS, words.PUBLIC, words.ROOTS, words.SAID, words.NOBODY, KEYS)
    return _shipped() | {part for table in tables for word in table for part in parts(word)}
