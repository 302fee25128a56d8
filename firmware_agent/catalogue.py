"""A policy profile in its compiled form: purposes, recipients, ages and fields. Loaded, never edited, on the device."""

import hashlib

from firmware_agent import cbor, notice
from firmware_agent.errors import CatalogueError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

FORMAT = 5
REQUEST = "rights_request"  # stands where a message names its purpose
RESERVED = (REQUEST, "age_attestation")  # no purpose of a profile may be called so (see model.AGE)
AGE_PARTS: "dict[str, type]" = {"threshold": int, "guardian": bool}
DEVICE_PARTS: "dict[str, type]" = {"sent": int, "ledger": int}
ASKS = ("first", "later")
BLOBS = ("picture", "point_cloud", "bundle")  # the transforms of what travels alone and is never kept
RECIPIENT_PARTS: "dict[str, type]" = {"name": str, "topic": str, "answers": bytes}
PURPOSE_PARTS: "dict[str, type]" = {
    "title": str,
    "notice": str,
    "recipients": list,
    "media": bool,
    "ask": str,
    "every": int,
    "retention": int,
    "clauses": list,
}
FIELD_PARTS: "dict[str, type]" = {
    "id": int,
    "category": str,
    "purposes": list,
    "transform": str,
    "parameters": dict,
    "sensitivity": str,
    "retention": int,
    "clause": str,
}
EPOCH = (86400, 31 * 86400)  # seconds: no shorter, no longer
FORM = 24  # characters of a form
WILD = 4  # of them that are not given: at most 26^4 texts fit, too few for a serial number or an address
# transform: (parameters it needs, parameters it may have). expires: epoch s; from then on the field stays.
PARAMETERS: "dict[str, tuple[tuple[str, ...], tuple[str, ...]]]" = {
    "keep": ((), ("min", "max", "expires")),
    "enum": (("values",), ("expires",)),
    "round": (("step", "min", "max"), ("expires",)),
    "bucket": (("edges", "min", "max"), ("expires",)),
    "log2": (("min", "max"), ("expires",)),
    "count": (("min", "max"), ("expires",)),
    "version": (("max",), ("expires",)),
    "day": (("min", "max"), ("expires",)),
    "pattern": (("form",), ("expires",)),
    "pseudonym": (("epoch",), ("expires",)),
    "picture": (("max",), ()),
    "point_cloud": (("max",), ()),
    "bundle": (("max",), ()),
    "drop": ((), ()),
}


def pack(rows: "dict[str, Any]") -> bytes:
    """The compiled form of a profile: SHA-256 of the rest, then the rows as CBOR."""
    body = cbor.encode(rows)
    return hashlib.sha256(body).digest() + body


