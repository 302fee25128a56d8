"""Sealed pictures: what was changed by a single bit, or is for another key or purpose, never opens."""

from collections.abc import Callable
from random import Random

from firmware_agent.camera.sealed import HEAD, TAG, Seal, open_sealed, public_key
from firmware_agent.errors import FormatError
from host_tests.proofs.fuzz.target import Broken, Control, Target, mutated

_ABOUT = ("snapshot lightmake", "failure_detection lightmake", "live_view owner", "snapshot lightmak", "")

Case = tuple[bytes, str, bytes, "bytes | None"]  # private key, what for, what came, the picture if it must open


class Seals:
    name = "sealed picture"
    share = 10

    def __init__(self, opened: Callable[[bytes, str, bytes], bytes] = open_sealed) -> None:
        self._opened = opened

    def case(self, rng: Random) -> Case:
        private, about = rng.randbytes(32), rng.choice(_ABOUT)
        seal = Seal(public_key(private), about, rng.randbytes(32))
        seal.count = rng.choice((0, 1, rng.getrandbits(64) - 1 if rng.random() < 0.1 else 7))
        picture = rng.randbytes(rng.choice((0, 1, 40, rng.randrange(400))))
        data = seal.seal(picture)
        kind = rng.randrange(10)
        if kind == 0:
            return private, about, data, picture
        if kind == 1:
            return rng.randbytes(32), about, data, None
        if kind == 2:
            return private, rng.choice([one for one in _ABOUT if one != about]), data, None
        if kind < 6:  # one bit
            at = rng.choice((rng.randrange(HEAD), rng.randrange(len(data)), len(data) - 1 - rng.randrange(TAG)))
            changed = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        elif kind == 6:  # parts of two
            other = Seal(public_key(private), about, rng.randbytes(32)).seal(picture)
            at = rng.choice((36, HEAD, len(data) - TAG))
            changed = data[:at] + other[at:]
        elif kind == 7:
            changed = data[:4] + bytes(32) + data[36:]  # a key that makes the same secret with everybody
        else:
            changed = mutated(rng, data)
        return private, about, changed, picture if changed == data else None

    def size(self, case: Case) -> int:
        return len(case[2])

    def verdict(self, case: Case) -> str:
        private, about, data, picture = case
        try:
            found = self._opened(private, about, data)
        except FormatError:
            if picture is not None:
                raise Broken("what was sealed does not open") from None
            return "refused"
        if picture is None:
            raise Broken("it opens what is not for it, or was changed")
        if found != picture:
            raise Broken("it opens something else than was sealed")
        return "opened"


def controls() -> list[Control]:
    """Openers with a defect that must be found."""

    def trusting(private: bytes, about: str, data: bytes) -> bytes:
        try:
            return open_sealed(private, about, data)
        except FormatError:
            if len(data) < HEAD + TAG or data[:4] != b"FAS1":
                raise
            return data[HEAD:-TAG]

    def any_purpose(private: bytes, about: str, data: bytes) -> bytes:
        for one in _ABOUT:
            try:
                return open_sealed(private, one, data)
            except FormatError:
                continue
        raise FormatError("none")

    def magic(private: bytes, about: str, data: bytes) -> bytes:
        return open_sealed(private, about, b"FAS1" + data[4:])

    made: list[tuple[str, Callable[[bytes, str, bytes], bytes]]] = [
        ("the tag is not looked at", trusting),
        ("every purpose will do", any_purpose),
        ("how it begins is not looked at", magic),
    ]
    return [(what, _target(opened)) for what, opened in made]


def _target(opened: Callable[[bytes, str, bytes], bytes]) -> Callable[[], Target]:
    return lambda: Seals(opened)
