"""The gate: consent that holds now x fields the catalogue declares x their transforms -> a sealed release.

Nothing else makes a Release, and the door asks the gate again before it lets one out.
"""

import hmac

from firmware_agent import cbor
from firmware_agent.catalogue import REQUEST
from firmware_agent.decide import decide
from firmware_agent.errors import FormatError, Refused, Unsealed
from firmware_agent.model import Denial, Permit, Record, Release
from firmware_agent.outcomes import fits
from firmware_agent.transforms import TRANSFORMS, Unfit, pseudonym

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from firmware_agent.catalogue import Catalogue
    from firmware_agent.model import ConsentRecord

    Step = tuple[str, int, Callable[[Any, dict[str, Any]], Any], dict[str, Any], int]
    Keys = Callable[[str, str, bytes, int], bytes]

    class Consents(Protocol):
        def standing(self, purpose: str, recipient: str) -> "tuple[ConsentRecord | None, int | None, str, bool]":
            """The stored record, its floor, a reason of REASONS if neither can be trusted, and whether it was said
            that a minor uses this device."""


MESSAGE = 2  # version of the payload's form
RIGHTS = ("delete",)  # what an owner can ask of a recipient
MOST = 128  # events in one message
_LONGEST = 6144  # bytes of events after which a message is closed: with one more it still fits the smallest ring
_REMEMBERED = 64  # pairs in their encoded form


def plan(catalogue: "Catalogue", purpose: str) -> "list[Step]":
    """What `compose` does for a purpose: (name, field id, transform, its parameters, when it expires) by rising id."""
    rows = catalogue.fields_of(purpose)
    return [
        (name, row["id"], TRANSFORMS[row["transform"]], row["parameters"], row["parameters"].get("expires", 0))
        for name, row in rows
    ]


def compose(
    steps: "list[Step]", record: Record, now: int | None, key: "bytes | None" = b""
) -> "tuple[list[list[Any]], list[str]]":
    """The declared fields of `record`, transformed: ([[field id, value], ...], names of unfit fields).

    now: epoch s; a field that expired by then stays, and one that expires at all, or is a pseudonym, while nobody knows
    the time. key: what the pseudonyms of this moment are made with. None: they stay; b"": they are zeros, for showing.
    """
    out = []
    unfit = []
    given = record.fields
    for name, number, transform, parameters, expires in steps:
        if name in given:
            if _expired(expires, now) or (transform is pseudonym and (now is None or key is None)):
                unfit.append(name)
                continue
            if transform is pseudonym:
                parameters = {"kind": name, "key": key}
            try:
                out.append([number, transform(given[name], parameters)])
            except Unfit:
                unfit.append(name)
    return out, unfit


def _expired(expires: int, now: int | None) -> bool:
    return expires > 0 and (now is None or now >= expires)


def _tells(steps: "list[Step]", pairs: "list[list[Any]]", unfit: "list[str]") -> bool:
    """Whether an event says anything: where nothing else fitted, a number that says whose it would be does not."""
    named = [step[1] for step in steps if step[2] is pseudonym] if unfit else []
    return any([pair[0] not in named for pair in pairs])


def _why_unfit(row: "dict[str, Any]", now: int | None) -> str:
    """Why a declared field of a record did not become a value."""
    expires = row["parameters"].get("expires", 0)
    if now is None and (expires or row["transform"] == "pseudonym"):
        return "no_time"
    return "expired" if _expired(expires, now) else "unfit"


def message(ident: bytes, purpose: str, events: "list[bytes]") -> bytes:
    """The payload as it travels: CBOR [2, ident, purpose, [[[field id, value], ...], ...]]."""
    head = [cbor.encode(MESSAGE), cbor.encode(ident), cbor.encode(purpose)]
    return cbor.joined(head + [cbor.joined(events)])


class _Batch:
    """Events that were taken under one consent and are not sealed yet, each as CBOR. most: how many it takes.

    epoch: in which it was begun, see `Gate._epoch`. key: what all their pseudonyms are made with, None without any.
    ident: of the message that they become, b"" if it has none yet.
    """

    def __init__(self, permit: Permit, most: int, epoch: "int | None") -> None:
        self.permit = permit
        self.most = most
        self.epoch = epoch
        self.key: "bytes | None" = None
        self.ident = b""
        self.events: "list[bytes]" = []
        self.size = 0
        self.fields: "set[int]" = set()


