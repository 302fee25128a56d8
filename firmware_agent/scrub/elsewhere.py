"""Where values that are known to identify stand again, without anything around them that would tell.

Texts and values are read as runs of letters and digits and what stands between these. The values make one automaton
over runs (Aho and Corasick, Communications of the ACM 18, 1975), which looks at each run once, however many values
there are and however much they are alike. Lines in which no value's longest run stands are not looked at.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate

from firmware_agent.scrub.sieve import blocks
from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.words import DEFAULTS, NOBODY

LONGEST = 4096  # characters of a value that is looked for everywhere, and
_SHORTEST = 5
_MOST = 1 << 21  # characters of all such values together: memory has an end, and hostile files have none
_SIGNS = 100  # values without a letter or digit
_FEW = 8  # runs that are looked for one by one
_FITTING = 16  # values that differ in nothing but the signs around them
_TOKENS = re.compile(r"[^\W_]+|[\W_]+")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
_RUNS = re.compile(rb"[A-Za-z0-9]+")
_SPACED = bytes(value if value == 10 or (chr(value).isalnum() and value < 128) else 32 for value in range(256))


def far(value: str) -> bool:
    """Whether a value tells enough to be looked for everywhere."""
    low = value.lower()
    return _SHORTEST <= len(value) <= LONGEST and low not in NOBODY and low not in DEFAULTS and not value.isspace()


class Elsewhere:
    """known: value -> kind; values are `far`, on one line."""

    def __init__(self, known: "dict[str, str]") -> None:
        self._known = known
        self._next: list[dict[str, int]] = [{}]  # state -> token -> state
        self._said: dict[int, list[tuple[str, str, str]]] = {}  # state -> (what stands before, the middle, after)
        self._back: list[int]  # state -> the state of its longest end that begins a value, too
        self._longest: list[int]  # state -> itself or the nearest behind it in which a value ends; 0: none
        self._tell: set[bytes] = set()
        self._beyond = False
        signs, left = list[str](), _MOST
        for value in sorted(known, key=len):
            core = _CORE.search(value)
            left -= len(value)
            if left < 0:
                break
            if core is None:
                signs.append(value)
                continue
            self._add(value[: core.start()], core[0], value[core.end() :])
            runs = _RUNS.findall(value.encode("utf-8", "surrogatepass"))
            self._beyond |= not runs
            self._tell.update([max(reversed(runs), key=len)] if runs else [])
        signs = sorted(signs[:_SIGNS], key=len, reverse=True)
        self._signs = re.compile("|".join(map(re.escape, signs))) if signs else None
        self._first = {token.encode("utf-8", "surrogatepass") for token in self._next[0]}
        self._join()

    def _add(self, before: str, core: str, after: str) -> None:
        state, ways = 0, self._next
        for token in _TOKENS.findall(core):
            way = ways[state].get(token)
            if way is None:
                way = ways[state][token] = len(ways)
                ways.append({})
            state = way
        said = self._said.setdefault(state, [])
        said.append((before, core, after))
        if len(said) > 1:
            said.sort(key=lambda one: -len(one[0]) - len(one[2]))
            del said[_FITTING:]

    def _join(self) -> None:
        """Where to go on if the next run fits nothing."""
        self._back, self._longest = [0] * len(self._next), [0] * len(self._next)
        for state in self._said:
            self._longest[state] = state
        first = self._next[0]
        states = list(first.values())
        for state in states:
            back, ways = self._back[state], self._next[state]
            states += ways.values()
            for token, after in ways.items():
                if back or token in first:
                    self._back[after] = self._next[self._step(back, token)].get(token, 0)
                    self._longest[after] = self._longest[after] or self._longest[self._back[after]]

    def _step(self, state: int, token: str) -> int:
        """The state at or behind `state` that the token leads on from; 0 if none."""
        while state and token not in self._next[state]:
            state = self._back[state]
        return state

    def spans(self, text: str) -> Iterator[Span]:
        """Where they stand in `text`, not as a part of a word, left to right, none in another."""
        if not self._known:
            return
        for at, block in blocks(text):
            for begin, line, runs in self._lines(block):
                here, past = at + begin, 0
                for start, end in sorted(self._found(line, runs), key=lambda one: (one[0], -one[1])):
                    if start >= past:
                        past = end
                        yield Span(here + start, here + end, self._known[line[start:end]])

    def _lines(self, block: str) -> "list[tuple[int, str, list[bytes]]]":
        """Where they begin, lines that may hold one, and the runs in them."""
        data = block.encode("utf-8", "surrogatepass")
        none = self._tell.isdisjoint
        rows = data.translate(_SPACED).split(b"\n")
        some = {at for at, row in enumerate(rows) if not none(row.split())}
        if (self._beyond and len(data) > len(block)) or (self._signs and self._signs.search(block)):
            some.update(range(len(rows)))
        if not some:
            return []
        lines = block.split("\n")
        starts = list(accumulate(map(len, lines), initial=0))
        return [(starts[at] + at, lines[at], rows[at].split()) for at in sorted(some)]

    def _found(self, line: str, runs: "list[bytes]") -> "Iterable[tuple[int, int]]":
        """(start, end) of those in a line; of those that end in one place the longest."""
        for match in self._signs.finditer(line) if self._signs else ():
            if _apart(line, *match.span()):
                yield match.span()
        past = 0
        for begin in self._begin(line, runs):
            state = 0
            for token in _TOKENS.finditer(line, begin) if begin >= past else ():
                state = self._next[self._step(state, token[0])].get(token[0], 0)
                past = token.end()
                if not state:
                    break
                if self._longest[state]:
                    yield from self._ending(line, past, self._longest[state])

    def _begin(self, line: str, runs: "list[bytes]") -> "Iterable[int]":
        """Where a run stands with which a value begins, left to right."""
        first = self._next[0]
        hits = self._first.intersection(runs)
        if len(hits) > _FEW or not line.isascii():
            return (match.start() for match in _TOKENS.finditer(line) if match[0] in first)
        return sorted(at for one in hits for at in _places(line, one.decode()))

    def _ending(self, line: str, end: int, state: int) -> "Iterator[tuple[int, int]]":
        for _ in range(_FITTING):
            for before, core, after in self._said[state]:
                start = end - len(core)
                if line.startswith(after, end) and line.endswith(before, 0, start):
                    whole = start - len(before), end + len(after)
                    if _apart(line, *whole):
                        yield whole
                        return
            state = self._longest[self._back[state]]
            if not state:
                return


def _places(line: str, run: str) -> Iterator[int]:
    """Where it stands, not as a part of another."""
    at = line.find(run)
    while at >= 0:
        end = at + len(run)
        if _apart(line, at, end):
            yield at
        at = line.find(run, end)


def _apart(line: str, start: int, end: int) -> bool:
    """Whether no letter or digit touches it."""
    return not (line[start - 1 : start].isalnum() or line[end : end + 1].isalnum())
