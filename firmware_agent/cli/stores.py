"""Every store of this agent, so that one place says what stands in the state directory. A new store is a row here."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from firmware_agent import cbor
from firmware_agent.camera.crop import Crop
from firmware_agent.camera.viewers.book import SLOTS, Book
from firmware_agent.catalogue import REQUEST, Catalogue
from firmware_agent.cli import words
from firmware_agent.cli.logs import JOURNAL
from firmware_agent.clock import Clock
from firmware_agent.consent import alias, installed
from firmware_agent.consent.people import People
from firmware_agent.consent.store import ConsentStore
from firmware_agent.consent.texts import Texts, is_text
from firmware_agent.device.linux import LinuxDevice
from firmware_agent.egress.export import NAME, export_rows
from firmware_agent.egress.heads import Ed25519Signer
from firmware_agent.egress.idents import Idents
from firmware_agent.egress.intake import Mailbox
from firmware_agent.egress.ledger import Broken, Ledger, entries
from firmware_agent.egress.requests import KEEP, Requests
from firmware_agent.egress.uplink import Uplink
from firmware_agent.egress.vault import Vault, pseudonym_slot
from firmware_agent.errors import FormatError, StorageError
from firmware_agent.owner.details import Details
from firmware_agent.owner.region import SLOTS as REGION
from firmware_agent.owner.region import Region
from firmware_agent.owner.stores import Register, Row, Store, digest, instant, moment, number, schema, text

HOUR = 3600  # s between two looks for ledger entries that are too old

_EVENT = {
    "type": "object",
    "additionalProperties": {"type": ["integer", "string", "boolean"]},
    "description": "field name -> value, as it travels; bytes as hex",
}
_WHAT = {
    "purpose": text("why it may leave"),
    "recipient": text("to whom"),
    "message": digest("the message it is part of, by its 16 random bytes"),
    "event": _EVENT,
    "words": text("the same event as the agent shows it"),
}


_PENDING = "requests for deletion that are still on their way; they end by themselves"


class Made(Protocol):
    """What is needed of the parts of an agent (build.Parts)."""

    device: LinuxDevice
    catalogue: Catalogue
    consents: ConsentStore
    clock: Clock
    idents: Idents
    key: bytes

    @property
    def people(self) -> People: ...
    @property
    def crop(self) -> Crop: ...
    @property
    def viewers(self) -> Book: ...
    @property
    def details(self) -> Details: ...
    @property
    def region(self) -> Region: ...
    @property
    def texts(self) -> Texts: ...

    def vault(self, purpose: str, recipient: str) -> Vault: ...
    def requests(self, recipient: str) -> Requests: ...
    def mailbox(self, recipient: str) -> Mailbox: ...
    def signer(self) -> Ed25519Signer: ...


def register(made: Made, uplinks: Iterable[Uplink] = (), ledger: Ledger | None = None) -> Register:
    """The stores of the state directory. Only with the running agent's own uplinks and ledger can they expire."""
    device, links = made.catalogue.device, list(uplinks)
    waits = max(map(made.catalogue.keep, made.catalogue.purposes))
    return Register(
        (
            Store(
                "consent",
                "What you decided, for each purpose and recipient",
                "until you erase it",
                lambda file: file in ("consent.0", "consent.1", "floor.0", "floor.1", "consent.key"),
                lambda: _consents(made),
                schema(
                    purpose=text("why something may leave"),
                    recipient=text("to whom"),
                    state=text("the decision, a state of the W3C Data Privacy Vocabulary"),
                    policy=digest("SHA-256 of the policy that you were shown"),
                    sequence=number("rises with each decision on this device"),
                    actor=text("who decided"),
                    method=text("how"),
                    time=moment("when"),
                    until=moment("when it ends by itself; null: never"),
                ),
            ),
            Store(
                "ledger",
                "The history of what left, what was refused and what was decided: names, sizes and hashes",
                words.span(device["ledger"]),
                lambda file: file.startswith("ledger."),
                lambda: _ledger(made),
                schema(
                    number=number("of the entry"),
                    time=moment("when"),
                    event=text("what happened"),
                    detail=text("a reason or a state, by name"),
                    purpose=text("why"),
                    recipient=text("to whom"),
                    categories={"type": "array", "items": text("data category"), "description": "what kinds of data"},
                    size=number("bytes of the message"),
                    payload=digest("SHA-256 of the message"),
                    consent=digest("SHA-256 of the consent record that it rested on"),
                    ident=digest("the message, by its 16 random bytes"),
                    count=number("how many events, or how often"),
                    hash=digest("SHA-256 over this entry and the hash before it"),
                ),
                lambda: _audit(made),
                expire=None if ledger is None else hourly(ledger.expire),
                ttl=None if ledger is None else device["ledger"],
            ),
            Store(
                "waiting",
                "Events that wait for the link, sealed under the keys that a withdrawal destroys",
                f"at most {words.span(waits)}, for each purpose as its fields say",
                lambda file: _is_vault(file, ("outbox", "key")),
                lambda: _waiting(made),
                schema(**_WHAT, saved=moment("when it was saved on flash")),
                expire=None if ledger is None else _Waiting(made, links, ledger),
                ttl=None if ledger is None else waits,
            ),
            Store(
                "sent",
                "Copies of the last events that left, sealed under the same keys; never pictures",
                words.span(device["sent"]),
                lambda file: _is_vault(file, ("sent",)),
                lambda: _sent(made),
                schema(**_WHAT, left=moment("when its arrival was confirmed")),
                expire=None if ledger is None else _Sent(links, device["sent"]),
                ttl=None if ledger is None else device["sent"],
            ),
            Store(
                "idents",
                "Secrets by which a recipient can find what came from here, once you ask it to delete that",
                "until you ask for deletion, or erase it",
                lambda file: file.startswith("ident."),
                lambda: _idents(made),
                schema(
                    purpose=text("of the messages that it marks"),
                    recipient=text("who got them"),
                    secret=text("the secret itself is never exported", const="kept on the device"),
                ),
            ),
            Store(
                "pseudonyms",
                "Secrets from which the numbers are made that stand for this device, another each epoch",
                "until you withdraw, ask for deletion, or erase it",
                lambda file: file.startswith("pseudonym."),
                lambda: _pseudonyms(made),
                schema(
                    purpose=text("in whose messages such numbers stand"),
                    recipient=text("who gets them"),
                    secret=text("the secret itself is never exported", const="kept on the device"),
                ),
            ),
            Store(
                "people",
                "The phones that you paired, by their public keys; and a pairing that is open, or has to wait",
                "until you unpair or erase them",
                lambda file: file.startswith(("people.", "pairing.")),
                lambda: _people(made),
                schema(
                    key=digest("names the phone: the first bytes of the SHA-256 of its public key"),
                    role=text("what it may"),
                    name=text("what you called it"),
                    since=moment("when it was paired"),
                    until=moment("when its access ends by itself; null: never"),
                    case=text("of a service"),
                ),
            ),
            Store(
                "viewers",
                "The programs on your network that you let look through the camera",
                "until you remove or erase them",
                lambda file: file in SLOTS,
                lambda: _viewers(made),
                schema(
                    name=text("what you called it"),
                    purpose=text("why it may look"),
                    recipient=text("who that is, in the policy"),
                    way=text("how it says who it is: an address of its own, or a name and a password"),
                    since=moment("when you let it in"),
                    secret=text("the address or password is never exported; not even the agent can read it", const=""),
                ),
            ),
            Store(
                "details",
                "What you call this device, where it stands, and a random name by which paired phones know it",
                "until you erase it",
                lambda file: file.startswith(("details.", "alias.")),
                lambda: _details(made),
                schema(
                    name=text("of this device, as you chose it; it never leaves"),
                    region=text("two letters, as you chose it"),
                    alias=digest("16 random bytes; they never leave, but for your receipts"),
                ),
            ),
            Store(
                "region",
                "The region of the world that you chose to tell; what is allowed says whether it leaves",
                "until you erase it",
                lambda file: file in REGION,
                lambda: _region(made),
                schema(region=text("as you chose it, from the policy's list")),
            ),
            Store(
                "camera",
                "The part of the camera's picture that you chose to show",
                "until you erase it",
                lambda file: file in ("camera.crop.0", "camera.crop.1"),
                lambda: _crop(made),
                schema(
                    left=number("thousandths of the picture's width"),
                    top=number("thousandths of its height"),
                    width=number("thousandths of its width"),
                    height=number("thousandths of its height"),
                ),
            ),
            Store(
                "policies",
                "The texts that you were shown when you decided, and the policy that was installed",
                "for as long as a decision rests on them",
                lambda file: is_text(file) or file in (installed.FILE, *installed.SLOTS),
                lambda: _texts(made),
                schema(sha256=digest("of the text; a decision names it"), text=text("what was shown")),
            ),
            Store(
                "page",
                "The certificate of the page that this device serves, and its key",
                "until you erase it",
                lambda file: file in ("panel.pem", "panel.key"),
                lambda: [],
                schema(),
            ),
            Store(
                "clock",
                "The latest time that this device has seen, so that a clock that is set back shows",
                "until you erase it",
                lambda file: file in ("time.0", "time.1"),
                lambda: _clock(made),
                schema(latest=moment("the latest time")),
            ),
            Store(
                "journal",
                "What the running agent logged: names and counts, never values",
                "the last 64 to 128 KiB, oldest lost first",
                lambda file: file in JOURNAL,
                lambda: _journal(made),
                schema(line=text("one line of the log")),
            ),
            Store(
                "requests",
                "Your requests to recipients to delete what they have",
                "until they are done, at most 30 days",
                lambda file: _is_vault(file, ("outbox", "sent", "key"), requests=True),
                lambda: _requests(made),
                schema(
                    purpose=text("of what is to be deleted"),
                    recipient=text("who is to delete it"),
                    request=digest("the request, by its 16 random bytes"),
                    asked=moment("when you asked"),
                    acknowledged={"type": "boolean", "description": "whether the recipient has it"},
                ),
                expire=None if ledger is None else hourly(_Unserved(made, links, ledger)),
                ttl=None if ledger is None else KEEP,
                stays=_PENDING if _pending(made) else "",
            ),
            Store(
                "mailbox",
                "Where recipients whom you let do so address a withdrawal from afar, and how far they have counted",
                "until you erase it",
                lambda file: file.startswith("mailbox."),
                lambda: _mailboxes(made),
                schema(
                    recipient=text("who may"),
                    address=text("16 random bytes, as the recipient knows them"),
                    counter=number("of the last command"),
                ),
            ),
            Store(
                "locks",
                "Empty files by which programs wait for one another, or talk to the agent",
                "always",
                lambda file: file in ("lock", "running", "control.sock", "intake.sock"),
                lambda: [],
                schema(),
                stays="empty; other programs wait at them",
            ),
        )
    )


