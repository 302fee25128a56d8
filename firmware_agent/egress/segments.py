"""The ledger on the storage: a chain of entries in files of fixed size that are filled in place.

Rotation: write the checkpoint into a spare file, seal the old one, then make the new one LIVE: one byte, so that a
power cut leaves it either done or not begun. Only then are the oldest files zeroed.

What a power cut may leave at the end, and what is therefore no tampering: at most TORN bytes that do not verify, then
only zeros, and of their first frame the end, or a whole sector, is zeros.
"""

import hashlib

from firmware_agent.egress import entry as form
from firmware_agent.egress.layout import (
    BEGIN,
    CHUNK,
    LARGEST,
    LIVE,
    LONGEST,
    PREFIX,
    SEALED,
    START,
    TORN,
    Broken,
    Segment,
    blank,
    files,
    header,
)
from firmware_agent.egress.standing import Standing
from firmware_agent.errors import FormatError, LedgerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from firmware_agent.egress.layout import Storage


class Chain:
    """Reads and verifies the entries in order, knows what they add up to, and writes the next one.

    number: of the next entry. head: hash over everything so far. name, began: file and place of the entry read last.
    """

    def __init__(self, storage: "Storage") -> None:
        self.segments: "list[Segment]" = []
        self.standing = Standing()
        self.number = 1
        self.head = START
        self.name = PREFIX + "0"
        self.began = 0
        self.offset = 0
        self._storage = storage
        self._at = -1  # which of `segments` is being read
        self._sealed = False
        self._loose = 0  # bytes written and not yet synced
        self.spare: "list[str]" = []
        self._damaged: "list[str]" = []
        self.leftover: "list[str]" = []  # live, and no longer named by the newest checkpoint

    # Reading

    def read(self) -> "Iterator[dict[str, Any]]":
        """Yield each entry after the last one read; Broken says what is wrong and where."""
        if self._at < 0:
            self._scan()
            if not self.segments:
                self._all_there()
                return
            self._enter(0)
        while True:
            yield from self._frames()
            if self._sealed and self._at + 1 == len(self.segments):
                self._scan()  # it goes on in a file that was not there before, or is about to
            if self._at + 1 == len(self.segments):
                self._all_there()
                return
            if not self._sealed:
                raise self._broken("there is no seal, and yet %s goes on" % self.segments[self._at + 1].name)
            self._enter(self._at + 1)

    def moved(self) -> str:
        """What others did since the last reading: "" nothing, "more" to read, "other": this history is gone."""
        if self._at < 0:
            return "more"
        segment = self.segments[self._at]
        if self._storage.read(segment.name, 0, BEGIN) != segment.mark:
            return "other"
        if self._sealed:
            return "more"
        return "" if (self._storage.read(segment.name, self.offset, 2) or b"\0\0") == b"\0\0" else "more"

    def _scan(self) -> None:
        """Which files are live, in which order; finds the one that was read last."""
        mark = self.segments[self._at].mark if self._at >= 0 else b""
        known = {segment.mark: segment for segment in self.segments}
        live: "list[Segment]" = []
        self.spare, self._damaged = [], []
        for name in files(self._storage):
            data = self._storage.read(name, 0, BEGIN + 2) or b""
            if data[:1] == LIVE:
                found = header(self._storage, name, data)
                if found is None:
                    self._damaged.append(name)
                else:
                    live.append(known.get(found.mark, found))
            elif data[:1] in (b"", b"\0"):
                self.spare.append(name)
            else:
                self._damaged.append(name)
        live.sort(key=lambda segment: segment.segment)
        for at in range(1, len(live)):
            if live[at].segment == live[at - 1].segment:
                why = "the same part of the history stands in %s" % live[at - 1].name
                raise Broken(live[at].name, live[at].first, BEGIN, why)
        # what the newest checkpoint no longer names was about to be zeroed
        kept = live[-1].kept if live else 1
        self.segments = [segment for segment in live if segment.first >= kept]
        self.leftover = [segment.name for segment in live if segment.first < kept]
        marks = [segment.mark for segment in self.segments]
        if mark:
            if mark not in marks:
                raise Broken(self.name, self.number, self.offset, "the file was replaced while it was read")
            self._at = marks.index(mark)

    def _enter(self, at: int) -> None:
        """Begin to read a segment; Broken if one is missing before it."""
        segment = self.segments[at]
        if self._at < 0:
            if segment.first != self.segments[-1].kept:
                raise self._missing(self.segments[-1].kept, segment.first)
            self.number, self.head = segment.first, segment.before
        elif segment.segment != self.segments[self._at].segment + 1:
            raise self._missing(self.number, segment.first)
        self._at, self.offset, self._sealed, self.name = at, BEGIN, False, segment.name

    def _missing(self, number: int, end: int) -> Broken:
        if self._damaged:
            return Broken(self._damaged[0], number, BEGIN, "the beginning of the file was changed")
        return Broken("ledger", number, 0, "the file with it and all up to entry %d was removed" % (end - 1))

    def _all_there(self) -> None:
        if self._damaged:
            raise self._missing(self.number, self.number)

    def _frames(self) -> "Iterator[dict[str, Any]]":
        segment = self.segments[self._at]
        window, start = b"", self.offset
        while not self._sealed:
            at = self.offset - start
            if at + 2 > len(window):
                window, start, at = self._storage.read(segment.name, self.offset, CHUNK) or b"", self.offset, 0
            self.began = self.offset
            if window[at : at + 1] == SEALED:
                if not self._zeros(self.offset + 1):
                    raise self._broken("there is something after the end")
                self._sealed = True
                return
            length = int.from_bytes(window[at : at + 2], "big")
            if length == 0:
                if not self._zeros(self.offset):
                    raise self._torn_or("there is something after the end", 0)
                return
            if length > (LARGEST if self.offset == BEGIN else LONGEST):
                raise self._broken("its length was changed")
            if at + length + 34 > len(window):
                size = max(CHUNK, length + 34)
                window, start, at = self._storage.read(segment.name, self.offset, size) or b"", self.offset, 0
            body, after = window[at + 2 : at + 2 + length], window[at + 2 + length : at + 34 + length]
            if len(after) < 32:
                raise self._broken("the file ends inside it")
            head = hashlib.sha256(self.head + body).digest()
            if head != after:
                raise self._torn_or("it was changed, or one before it was removed", length + 34)
            yield self._verified(body, head)

    def _verified(self, body: bytes, head: bytes) -> "dict[str, Any]":
        try:
            row = form.decode(body)
        except FormatError as error:
            raise self._broken(str(error))
        if row["number"] != self.number:
            raise self._broken("it is numbered %d" % row["number"])
        if (row["event"] == "checkpoint") != (self.offset == BEGIN):
            raise self._broken("a checkpoint stands at the beginning of a file and nowhere else")
        self._passed(row, head, len(body) + 34)
        return row

    def _passed(self, row: "dict[str, Any]", head: bytes, size: int) -> None:
        """One entry further."""
        if row["event"] != "checkpoint":
            self.standing.follow(row)
            self.segments[self._at].saw(row["time"])
        elif self._at == 0 and row["number"] > 1:
            self.standing.load(row["checkpoint"])
        elif not self.standing.agrees(row["checkpoint"]):
            raise self._broken("its sums do not follow from the entries before it")
        self.offset += size
        self.number += 1
        self.head = head

    def _broken(self, why: str, torn: bool = False) -> Broken:
        return Broken(self.name, self.number, self.offset, why, torn)

    def _torn_or(self, why: str, extent: int) -> Broken:
        """What does not verify: left by a power cut, or changed? extent: bytes of the frame; 0: its length is gone."""
        if self._at + 1 == len(self.segments) and self.offset > BEGIN and self._zeros(self.offset + TORN):
            from firmware_agent.egress import repair  # what is rare is loaded when it happens: a board's heap is small

            if repair.torn(self._storage, self.name, self.offset, extent):
                return self._broken("a power cut left only a part of it", True)
        return self._broken(why)

    def _zeros(self, offset: int) -> bool:
        """Whether nothing follows."""
        return blank(self._storage, self.name, offset, self.segments[self._at].size)

    # Writing; the caller holds the lock and has read to the end

    def append(self, row: "dict[str, Any]", sync: bool) -> bool:
        """Number, hash and write an entry; False if it does not fit into this segment. What is not synced goes on the
        disk with the next that is: together they are never longer than what counts as torn."""
        if self._at < 0 or self._sealed:
            return False
        row["number"] = self.number
        body = form.encode(row)
        if len(body) > LONGEST:
            raise LedgerError("ledger: an entry of %d bytes; the profile's names are too long" % len(body))
        head = hashlib.sha256(self.head + body).digest()
        frame = len(body).to_bytes(2, "big") + body + head
        if self.offset + len(frame) >= self.segments[self._at].size:  # a byte stays for the seal
            return False
        if self._loose and self._loose + len(frame) >= TORN:
            self.sync()
        self._storage.patch(self.name, self.offset, frame, sync)
        self._loose = 0 if sync else self._loose + len(frame)
        self._passed(row, head, len(frame))
        return True

    def sync(self) -> None:
        """Whatever was written is on the disk when this returns."""
        if self._at >= 0:
            self._storage.sync(self.name)
        self._loose = 0

    def begin(self, row: "dict[str, Any]", size: int, drop: int) -> None:
        """Go on in another file, whose checkpoint is `row`, and destroy the `drop` oldest segments."""
        kept = self.segments[drop:]
        row["number"] = self.number
        row["checkpoint"] = {
            "form": 1,
            "segment": self.segments[-1].segment + 1 if self.segments else 1,
            "first": kept[0].first if kept else self.number,
            "head": self.head,
        }
        row["checkpoint"].update(self.standing.tables())
        body = form.encode(row)
        frame = len(body).to_bytes(2, "big") + body + hashlib.sha256(self.head + body).digest()
        if len(body) > LARGEST or BEGIN + len(frame) + LONGEST + 34 >= size:
            raise LedgerError(
                "ledger: a checkpoint of %d bytes does not fit into %d; raise the size" % (len(body), size)
            )
        name = self._spare_file()
        self._storage.allocate(name, size)
        self._storage.patch(name, 1, frame[-32:-24] + frame)
        if self.segments and not self._sealed:
            self._storage.patch(self.name, self.offset, SEALED)
            self._sealed = True
        self._storage.patch(name, 0, LIVE)
        self._loose = 0
        self.spare.remove(name)
        self.segments.append(Segment(name, self._storage.size(name), LIVE + frame[-32:-24], row))
        self._at, self.name, self.offset, self._sealed = len(self.segments) - 1, name, BEGIN, False
        self._passed(row, frame[-32:], len(frame))
        for segment in self.segments[:drop]:
            self._clear(segment.name)
            self.spare.append(segment.name)
        self.segments = self.segments[drop:]
        self._at -= drop

    def _spare_file(self) -> str:
        """A file of zeros, or one that is not there yet."""
        if not self.spare:
            names = files(self._storage)
            number = 0
            while PREFIX + str(number) in names:
                number += 1
            self.spare.append(PREFIX + str(number))
        self._clear(self.spare[0])
        return self.spare[0]

    def _clear(self, name: str) -> None:
        if not blank(self._storage, name, 0, self._storage.size(name)):
            from firmware_agent.egress import repair

            repair.zero(self._storage, name)