class Gate:
    """Decides, transforms, seals; and verifies what it sealed.

    consents: the store. key: 32 random bytes of this run. ident: (purpose, recipient) -> 16 bytes, new each time. now:
    -> seconds since 1970 UTC or None. pseudonyms: (purpose, recipient, consent, number of the epoch) -> the key of that
    epoch; without it no pseudonym leaves. `undeclared` counts the fields that no declaration names, `unfit` the values
    that did not fit theirs.
    """

    def __init__(
        self,
        catalogue: "Catalogue",
        consents: "Consents",
        key: bytes,
        ident: "Callable[[str, str], bytes]",
        now: "Callable[[], int | None]",
        pseudonyms: "Keys | None" = None,
    ) -> None:
        self.catalogue = catalogue
        self.undeclared = 0
        self.unfit = 0
        self._consents = consents
        self._key = key
        self._ident = ident
        self._now = now
        self._pseudonyms = pseudonyms
        self._open: "set[bytes]" = set()
        self._batches: "dict[tuple[str, str], _Batch]" = {}
        self._shut: "set[tuple[str, str]]" = set()
        self._plans: "dict[str, tuple[list[Step], bool]]" = {}
        self._pairs: "dict[tuple[int, Any], bytes]" = {}
        self._standing: "dict[tuple[str, str], Permit | Denial]" = {}

    def decide(self, purpose: str, recipient: str) -> "Permit | Denial":
        """Whether consent holds at this moment; asks the store anew each time."""
        if (purpose, recipient) in self._shut:
            return Denial(purpose, recipient, "consent_withdrawn")
        record, floor, trouble, minor = self._consents.standing(purpose, recipient)
        verdict = decide(self.catalogue, purpose, recipient, record, floor, self._now(), minor)
        if trouble and verdict.reason not in ("unknown_purpose", "unknown_recipient"):
            return Denial(purpose, recipient, trouble)
        return verdict

    def look(self) -> "dict[tuple[str, str], Permit | Denial]":
        """Decide for every pair, and keep it: events are taken by this until the next look. What is sealed, saved or
        sent is decided anew each time."""
        self._standing = {pair: self.decide(*pair) for pair in self.catalogue.pairs()}
        return self._standing

    def denied(self, purpose: str, recipient: str) -> str:
        """The reason for which events of this pair stay, by the last look; "" if they do not."""
        verdict = self._standing.get((purpose, recipient))
        return "" if verdict is None else verdict.reason

    def shut(self, purpose: str, recipient: str) -> None:
        """Deny from this moment on, before anything is written; until `reopen`."""
        self._shut.add((purpose, recipient))
        self._standing.pop((purpose, recipient), None)

    def reopen(self, purpose: str, recipient: str) -> None:
        """The store knows the decision now: its word counts again."""
        self._shut.discard((purpose, recipient))

    def collect(self, record: Record, purpose: str, recipient: str) -> bool:
        """Take what may leave of `record` as one event; True if no more of this pair can be taken before `release`.

        Refused if consent does not hold or nothing is declared; Unsealed, and nothing taken, if what waits has to be
        sealed first. The raw record is not kept.
        """
        pair = (purpose, recipient)
        permit = self._standing.get(pair) or self._permit(purpose, recipient)
        if not isinstance(permit, Permit):
            raise Refused(permit.reason, purpose, recipient)
        if self.catalogue.local(recipient):  # who is shown pictures here gets no message
            raise Refused("nothing_declared", purpose, recipient)
        steps, timed = self._plan(purpose)
        now = self._now() if timed else None
        batch = self._batches.get(pair) or _Batch(permit, self.most(purpose), self._epoch(purpose, now))
        if batch.permit.consent != permit.consent:
            raise Unsealed("consent_changed", purpose, recipient)
        key = self._key_now(batch, steps, record, now)
        pairs, unfit = compose(steps, record, now, key)
        declared = self.catalogue.fields
        for name in record.fields:
            if name not in declared:
                self.undeclared += 1
        self.unfit += len(unfit)
        if not _tells(steps, pairs, unfit):
            raise Refused("nothing_declared", purpose, recipient)
        if len(batch.events) >= batch.most or batch.size >= _LONGEST:
            raise Unsealed("batch_full", purpose, recipient)
        event = cbor.joined([self._pair(number, value) for number, value in pairs])
        self._batches[pair] = batch
        batch.events.append(event)
        batch.size += len(event)
        if len(batch.fields) < len(steps):
            batch.fields.update([number for number, _ in pairs])
        return len(batch.events) >= batch.most or batch.size >= _LONGEST

    def _epoch(self, purpose: str, now: int | None) -> "int | None":
        """The number of the epoch that this purpose's pseudonyms are of; None if it has none, or without a clock."""
        epoch = self.catalogue.epoch(purpose)
        return now // epoch if epoch and now is not None else None

    def _plan(self, purpose: str) -> "tuple[list[Step], bool]":
        """(`plan`, whether the time matters to it); made when it is wanted, for a small heap has no room for all."""
        found = self._plans.get(purpose)
        if found is None:
            steps = plan(self.catalogue, purpose)
            timed = self.catalogue.epoch(purpose) > 0 or any([step[4] for step in steps])
            found = self._plans[purpose] = steps, timed
        return found

    def _key_now(self, batch: _Batch, steps: "list[Step]", record: Record, now: int | None) -> "bytes | None":
        """What the pseudonyms of this record are made with, if it needs any and there is a clock.

        Unsealed if they would be others than those of the events that wait: in one message they would be joined.
        """
        permit, number = batch.permit, self._epoch(batch.permit.purpose, now)
        if number != batch.epoch:
            raise Unsealed("epoch_over", permit.purpose, permit.recipient)
        if number is None or self._pseudonyms is None:
            return None
        if not any([transform is pseudonym and name in record.fields for name, _, transform, _, _ in steps]):
            return None
        # A request for deletion destroys the secret of the keys first, then hands over that of the idents: what has old
        # pseudonyms must leave under an old ident, and what has new ones under a new ident.
        key, ident, before = b"", b"", None
        while key != before:
            before = self._pseudonyms(permit.purpose, permit.recipient, permit.consent, number)
            ident = batch.ident or self._ident(permit.purpose, permit.recipient)
            key = self._pseudonyms(permit.purpose, permit.recipient, permit.consent, number)
        if batch.key is not None and batch.key != key:
            raise Unsealed("epoch_over", permit.purpose, permit.recipient)
        batch.ident, batch.key = ident, key
        return key

    def most(self, purpose: str) -> int:
        """How many events one message of this purpose takes; a picture travels alone."""
        return 1 if self.catalogue.purposes[purpose]["media"] else MOST

    def collected(self, purpose: str, recipient: str) -> int:
        """How many events wait to be sealed."""
        batch = self._batches.get((purpose, recipient))
        return 0 if batch is None else len(batch.events)

    def collected_under(self, purpose: str, recipient: str) -> "bytes | None":
        """The consent record under which events wait to be sealed; None if none do."""
        batch = self._batches.get((purpose, recipient))
        return None if batch is None else batch.permit.consent

    def forget(self, purpose: str, recipient: str) -> int:
        """Throw away what waits to be sealed; how many events that was."""
        batch = self._batches.pop((purpose, recipient), None)
        return 0 if batch is None else len(batch.events)

    def release(self, purpose: str, recipient: str) -> Release:
        """Seal what was collected into one message; Refused, and kept, if the consent it was taken under has gone."""
        batch = self._batches[purpose, recipient]
        self._same(self._permit(purpose, recipient), batch.permit.consent, batch.permit.generation)
        del self._batches[purpose, recipient]
        ident = batch.ident or self._ident(purpose, recipient)
        payload = message(ident, purpose, batch.events)
        return self._sealed(ident, batch.permit, payload, len(batch.events), batch.fields)

    def readmit(self, permit: Permit, payload: bytes) -> Release:
        """Seal anew a message of an earlier run that waited on flash under `permit`.

        The very same consent must still hold, and the message may hold nothing that is not declared for its purpose
        today, field by field and value by value: FormatError or Refused.
        """
        self._same(self._permit(permit.purpose, permit.recipient), permit.consent, permit.generation)
        row = cbor.decode(payload)
        if not isinstance(row, list) or len(row) != 4 or row[0] != MESSAGE or row[2] != permit.purpose:
            raise FormatError("a message that waited: not one of %s" % permit.purpose)
        ident, events = row[1], row[3]
        now = self._now()
        declared = {
            field["id"]: field
            for _, field in self.catalogue.fields_of(permit.purpose)
            if not _expired(field["parameters"].get("expires", 0), now)
        }
        if not isinstance(ident, bytes) or len(ident) != 16 or not isinstance(events, list) or not events:
            raise FormatError("a message that waited: no ident or no events")
        fields: "set[int]" = set()
        for event in events:
            if not isinstance(event, list) or not event:
                raise FormatError("a message that waited: an event without fields")
            for pair in event:
                if not isinstance(pair, list) or len(pair) != 2 or not cbor.is_int(pair[0]):
                    raise FormatError("a message that waited: not a field and its value")
                field = declared.get(pair[0])
                if field is None or not fits(field["transform"], field["parameters"], pair[1]):
                    raise FormatError("a message that waited: field %d is not declared, or not so" % pair[0])
                fields.add(pair[0])
        return self._sealed(ident, permit, payload, len(events), fields)

    def request(self, right: str, purpose: str, recipient: str, key: bytes, reply: bytes, ident: bytes) -> Release:
        """Seal what the owner asks of a recipient; the one release that rests on no consent, for the owner began it.

        key: the secret of the idents of what is meant, 32 bytes. reply: names the topic of the answer; ident: the
        request; 16 bytes each. Refused if the right, the purpose or the recipient is unknown.
        """
        if right not in RIGHTS:
            raise Refused("unknown_right", purpose, recipient)
        if purpose not in self.catalogue.purposes:
            raise Refused("unknown_purpose", purpose, recipient)
        if not self.catalogue.allows(purpose, recipient) or self.catalogue.local(recipient):
            raise Refused("unknown_recipient", purpose, recipient)
        if (len(key), len(reply), len(ident)) != (32, 16, 16):
            raise FormatError("a request to delete %s: key, reply and ident are 32, 16 and 16 bytes" % purpose)
        payload = cbor.encode([MESSAGE, ident, REQUEST, [right, purpose, key, reply]])
        release = Release(ident, REQUEST, recipient, payload, 1, (REQUEST,), False, b"", 0, b"")
        release.seal = self._seal(release)
        self._open.add(ident)
        return release

    def verify(self, release: Release) -> None:
        """Return if `release` may leave at this moment; Unsealed or Refused if not (attacks 13 and 21)."""
        if type(release) is not Release:
            raise Unsealed("not_a_release")
        try:
            intact = hmac.compare_digest(self._seal(release), release.seal)
        except Exception:  # a forged part can be of any type: whatever it breaks, it is not ours
            intact = False
        if not intact:
            raise Unsealed("seal_broken")
        if release.ident not in self._open:
            raise Unsealed("release_closed", release.purpose, release.recipient)
        if release.purpose == REQUEST:  # sealed by `request` only: no profile has a purpose of that name
            return
        permit = self._permit(release.purpose, release.recipient)
        self._same(permit, release.consent, release.generation)

    def close(self, release: Release) -> None:
        """From now on this release is refused."""
        self._open.discard(release.ident)

    def explain(self, record: Record, purpose: str, recipient: str) -> "tuple[bytes, list[tuple[str, str]]]":
        """(the payload that would leave now or b"", [(field, fate), ...]); needs no consent.

        fate: "leaves"; "undeclared"; "never" (declared so); "elsewhere" (for other purposes only); "expired";
        "no_time" (it depends on it, and nobody knows it); "unfit"; or the reason of REASONS for which this purpose
        stays. Ident and pseudonyms are zeros: to look makes no secret.
        """
        now = self._now()
        pairs, unfit = compose(self._plan(purpose)[0], record, now)
        verdict = self.decide(purpose, recipient)
        fates = []
        for name in sorted(record.fields):
            row = self.catalogue.fields.get(name)
            if row is None:
                fate = "undeclared"
            elif row["transform"] == "drop":
                fate = "never"
            elif purpose not in row["purposes"]:
                fate = "elsewhere"
            elif name in unfit:
                fate = _why_unfit(row, now)
            elif not verdict.allowed:
                fate = verdict.reason
            else:
                fate = "leaves"
            fates.append((name, fate))
        allowed = verdict.allowed and _tells(self._plan(purpose)[0], pairs, unfit)
        return (message(bytes(16), purpose, [cbor.encode(pairs)]) if allowed else b""), fates

    def _permit(self, purpose: str, recipient: str) -> Permit:
        verdict = self.decide(purpose, recipient)
        if not isinstance(verdict, Permit):
            raise Refused(verdict.reason, purpose, recipient)
        return verdict

    def _pair(self, number: int, value: "Any") -> bytes:
        """[field id, value] as CBOR. A printer says the same again and again: the last few are remembered."""
        known = self._pairs.get((number, value))
        if known is None:
            known = cbor.encode([number, value])
            if len(known) < 16:  # no picture
                if len(self._pairs) >= _REMEMBERED:
                    self._pairs.clear()
                self._pairs[number, value] = known
        return known

    def _same(self, permit: Permit, consent: bytes, generation: int) -> None:
        if permit.generation != generation or permit.consent != consent:
            raise Unsealed("consent_changed", permit.purpose, permit.recipient)

    def _sealed(self, ident: bytes, permit: Permit, payload: bytes, count: int, fields: "set[int]") -> Release:
        categories = {self.catalogue.category(number) for number in fields}
        release = Release(
            ident,
            permit.purpose,
            permit.recipient,
            payload,
            count,
            tuple(sorted(categories)),
            self.catalogue.purposes[permit.purpose]["media"],
            permit.consent,
            permit.generation,
            b"",
        )
        release.seal = self._seal(release)
        self._open.add(ident)
        return release

    def _seal(self, release: Release) -> bytes:
        bound = [
            release.ident,
            release.purpose,
            release.recipient,
            release.payload,
            release.count,
            release.categories,
            release.media,
            release.consent,
            release.generation,
        ]
        return hmac.digest(self._key, cbor.encode(bound), "sha256")
