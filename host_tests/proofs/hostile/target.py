"""What the fuzzers of the sources share: what a source kept is bounded, and nothing of it passes but as declared."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from firmware_agent import cbor
from firmware_agent.catalogue import Catalogue
from firmware_agent.gate import compose, message, plan
from firmware_agent.model import Record
from firmware_agent.telemetry.following import EVENT, FIELDS, RECORDS, TEXT, Heard
from host_tests.proofs.fuzz.target import CANARY, Broken, Bytes, canary, mutated
from host_tests.properties.oracle import forms

_PROFILES = Path(__file__).parents[3] / "firmware_agent/profiles"
_NOW = 1_795_000_000
_LIFE = 60  # inputs of one connection
_LOOK = 8  # inputs between two looks at the status
_LARGEST = 1 << 63
NOISE = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 400, b"9" * 5000, b"0x1F", b"1_000"),
    *(
        b"[" * 2000,
        b'{"a":' * 500,
        b'"\\ud800"',
        b"\\u0000",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\0",
        b"\r",
        b"\n",
        b"\x03",
    ),
    *(b'"state":"printing","state":5,', b"null", b"true", b"{}", b"[]", b'""', b",", b":", b'"', b"135440576"),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0.5, 1e308, -1e308, 10**300, -(10**400), 2**63, 2**64, 135440576, 3232240136),
    *(float("nan"), float("inf"), "", "ready", "printing", "on", "wifi", "\ud800", "\u5bbd" * 200, "x" * 3000),
    *(
        [],
        {},
        [[[[[[[[1]]]]]]]],
        {"": {"": {"": 1}}},
        {"state": "ready"},
        [None] * 300,
        {str(one): one for one in range(300)},
    ),
)


class Said(Bytes):
    """A source's pure part. heard: what keeps what it says; made: what of that may leave.

    Subclasses say how it is told (`tell`: whether it was understood; `allowed` are the only errors), and how a
    connection begins.
    """

    name = ""
    share = 0
    allowed: tuple[type[Exception], ...] = ()

    def __init__(self, heard: type[Heard] = Heard, made: Callable[..., Any] = compose, brittle: bool = False) -> None:
        self._kind = heard
        self._compose = made
        self._brittle = brittle
        self._turn = 0

    def begin(self) -> None:
        """A new connection."""

    def case(self, rng: Random) -> bytes:
        raise NotImplementedError

    def tell(self, data: bytes) -> bool:
        raise NotImplementedError

    def trip(self, data: bytes) -> None:
        """A defect: an error that is not declared, on what is hostile only."""
        json.loads(data)

    def verdict(self, case: bytes) -> str:
        if self._turn % _LIFE == 0:
            self.heard = self._kind(lambda: _NOW, ("state", "progress"))
            self.begin()
        self._turn += 1
        if self._brittle:
            self.trip(case)
        dropped = self.heard.dropped
        try:
            how = "understood" if self.tell(case) else "not understood"
        except self.allowed:
            self._turn, how = 0, "refused"
        if self._turn % _LOOK == 0 or len(self.heard._records):
            for record in self.heard.take():
                self.bounded(record)
                self.gated(record)
        return how if self.heard.dropped == dropped else how + ", some dropped"

    def bounded(self, record: Record) -> None:
        if len(record.fields) > FIELDS + EVENT or len(self.heard._records) > RECORDS:
            raise Broken("more is kept than may be")
        for name, value in record.fields.items():
            if len(name.encode("utf-8", "surrogatepass")) > TEXT or not fits(value):
                raise Broken("a field is larger than may be kept")

    def gated(self, record: Record) -> None:
        for purpose, steps, rows in PLANS:
            pairs, _ = self._compose(steps, record, _NOW, None)
            for number, value in pairs:
                name, row = rows.get(number, ("", None))
                allowed = [] if row is None else forms(row, record.fields[name], None)
                if not [one for one in allowed if one == value and type(one) is type(value)]:
                    raise Broken("field %d of %s is not of its declared form" % (number, purpose))
            if pairs and CANARY in message(bytes(16), purpose, [cbor.encode(pairs)]):
                raise Broken("a text of the printer passed for %s" % purpose)


def fits(value: Any) -> bool:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass")) <= TEXT
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value is not None
    return isinstance(value, int) and abs(value) <= _LARGEST


def _plans() -> list[tuple[str, Any, dict[int, tuple[str, Any]]]]:
    found = []
    for profile in ("lightmake", "laserpecker"):
        catalogue = Catalogue((_PROFILES / (profile + ".cbor")).read_bytes())
        fields = tomllib.loads((_PROFILES / (profile + ".toml")).read_text())["field"]
        for purpose in catalogue.purposes:
            rows = {row["id"]: (name, row) for name, row in fields.items() if purpose in row.get("purposes", ())}
            if not catalogue.purposes[purpose]["media"]:
                found.append((purpose, plan(catalogue, purpose), rows))
    return found


PLANS = _plans()


def document(rng: Random, samples: "tuple[Any, ...]") -> bytes:
    """A JSON text: one of the samples, out of shape, and mostly damaged as bytes as well; some have hidden words."""
    found = bent(rng, rng.choice(samples)) if rng.random() < 0.8 else rng.choice(samples)
    data = json.dumps(found, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.4:
        return mutated(rng, data, NOISE)
    return data


def bent(rng: Random, value: Any) -> Any:
    """`value` with something of it put out of shape."""
    chance = rng.random()
    if chance < 0.06:
        return rng.choice(ODD)
    if chance < 0.12:
        return canary(rng).decode()
    if isinstance(value, dict):
        found = {name: bent(rng, inner) for name, inner in value.items() if rng.random() > 0.04}
        if rng.random() < 0.05:
            found[rng.choice(("n" * 400, "\u5bbd" * 100, "a.b", "", canary(rng).decode()))] = rng.choice(ODD)
        return found
    if isinstance(value, list):
        return [bent(rng, inner) for inner in value]
    return value


def lines(rng: Random, samples: "tuple[str, ...]") -> bytes:
    """What a serial line says at once: lines out of shape, cut anywhere, with noise between."""
    rows = []
    for _ in range(rng.randrange(1, 5)):
        data = rng.choice(samples).replace("NAME", canary(rng).decode()).encode()
        rows.append(mutated(rng, data, NOISE) if rng.random() < 0.7 else data)
    if rng.random() < 0.1:
        rows.append(rng.randbytes(rng.randrange(1, 300)))
    data = rng.choice((b"\n", b"\r\n", b"\n", b"\r")).join(rows)
    return data if rng.random() < 0.2 else data + b"\n"


class Boundless(Heard):
    """A defect: whatever it is told fits."""

    def _fits(self, name: str, value: Any) -> bool:
        return True


def careless(steps: Any, record: Record, now: "int | None", key: "bytes | None") -> Any:
    """A defect: a value that fits no declaration passes as it is."""
    pairs, unfit = compose(steps, record, now, key)
    for name, number, *_ in steps:
        if name in unfit:
            pairs.append([number, record.fields[name]])
    return pairs, unfit


def talkative(steps: Any, record: Record, now: "int | None", key: "bytes | None") -> Any:
    """A defect: texts of the printer pass."""
    pairs, unfit = compose(steps, record, now, key)
    texts = [(number, record.fields.get(name)) for number, name in ((12, "job_file"), (15, "message"), (16, "serial"))]
    return [*pairs, *([number, text] for number, text in texts if text is not None)], unfit