def sent(made: Made, purpose: str | None) -> list[Row]:
    """The copies of what left, oldest first; of one purpose, or of all."""
    return sorted([row for row in _sent(made) if purpose in (None, row["purpose"])], key=lambda row: row["left"] or "")


class _Waiting:
    """Retention of what waits; first, the end of what no link of this run will ever look at again.

    That is what waits under a purpose that the policy has no more, or for a recipient that is not configured any more.
    """

    def __init__(self, made: Made, links: list[Uplink], ledger: Ledger) -> None:
        self._made = made
        self._links = links
        self._ledger = ledger
        self._looked = False

    def __call__(self, now: int) -> None:
        if not self._looked:
            served = {(purpose, link.recipient) for link in self._links for purpose in link.outboxes}
            for purpose, recipient in sorted(set(_vaults(self._made)) - served):
                vault = self._made.vault(purpose, recipient)
                count = vault.shred()
                vault.remove()
                if count:
                    self._ledger.purged(purpose, recipient, count)
            self._looked = True
        for link in self._links:
            link.expire(now, self._made.catalogue.keep)


class _Unserved:
    """The end of requests to recipients that are not configured any more; egress/rights.py sees to all others."""

    def __init__(self, made: Made, links: list[Uplink], ledger: Ledger) -> None:
        self._made = made
        self._served = [link.recipient for link in links]
        self._ledger = ledger

    def __call__(self, now: int) -> None:
        for recipient in _asked(self._made):
            if recipient not in self._served:
                requests = self._made.requests(recipient)
                requests.refresh()
                for one in requests.expire():
                    self._ledger.asked("deletion_expired", one.purpose, recipient, one.ident)


