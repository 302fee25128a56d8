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
    minor: bool = False,
) -> "Permit | Denial":
    """A Permit if `record` gives consent now, else a Denial with a named reason (L1-L3, L19, C1, P5).

    floor: the sequence below which no record of this purpose and recipient counts; None denies.
    now: seconds since 1970 UTC, or None if no clock can be trusted (attack 4). minor: one uses the device: only what a
    guardian gave counts, where the policy knows guardians, else nothing (L18, P7, C4).
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
    if not catalogue.covers(purpose, recipient, record.policy):
        return no("policy_changed")
    if minor and not catalogue.age["guardian"]:
        return no("minor")
    if minor and record.actor != "guardian":
        return no("guardian_needed")
    if record.until is not None:
        if now is None:
            return no("clock_untrusted")
        if now >= record.until:
            return no("consent_expired")
    return Permit(purpose, recipient, record.digest(), record.sequence, record.until)
