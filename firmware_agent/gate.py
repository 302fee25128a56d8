"""The gate: consent that holds now x fields the catalogue declares x their transforms -> a sealed release.

Nothing else makes a Release, and the door asks the gate again before it lets one out.
"""

import hashlib
import hmac

from firmware_agent import cbor
from firmware_agent.decide import decide
from firmware_agent.errors import REASONS, Refused, Unsealed
from firmware_agent.model import Denial, Permit, Record, Release
from firmware_agent.transforms import TRANSFORMS, Unfit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Protocol

    from firmware_agent.catalogue import Catalogue
    from firmware_agent.model import ConsentRecord

    class Consents(Protocol):
        def current(self, purpose: str, recipient: str) -> "tuple[ConsentRecord | None, int | None, str]":
            """The stored record, its floor, and a reason of REASONS if neither can be trusted."""


MESSAGE = 1  # version of the payload's form


def compose(catalogue: "Catalogue", record: Record, purpose: str) -> "tuple[list[list[Any]], list[str]]":
    """The declared fields of `record` for `purpose`, transformed: ([[field id, value], ...], names of unfit fields)."""
    out = []
    unfit = []
    for name, row in catalogue.fields_of(purpose):
        if name not in record.fields:
            continue
        try:
            out.append([row["id"], TRANSFORMS[row["transform"]](record.fields[name], row["parameters"])])
        except Unfit:
            unfit.append(name)
    return out, unfit


def message(ident: bytes, purpose: str, pairs: "list[list[Any]]") -> bytes:
    """The payload as it travels: CBOR [1, ident, purpose, [[field id, value], ...]]."""
    return cbor.encode([MESSAGE, ident, purpose, pairs])


class Gate:
    """Decides, transforms, seals; and verifies what it sealed.

    consents: the store. key: 32 random bytes of this run. entropy: n -> n random bytes. now: -> seconds since 1970
    UTC or None. `undeclared` counts the fields that no declaration names, `unfit` the values that did not fit theirs.
    """

    def __init__(
        self,
        catalogue: "Catalogue",
        consents: "Consents",
        key: bytes,
        entropy: "Callable[[int], bytes]",
        now: "Callable[[], int | None]",
    ) -> None:
        self.catalogue = catalogue
        self.undeclared = 0
        self.unfit = 0
        self._consents = consents
        self._key = key
        self._entropy = entropy
        self._now = now
        self._open: "set[bytes]" = set()

    def decide(self, purpose: str, recipient: str) -> "Permit | Denial":
        """Whether consent holds at this moment; reads the store anew each time."""
        record, floor, trouble = self._consents.current(purpose, recipient)
        verdict = decide(self.catalogue, purpose, recipient, record, floor, self._now())
        if trouble and verdict.reason not in ("unknown_purpose", "unknown_recipient"):
            return Denial(purpose, recipient, trouble)
        return verdict

    def release(self, record: Record, purpose: str, recipient: str) -> Release:
        """Seal what may leave of `record`; Refused if consent does not hold or nothing is declared."""
        permit = self._permit(purpose, recipient)
        pairs, unfit = compose(self.catalogue, record, purpose)
        self.undeclared += len([name for name in record.fields if name not in self.catalogue.fields])
        self.unfit += len(unfit)
        if not pairs:
            raise Refused("nothing_declared", purpose, recipient)
        ident = self._entropy(8)
        sent = [field for field, _ in pairs]
        categories = {row["category"] for _, row in self.catalogue.fields_of(purpose) if row["id"] in sent}
        release = Release(
            ident,
            purpose,
            recipient,
            message(ident, purpose, pairs),
            tuple(sorted(categories)),
            self.catalogue.purposes[purpose]["media"],
            permit.consent,
            permit.generation,
            b"",
        )
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
        permit = self._permit(release.purpose, release.recipient)
        if permit.generation != release.generation or permit.consent != release.consent:
            raise Unsealed("consent_changed", release.purpose, release.recipient)

    def close(self, release: Release) -> None:
        """From now on this release is refused."""
        self._open.discard(release.ident)

    def explain(self, record: Record, purpose: str, recipient: str) -> "tuple[bytes, list[tuple[str, str]]]":
        """(the payload that would leave now or b"", [(field, "leaves" or why it stays), ...]); needs no consent."""
        pairs, unfit = compose(self.catalogue, record, purpose)
        verdict = self.decide(purpose, recipient)
        fates = []
        for name in sorted(record.fields):
            row = self.catalogue.fields.get(name)
            if row is None:
                fate = "stays: the policy does not declare it"
            elif row["transform"] == "drop":
                fate = "stays: declared as never leaving, clause %s" % row["clause"]
            elif purpose not in row["purposes"]:
                fate = "stays: not declared for this purpose"
            elif name in unfit:
                fate = "stays: its value does not fit its declaration"
            elif not verdict.allowed:
                fate = "stays: " + REASONS[verdict.reason][0]
            else:
                fate = "leaves"
            fates.append((name, fate))
        allowed = verdict.allowed and bool(pairs)
        return (message(bytes(8), purpose, pairs) if allowed else b""), fates

    def _permit(self, purpose: str, recipient: str) -> Permit:
        verdict = self.decide(purpose, recipient)
        if not isinstance(verdict, Permit):
            raise Refused(verdict.reason, purpose, recipient)
        return verdict

    def _seal(self, release: Release) -> bytes:
        bound = [
            release.ident,
            release.purpose,
            release.recipient,
            release.payload,
            release.categories,
            release.media,
            release.consent,
            release.generation,
        ]
        return hmac.new(self._key, cbor.encode(bound), hashlib.sha256).digest()
