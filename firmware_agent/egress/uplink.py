"""One recipient's way: its outbox, the door and its wire, one release under way at a time."""

from firmware_agent.egress.outbox import Outbox
from firmware_agent.errors import Refused
from firmware_agent.model import Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_agent.egress.door import Door, Wire
    from firmware_agent.egress.ledger import Ledger
    from firmware_agent.gate import Gate


class Uplink:
    """`offer` queues, `pump` sends what may go, `purge` forgets what no longer may. Nothing waiting: no connection."""

    def __init__(self, wire: "Wire", door: "Door", gate: "Gate", ledger: "Ledger", limit: int) -> None:
        self.recipient = wire.recipient
        self.wire = wire
        self.outbox = Outbox(limit)
        self._door = door
        self._gate = gate
        self._ledger = ledger
        self._flying: "Release | None" = None
        wire.on_done = self._done
        wire.on_ready = self.pump

    def offer(self, release: Release) -> None:
        """Queue a release; the oldest is dropped, and counted, if the outbox is full."""
        pushed_out = self.outbox.put(release, self._flying)
        if pushed_out is not None:
            self._forget(pushed_out)

    def pump(self) -> None:
        """Hand the next release to the wire, or ask the wire to open if there is one and it is not."""
        while True:
            release = self.outbox.head()
            if release is None:
                return
            if not self.wire.ready:
                if self._may_leave(release):  # no connection for what may not leave any more
                    self.wire.open()
                return
            try:
                self._flying = release
                self._door.send(release)
                return
            except Refused:
                self.outbox.remove(release)
                self._forget(release)
                self._flying = None

    def cut(self) -> None:
        """Consent was narrowed: nothing that the wire, its client or the kernel still holds goes on its way."""
        self.wire.reset()
        self._flying = None

    def purge(self) -> int:
        """Forget every waiting release that consent no longer covers; return how many."""
        gone = self.outbox.purge(self._may_leave)
        for release in gone:
            self._forget(release)
        if gone:
            self._ledger.settle()
        return len(gone)

    def close(self) -> None:
        """The agent ends: cut, and never connect again."""
        self.wire.on_ready = _nothing
        self.cut()

    def _may_leave(self, release: Release) -> bool:
        try:
            self._gate.verify(release)
        except Refused:
            return False
        return True

    def _forget(self, release: Release) -> None:
        self._ledger.forgotten(release)
        self._gate.close(release)

    def _done(self, release: Release, event: str) -> None:
        self._flying = None
        self.outbox.remove(release)
        self._ledger.close(release, event)
        self._gate.close(release)


def _nothing() -> None:
    return None