class _Sent:
    """Retention of the copies of what left."""

    def __init__(self, links: list[Uplink], seconds: int) -> None:
        self._links = links
        self._seconds = seconds

    def __call__(self, now: int) -> None:
        for link in self._links:
            link.expire_sent(now, self._seconds)


def hourly(expire: Callable[[int], object]) -> Callable[[int], object]:
    """`expire`, at most once an hour: it waits for the lock of the storage."""
    last = [0]

    def call(now: int) -> None:
        if now - last[0] >= HOUR:
            last[0] = now
            expire(now)

    return call


def _is_vault(file: str, endings: tuple[str, ...], requests: bool = False) -> bool:
    parts = file.split(".")
    return len(parts) == 4 and parts[0] == "vault" and (parts[1] == REQUEST) == requests and parts[3] in endings


def _vaults(made: Made) -> list[tuple[str, str]]:
    """(purpose, recipient) of all that has a file, sorted; also what the policy does not know any more."""
    files = [file for file in made.device.storage.names() if _is_vault(file, ("key", "outbox", "sent"))]
    return sorted({(file.split(".")[1], file.split(".")[2]) for file in files})


def _consents(made: Made) -> Iterator[Row]:
    for record in made.consents.records():
        yield {
            "purpose": record.purpose,
            "recipient": record.recipient,
            "state": record.state,
            "policy": record.policy.hex(),
            "sequence": record.sequence,
            "actor": record.actor,
            "method": record.method,
            "time": instant(record.time),
            "until": instant(record.until),
        }


