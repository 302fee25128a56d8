"""Does consent hold now? One pure function: absence, doubt and age all mean no."""

from firmware_agent.model import GIVEN, ConsentRecord, Denial, Permit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_agent.catalogue import Catalogue

_REASONS = {
    "ConsentRefused": "consent_refused",
    "ConsentWithdrawn": "consent_withdrawn",
    "ConsentExpired": "consent_expired",
    "ConsentRevoked": "consent_invalid",
    "ConsentInvalidated": "consent_invalid",
    "ConsentUnknown": "consent_missing",
}


def decide(
    catalogue: "Catalogue",
    purpose: str,
    recipient: str,
    record: "ConsentRecord | None",
    floor: "int | None",
    now: "int | None",
) -> "Permit | Denial":
    """A Permit if `record` gives consent now, else a Denial with a named reason (L1-L3, L19, C1, P5).

    floor: the sequence below which no record of this purpose and recipient counts; None denies.
    now: seconds since 1970 UTC, or None if no clock can be trusted (attack 4).
    """

    def no(reason: str) -> Denial:
        return Denial(purpose, recipient, reason)

    if purpose not in catalogue.purposes:
        return no("unknown_purpose")
    if not catalogue.allows(purpose, recipient):
        return no("unknown_recipient")
    if record is None:
        return no("consent_missing")
    if record.purpose != purpose or record.recipient != recipient:
        return no("consent_missing")
    if floor is None or record.sequence < floor:
        return no("consent_stale")
    if record.state not in GIVEN:
        return no(_REASONS.get(record.state, "consent_undecided"))
    if record.policy != catalogue.policy(purpose, recipient):
        return no("policy_changed")
    if record.until is not None:
        if now is None:
            return no("clock_untrusted")
        if now >= record.until:
            return no("consent_expired")
    return Permit(purpose, recipient, record.digest(), record.sequence, record.until)