class Catalogue:
    """What the policy allows at most; consent only ever picks from it.

    purposes: id -> {title, notice, recipients, media, ask ("first" run, or "later" when it is first wanted), every
    (least seconds between two releases; 0 for media: only on request), retention (s), clauses}. recipients: id ->
    {name, topic ("": local), answers (the Ed25519 key that signs what they send us, or b"")}. fields: name -> {id,
    category, purposes, transform, parameters, sensitivity, retention (s), clause}. age: {threshold (years), guardian}.
    device: {sent, ledger}: seconds that copies of what left and the ledger are kept here.
    """

    def __init__(self, compiled: bytes) -> None:
        """Read what the profile compiler wrote; CatalogueError if it is damaged or did not come from there."""
        if hashlib.sha256(compiled[32:]).digest() != compiled[:32]:
            raise CatalogueError("compiled profile: damaged; compile it again")
        try:
            rows = cbor.decode(compiled[32:])
        except FormatError as error:
            raise CatalogueError("compiled profile: %s; compile it again" % error)
        if not isinstance(rows, dict) or type(rows.get("format")) is not int or rows["format"] != FORMAT:
            raise CatalogueError("compiled profile: not of format %d; compile it again" % FORMAT)
        _check(rows)
        self.profile: str = rows["profile"]
        self.version: str = rows["version"]
        self.age: "dict[str, Any]" = rows["age"]
        self.device: "dict[str, int]" = rows["device"]
        self.recipients: "dict[str, dict[str, Any]]" = rows["recipients"]
        self.purposes: "dict[str, dict[str, Any]]" = rows["purposes"]
        self.fields: "dict[str, dict[str, Any]]" = rows["fields"]
        self._categories = {row["id"]: row["category"] for row in self.fields.values()}
        self._fields_of = {purpose: self._sorted_fields(purpose) for purpose in self.purposes}
        self._epochs = {purpose: _epoch(fields) for purpose, fields in self._fields_of.items()}
        self.order: "list[int]" = order(self.version)
        self._hashes: "dict[tuple[str, str], bytes]" = {}
        self._narrower: "dict[tuple[str, str], set[bytes]]" = {}
        for purpose, row in self.purposes.items():
            for recipient in row["recipients"]:
                self._hashes[purpose, recipient] = self._hash(purpose, recipient)

    def pairs(self) -> "list[tuple[str, str]]":
        """Every (purpose, recipient) that an owner can decide on, in a fixed order."""
        return sorted(self._hashes)

    def allows(self, purpose: str, recipient: str) -> bool:
        """Whether the policy knows this recipient for this purpose."""
        return (purpose, recipient) in self._hashes

    def local(self, recipient: str) -> bool:
        """Whether it is on the owner's own network: shown pictures there, never sent a message."""
        return not self.recipients[recipient]["topic"]

    def pictured(self, purpose: str) -> bool:
        """Whether it is the camera that serves it."""
        return any([row["transform"] == "picture" for _, row in self._fields_of[purpose]])

    def on_request(self, purpose: str) -> bool:
        """Whether it is taken when somebody asks for it, and never by the clock."""
        row = self.purposes[purpose]
        return bool(row["media"]) and not row["every"]

    def policy(self, purpose: str, recipient: str) -> bytes:
        """SHA-256 of the text that says what this consent would mean: it changes if anything in it does."""
        return self._hashes[purpose, recipient]

    def text(self, purpose: str, recipient: str) -> "Iterator[str]":
        """That text, line by line (notice.py)."""
        to = recipient, self.recipients[recipient]
        return notice.lines(self.profile, self.age, (purpose, self.purposes[purpose]), to, self._fields_of[purpose])

    def covers(self, purpose: str, recipient: str, policy: bytes) -> bool:
        """Whether consent to the text with this hash is consent to today's: the same, or nothing in it grew since."""
        pair = (purpose, recipient)
        return policy == self._hashes[pair] or policy in self._narrower.get(pair, ())

    def narrowed(self, purpose: str, recipient: str, policy: bytes) -> None:
        """Today's text is narrower than the one with this hash: who compared them (consent/changes.py) says so."""
        self._narrower.setdefault((purpose, recipient), set()).add(policy)

    def age_policy(self) -> bytes:
        """SHA-256 of what the policy says about age: what a person's word on it is bound to."""
        text = [self.profile + "\n"] + list(notice.age_lines(self.age))
        return hashlib.sha256("".join(text).encode()).digest()

    def fields_of(self, purpose: str) -> "list[tuple[str, dict[str, Any]]]":
        """(name, row) of each field declared for `purpose`, by rising field id."""
        return self._fields_of[purpose]

    def category(self, number: int) -> str:
        """The data category of a field, by its id."""
        return str(self._categories[number])

    def epoch(self, purpose: str) -> int:
        """Seconds after which this purpose's pseudonyms are others; 0: it has none."""
        return self._epochs[purpose]

    def keep(self, purpose: str) -> int:
        """Seconds that an event of this purpose may wait on the device: the strictest of its fields' periods (L14)."""
        return int(min([row["retention"] for _, row in self._fields_of[purpose]]))

    def _sorted_fields(self, purpose: str) -> "list[tuple[str, dict[str, Any]]]":
        found = [(row["id"], name) for name, row in self.fields.items() if purpose in row["purposes"]]
        return [(name, self.fields[name]) for _, name in sorted(found)]

    def _hash(self, purpose: str, recipient: str) -> bytes:
        digest = hashlib.sha256()
        for line in self.text(purpose, recipient):  # one by one: a small heap has no room for all of it in one piece
            digest.update(line.encode())
        return digest.digest()


def order(version: str) -> "list[int]":
    """The numbers of a version, for comparing: "2026-11.2" is [2026, 11, 2]. CatalogueError if it is none."""
    parts = version.replace("-", ".").split(".")
    _need(all([part and len(part) <= 8 and all([one in "0123456789" for one in part]) for part in parts]))
    return [int(part) for part in parts]


