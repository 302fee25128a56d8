"""Canaries: words and numbers that stand nowhere else, and the search for them in whatever form they could hide in."""

import base64
import ipaddress
import random
import string
import struct
from collections.abc import Iterator
from typing import NamedTuple

_LETTERS = string.ascii_lowercase + string.digits
_LENGTH = 12  # letters: none comes about by chance
# Above all that a profile takes for a measurement, below any time of today: nobody may let it out as either.
_LOW, _HIGH = 2**27, 1_500_000_000


class Leak(NamedTuple):
    """canary: what it stood for. place: where it was found. form: how it was written there."""

    canary: str
    place: str
    form: str


class Canaries:
    """One set of them. seed: of its letters and digits."""

    def __init__(self, seed: int) -> None:
        self.known: dict[str, str | int | float] = {}
        self._random = random.Random(seed)
        self._forms: dict[str, list[tuple[str, bytes, bool]]] = {}

    def word(self, name: str) -> str:
        """The word that stands for `name`; a new one when it is first asked for."""
        if name not in self.known:
            self.add(name, "q" + "".join(self._random.choices(_LETTERS, k=_LENGTH - 1)))
        return str(self.known[name])

    def number(self, name: str) -> int:
        """A number of four bytes, which is an address as well."""
        if name not in self.known:
            self.add(name, self._random.randrange(_LOW, _HIGH))
        return int(self.known[name])

    def fraction(self, name: str) -> float:
        """A number whose whole part is a canary, too."""
        if name not in self.known:
            self.add(name, self._random.randrange(_LOW, _HIGH) + self._random.randrange(1, 1024) / 1024)
        return float(self.known[name])

    def add(self, name: str, value: "str | int | float") -> None:
        """One that somebody else made: a key, a serial number."""
        self.known[name] = value
        self._forms[name] = [(form, data, data == data.lower()) for form, data in forms(value)]

    def without(self, text: str) -> list[str]:
        """Those that do not stand in `text` as they are, in either case."""
        text = text.lower()
        return [name for name, value in self.known.items() if str(value).lower() not in text]

    def search(self, places: dict[str, bytes], passed: "tuple[tuple[str, str], ...]" = ()) -> list[Leak]:
        """Each canary in each place, once. passed: (canary, place) that are right."""
        found = []
        for place, data in places.items():
            lower = data.lower()
            for name, rows in self._forms.items():
                if (name, place) in passed:
                    continue
                form = next((form for form, one, small in rows if one in (lower if small else data)), None)
                if form is not None:
                    found.append(Leak(name, place, form))
        return found


def forms(value: "str | int | float") -> "list[tuple[str, bytes]]":
    """(name, bytes) of each way to write it. What has no capital letter is looked for in either case."""
    if isinstance(value, str):
        found = list(_text(value))
    elif isinstance(value, float):
        found = list(_text(repr(value)))
        found += [("double, " + name, struct.pack(form, value)) for name, form in (("big", ">d"), ("little", "<d"))]
        found += [(name + " of the whole part", data) for name, data in _whole(int(value))]
    else:
        found = list(_whole(value))
    return list({data: (name, data) for name, data in reversed(found)}.values())


def _text(text: str) -> Iterator[tuple[str, bytes]]:
    yield "plain", text.lower().encode()
    yield "reversed", text.lower()[::-1].encode()
    for one in {text, text.lower(), text.upper()}:
        data = one.encode()
        yield "url", "".join("%%%02x" % number for number in data).encode()
        yield "json", "".join("\\u%04x" % number for number in data).encode()
        yield "python", "".join("\\x%02x" % number for number in data).encode()
        yield "hex", data.hex().encode()
        yield "utf-16", one.encode("utf-16-le")[:-1]  # either order of bytes has this in it
        for code in (base64.b64encode, base64.urlsafe_b64encode):
            for before in range(3):  # where it stands within three bytes; the outer letters depend on what is beside it
                yield "base64", code(b"\0" * before + data)[(0, 2, 3)[before] : -4]


def _whole(number: int) -> Iterator[tuple[str, bytes]]:
    yield from _text(str(number))
    for order in ("big", "little"):
        data = number.to_bytes(4, order)  # type: ignore[arg-type]
        yield "bytes, " + order, data
        yield "address, " + order, str(ipaddress.ip_address(data)).encode()
        yield "number, " + order, str(int.from_bytes(data, "big")).encode()
        yield "hex, " + order, data.hex().encode()
