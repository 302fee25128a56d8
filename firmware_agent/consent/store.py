"""The owner's decisions, one record per purpose and recipient.

Records live in one pair of slots; the floor, the sequence below which a record no longer counts, in another. A
narrower decision raises the floor before it is written, a grant is written before its floor is raised: so a power
cut, one damaged or missing file, or an old copy of one file can only close the gate (attacks 2 and 5). An old copy
of the whole storage cannot be noticed without a counter in hardware.
"""

from firmware_agent import cbor
from firmware_agent.consent.slots import EMPTIED, FRESH, SlotPair
from firmware_agent.errors import FormatError
from firmware_agent.model import AGE, GIVEN, ConsentRecord, consent_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, ContextManager, Protocol

    Pair = tuple[str, str]
    Records = dict[Pair, ConsentRecord]
    Floors = dict[Pair, int]

    class Storage(Protocol):
        def read(self, name: str) -> "bytes | None": ...
        def write(self, name: str, data: bytes) -> None: ...
        def stamp(self, name: str) -> object: ...
        def lock(self) -> "ContextManager[object]": ...


KEY = "consent.key"
SLOTS = ("consent.0", "consent.1", "floor.0", "floor.1")


def storage_key(storage: "Storage", entropy: "Callable[[int], bytes]", others: "tuple[str, ...]" = ()) -> bytes:
    """The device's key for the store, made at the first start.

    What was written with a lost key is emptied first: it must not come back with that key. The slots get their room
    on the disk here: a withdrawal is then written in place, also when the disk is full. others: files that begin anew
    with a new key, too.
    """
    with storage.lock():
        key = storage.read(KEY)
        if key is None or len(key) != 32 or not any(key):  # zeros: an erase that a power cut ended
            for name in SLOTS:
                storage.write(name, EMPTIED if any(storage.read(name) or b"") else FRESH)
            for name in others:
                if any(storage.read(name) or b""):
                    storage.write(name, EMPTIED)
            key = entropy(32)
            storage.write(KEY, key)
    return key


