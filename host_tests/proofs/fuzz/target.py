"""What a fuzzer is: inputs of a seed, and a verdict on each."""

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

CANARY = b"CANARY-"  # begins everything that must never come out


class Broken(Exception):
    """A promise that did not hold for one input; says which, in words."""


class Target(Protocol):
    """name: of the proof's counts. share: of all inputs, in percent.

    One object is one run; the part under test is what `controls` can put in its place.
    """

    name: str
    share: int

    def case(self, rng: Random) -> Any:
        """The next input: bytes, or what `verdict` takes."""

    def size(self, case: Any) -> int:
        """Bytes of it."""

    def verdict(self, case: Any) -> str:
        """How it ended, for the counts; Broken, or any exception that was not declared."""


class Bytes:
    """What most targets share: a case is bytes."""

    def size(self, case: bytes) -> int:
        return len(case)


LARGE = 0.001  # of all inputs are as large as real ones are: most are small, so that a million are done in minutes

Control = tuple[str, Callable[[], Target]]  # what is wrong with it, and a target whose part under test has that


def canary(rng: Random) -> bytes:
    """Text that stands nowhere else."""
    return CANARY + rng.randbytes(6).hex().encode()


def mutated(rng: Random, data: bytes, pieces: "tuple[bytes, ...]" = ()) -> bytes:
    """`data` with one to four changes anywhere: bytes, cuts, repeats, pieces that mean something to its reader."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, rng.randrange(1, 99))))
        kind = rng.randrange(7)
        if kind == 0:
            data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :] if at < len(data) else data
        elif kind == 1:
            data = data[:at] + rng.randbytes(end - at) + data[end:]
        elif kind == 2:
            data = data[:at] + data[end:]
        elif kind == 3:
            data = data[:end] + data[at:end] * rng.randrange(1, 4) + data[end:]
        elif kind == 4:
            data = data[:at]
        elif kind == 5 and pieces:
            data = data[:at] + rng.choice(pieces) + data[at:]
        elif pieces:
            piece = rng.choice(pieces)
            data = data[:at] + piece + data[at + len(piece) :]
    return data