def _ledger(made: Made) -> Iterator[Row]:
    storage = made.device.storage
    try:
        yield from [_entry(entry, head) for entry, _, head in entries(storage)]
    except Broken:  # it may be half of what the agent is writing: what counts is what stands there under the lock
        with storage.lock():
            for entry, _, head in entries(storage):
                yield _entry(entry, head)


def _audit(made: Made) -> dict[str, bytes]:
    """The signed form of the ledger, for whoever audits: `python -m firmware_agent.egress.verify` takes the ZIP."""
    if not made.device.storage.size("ledger.key"):
        return {}
    profile = f"{made.catalogue.profile} {made.catalogue.version}"
    with made.device.storage.lock():
        rows = list(export_rows(made.device.storage, made.signer(), made.device.now(), profile))
    return {NAME: b"".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows)}


def _entry(entry: dict[str, Any], head: bytes) -> Row:
    row = {name: value.hex() if isinstance(value, bytes) else value for name, value in entry.items()}
    return {**row, "time": instant(entry["time"]), "hash": head.hex()}


def _waiting(made: Made) -> Iterator[Row]:
    for pair in _vaults(made):
        for frame, body in made.vault(*pair).waiting():
            for row in _events(made, pair, cbor.decode(body)[2]):
                yield {**row, "saved": instant(frame.time)}


def _sent(made: Made) -> Iterator[Row]:
    for pair in _vaults(made):
        for frame, payload in made.vault(*pair).copies():
            for row in _events(made, pair, payload):
                yield {**row, "left": instant(frame.time)}


