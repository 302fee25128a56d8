"""The history of what left, what was refused and what was decided: append-only, each entry hashed with the one before.

An entry about a release is on the disk before its first byte leaves. What the entries are is said in entry.py, how
they stand on the storage in layout.py and segments.py, how their end is guarded in signed.py.
"""

import hashlib

from firmware_agent.egress.entry import ENTRY, blank
from firmware_agent.egress.layout import START, Broken
from firmware_agent.egress.segments import Chain
from firmware_agent.errors import LedgerError, Refused
from firmware_agent.model import ConsentRecord, Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from firmware_agent.egress.layout import Storage
    from firmware_agent.egress.signed import SignedHead, Signer

__all__ = ("ENTRY", "KEEP", "PERIOD", "SIZE", "START", "Broken", "Ledger", "entries")

SIZE = 262144  # bytes of a segment
KEEP = 8  # segments
PERIOD = 3600  # seconds for which equal refusals and drops are counted before they make an entry again
_OPEN = 8  # releases that may be under way; each is part of every checkpoint
_LOOSE = ("acknowledged", "unknown")  # if a power cut takes one of these, the next start makes it `unknown` again


def entries(storage: "Storage", every: bool = False) -> "Iterator[tuple[dict[str, Any], int, bytes]]":
    """Verify everything; yield (entry, offset after it in its file, hash after it), checkpoints only if `every`.

    Broken says what is wrong and where. While others write, call it under the storage's lock.
    """
    chain = Chain(storage)
    for row in chain.read():
        if every or row["event"] != "checkpoint":
            yield row, chain.offset, chain.head


