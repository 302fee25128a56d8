"""Which of the words that programs use stay: those that many use, and no name that few do."""

from collections import defaultdict
from collections.abc import Iterable

from firmware_agent.scrub.vocabulary import NOT, SHORTEST, one_of
from vocabularies.people import People

_FILES = 3  # in which a word of one package stands at least; of two packages one each is enough
_SHARE = 2000  # files of a large package, for each of which it stands in one
_SPELT = 6  # packages that use a plain English word that many people are called
_TAKEN = 4  # packages that use a word that is no plain English, and few people are called
_NAMED = 8  # the same, if many are


class Counts:
    """In how many files and packages each word stands."""

    def __init__(self) -> None:
        self._files: dict[str, int] = defaultdict(int)
        self._sizes: dict[str, int] = defaultdict(int)
        self._packages: dict[str, set[str]] = defaultdict(set)

    def add(self, package: str, words: Iterable[str]) -> None:
        """The words of one file."""
        self._sizes[package] += 1
        for word in words:
            self._files[word] += 1
            self._packages[word].add(package)

    def packages(self, word: str) -> int:
        return len(self._packages.get(word, ()))

    def used(self) -> set[str]:
        """Those that no single file made up."""
        return {word for word, packages in self._packages.items() if len(packages) > 1 or self._often(word, *packages)}

    def _often(self, word: str, package: str) -> bool:
        """word: of that package alone."""
        return self._files[word] >= max(_FILES, self._sizes[package] // _SHARE)


def chosen(counts: Counts, english: set[str], people: People, by_hand: set[str]) -> set[str]:
    """The vocabulary: words, and NOT with each name that would pass for a plural or for words written together."""
    used = counts.used()
    known = {word for word in english | used if word not in people.all}
    for word in (english | used) & people.all:
        least = 1 if word in english else _TAKEN
        if word in people.common:
            least = _SPELT if word in english else _NAMED
        if counts.packages(word) >= least:
            known.add(word)
    known |= by_hand
    names = {name for name in people.all if len(name) >= SHORTEST and name.isascii() and name.isalpha()}
    words = frozenset(known)
    seeming = {name for name in names - known if _seems(name, words, name in people.common)}
    return known | {NOT + name for name in seeming}


def _seems(name: str, known: frozenset[str], common: bool) -> bool:
    return one_of(name, known) and (common or not (name.endswith("s") and name[:-1] in known))
