"""The door: the only way out for a payload (the first of the three exits)."""

from firmware_agent.errors import Refused
from firmware_agent.model import Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware_agent.egress.ledger import Ledger
    from firmware_agent.gate import Gate

    class Wire(Protocol):
        """One remote link. It takes one release at a time and says `on_done(release, event)` when it is settled."""

        recipient: str
        on_done: "Callable[[Release, str], None]"
        on_ready: "Callable[[], None]"
        on_heard: "Callable[[str, bytes], None]"
        on_trouble: "Callable[[], None]"
        subscriptions: "list[str]"  # topics that it listens to from the next connection on

        @property
        def ready(self) -> bool: ...
        def open(self) -> None: ...
        def write(self, release: Release) -> None: ...
        def reset(self) -> None: ...


class Door:
    """Verifies again, records, asks once more, then sends: in that order."""

    def __init__(self, gate: "Gate", ledger: "Ledger", wires: "dict[str, Wire]") -> None:
        self._gate = gate
        self._ledger = ledger
        self._wires = wires

    def send(self, release: Release) -> None:
        """Let `release` out; Refused or Unsealed if it may not, LedgerError if it cannot be recorded."""
        self._verify(release)  # made here, unchanged, still permitted
        self._ledger.open(release)  # recorded before it leaves
        self._verify(release)  # recording may have waited for another process: the owner's, perhaps
        self._wires[release.recipient].write(release)

    def _verify(self, release: Release) -> None:
        try:
            self._gate.verify(release)
        except Refused as refusal:
            self._ledger.refused(refusal)
            raise