def _epoch(fields: "list[tuple[str, dict[str, Any]]]") -> int:
    """The length of the epochs of these fields, which are of one purpose; 0 if none is a pseudonym. CatalogueError.

    One length for all: a message holds one epoch, and two that overlap would join what each of them keeps apart.
    """
    found = {row["parameters"]["epoch"] for _, row in fields if row["transform"] == "pseudonym"}
    _need(len(found) <= 1)
    return int(max(found)) if found else 0


def is_form(value: "Any") -> bool:
    """Whether it is the form of a pattern: at most 24 printable characters of ASCII, one to four of them # or @."""
    if not isinstance(value, str) or len(value) > FORM or not all([" " <= one <= "~" for one in value]):
        return False
    return 1 <= len([one for one in value if one in "#@"]) <= WILD


def _check(rows: "dict[str, Any]") -> None:
    """Raise unless every part has its shape: the rest of the agent relies on it without asking again."""
    tables = ("age", "device", "recipients", "purposes", "fields")
    _shape(rows, dict([("profile", str), ("version", str)] + [(table, dict) for table in tables]))
    _shape(rows["age"], AGE_PARTS)
    _shape(rows["device"], DEVICE_PARTS)
    words: "dict[Any, Any]" = {}
    for table, parts in (("recipients", RECIPIENT_PARTS), ("purposes", PURPOSE_PARTS), ("fields", FIELD_PARTS)):
        for name, row in list(rows[table].items()):
            _need(_word(name))
            _shape(row, parts)
            # one object for each word and list, not as many as were read: a small heap has no room for those
            rows[table][name] = {part: _shared(row[part], words) for part in parts}
    _need(_word(rows["profile"]) and not any([name in rows["purposes"] for name in RESERVED]))
    local = [name for name, row in rows["recipients"].items() if not row["topic"]]
    for row in rows["purposes"].values():
        _need(_names(row["recipients"], rows["recipients"]) and row["ask"] in ASKS)
        _need(row["media"] or not any([name in local for name in row["recipients"]]))
    for row in rows["fields"].values():
        _need(_names(row["purposes"], rows["purposes"]) and row["transform"] in PARAMETERS)
        _parameters(row["parameters"], PARAMETERS[row["transform"]])


def _shared(value: "Any", words: "dict[Any, Any]") -> "Any":
    """The same text, or list of texts, as one that was met before. Nobody changes a catalogue."""
    if isinstance(value, str):
        return words.setdefault(value, value)
    if isinstance(value, list) and all([isinstance(one, str) for one in value]):
        made = [_shared(one, words) for one in value]
        return words.setdefault(tuple(made), made)
    return value


def _parameters(given: "dict[str, Any]", allowed: "tuple[tuple[str, ...], tuple[str, ...]]") -> None:
    needed, optional = allowed
    _need(all([name in given for name in needed]) and all([name in needed + optional for name in given]))
    for name, value in given.items():
        if name in ("min", "max", "step", "expires"):
            _need(cbor.is_int(value))
        elif name == "epoch":
            _need(cbor.is_int(value) and EPOCH[0] <= value <= EPOCH[1])
        elif name == "form":
            _need(is_form(value))
        else:
            _need(isinstance(value, list) and all([cbor.is_int(one) or isinstance(one, str) for one in value]))
    _need(given.get("step", 1) >= 1 and given.get("expires", 1) >= 1 and ("min" not in given or "max" in given))
    _need(all([cbor.is_int(edge) for edge in given.get("edges", [])]))
    _need("min" not in needed + optional or ("min" in given) == ("max" in given))


def _word(name: "Any") -> bool:
    """Whether it is a name as the compiler makes them: nothing else may stand in a policy's text as a key."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
    return isinstance(name, str) and 0 < len(name) <= 40 and all([one in letters for one in name])


def _names(value: "list[Any]", known: "dict[str, Any]") -> bool:
    return all([isinstance(one, str) and one in known for one in value])


def _shape(row: "Any", parts: "dict[str, type]") -> None:
    _need(isinstance(row, dict) and all([type(row.get(part)) is kind for part, kind in parts.items()]))


def _need(holds: bool) -> None:
    if not holds:
        raise CatalogueError("compiled profile: a part is missing or of another shape; compile it again")
