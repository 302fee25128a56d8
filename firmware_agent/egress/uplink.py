"""One recipient's way: events are bundled, releases wait in the outbox of their purpose, one is under way at a time."""

from firmware_agent.errors import AgentError, Refused, Unsealed
from firmware_agent.model import Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable

    from firmware_agent.egress.door import Door, Wire
    from firmware_agent.egress.ledger import Ledger
    from firmware_agent.egress.outbox import Outbox
    from firmware_agent.gate import Gate
    from firmware_agent.model import Record


class Uplink:
    """`offer` takes an event, `pump` sends what may go, `tick` saves what waited `window` seconds, `purge` forgets.

    Nothing waiting: no connection. now: seconds since 1970 that never go back, or 0. ticks: seconds, only forward.
    """

    def __init__(
        self,
        wire: "Wire",
        door: "Door",
        gate: "Gate",
        ledger: "Ledger",
        outboxes: "Iterable[Outbox]",
        window: float,
        now: "Callable[[], int | None]",
        ticks: "Callable[[], float]",
    ) -> None:
        self.recipient = wire.recipient
        self.wire = wire
        self.outboxes = {outbox.purpose: outbox for outbox in outboxes}
        self._door = door
        self._gate = gate
        self._ledger = ledger
        self._window = window
        self._now = now
        self._ticks = ticks
        self._since: "dict[str, float]" = {}  # purpose -> since when something of it is in RAM only
        self._denied: "dict[tuple[str, str], int]" = {}
        self._fault: "AgentError | None" = None
        self._turns = sorted(self.outboxes)  # whose turn is next
        wire.on_done = self._done
        wire.on_ready = self.pump

    def load(self) -> "set[bytes]":
        """Take up what an earlier run left on flash; the idents of those whose turn is next."""
        heads = set()
        for outbox in self.outboxes.values():
            destroyed = outbox.load()
            if destroyed:
                self._ledger.purged(outbox.purpose, self.recipient, destroyed)
            if outbox.vault.lost:
                self._ledger.lost(outbox.purpose, self.recipient, outbox.vault.lost)
            try:
                release = self._head(outbox)
            except Refused:
                self.purge(outbox.purpose)
                continue
            if release is not None:
                heads.add(release.ident)
        return heads

    def held_under(self, purpose: str) -> "bytes | None":
        """The consent record under which something of this purpose is kept here, if any."""
        return self._gate.collected_under(purpose, self.recipient) or self.outboxes[purpose].consent

    def waiting(self) -> int:
        """How many events wait, in RAM or on flash."""
        return sum([self.waits(purpose) for purpose in self.outboxes])

    def waits(self, purpose: str) -> int:
        """How many of them are of this purpose."""
        return len(self.outboxes[purpose]) + self._collected(purpose)

    def offer(self, record: "Record", purpose: str) -> None:
        """Take one event. What is denied is only counted; Refused if nothing of it is declared."""
        reason = self._gate.denied(purpose, self.recipient)
        if reason:
            self._denied[purpose, reason] = self._denied.get((purpose, reason), 0) + 1
            return
        try:
            full = self._gate.collect(record, purpose, self.recipient)
        except Unsealed as closed:
            if closed.reason != "epoch_over":
                raise
            self._seal(self.outboxes[purpose])  # what was begun in another epoch leaves without this event
            full = self._gate.collect(record, purpose, self.recipient)
        if purpose not in self._since:
            self._since[purpose] = self._ticks()
        if full:
            try:
                self._seal(self.outboxes[purpose])
            except Refused:
                return  # it is taken; the next tick sees the same and purges

    def pump(self) -> None:
        """Hand the next release to the wire, or ask the wire to open if there is one and it is not."""
        for purpose in list(self._turns):
            outbox = self.outboxes[purpose]
            try:
                if not len(outbox) and self._collected(purpose) and self.wire.ready:
                    self._seal(outbox)
                release = self._head(outbox)
                if release is None:
                    if self._collected(purpose) and self._allowed(purpose) and not self.wire.ready:
                        self.wire.open()
                    continue
                self._gate.verify(release)  # no connection for what may not leave any more
                if not self.wire.ready:
                    self.wire.open()
                    return
                self._turns.remove(purpose)
                self._turns.append(purpose)
                self._door.send(release)
                return
            except Refused:
                continue  # the next tick sees the same and purges

    def tick(self) -> None:
        """Save what has been in RAM for as long as may be lost, and tell the ledger what was dropped."""
        if self._fault is not None:
            raise self._fault
        for purpose, outbox in self.outboxes.items():
            since = self._since.get(purpose)
            if since is not None and self._ticks() - since >= self._window:
                self._save(outbox)
            self._tell(outbox)
        self._tell_denied()

    def expire(self, now: int, waiting: "Callable[[str], int]") -> None:
        """Let go what waits for longer than the profile allows: `waiting(purpose)` seconds."""
        for purpose, outbox in self.outboxes.items():
            head = outbox.overdue(now, waiting(purpose))
            if head is not None:  # without a link it has its turn for as long as it waits
                self.wire.reset()
                outbox.dropped += self._never_left(head)
                outbox.done()
            outbox.expire(now, waiting(purpose))

    def expire_sent(self, now: int, sent: int) -> None:
        """Let go the copies of what left that are `sent` seconds old."""
        for outbox in self.outboxes.values():
            outbox.expire_sent(now, sent)

    def cut(self) -> None:
        """Consent was narrowed: nothing that the wire, its client or the kernel still holds goes on its way."""
        self.wire.reset()

    def purge(self, purpose: str) -> int:
        """Destroy everything of this purpose that waits; how many events that was."""
        outbox = self.outboxes[purpose]
        count = self._never_left(outbox.under_way)
        count += self._gate.forget(purpose, self.recipient) + outbox.purge()
        self._since.pop(purpose, None)
        if count:
            self._ledger.purged(purpose, self.recipient, count)
        return count

    def stop(self) -> None:
        """Cut, and never connect again."""
        self.wire.on_ready = _nothing
        self.cut()

    def close(self) -> None:
        """The agent ends: cut, save what waits, count what cannot be saved. The first error is raised at the end."""
        self.stop()
        fault: "AgentError | None" = None
        for outbox in self.outboxes.values():
            try:
                self._save(outbox)
            except AgentError as error:
                fault = fault or error
            gone = outbox.end()
            outbox.dropped += self._never_left(gone)
            outbox.dropped += self._gate.forget(outbox.purpose, self.recipient)  # could not be sealed: consent has gone
            try:
                self._tell(outbox)
                outbox.vault.outbox.sync()
            except AgentError as error:
                fault = fault or error
        self._tell_denied()
        if fault is not None:
            raise fault

    def _never_left(self, release: "Release | None") -> int:
        """How many events of a release that is given up never left; if it may have left, that is recorded."""
        if release is None or self._ledger.forgotten(release):
            return 0
        return release.count

    def _collected(self, purpose: str) -> int:
        return self._gate.collected(purpose, self.recipient)

    def _allowed(self, purpose: str) -> bool:
        return self._gate.decide(purpose, self.recipient).allowed

    def _seal(self, outbox: "Outbox") -> None:
        outbox.put(self._gate.release(outbox.purpose, self.recipient))

    def _save(self, outbox: "Outbox") -> None:
        try:
            if self._collected(outbox.purpose):
                self._seal(outbox)
            outbox.save(self._now())
        except Refused:
            return  # the next tick sees the same and purges
        self._since.pop(outbox.purpose, None)

    def _head(self, outbox: "Outbox") -> "Release | None":
        release = outbox.head()
        if outbox.lost:
            self._ledger.lost(outbox.purpose, self.recipient, outbox.lost)
            outbox.lost = 0
        return release

    def _tell(self, outbox: "Outbox") -> None:
        if outbox.dropped:
            self._ledger.dropped(outbox.purpose, self.recipient, outbox.dropped)
            outbox.dropped = 0

    def _tell_denied(self) -> None:
        denied, self._denied = self._denied, {}
        for (purpose, reason), count in denied.items():
            self._ledger.refused(Refused(reason, purpose, self.recipient), count)

    def _done(self, release: Release, event: str) -> None:
        outbox = self.outboxes[release.purpose]
        try:
            outbox.done()
            self._ledger.close(release, event)
            if event == "acknowledged":
                outbox.remember(release, self._now())
        except AgentError as error:  # the wire's reader is no place to end in: the next tick raises it
            self._fault = error
        if not outbox.unsaved and not self._collected(release.purpose):
            self._since.pop(release.purpose, None)


def _nothing() -> None:
    return None
