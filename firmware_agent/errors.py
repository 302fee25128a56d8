"""Errors, split by whose fault they are, and the named reasons of a refusal.

A refusal is not a fault: it is the agent doing its work. Everything else is.
"""

# reason: (why, what to do). Names are recorded; values never are.
REASONS = {
    "unknown_purpose": ("the profile has no such purpose", "ask for a purpose that `consent show` lists"),
    "unknown_recipient": ("the profile names no such recipient for this purpose", "see `consent show`"),
    "consent_missing": ("nobody has decided yet", "decide with `consent grant` or `consent refuse`"),
    "consent_unreadable": (
        "the consent store is missing or damaged",
        "run `doctor`, then decide again with `consent grant` or `consent refuse`",
    ),
    "consent_stale": ("the stored decision is older than the newest one made here", "decide again"),
    "consent_undecided": ("the owner put off the decision", "decide with `consent grant` or `consent refuse`"),
    "consent_refused": ("the owner refused", "nothing; `consent grant` changes it"),
    "consent_withdrawn": ("the owner withdrew consent", "nothing; `consent grant` changes it"),
    "consent_expired": ("the consent was given for a time that is over", "grant again if the owner still wants it"),
    "consent_invalid": ("the consent is no longer valid", "grant again if the owner still wants it"),
    "policy_changed": ("the policy changed since the owner was asked", "read `consent show`, then decide again"),
    "clock_untrusted": ("a consent with an end needs a clock, and there is none", "set the clock"),
    "no_presence": (
        "a grant needs a person at a terminal that counts as being at the device",
        "run the command at the device's own console; `presence` in the configuration says which terminals count",
    ),
    "nothing_declared": ("no field of this record is declared for the purpose", "see `show`"),
    "not_a_release": ("only a release made by the gate can leave", "pass the record through the gate"),
    "seal_broken": ("the release was not made by this gate, or was changed after", "pass the record through the gate"),
    "release_closed": ("this release has already left or was thrown away", "make a new one"),
    "batch_full": ("as many events wait to be sealed as one message takes", "seal them first"),
    "epoch_over": (
        "the numbers that stand for this device changed since the first event that waits",
        "seal that first",
    ),
    "unknown_right": ("a recipient can be asked to delete, and nothing else", "use `rights delete`"),
    "answer_forged": (
        "an answer to a deletion request was not signed with the recipient's key, or answers something else",
        "nothing: the request is repeated; if it never ends, ask the maker whether `answers` in the profile is right",
    ),
    "command_forged": (
        "a remote command was not signed with the recipient's key",
        "nothing: it was not obeyed; tell the maker that somebody else writes to the broker",
    ),
    "command_foreign": (
        "a remote command was meant for another device",
        "nothing: it was not obeyed; `doctor` shows the mailbox of this device",
    ),
    "command_replayed": (
        "a remote command is older than one that was heard before",
        "nothing: it was not obeyed; the maker has to count upwards",
    ),
    "command_unknown": (
        "a remote command asks for something that cannot be done from afar",
        "nothing: it was not obeyed; only withdrawing can be commanded",
    ),
    "remote_grant": (
        "a remote command tried to give consent, which only a person at the device can",
        "nothing: it was not obeyed; decide with `consent grant` at the device if you want it",
    ),
    "minor": (
        "a minor uses this device, and the policy is not meant for minors",
        "if that is wrong, say that everybody is old enough (`age of-age`)",
    ),
    "guardian_needed": ("a minor uses this device, so a guardian has to decide", "let the guardian's phone allow it"),
    "consent_changed": ("consent was decided anew since the release was made", "make a new one"),
}


class AgentError(Exception):
    """Anything the agent raises on purpose."""


class Refused(AgentError):
    """The gate said no. Carries names only: a reason of REASONS, a purpose, a recipient."""

    def __init__(self, reason: str, purpose: str = "", recipient: str = "") -> None:
        why, todo = REASONS[reason]
        what = purpose or "that"
        if recipient:
            what += " to " + recipient
        super().__init__("%s refused (%s): %s; %s" % (what, reason, why, todo))
        self.reason = reason
        self.purpose = purpose
        self.recipient = recipient


class Unsealed(Refused):
    """Something that the gate did not make, or no longer stands behind, was offered to the door."""


class FormatError(AgentError):
    """Bytes that are not the one allowed encoding of anything."""


class CatalogueError(AgentError):
    """A compiled profile that cannot be used."""


class LedgerError(AgentError):
    """The ledger does not verify or cannot be written; nothing leaves without a ledger."""


class StorageError(AgentError):
    """The device's storage cannot be read or written; without it nothing is permitted and nothing leaves."""


class SourceError(AgentError):
    """A printer or camera that cannot be read just now. `code`: of telemetry/troubles.py, for who reads the page; the
    message says where and what to do, for who set it up.
    """

    def __init__(self, message: str, code: str = "fault") -> None:
        super().__init__(message)
        self.code = code


class UplinkError(AgentError):
    """The remote link failed. `code` names how; the message says where and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ConfigError(AgentError):
    """Configuration or profile that is refused: file, row, what is wrong, what is allowed."""
