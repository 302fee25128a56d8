"""Builds nothing by itself and decides nothing: it carries records from sources to the gate and releases to the door.

Each tick asks the gate first. What is no longer permitted is forgotten before anything else happens, without waiting
for anything (L12); what was never permitted is not even read (L6).
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Iterable
from random import SystemRandom

from firmware_agent import phase
from firmware_agent.camera.hub import Hub
from firmware_agent.clock import Clock
from firmware_agent.egress.ledger import Ledger
from firmware_agent.egress.rights import Rights
from firmware_agent.egress.uplink import Uplink
from firmware_agent.errors import AgentError, Refused, SourceError
from firmware_agent.gate import Gate
from firmware_agent.itself import marked
from firmware_agent.model import Permit
from firmware_agent.telemetry.dues import Dues
from firmware_agent.telemetry.dues import chance as delays
from firmware_agent.telemetry.jobs import timely
from firmware_agent.telemetry.reading import Reading
from firmware_agent.telemetry.source import Source

log = logging.getLogger(__name__)

TICK = 0.25  # s between two looks at the consent store
_FINEST = 0.001  # s
REST = 10.0  # s between two while nothing is under way, if a change of its files is told
_NOTE_REFUSALS = 60.0  # s between two counts of the same refusal
_ALERT = 3.0  # s after a decision in which the ledger is read as others write it
_SELDOM = 3600  # s between two records from which on a restart counts as one of the times that it was told
_RETRY_SOURCE = 5.0  # s before a source that failed is read again

_CHANCE = SystemRandom().random
Pair = tuple[str, str]  # purpose, recipient


class Agent:
    """ticks: seconds that only go forward. expiries: called at each tick with the time, seconds since 1970; each lets
    go what is too old in one store. chance: random, 0 to 1. delay: of a sign of life (dues.py). `troubles` holds the
    last error of each source that has one.
    """

    def __init__(
        self,
        gate: Gate,
        ledger: Ledger,
        uplinks: Iterable[Uplink],
        sources: Iterable[Source],
        clock: Clock,
        ticks: Callable[[], float],
        expiries: Iterable[Callable[[int], object]],
        rights: Iterable[Rights] = (),
        camera: Hub | None = None,
        chance: Callable[[], float] = _CHANCE,
        delay: Callable[[], float] = delays,
    ) -> None:
        self.gate = gate
        self.camera = camera
        self.ledger = ledger
        self.uplinks = {uplink.recipient: uplink for uplink in uplinks}
        self.troubles: dict[str, SourceError] = {}
        self._sources = [Reading(source, self._pairs_for(source)) for source in sources]
        self._clock = clock
        self._ticks = ticks
        self._expiries = list(expiries)
        self._rights = list(rights)
        self._permits: dict[Pair, bytes] = {}  # the consent record that permits
        self._ends: int | None = None  # when the first of them ends, seconds since 1970
        self._stale: set[Pair] = set()  # at the last look
        self._begun = False
        self._stirred = False
        self._wake: Callable[[], None] = lambda: None
        self._alert = 0.0  # until then (ticks) whoever decided may still be writing down what was done
        self._reread = 0.0  # then (ticks) the ledger is read again: a slow command writes later than that
        self._since: dict[Pair, tuple[bytes, int | None]] = {}  # what permits, and since when in this run
        self._dues = Dues(gate.catalogue, ticks, delay)
        self._told: dict[Pair, bytes] = {}  # the consent under which each was last permitted
        self._chance = chance
        self._epochs: dict[Pair, int] = {}  # the number of the epoch in which it was last looked at
        self._begins: dict[Pair, float] = {}  # when the first event of that epoch may be taken (ticks)
        self._noted: dict[tuple[Pair, str], float] = {}

    async def run(self, changed: asyncio.Event | None = None) -> None:
        """Tick until cancelled, then leave nothing running. changed: set whenever somebody wrote to the consent store;
        without it the agent looks four times a second.
        """
        if changed is not None:
            self._wake = functools.partial(self._stir, changed)
            if self.camera is not None:
                self.camera.wake = self._wake
        try:
            while True:
                if changed is None:
                    self.tick()
                    await asyncio.sleep(self._until_sign(TICK))
                    continue
                if changed.is_set() and not self._stirred:
                    self._alert = self._ticks() + _ALERT
                self._stirred = False
                changed.clear()  # first: what is written from here on ends the pause
                self.tick()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.pause()):
                        await changed.wait()
        finally:
            await self.close()

    def _stir(self, changed: asyncio.Event) -> None:
        """Somebody looks through the camera, or a reading gave something: ticks must come often now. Nothing was
        decided."""
        self._stirred = True
        changed.set()

    def pause(self) -> float:
        """Seconds until a tick would have something to do, as far as this process knows."""
        return self._until_sign(self._pause())

    def _until_sign(self, pause: float) -> float:
        """Not longer than until a sign of life is due: it comes on its moment, however often there is a tick."""
        pairs = {pair for reading in self._sources for pair in reading.pairs if self._dues.steady(pair)}
        waits = [left for left in map(self._dues.due_in, pairs & self._permits.keys()) if left]
        return min([pause, *(max(_FINEST, left) for left in waits)])

    def _pause(self) -> float:
        if any(uplink.waiting() for uplink in self.uplinks.values()) or any(one.busy for one in self._rights):
            return TICK
        if self._ticks() < self._alert or (self.camera is not None and self.camera.busy):
            return TICK
        pause = REST
        now = self._clock.now()
        if self._ends is not None and now is not None:
            pause = min(pause, self._ends - now)
        for reading in self._sources:
            for pair in reading.pairs:  # a reading under way ends by itself, and sends what it has
                if pair in self._permits:
                    pause = min(pause, max(self._due_in(pair), reading.begins_in(self._ticks())))
        return max(TICK, pause)

    def tick(self) -> None:
        """Look at consent, forget, begin to read what is due, push the links."""
        before = self._permits
        self._permits, lapsed = self._look()
        self._note_since()
        if not self._begun:
            self._begin(lapsed)
        else:
            self._forget(before, lapsed)
        if self._permits != before:
            self._alert = self._ticks() + _ALERT
        elif self._ticks() < self._alert or self._ticks() >= self._reread:
            self._reread = self._ticks() + REST
            self.ledger.refresh()
        if self.camera is not None:
            self.camera.tick(any(self.gate.catalogue.pictured(purpose) for purpose, _ in self._permits))
        self._clock.keep()
        for expire in self._expiries:
            expire(self._clock.latest())
        for uplink in self.uplinks.values():
            uplink.tick()
        for reading in self._sources:
            allowed = [pair for pair in reading.pairs if pair in self._permits]
            if not allowed:
                reading.rest()
                self.troubles.pop(reading.source.name, None)
            elif not reading.busy and not reading.begins_in(self._ticks()) and any(map(self._due, allowed)):
                reading.begin(self._read(reading), self._ticks())
        for uplink in self.uplinks.values():
            uplink.pump()
        for rights in self._rights:
            rights.tick()

    @property
    def readings(self) -> list[Reading]:
        """Each source, and what it said last."""
        return self._sources

    async def settle(self) -> None:
        """Wait for every reading that has begun."""
        for reading in self._sources:
            await reading.wait()

    async def close(self) -> None:
        """Cut the links, end the sources, write what was counted."""
        for uplink in self.uplinks.values():
            uplink.stop()
        for rights in self._rights:
            rights.close()
        for reading in self._sources:
            reading.rest()
        if self.camera is not None:
            await self.camera.close()
        await self.settle()  # before the outboxes are closed: a reading that ends now still offers what it has
        fault = None
        for uplink in self.uplinks.values():
            try:
                uplink.close()
            except AgentError as error:
                fault = fault or error
        self.ledger.settle()
        if fault is not None:
            raise fault
        log.info("%d undeclared fields and %d unfit values stayed", self.gate.undeclared, self.gate.unfit)

    def shut(self, purpose: str, recipient: str) -> None:
        """Shut the gate in RAM, and cut whoever looks through the camera: at once, before anything is written."""
        self.gate.shut(purpose, recipient)
        if self.camera is not None:
            self.camera.cut(purpose, recipient)

    def glance(self) -> None:
        """Somebody wrote to the consent store: cut whoever looks and may not, before the next tick does all else."""
        if self.camera is not None:
            self.camera.look()

    def withdraw(self, purpose: str, recipient: str, put: Callable[[], object]) -> int:
        """Shut the gate in RAM, cut, let `put` store the decision, destroy what waits; how many events that was.

        If storing fails the gate stays shut for this run.
        """
        self.shut(purpose, recipient)
        uplink = self.uplinks.get(recipient)
        if uplink is not None:
            uplink.cut()
        put()
        self.gate.reopen(purpose, recipient)
        consent = self._permits.pop((purpose, recipient), None)
        count = 0 if uplink is None else uplink.purge(purpose)
        if uplink is not None and consent is not None:
            self.ledger.cut(purpose, recipient, consent, count)
        self.ledger.refresh()
        return count

    def watched(self) -> list[Pair]:
        """What the camera is on for, or was within the last minute."""
        return [] if self.camera is None else sorted({(use.purpose, use.recipient) for use in self.camera.uses()})

    async def once(self, source: Source) -> None:
        """Read a source of one purpose and recipient now, because a person asked for it, and offer what it gives;
        Refused, SourceError."""
        purpose, recipient = source.pair or ("", "")
        for record in await source.read():
            self.gate.look()
            self.uplinks[recipient].offer(record, purpose)
            self.uplinks[recipient].pump()

    def _begin(self, lapsed: set[Pair]) -> None:
        """Take up what an earlier run left; destroy what lapsed since; close what nobody will send again."""
        self._begun = True
        waiting: set[bytes] = set()
        for uplink in self.uplinks.values():
            waiting |= uplink.load()
            for purpose in uplink.outboxes:
                if (purpose, uplink.recipient) in lapsed:
                    uplink.purge(purpose)
        self.ledger.close_open(waiting)
        now = self._clock.now()
        for recipient, uplink in self.uplinks.items():
            for purpose, outbox in uplink.outboxes.items():
                if now is None or self.gate.catalogue.purposes[purpose]["every"] < _SELDOM:
                    continue
                times = [frame.time for frame, _ in outbox.vault.copies() if frame.time is not None]
                if times:
                    self._dues.took_before((purpose, recipient), max(0, now - max(times)))

    def _look(self) -> tuple[dict[Pair, bytes], set[Pair]]:
        """(what is permitted, by which consent record; what is denied for good: not just for want of a clock)."""
        permits, lapsed, ends, stale = {}, set(), [], set()
        for pair, verdict in self.gate.look().items():
            if isinstance(verdict, Permit):
                permits[pair] = verdict.consent
                ends += [] if verdict.until is None else [verdict.until]
            else:
                if verdict.reason != "consent_stale":
                    self._note(pair, verdict.reason)
                else:
                    stale.add(pair)
                    if pair in self._stale:  # for longer than between the two writes of a decision
                        self._note(pair, verdict.reason)
                if verdict.reason not in ("clock_untrusted", "consent_expired") or (
                    verdict.reason == "consent_expired" and self._clock.settled
                ):
                    lapsed.add(pair)
        self._ends = min(ends, default=None)
        self._stale = stale
        return permits, lapsed

    def _note_since(self) -> None:
        """Of each pair, when it was permitted: what is from before is not told."""
        before, now = self._since, self._clock.now()
        self._since = {
            pair: before[pair] if pair in before and before[pair][0] == consent else (consent, now)
            for pair, consent in self._permits.items()
        }
        for pair, consent in self._permits.items():
            if self._told.get(pair, consent) != consent:
                self._dues.forget(pair)
        self._told.update(self._permits)

    def _forget(self, before: dict[Pair, bytes], lapsed: set[Pair]) -> None:
        """Consent changed. The links of what was narrowed are cut first: all else takes time. Then what waits goes.

        The entry `cut` tells the command that withdrew, in another process, that all of it is done.
        """
        narrowed = {pair: consent for pair, consent in before.items() if self._permits.get(pair) != consent}
        for pair in narrowed:
            if self.camera is not None:
                self.camera.cut(*pair)
        stale = {}
        for recipient, uplink in self.uplinks.items():
            for purpose in uplink.outboxes:
                pair, held = (purpose, recipient), uplink.held_under(purpose)
                lasting = pair in lapsed or pair in self._permits  # not for want of a clock only: that may come back
                if held is not None and lasting and self._permits.get(pair) != held:
                    stale[pair] = held
        if not narrowed and not stale:
            if self._permits != before:
                self.ledger.refresh()
            return
        for recipient in sorted({pair[1] for pair in [*narrowed, *stale] if pair[1] in self.uplinks}):
            self.uplinks[recipient].cut()
        for pair, consent in {**stale, **narrowed}.items():
            if pair[1] in self.uplinks:
                count = self.uplinks[pair[1]].purge(pair[0]) if pair in stale or pair in lapsed else 0
                self.ledger.cut(*pair, consent, count)
        self.ledger.refresh()

    async def _read(self, reading: Reading) -> None:
        source = reading.source
        try:
            records = await source.read()
            self.troubles.pop(source.name, None)
            reading.heard(records, self._clock.now())
        except SourceError as error:
            reading.failed()
            if source.name not in self.troubles:
                log.warning("%s", error)
            self.troubles[source.name] = error
            await asyncio.sleep(_RETRY_SOURCE)
            return
        except Refused as refusal:  # between the last look and now
            self.ledger.refused(refusal)
            return
        for pair in self._pairs_for(source):
            if pair not in self._permits or not self._due(pair):
                continue
            if self._paused(pair):
                continue
            names = {name for name, _ in self.gate.catalogue.fields_of(pair[0])}
            for heard in records:
                record = timely(heard, self._since[pair][1], self._clock.now())
                if record is None or names.isdisjoint(record.fields):
                    continue
                self._dues.took(pair)  # whether or not the gate agrees: a refusal is no reason to ask faster
                if self._dues.steady(pair) and self.uplinks[pair[1]].waits(pair[0]):
                    continue  # after an outage one sign of life leaves, and not as many as were due
                try:
                    self.uplinks[pair[1]].offer(marked(record, names), pair[0])
                except Refused as refusal:
                    self.ledger.refused(refusal)
        for uplink in self.uplinks.values():
            uplink.pump()
        if any(uplink.waiting() for uplink in self.uplinks.values()):
            self._wake()  # it is saved in time, should it not leave

    def _pairs_for(self, source: Source) -> list[Pair]:
        """What this source serves by the clock: a link must exist, and a field that it offers must be declared. What
        serves one pair only serves no other (L3)."""
        catalogue = self.gate.catalogue
        return [
            (purpose, recipient)
            for purpose, recipient in catalogue.pairs()
            if recipient in self.uplinks
            and source.pair in (None, (purpose, recipient))
            and not catalogue.on_request(purpose)
            and any(name in source.offers for name, _ in catalogue.fields_of(purpose))
        ]

    def _due(self, pair: Pair) -> bool:
        return self._due_in(pair) == 0

    def _due_in(self, pair: Pair) -> float:
        """Seconds until the policy allows another record of this pair."""
        return max(self._begins.get(pair, 0.0) - self._ticks(), self._dues.due_in(pair))

    def _paused(self, pair: Pair) -> bool:
        """Whether a new epoch of this pair's pseudonyms has just begun, and nothing of it is told yet (phase.py)."""
        epoch, now = self.gate.catalogue.epoch(pair[0]), self._clock.now()
        every: float = self.gate.catalogue.purposes[pair[0]]["every"]
        if not epoch or now is None or not every:
            return False
        before, self._epochs[pair] = self._epochs.get(pair), now // epoch
        if before in (None, now // epoch):
            return False
        wait = phase.pause(now % epoch, every, self._chance())
        self._begins[pair] = self._ticks() + wait
        return wait > 0

    def _note(self, pair: Pair, reason: str) -> None:
        last = self._noted.get((pair, reason))
        if last is None or self._ticks() - last >= _NOTE_REFUSALS:
            self._noted[pair, reason] = self._ticks()
            self.ledger.refused(Refused(reason, *pair))