class Ledger:
    """Appends entries. Several processes may, in turn: each first reads what the others added.

    size: bytes of a segment, at least 2048. keep: how many segments are kept, at least 2; one more file is spare.
    retention: seconds after which entries are destroyed, in whole segments, by `settle` and `expire`; None: never.
    """

    def __init__(
        self,
        storage: "Storage",
        now: "Callable[[], int | None]",
        watch: "Callable[[dict[str, Any]], None] | None" = None,
        signer: "Signer | None" = None,
        size: int = SIZE,
        keep: int = KEEP,
        retention: "int | None" = None,
        settled: "Callable[[], int | None] | None" = None,
        history: "Callable[[dict[str, Any]], None] | None" = None,
    ) -> None:
        """Verify what is there and cut a torn tail; Broken if it was tampered with. `watch` sees each later entry,
        `history` every one, from the first that is kept on, and after doubt some again: their numbers tell."""
        if size < 2048 or keep < 2 or (retention is not None and retention < 1):
            raise LedgerError("ledger: size must be 2048 or more, keep 2 or more, retention a positive number or None")
        self._storage = storage
        self._now = now
        self._settled = settled or now
        self._signer = signer
        self._history = history
        self._size = size
        self._keep = keep
        self._retention = retention
        self._watch: "Callable[[dict[str, Any]], None] | None" = None
        self._counted: "dict[tuple[str, str, str, str], int]" = {}
        self._since: "int | None" = None
        self._promised: "SignedHead | None" = None
        if storage.size("ledger.head"):
            from firmware_agent.egress import signed  # what is rare is loaded when it happens: a board's heap is small

            self._promised = signed.newest(storage)  # before the entries: others may add some now
        self._signed = b""
        self._chain = Chain(storage)
        self.refresh()
        with storage.lock():
            self._catch_up()
            if self._chain.spare or self._chain.leftover:
                from firmware_agent.egress import repair

                self._chain.spare = repair.tidy(storage, self._chain.leftover, self._chain.spare)
                self._chain.leftover = []
        self._watch = watch

    def refresh(self) -> None:
        """Read what other processes added; the lock is held for the last of it only."""
        doubt = False
        try:
            self._read()
        except Broken:
            doubt = True  # it may be half of what another is writing: what counts is what stands there under the lock
        with self._storage.lock():
            self._catch_up(doubt)

    @property
    def head(self) -> bytes:
        """SHA-256 over everything so far: keep it elsewhere, and a cut tail shows."""
        return self._chain.head

    def totals(self) -> "dict[tuple[str, str, str], int]":
        """(event, purpose, recipient) -> events in the whole life of the ledger, with what no entry tells yet."""
        found = {key: total[0] for key, total in self._chain.standing.totals.items()}
        for (event, _, purpose, recipient), count in self._counted.items():
            key = (event, purpose, recipient)
            if count:
                found[key] = found.get(key, 0) + count
        return found

    def close_open(self, waiting: "set[bytes]") -> None:
        """At the start of a run: what was attempted and never heard of is `unknown`, unless its ident still waits."""
        for entry in self._by_age():
            if entry["ident"] not in waiting:
                self._append("unknown", entry)

    def cut(self, purpose: str, recipient: str, consent: bytes, count: int) -> None:
        """Record that the link on which this consent counted is cut and nothing of it is left: `count` events were."""
        self._append("cut", {"purpose": purpose, "recipient": recipient, "consent": consent, "count": count})

    def open(self, release: Release) -> None:
        """Record that `release` is about to leave. Doing so again while it is open changes nothing (QoS 1)."""
        if release.ident in self._chain.standing.open:
            return
        for entry in self._by_age()[: 1 - _OPEN]:  # more than any link has under way: nobody will tell of these
            self._append("unknown", entry)
        self._append("attempted", _release_parts(release))

    def close(self, release: Release, event: str) -> None:
        """Record its end: `acknowledged`, or `unknown` if nobody can tell. Nothing if it was never opened."""
        entry = self._chain.standing.open.get(release.ident)
        if entry is not None:
            self._append(event, entry)

    def forgotten(self, release: Release) -> bool:
        """A release was given up: if it was attempted, that is recorded as `unknown`; False if it never was."""
        entry = self._chain.standing.open.get(release.ident)
        if entry is not None:
            self._append("unknown", entry)
        return entry is not None

    def refused(self, refusal: Refused, count: int = 1) -> None:
        """Count refusals by their names."""
        self._count(("refused", refusal.reason, refusal.purpose, refusal.recipient), count)

    def dropped(self, purpose: str, recipient: str, count: int = 1) -> None:
        """Count events that waited and will never leave."""
        self._count(("dropped", "", purpose, recipient), count)

    def purged(self, purpose: str, recipient: str, count: int) -> None:
        """Record that a withdrawal destroyed `count` events that waited."""
        self._append("purged", {"purpose": purpose, "recipient": recipient, "count": count})

    def lost(self, purpose: str, recipient: str, count: int) -> None:
        """Record that a power cut or damage took `count` events that waited."""
        self._append("lost", {"purpose": purpose, "recipient": recipient, "count": count})

    def erased(self) -> None:
        """Record that what the device kept was destroyed on purpose."""
        self._append("erased", {})

    def noted(self, event: str, detail: str) -> None:
        """Record that a phone came or went, by role, a viewer, by purpose, or a profile, by name and version."""
        self._append(event, {"detail": detail})

    def decided(self, record: ConsentRecord, event: str = "decided") -> None:
        """Record a decision by its state; `found`, if it was stored before and its entry is not here."""
        parts = {"detail": record.state, "purpose": record.purpose, "recipient": record.recipient}
        self._append(event, dict(parts, consent=record.digest()))

    def asked(self, event: str, purpose: str, recipient: str, ident: bytes, count: int = 1) -> None:
        """Record a step of a deletion request (see requests.py), by the request's ident."""
        self._append(event, {"purpose": purpose, "recipient": recipient, "ident": ident, "count": count})

    def watching(self, purpose: str, recipient: str, ident: bytes, consent: bytes, detail: str) -> None:
        """Record that somebody is about to look through the camera: "stream", "picture" or "page"."""
        parts = {"purpose": purpose, "recipient": recipient, "ident": ident, "consent": consent, "detail": detail}
        self._append("watching", parts)

    def watched(self, purpose: str, recipient: str, ident: bytes, consent: bytes, count: int, size: int) -> None:
        """Record that this is over: `count` pictures, `size` bytes."""
        parts = {"purpose": purpose, "recipient": recipient, "ident": ident, "consent": consent}
        self._append("watched", dict(parts, count=count, size=size))

    def settle(self) -> None:
        """Write what was counted, destroy what is too old, and sign the head: all of it is on the disk then."""
        for key, count in self._counted.items():
            if count:
                self._append_count(key, count)
        self._counted = {}
        self.expire(self._settled())
        with self._storage.lock():
            self._catch_up()
            self._sign()

    def expire(self, now: "int | None") -> int:
        """Destroy the segments whose entries are all older than the retention; return how many segments."""
        if self._retention is None or now is None:
            return 0
        with self._storage.lock():
            self._catch_up()
            old = self._old(now)
            if old or self._long(now):
                self._rotate()
            return old

    def erase(self) -> None:
        """Overwrite the whole history with zeros and remove it. The signing key is not part of it."""
        from firmware_agent.egress import repair, signed

        with self._storage.lock():
            signed.erase(self._storage)  # first: without entries it would tell of tampering
            repair.erase(self._storage)
            self._chain = Chain(self._storage)
        self._counted = {}
        self._signed = b""

    def _by_age(self) -> "list[dict[str, Any]]":
        return sorted(self._chain.standing.open.values(), key=lambda row: row["number"])

    def _count(self, key: "tuple[str, str, str, str]", count: int) -> None:
        """The first of its kind makes an entry at once, its like are summed up each PERIOD."""
        if key in self._counted:
            self._counted[key] += count
        else:
            self._append_count(key, count)
            self._counted[key] = 0
        now = self._now()
        if self._since is None:
            self._since = now
        elif now is not None and not 0 <= now - self._since < PERIOD:
            self.settle()
            self._since = now

    def _append_count(self, key: "tuple[str, str, str, str]", count: int) -> None:
        event, detail, purpose, recipient = key
        self._append(event, {"detail": detail, "purpose": purpose, "recipient": recipient, "count": count})

    def _append(self, event: str, parts: "dict[str, Any]") -> None:
        with self._storage.lock():
            self._catch_up()
            self._write(event, parts)

    def _write(self, event: str, parts: "dict[str, Any]") -> None:
        row = blank(event)
        row.update(parts)
        row.update({"time": self._now(), "event": event})
        if self._long(row["time"]):
            self._rotate()
        if not self._chain.append(row, event not in _LOOSE):
            self._rotate()
            self._chain.append(row, event not in _LOOSE)
        self._tell(row)

    def _tell(self, row: "dict[str, Any]") -> None:
        if row["event"] != "checkpoint":
            if self._watch is not None:
                self._watch(row)
            if self._history is not None:
                self._history(row)

    def _rotate(self) -> None:
        now = self._now()
        row = blank("checkpoint")
        row["time"] = now
        drop = max(len(self._chain.segments) + 1 - self._keep, self._old(self._settled()), 0)
        self._chain.begin(row, self._size, drop)
        self._sign()

    def _long(self, now: "int | None") -> bool:
        """Whether the last segment began so long ago that one more entry would keep its first far beyond their time."""
        begun = self._chain.segments[-1].begun if self._chain.segments else None
        if self._retention is None or now is None or begun is None:
            return False
        return now - begun > self._retention // self._keep

    def _old(self, now: "int | None") -> int:
        """How many of the oldest segments hold only entries older than the retention; times can be missing."""
        count = 0
        if self._retention is not None and now is not None:
            for at, segment in enumerate(self._chain.segments):
                if segment.latest is not None:
                    if now - segment.latest <= self._retention:
                        break
                    count = at + 1
        return count

    def _sign(self) -> None:
        """Sign the head; only what is on the disk, for after a power cut a signed entry must still be there."""
        self._chain.sync()
        if self._signer is None or self._chain.number == 1 or self._chain.head == self._signed:
            return
        from firmware_agent.egress import signed

        signed.keep(self._storage, signed.sign(self._signer, self._chain.number - 1, self._chain.head, self._now()))
        self._signed = self._chain.head

    def _catch_up(self, doubt: bool = False) -> None:
        """Read to the end; the caller holds the lock. What was read before is read anew if there is any doubt."""
        moved = self._chain.moved()
        if moved == "more" and not doubt:
            try:
                self._read()
                return
            except Broken:
                doubt = True
        if doubt or moved == "other":  # others dropped or erased what was read, wrote meanwhile, or died while writing
            watch, self._watch = self._watch, None
            self._chain = Chain(self._storage)
            try:
                self._read_and_repair()
            finally:
                self._watch = watch

    def _read_and_repair(self) -> None:
        try:
            self._read()
        except Broken as broken:
            if not broken.torn:
                raise
            self._keeps_promise()
            from firmware_agent.egress import repair

            torn = repair.cut(self._storage, self._chain.name, self._chain.offset)
            self._write("recovered", {"size": len(torn), "payload": hashlib.sha256(torn).digest()})

    def _read(self) -> None:
        promised = self._promised
        for row in self._chain.read():
            if promised is not None and row["number"] == promised.number and self._chain.head != promised.head:
                raise Broken(self._chain.name, row["number"], self._chain.began, "another one was signed")
            self._tell(row)
        self._keeps_promise()

    def _keeps_promise(self) -> None:
        """Broken if a signed head names an entry beyond the end."""
        last = self._chain.number - 1
        if self._promised is not None and last < self._promised.number:
            why = "entries after %d were cut off: entry %d was signed" % (last, self._promised.number)
            raise Broken(self._chain.name, last + 1, self._chain.offset, why)
        self._promised = None


def _release_parts(release: Release) -> "dict[str, Any]":
    return {
        "purpose": release.purpose,
        "recipient": release.recipient,
        "categories": list(release.categories),
        "size": len(release.payload),
        "payload": hashlib.sha256(release.payload).digest(),
        "consent": release.consent,
        "ident": release.ident,
        "count": release.count,
    }