def _events(made: Made, pair: tuple[str, str], payload: bytes) -> Iterator[Row]:
    _, ident, _, events = cbor.decode(payload)
    for event, said in zip(events, words.payload(payload, made.catalogue), strict=True):
        yield {
            "purpose": pair[0],
            "recipient": pair[1],
            "message": ident.hex(),
            "event": {words.field(number, made.catalogue): _plain(value) for number, value in event},
            "words": ", ".join(said),
        }


def _plain(value: Any) -> Any:
    """A value of an event for JSON: bytes as hex."""
    return value.hex() if isinstance(value, bytes) else value


def _pseudonyms(made: Made) -> Iterator[Row]:
    for file in made.device.storage.names():
        parts = file.split(".")
        if len(parts) != 4 or parts[0] != "pseudonym":
            continue
        if pseudonym_slot(made.device.storage, parts[1], parts[2]).read() is not None:
            yield {"purpose": parts[1], "recipient": parts[2], "secret": "kept on the device"}


def _idents(made: Made) -> Iterator[Row]:
    for file in made.device.storage.names():
        parts = file.split(".")
        if len(parts) == 4 and parts[0] == "ident" and made.idents.slot(parts[1], parts[2]).read() is not None:
            yield {"purpose": parts[1], "recipient": parts[2], "secret": "kept on the device"}


def _asked(made: Made) -> list[str]:
    """Recipients that were ever asked for something."""
    files = [file for file in made.device.storage.names() if _is_vault(file, ("key",), requests=True)]
    return [file.split(".")[2] for file in files]


def _pending(made: Made) -> bool:
    """Whether a request is on its way. What cannot be read cannot be sent, so it is none."""
    try:
        return any(made.requests(recipient).look() for recipient in _asked(made))
    except (FormatError, StorageError):
        return False


def _requests(made: Made) -> Iterator[Row]:
    for recipient in _asked(made):
        for one in made.requests(recipient).look():
            yield {
                "purpose": one.purpose,
                "recipient": recipient,
                "request": one.ident.hex(),
                "asked": instant(one.asked),
                "acknowledged": one.acknowledged,
            }


def _mailboxes(made: Made) -> Iterator[Row]:
    for file in made.device.storage.names():
        parts = file.split(".")
        if parts[0] == "mailbox" and parts[-1] == "0":
            found = made.mailbox(parts[1]).look()
            if found is not None:
                yield {"recipient": parts[1], "address": found[1].hex(), "counter": found[0]}


def _journal(made: Made) -> Iterator[Row]:
    logs = sorted((made.device.storage.read(file) or b"").decode("utf-8", "replace") for file in JOURNAL)
    for log in logs:  # each line begins with its time
        yield from ({"line": line} for line in log.splitlines())


def _people(made: Made) -> Iterator[Row]:
    for one in made.people.all():
        yield {
            "key": one.key.hex(),
            "role": one.role,
            "name": one.name,
            "since": instant(one.since),
            "until": instant(one.until),
            "case": one.case,
        }


def _crop(made: Made) -> Iterator[Row]:
    chosen = made.crop.read()
    if chosen is not None:
        yield dict(zip(("left", "top", "width", "height"), chosen, strict=True))


def _viewers(made: Made) -> Iterator[Row]:
    for one in made.viewers.all():
        yield {
            "name": one.name,
            "purpose": one.purpose,
            "recipient": one.recipient,
            "way": one.way,
            "since": instant(one.since),
            "secret": "",
        }


def _details(made: Made) -> Iterator[Row]:
    name, region = made.details.read()
    known = alias.look(made.device.storage, made.key)
    if known is not None or name or region:
        yield {"name": name, "region": region, "alias": (known or b"").hex()}


def _region(made: Made) -> Iterator[Row]:
    chosen = made.region.read()
    if chosen:
        yield {"region": chosen}


def _texts(made: Made) -> Iterator[Row]:
    for sha256, said in sorted(made.texts.all().items()):
        yield {"sha256": sha256.hex(), "text": said}


def _clock(made: Made) -> Iterator[Row]:
    if any(made.device.storage.size(file) for file in ("time.0", "time.1")):
        yield {"latest": instant(made.clock.latest())}
