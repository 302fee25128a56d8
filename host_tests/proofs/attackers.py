"""Who wants to tell two messages of the same printer from two of different ones. Scores, and how good a score is.

A pair that is the same should have the greater score. Nothing here knows how the numbers are made.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

STRONGEST = 256  # products of two bits that the learned attacker uses
_SHIFTS = 8  # random pairs for each same one


class Auc:
    """area: 0.5 is a guess, 1 a certainty. low, high: 95 of 100 such trials of a guess lie within as far from it."""

    def __init__(self, same: Sequence[float], other: Sequence[float]) -> None:
        n, m = len(same), len(other)
        counts, mine = Counter(other), Counter(same)
        below = 0
        wins = 0.0
        for score in sorted(set(counts) | set(mine)):
            wins += mine[score] * (below + counts[score] / 2)
            below += counts[score]
        self.area = wins / (n * m)
        margin = 1.96 * math.sqrt((n + m + 1) / (12 * n * m))
        self.low, self.high = max(0.0, self.area - margin), min(1.0, self.area + margin)

    @property
    def advantage(self) -> float:
        """Whoever loses always can bet the other way round."""
        return max(self.area, 1 - self.area)

    def row(self) -> dict[str, float]:
        return {"auc": round(self.area, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def shifts(count: int, chance: Random) -> list[int]:
    """By how much to turn one side, so that each meets others and never itself."""
    return chance.sample(range(1, count), min(_SHIFTS, count - 1))


def judged(left: Sequence[Any], right: Sequence[Any], score: Callable[[Any, Any], float], chance: Random) -> Auc:
    """left[i] and right[i] are of the same printer."""
    same = [score(one, two) for one, two in zip(left, right, strict=True)]
    other = []
    for by in shifts(len(left), chance):
        other += [score(one, right[(at + by) % len(right)]) for at, one in enumerate(left)]
    return Auc(same, other)


def equal(one: Any, two: Any) -> float:
    return float(one == two)


def hamming(one: bytes, two: bytes) -> float:
    """How many bits are alike."""
    return -float((int.from_bytes(one) ^ int.from_bytes(two)).bit_count())


def prefix(one: bytes, two: bytes) -> float:
    """How many bits at the start are alike."""
    return 8.0 * len(one) - (int.from_bytes(one) ^ int.from_bytes(two)).bit_length()


def near(one: float, two: float) -> float:
    return -abs(one - two)


def learned(left: Sequence[bytes], right: Sequence[bytes], chance: Random) -> Auc:
    """A linear one over all products of a bit here and a bit there, learned on one half and judged on the other, twice.

    It weighs each product by how much oftener it is 1 among the same than by chance, and keeps the strongest.
    """
    order = list(range(len(left)))
    chance.shuffle(order)
    halves = order[::2], order[1::2]
    same: list[float] = []
    other: list[float] = []
    for learn, judge in (halves, halves[::-1]):
        weights = _weights(_columns([left[at] for at in learn]), _columns([right[at] for at in learn]), len(learn))
        mine, theirs = _columns([left[at] for at in judge]), _columns([right[at] for at in judge])
        same += _scores(weights, mine, theirs, len(judge))
        for by in shifts(len(judge), chance):
            other += _scores(weights, mine, [_turned(one, by, len(judge)) for one in theirs], len(judge))
    return Auc(same, other)


def _columns(rows: Sequence[bytes]) -> list[int]:
    """For each bit of the rows an integer that has it of all rows: row 0 lowest."""
    wide = 8 * len(rows[0])
    texts = [format(int.from_bytes(row), f"0{wide}b") for row in reversed(rows)]
    return [int("".join(column), 2) for column in zip(*texts, strict=True)]


def _weights(left: list[int], right: list[int], count: int) -> list[tuple[int, int, bool]]:
    """(bit here, bit there, whether they are alike oftener than not) of the strongest products."""
    found = []
    for here, one in enumerate(left):
        for there, two in enumerate(right):
            differ = (one ^ two).bit_count() * 2 - count
            found.append((abs(differ), here, there, differ < 0))
    found.sort(reverse=True)
    return [row[1:] for row in found[:STRONGEST]]


def _scores(weights: list[tuple[int, int, bool]], left: list[int], right: list[int], count: int) -> list[float]:
    """Of each row how many of the chosen products speak for the same: added up in columns, a plane a binary digit."""
    full = (1 << count) - 1
    planes: list[int] = []
    for here, there, alike in weights:
        carry = (left[here] ^ right[there]) ^ (full if alike else 0)
        for at, plane in enumerate(planes):
            planes[at], carry = plane ^ carry, plane & carry
        if carry:
            planes.append(carry)
    totals = [0.0] * count
    for at, plane in enumerate(planes):
        for row, digit in enumerate(reversed(format(plane, f"0{count}b"))):
            if digit == "1":
                totals[row] += 1 << at
    return totals


def _turned(column: int, by: int, count: int) -> int:
    """Row i of the outcome is row i + by."""
    return (column >> by | column << (count - by)) & ((1 << count) - 1)