class ConsentStore:
    """`current` looks at the flash at each call: a decision made by another process counts at once."""

    def __init__(self, storage: "Storage", key: bytes) -> None:
        self._storage = storage
        self._slots = SlotPair(storage, "consent", key)
        self._floor = SlotPair(storage, "floor", key)
        self._stamps: "list[object]" = [None]
        self._raw: "list[bytes | None]" = []
        self._loaded: "tuple[Records | None, Floors | None, int]" = (None, None, 0)

    def current(self, purpose: str, recipient: str) -> "tuple[ConsentRecord | None, int | None, str]":
        """(record, floor, "") or, where a part cannot be trusted, (None, None, reason)."""
        records, floors, _ = self._load()
        if records is None or floors is None:
            return None, None, self._trouble()
        return records.get((purpose, recipient)), floors.get((purpose, recipient)), ""

    def minor(self) -> bool:
        """Whether it was said that a minor uses this device, or damage may hide that somebody said so."""
        self._load()
        return self._minor()

    def standing(self, purpose: str, recipient: str) -> "tuple[ConsentRecord | None, int | None, str, bool]":
        """What `current` and `minor` say, of one and the same look at the flash."""
        record, floor, trouble = self.current(purpose, recipient)
        return record, floor, trouble, self._minor()

    def put(
        self,
        purpose: str,
        recipient: str,
        state: str,
        policy: bytes,
        actor: str,
        method: str,
        time: "int | None",
        until: "int | None" = None,
    ) -> ConsentRecord:
        """Store one decision and return its record. Who may decide is settled before, by the caller."""
        with self._storage.lock():
            records, floors, last = self._load()
            floors = dict(floors or {})
            kept = {}
            for pair, record in (records or {}).items():  # what no longer holds must not be written anew
                if pair in floors and record.sequence >= floors[pair]:
                    kept[pair] = record
            sequence = last + 1
            record = ConsentRecord(purpose, recipient, state, policy, sequence, actor, method, time, until)
            consent_record(record.row())  # FormatError now, rather than a store that nobody can read
            kept[purpose, recipient] = record
            floors[purpose, recipient] = sequence
            if state in GIVEN:
                self._write_records(sequence, kept)
                self._write_floors(sequence, floors)
            else:
                self._write_floors(sequence, floors)
                self._write_records(sequence, kept)
        return record

    def blank(self) -> bool:
        """Whether nothing was ever decided here."""
        self._load()
        return self._blank()

    def _minor(self) -> bool:
        records, floors, _ = self._loaded
        record = None if records is None else records.get(AGE)
        if record is not None and record.state not in GIVEN:
            return True
        if records is None or floors is None:
            return self._trouble() == "consent_unreadable"
        floor = floors.get(AGE)
        return floor is not None and (record is None or record.sequence < floor)

    def _trouble(self) -> str:
        """Why nothing of what was loaded counts. The first decision may be half written by another process: before it
        is done, nobody has decided."""
        first = self._blank() or (self._loaded[2] == 1 and self._fresh())
        return "consent_missing" if first else "consent_unreadable"

    def _blank(self) -> bool:
        return self._slots.blank(self._raw[:2]) and self._floor.blank(self._raw[2:])

    def _fresh(self) -> bool:
        """Whether one of the two pairs of slots still stands as it was made."""
        return self._raw[:2] == [FRESH, FRESH] or self._raw[2:] == [FRESH, FRESH]

    def may_be_given(self, purpose: str, recipient: str) -> bool:
        """Whether a consent is stored, even one that no longer holds; yes if damage may hide one, lest it come back."""
        record, floor, trouble = self.current(purpose, recipient)
        if trouble == "consent_unreadable" or (trouble and not self.blank()) or self.trouble():
            return True
        if record is None or (floor is not None and record.sequence < floor):
            return floor is not None
        return record.state in GIVEN

    def records(self) -> "list[ConsentRecord]":
        """Every stored record that its floor still lets count."""
        records, floors, _ = self._load()
        if records is None or floors is None:
            return []
        return [records[pair] for pair in sorted(records) if pair in floors and records[pair].sequence >= floors[pair]]

    def trouble(self) -> "list[str]":
        """One line for each part that is there and cannot be trusted."""
        return self._slots.trouble() + self._floor.trouble()

    def _load(self) -> "tuple[Records | None, Floors | None, int]":
        """(records, floors, the last sequence): read anew unless every file's stamp says that nobody wrote to it."""
        stamp = self._storage.stamp
        stamps = [stamp(name) for name in SLOTS]
        if stamps == self._stamps and None not in stamps:
            return self._loaded
        slots, floors = self._slots.raw(), self._floor.raw()
        if slots + floors != self._raw:
            self._loaded = self._parse(slots, floors)
            self._raw = slots + floors
        self._stamps = stamps  # taken before the reading: what was written since has another
        return self._loaded

    def _parse(
        self, slots: "list[bytes | None]", floor_slots: "list[bytes | None]"
    ) -> "tuple[Records | None, Floors | None, int]":
        at_slot, slot = self._slots.newest(slots)
        at_floor, floor = self._floor.newest(floor_slots)
        records: "Records | None" = None
        floors: "Floors | None" = None
        last = max(at_slot, at_floor)
        try:
            if slot is not None:
                found = [consent_record(row) for row in cbor.decode(slot)]
                records = {(record.purpose, record.recipient): record for record in found}
            if floor is not None:
                floors = {(purpose, recipient): lowest for purpose, recipient, lowest in cbor.decode(floor)}
        except (FormatError, TypeError, ValueError):
            return None, None, last
        return records, floors, last

    def _write_records(self, sequence: int, records: "Records") -> None:
        self._slots.write(sequence, cbor.encode([records[pair].row() for pair in sorted(records)]))

    def _write_floors(self, sequence: int, floors: "Floors") -> None:
        rows: "list[Any]" = [[pair[0], pair[1], floors[pair]] for pair in sorted(floors)]
        self._floor.write(sequence, cbor.encode(rows))
