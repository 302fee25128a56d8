"""What a message must be to be kept: the profile's word for word, and nothing that looks like an identifier."""

import re
from collections.abc import Callable

from firmware_agent import cbor, outcomes
from firmware_agent.catalogue import BLOBS, REQUEST, Catalogue
from firmware_agent.errors import FormatError
from firmware_agent.profiles.cddl import MESSAGE, MOST_EVENTS
from firmware_agent.transforms import PSEUDONYM, SEALED
from receiving.media import Media, Unopened, clean

SMALL = 256  # bytes; longer than any request
# What identifiers look like in text. Every repetition is bounded, or a long text would cost quadratic time.
SHAPES = {
    "url": r"[a-z][a-z0-9+.-]{0,20}://",
    "email": r"[\w.+%-]{1,64}@[\w-]",
    "uuid": r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "mac": r"(?<![0-9a-f])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![0-9a-f])|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}",
    "ipv4": r"(?<!\d)(?:\d{1,3}\.){3}\d{1,3}(?!\d)",
    "ipv6": r"(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}",
    "path": r"[/\\]",
    "long_hex": r"[0-9a-f]{12}",
}
_SHAPES = [(name, re.compile(pattern, re.IGNORECASE)) for name, pattern in SHAPES.items()]


class Refusal(Exception):
    """A message that is not kept; `why` names the reason and never holds a value."""

    def __init__(self, why: str) -> None:
        self.why = why


def shape(value: object) -> str:
    """The name of the first identifier shape in `value` or its parts; "" if there is none."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return next((found for found in map(shape, value) if found), "")
    if cbor.is_int(value):
        return "packed_number" if not -(2**24) < value < 2**24 else ""
    if isinstance(value, bytes):
        return shape(value[:4096].decode("latin-1")) or ("packed_bytes" if len(value) in (4, 6, 16) else "")
    return next((name for name, one in _SHAPES if isinstance(value, str) and one.search(value)), "")


def packed(number: int) -> bool:
    """Whether an exact number could be a private IPv4 address in either byte order, or is longer than one."""
    if -(2**24) < number < 2**24:
        return False
    number = number if number >= 0 else number + 2**32
    nets = (number >> 24 == 10, number >> 20 == 0xAC1, number >> 16 == 0xC0A8, number & 0xFFFF == 0xA8C0)
    return not 0 <= number < 2**32 or any(nets)


def fits(row: dict, value: object) -> bool:
    """Whether `value` is one that the transform of this catalogue row can give."""
    kind, given = row["transform"], row["parameters"]
    if kind in BLOBS:
        return isinstance(value, bytes) and clean(kind, value, given["max"])
    exact = given.get("step", 1) == 1  # what is rounded is too coarse for an address
    return outcomes.fits(kind, given, value) and not (exact and cbor.is_int(value) and packed(value))


def _width(row: dict) -> int:
    """Bytes of the longest value that the transform of this row can give, as CBOR; of no picture."""
    given = row["parameters"]
    if row["transform"] == "pseudonym":
        return PSEUDONYM + 1
    return max([9, len(given.get("form", "")) + 2, *(len(word) + 2 for word in given.get("values", ()))])


class Policy:
    """What one recipient may be sent by `catalogue`. ValueError if the profile itself declares an identifier."""

    def __init__(self, catalogue: Catalogue, recipient: str, media: "Media | None" = None) -> None:
        self.media = media or Media(recipient)
        self.topic = catalogue.recipients[recipient]["topic"]
        self.purposes = {name: row for name, row in catalogue.purposes.items() if recipient in row["recipients"]}
        self.fields = {name: {row["id"]: row for _, row in catalogue.fields_of(name)} for name in self.purposes}
        for name, rows in self.fields.items():
            words = [name, *(word for row in rows.values() for word in row["parameters"].get("values", ()))]
            forms = [row["parameters"]["form"] for row in rows.values() if row["transform"] == "pattern"]
            words += [form.replace("#", "0").replace("@", "A") for form in forms]
            if name == REQUEST or shape(words):
                raise ValueError(f"purpose.{name}: its name or a declared word is reserved or an identifier; rename it")
        self.limits = {cbor.encode(name): self._most(name) for name in self.purposes}
        self.limit = max(SMALL, *self.limits.values())

    def judge(self, data: bytes, known: "Callable[[str], bool]") -> "tuple[str, bytes, list]":
        """(purpose or REQUEST, ident, events or request) of a message; Refusal.

        known: whether the store holds messages of a purpose, which the profile may no longer have.
        """
        most = next((most for name, most in self.limits.items() if data.startswith(name, 19)), SMALL)
        if len(data) > most:
            raise Refusal("size")
        try:
            row = cbor.decode(data)
        except FormatError:
            raise Refusal("cbor") from None
        if not isinstance(row, list) or len(row) != 4 or not isinstance(row[3], list):
            raise Refusal(shape(row[2:] if isinstance(row, list) else row) or "form")
        version, ident, purpose, body = row
        if not cbor.is_int(version) or version != MESSAGE:
            raise Refusal("version")
        if not isinstance(ident, bytes) or len(ident) != 16:
            raise Refusal(shape(ident) or "ident")
        if purpose == REQUEST:
            self._request(body, known)
        elif not isinstance(purpose, str) or purpose not in self.purposes:
            raise Refusal(shape(purpose) or "purpose")
        else:
            self._events(purpose, body)
        return purpose, ident, body

    def keep(self, purpose: str, events: list) -> int:
        """For how many seconds a message may be kept: the shortest that the profile says of any part."""
        rows = self.fields[purpose]
        return min(self.purposes[purpose]["retention"], *(rows[pair[0]]["retention"] for one in events for pair in one))

    def _events(self, purpose: str, events: list) -> None:
        if not 1 <= len(events) <= (1 if self.purposes[purpose]["media"] else MOST_EVENTS):
            raise Refusal("events")
        rows = self.fields[purpose]
        for event in events:
            if not isinstance(event, list) or not event:
                raise Refusal(shape(event) or "event")
            before = 0
            for pair in event:  # by rising id: an order to choose would be room for a message of its own
                if not isinstance(pair, list) or len(pair) != 2 or not cbor.is_int(pair[0]) or pair[0] not in rows:
                    raise Refusal(shape(pair) or "field")
                if pair[0] <= before:
                    raise Refusal("order")
                before = pair[0]
                value = self._opened(purpose, rows[before], pair[1])
                if not fits(rows[before], value):
                    raise Refusal((value is pair[1] and shape(value)) or "value")  # ciphertext has any shape

    def _opened(self, purpose: str, row: dict, value: object) -> object:
        if row["transform"] != "picture" or not isinstance(value, bytes):
            return value
        try:
            return self.media.opened(purpose, value)
        except Unopened as error:
            raise Refusal(error.why) from None

    def _request(self, body: list, known: "Callable[[str], bool]") -> None:
        if len(body) != 4 or body[0] != "delete" or not isinstance(body[1], str):
            raise Refusal(shape(body[:2]) or "request")
        if body[1] not in self.purposes and not known(body[1]):
            raise Refusal(shape(body[1]) or "purpose")
        if [len(part) if isinstance(part, bytes) else 0 for part in body[2:]] != [32, 16]:
            raise Refusal("request")

    def _most(self, purpose: str) -> int:
        rows = self.fields[purpose].values()
        if self.purposes[purpose]["media"]:
            return SMALL + SEALED + max(row["parameters"]["max"] for row in rows)
        widest = [_width(row) for row in rows]
        return SMALL + MOST_EVENTS * (3 + sum(4 + width for width in widest))
