"""Seeded profiles, records and consents of every kind. Python's own generator: the same seed, the same cases."""

import copy
import json
import math
from datetime import date, datetime, time
from pathlib import Path
from random import Random
from typing import Any

from firmware_agent.catalogue import Catalogue
from firmware_agent.model import GIVEN, STATES
from firmware_agent.profiles.compiler import compile_profile

Tree = dict[str, Any]
Spec = list[Any]

CANARY = "canary-5f1e"  # in every text and byte string that has no business outside
NOW = 1793318400
END = date(2026, 10, 30)  # when that second begins
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll", "lumen")
KEYED = ("pattern", "pseudonym")
FORMS = ("E###", "@", "0x@#", "v#.#", '(@) "\\^$#*')
SIZES = (1, 10, 100, 1000, 86400, 10**7, 2**31, 2**33, 2**40, 2**52, 2**53)


class Text:
    """Stands for a profile's path: a TOML text under a file name, in memory."""

    def __init__(self, text: "str | bytes", name: str = "generated.toml") -> None:
        self.name = name
        self._data = text.encode() if isinstance(text, str) else text

    def read_text(self, encoding: str) -> str:
        return self._data.decode(encoding)

    def read_bytes(self) -> bytes:
        return self._data


class Profile:
    """A profile as its parsed rows (what a person wrote) and compiled (what the device has)."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.compiled = compile_profile(Text(toml(tree)))  # type: ignore[arg-type]
        self.catalogue = Catalogue(self.compiled)


class Case:
    """One record at the gate. `vector` is what both runtimes run; the rest is what the oracle may know of it.

    shown: for each decision of the vector, the rows that the owner read when deciding, or None for rows that never
    were. clean: field -> what must remain of its picture, or None if it is not one.
    """

    def __init__(self, now: Profile, vector: dict[str, Any], shown: "list[Tree | None]", clean: dict[str, Any]) -> None:
        self.now = now
        self.vector = vector
        self.shown = shown
        self.clean = clean


def toml(tree: Tree) -> str:
    """`tree` as TOML text; tables below the top level become inline, so that any nesting can be written."""
    plain = [f"{_key(key)} = {_toml(item)}" for key, item in tree.items() if not isinstance(item, dict)]
    tables = []
    for key, table in tree.items():
        if isinstance(table, dict):
            tables += [f"[{_key(key)}]"] + [f"{_key(name)} = {_toml(row)}" for name, row in table.items()]
    return "\n".join(plain + tables) + "\n"


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007F")


def _toml(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str):
        return _key(item)
    if isinstance(item, dict):
        return "{" + ", ".join(f"{_key(key)} = {_toml(part)}" for key, part in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(_toml(part) for part in item) + "]"
    if isinstance(item, (datetime, date, time)):
        return item.isoformat()
    return repr(item)  # integers and floats; nan and inf are spelt the same


def shipped(name: str = "lightmake") -> Tree:
    """The parsed rows of a shipped profile."""
    import tomllib

    path = Path(__file__).parents[2] / f"firmware_agent/profiles/{name}.toml"
    return tomllib.loads(path.read_text("utf-8"))


def every_transform() -> Tree:
    """One profile with two recipients that uses every transform of records and pictures, and both forms of keep."""

    def row(number: int, transform: str, **more: Any) -> Tree:
        base = {"id": number, "category": "some", "purposes": ["all"], "transform": transform}
        return {**base, "sensitivity": "low", "retention": "1 d", "clause": "L6", **more}

    def purpose(recipients: list[str], **more: Any) -> Tree:
        base = {"title": "T", "notice": "N", "recipients": recipients, "every": "1 s", "retention": "2 d"}
        return {**base, "clauses": ["L6"], **more}

    fields = {
        "flag": row(1, "keep"),
        "count": row(2, "keep", min=-3, max=300),
        "mode": row(3, "enum", values=["one", "two"]),
        "level": row(4, "bucket", edges=[10, 20, 30], min=0, max=40),
        "warmth": row(5, "round", step=7, min=-50, max=99, purposes=["all", "other"]),
        "since": row(6, "day", min=-100000, max=4102444800),
        "view": row(7, "picture", max=4096, purposes=["look"]),
        "size": row(10, "log2", min=0, max=99),
        "many": row(11, "count", min=0, max=99),
        "release": row(12, "version", max=9),
        "trial": row(13, "keep", min=5, max=99, expires=END),
        "fault": row(14, "pattern", form="E-##@"),
        "alias": row(15, "pseudonym", epoch="1 d"),
        "extra": row(65535, "keep", min=5, max=5, purposes=["other"]),
        "never": {key: part for key, part in row(9, "drop").items() if key not in ("purposes", "retention")},
    }
    return {
        "profile": "every",
        "version": "1",
        "age": {"threshold": 13, "guardian": False},
        "device": {"sent": "7 d", "ledger": "100 d"},
        "recipient": {"maker": {"name": "M", "topic": "m/1"}, "partner": {"name": "P", "topic": "p/1"}},
        "purpose": {
            "all": purpose(["maker", "partner"]),
            "other": purpose(["partner"]),
            "look": purpose(["maker"], media=True),
        },
        "field": fields,
    }


# --- profiles


def profile(rng: Random) -> Profile:
    """A random profile that is consistent."""
    recipients = {name: {"name": name.title(), "topic": f"{name}/1"} for name in _names(rng, 1, 3)}
    purposes: Tree = {}
    for place, name in enumerate(_names(rng, 1, 4)):
        purposes[name] = {
            "title": name.title(),
            "notice": "What " + name + " means.",
            "recipients": rng.sample(sorted(recipients), rng.randint(1, len(recipients))),
            "media": place > 0 and rng.random() < 0.4,
            "every": f"{rng.randint(0, 99)} s",
            "retention": f"{rng.randint(2, 400)} d",
            "clauses": [rng.choice(("L6", "L7", "C2", "P1"))],
        }
    plain = [name for name in purposes if not purposes[name]["media"]]
    numbers = rng.sample(range(1, 65536), 40)
    fields: Tree = {}
    for purpose in purposes:
        for _ in range(rng.randint(1, 3)):
            name = _new_name(rng, fields)
            if purposes[purpose]["media"]:
                serves, row = [purpose], {"transform": "picture", "max": rng.choice((64, 600, 4096))}
            else:
                serves = sorted({purpose, *rng.sample(plain, rng.randint(0, len(plain)))})
                row = _transform(rng)
            fields[name] = {
                **{"id": numbers.pop(), "category": rng.choice(WORDS), "purposes": serves},
                **{"sensitivity": rng.choice(("low", "personal", "sensitive")), "retention": "1 d", "clause": "L6"},
                **row,
            }
    for _ in range(rng.randint(0, 2)):
        never = {"id": numbers.pop(), "category": "never", "transform": "drop"}
        fields[_new_name(rng, fields)] = {**never, "sensitivity": "identifying", "clause": "L21"}
    age = {"threshold": rng.randint(0, 99), "guardian": rng.random() < 0.5}
    tree = {"profile": rng.choice(WORDS), "version": "1", "age": age, "recipient": recipients}
    tree["device"] = {"sent": "7 d", "ledger": "100 d"}
    return Profile({**tree, "purpose": purposes, "field": fields})


def changed(rng: Random, profile: Profile) -> Profile:
    """The same profile after one edit: of a row that a consent depends on, or of one that it does not."""
    tree = copy.deepcopy(profile.tree)
    kind = rng.choice(("purpose", "recipient", "field", "field", "drop"))
    if kind == "purpose":
        row = tree["purpose"][rng.choice(sorted(tree["purpose"]))]
        key = rng.choice(("title", "notice", "every", "retention", "clauses"))
        row[key] = {"every": "3 h", "retention": "401 d", "clauses": ["L1"]}.get(key, f"{row[key]} now")
    elif kind == "recipient":
        row = tree["recipient"][rng.choice(sorted(tree["recipient"]))]
        row[rng.choice(("name", "topic"))] = "changed"
    else:
        drops = [name for name, row in tree["field"].items() if (row["transform"] == "drop") == (kind == "drop")]
        if drops:
            row = tree["field"][rng.choice(sorted(drops))]
            used = {other["id"] for other in tree["field"].values()}
            new = next(number for number in range(1, 65536) if number not in used)
            choices: dict[str, Any] = {"id": new, "category": "changed", "clause": "P9"}
            if kind == "field":
                choices["retention"] = "2 d"
            for key, more in (("step", 1), ("max", -1 if row.get("max") == 2**53 else 1)):
                if key in row and row.get("min", 0) <= row["max"] + more:
                    choices[key] = row[key] + more
            key = rng.choice(sorted(choices))
            row[key] = choices[key]
    return Profile(tree)


def _names(rng: Random, least: int, most: int) -> list[str]:
    return [f"{word}_{rng.randint(0, 9)}" for word in rng.sample(WORDS, rng.randint(least, most))]


def _new_name(rng: Random, taken: Tree) -> str:
    while True:
        name = f"{rng.choice(WORDS)}_of_{rng.choice(WORDS)}_{rng.randint(0, 99)}"
        if name not in taken:
            return name


def _transform(rng: Random) -> Tree:
    row = _plain_transform(rng)
    if rng.random() < 0.1:
        row["expires"] = END
    return row


def _plain_transform(rng: Random) -> Tree:
    kind = rng.choice(("keep", "flag", "enum", "round", "round", "bucket", "day", "log2", "count", "version", *KEYED))
    if kind == "pseudonym":
        return {"transform": kind, "epoch": "1 d"}
    if kind == "pattern":
        return {"transform": kind, "form": rng.choice(FORMS)}
    if kind == "flag":
        return {"transform": "keep"}
    if kind == "version":
        return {"transform": "version", "max": rng.choice((0, 3, 98))}
    if kind == "enum":
        return {"transform": "enum", "values": rng.sample(WORDS, rng.randint(1, 6))}
    ends = sorted(rng.choice((-1, 1, 1)) * rng.randint(0, rng.choice(SIZES)) for _ in range(2))
    if rng.random() < 0.1:
        ends = [-(2**53), 2**53]
    if kind in ("log2", "count"):
        ends = sorted(map(abs, ends))
    row: Tree = {"transform": kind, "min": ends[0], "max": ends[1]}
    if kind == "round":
        row["step"] = rng.choice((1, 2, 3, 5, 7, 60, 100, 86400, 2**31 - 1))
    if kind == "bucket":
        edges = {rng.randint(ends[0] - 2, ends[1] + 2) for _ in range(rng.randint(1, 6))}
        row["edges"] = sorted(edges)
    return row


# --- cases


def case(rng: Random, now: Profile, before: Profile) -> Case:
    """A record, with everything in it that a source could bring, and decisions of every kind and order."""
    pairs = now.catalogue.pairs()
    purpose, recipient = rng.choice(pairs)
    if rng.random() < 0.1:
        purpose = rng.choice(("advertising", "", rng.choice(sorted(now.catalogue.purposes))))
        recipient = rng.choice(("nobody", recipient, rng.choice(sorted(now.catalogue.recipients))))
    clock = None if rng.random() < 0.15 else NOW + rng.randint(-(10**6), 10**6)
    vector: dict[str, Any] = {"purpose": purpose, "recipient": recipient, "now": clock}
    vector["ident"] = rng.randbytes(16).hex()
    shown: list[Tree | None] = []

    def decision(about: tuple[str, str]) -> list[Any]:
        state = rng.choice(GIVEN) if rng.random() < 0.75 else rng.choice(STATES)
        source = rng.choices((now, before, None), (80, 15, 5))[0]
        known = source is not None and source.catalogue.allows(*about)
        shown.append(source.tree if source is not None and known else None)
        policy = source.catalogue.policy(*about) if source is not None and known else rng.randbytes(32)
        until = None
        if rng.random() < 0.4:
            until = (clock or NOW) + rng.choice((-(10**6), -1, 0, 1, 10**6, 2**40))
        return [*about, state, policy.hex(), rng.choice((None, NOW)), until]

    if rng.random() < 0.5:
        others = [rng.choice(pairs) for _ in range(rng.randint(0, 3))]
        about = others + [(purpose, recipient)] * rng.randint(0, 2)
        rng.shuffle(about)
        vector["decisions"] = [decision(pair) for pair in about]
    else:
        row = None
        sequence = rng.choice((0, 1, 5, 2**32, 2**63))
        if rng.random() < 0.95:
            made = decision((purpose, recipient) if rng.random() < 0.95 else rng.choice(pairs))
            row = [*made[:4], sequence, "owner", "test", *made[4:]]
        floor = sequence if rng.random() < 0.7 else rng.choice((None, sequence + 1, max(0, sequence - 1), 0))
        vector["current"] = [row, floor, "" if rng.random() < 0.95 else "consent_unreadable"]
    clean: dict[str, Any] = {}
    vector["fields"] = _fields(rng, now.tree["field"], purpose, clean)
    return Case(now, vector, shown, clean)


def _fields(rng: Random, rows: Tree, purpose: str, clean: dict[str, Any]) -> list[list[Any]]:
    out: dict[str, Spec] = {}
    for name, row in rows.items():
        mine = purpose in row.get("purposes", ())
        if rng.random() < (0.25 if mine else 0.6):
            continue
        out[name] = _fitting(rng, name, row, clean) if rng.random() < 0.65 else hostile(rng, row)
        if rng.random() < 0.1:  # names that only look like it
            alike = rng.choice((name.upper(), name + " ", "field." + name, name[:-1], name + "\u200b"))
            if alike not in rows:
                out[alike] = out[name]
    for _ in range(rng.randint(0, 2)):
        out[f"undeclared_{rng.randint(0, 999)}"] = hostile(rng, {})
    items = [[name, spec] for name, spec in out.items()]
    rng.shuffle(items)
    return items


def _fitting(rng: Random, name: str, row: Tree, clean: dict[str, Any]) -> Spec:
    """A value for `row` that mostly fits; at its bounds and at the places where it changes more often than not."""
    transform = row["transform"]
    if transform == "enum":
        return ["text", rng.choice(row["values"])]
    if transform == "picture":
        raw, clean[name] = picture(rng)
        return [rng.choice(("bytes", "bytearray")), raw.hex()]
    if transform == "version":
        first, second = rng.randint(0, row["max"] + 1), rng.choice((0, 7, 12, 999, 1000))
        return ["text", f"{rng.choice(('', 'v'))}{first}.{second}{rng.choice(('', '.3', '-' + CANARY, ' ' + CANARY))}"]
    if transform == "pattern":
        text = "".join({"#": rng.choice("0189a"), "@": rng.choice("AMZz")}.get(one, one) for one in row["form"])
        return ["text", rng.choice((text, text, text, text + "\n", text[1:]))]
    if transform == "pseudonym":
        return rng.choice((["text", CANARY], ["text", "x" * rng.choice((1, 256, 257))], ["bytes", "00ff"], ["int", 7]))
    if "max" not in row:
        return [rng.choice(("true", "false"))]
    low, high = row["min"], row["max"]
    near = [low, high, *row.get("edges", ())]
    if "step" in row:
        near.append(rng.randint(low, high) // row["step"] * row["step"] + row["step"] // 2)
    if transform == "day":
        near.append(rng.randint(low, high) // 86400 * 86400)
    number = rng.choice((rng.choice(near) + rng.choice((-1, 0, 1)), rng.randint(low, high), rng.randint(low, high)))
    if rng.random() < 0.6:
        return ["int", number]
    return real(number + rng.choice((0, 0.5, -0.5, rng.random(), -1e-9)))


def real(number: float) -> Spec:
    """A float as two integers that both runtimes divide to the same double."""
    if math.isnan(number):
        return ["nan"]
    if math.isinf(number):
        return ["inf" if number > 0 else "-inf"]
    top, bottom = float(number).as_integer_ratio()
    return ["float", top, bottom] if bottom < 2**1000 else ["float", 0, 1]


def hostile(rng: Random, row: Tree) -> Spec:
    """A value of any type, without a thought for what `row` declares; texts and bytes carry the canary."""
    word = rng.choice(row.get("values", ("on",)))
    return rng.choice(
        (
            ["none"],
            ["true"],
            ["false"],
            ["object"],
            ["lone"],
            ["nan"],
            ["inf"],
            ["-inf"],
            ["text", CANARY],
            ["text", word + " " + CANARY],
            ["text", word.upper() + CANARY],
            ["text", "\u540d\U0001f5a8" + CANARY],
            ["bytes", (CANARY * rng.randint(1, 9)).encode().hex()],
            ["bytes", (b"\xff\xd8\xff\xfe\x00\x0d" + CANARY.encode() + b"\xff\xd9").hex()],
            ["list", [["text", CANARY], ["int", 1]]],
            ["map", [[CANARY, ["text", CANARY]]]],
            ["int", rng.choice((135440576, -1, 0, 1, 2**53 + 1, 2**63, 2**64, -(2**70), 10**40))],
            real(rng.choice((0.5, -0.0, 1e300, -1e18, 2.0**53, 2.5, rng.uniform(-1e6, 1e6)))),
        )
    )


def picture(rng: Random) -> "tuple[bytes, bytes | None]":
    """(a JPEG with the canary in every segment that may hold text, what must remain of it or None if it is none)."""

    def segment(kind: int, body: bytes) -> bytes:
        return bytes((0xFF, kind)) + (len(body) + 2).to_bytes(2, "big") + body

    secret = CANARY.encode() * rng.randint(1, 5)
    dirt = (segment(0xE1, b"Exif\0\0" + secret), segment(0xFE, secret), segment(0xE0 | rng.randint(0, 15), secret))
    frame = segment(0xC0, b"\x08\0\x10\0\x10\x01\x01\x11\0")
    body = segment(0xDA, b"\x01\x01\0\0\x3f\0") + rng.randbytes(rng.randint(1, 40)).replace(b"\xff", b"\xff\0")
    kept = [segment(0xDB, b"\0" + bytes(64)), frame, segment(0xC4, b"\0" + bytes(16)), body]
    full = b"\xff\xd8"
    for part in kept:
        full += b"".join(rng.choice(dirt) for _ in range(rng.randint(0, 2))) + part
    tail = rng.choice((b"", secret, b"\xff\xd8" + secret))
    if rng.random() < 0.1:
        return full + secret, None  # it never ends
    return full + b"\xff\xd9" + tail, b"\xff\xd8" + b"".join(kept) + b"\xff\xd9"
