"""The gate of the camera: consent that holds now -> a sealed admission for one viewer and one use.

Nothing else makes an Admission. Whoever opens the camera for one asks again (`verify`), before and while it is used.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from firmware_agent import cbor
from firmware_agent.model import Denial, Permit
from firmware_agent.refusals import Refused, Unsealed

MOST = 128  # uses of the camera at a time
KEPT = 16  # of them for the owner's page and for pictures that are sent: programs on the network cannot take these
EACH = 16  # for one viewer of one purpose and recipient


class Decides(Protocol):
    """The gate."""

    def decide(self, purpose: str, recipient: str) -> Permit | Denial: ...


@dataclass(frozen=True)
class Admission:
    """One use of the camera: for this purpose and recipient, by this viewer (a name that the owner gave), and no other.

    ident: 16 random bytes. stream: pictures for as long as it lasts, else one. consent, generation: the record that it
    rests on. seal: HMAC-SHA256 over all of it.
    """

    ident: bytes
    purpose: str
    recipient: str
    viewer: str
    stream: bool
    consent: bytes
    generation: int
    seal: bytes = b""


class AdmissionGate:
    """key: 32 random bytes of this run."""

    def __init__(self, gate: Decides, key: bytes, entropy: Callable[[int], bytes]) -> None:
        self._gate = gate
        self._key = key
        self._entropy = entropy
        self._open: dict[bytes, Admission] = {}

    def admit(self, purpose: str, recipient: str, viewer: str, stream: bool, own: bool = False) -> Admission:
        """An Admission if consent holds at this moment; Refused if not, or if there are too many. own: for the owner's
        page or a picture that is sent, not for a program on the network.
        """
        permit = self._permit(purpose, recipient)
        who = (purpose, recipient, viewer)
        if sum((one.purpose, one.recipient, one.viewer) == who for one in self._open.values()) >= EACH:
            raise Refused("viewer_full", purpose, recipient)
        if len(self._open) >= (MOST if own else MOST - KEPT):
            raise Refused("too_many_viewers", purpose, recipient)
        made = Admission(self._entropy(16), purpose, recipient, viewer, stream, permit.consent, permit.generation)
        made = replace(made, seal=self._seal(made))
        self._open[made.ident] = made
        return made

    def verify(self, admission: Admission) -> None:
        """Return if it may go on at this moment; Unsealed or Refused if not."""
        if type(admission) is not Admission:
            raise Unsealed("not_an_admission")
        try:
            intact = hmac.compare_digest(self._seal(admission), admission.seal)
        except Exception:  # a forged part can be of any type: whatever it breaks, it is not ours
            intact = False
        if not intact or self._open.get(admission.ident) != admission:
            raise Unsealed("not_an_admission")
        permit = self._permit(admission.purpose, admission.recipient)
        if permit.consent != admission.consent or permit.generation != admission.generation:
            raise Unsealed("consent_changed", admission.purpose, admission.recipient)

    def close(self, admission: Admission) -> None:
        """From now on it is refused."""
        self._open.pop(admission.ident, None)

    def _permit(self, purpose: str, recipient: str) -> Permit:
        verdict = self._gate.decide(purpose, recipient)
        if not isinstance(verdict, Permit):
            raise Refused(verdict.reason, purpose, recipient)
        return verdict

    def _seal(self, one: Admission) -> bytes:
        row = [one.ident, one.purpose, one.recipient, one.viewer, one.stream, one.consent, one.generation]
        return hmac.digest(self._key, cbor.encode(row), "sha256")
