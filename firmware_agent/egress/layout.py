"""How the ledger's files look.

A file `ledger.N` is: LIVE (1), the first 8 bytes of its checkpoint's hash, then frames, then zeros. A frame is: length
(2), entry (CBOR), SHA-256(hash before, entry) (32). The frames end with a zero length, or with SEALED if the history
goes on in another file. Which file comes next is said by the checkpoints, not by the names. A file that does not begin
with LIVE is spare, whatever is in it.
"""

import hashlib

from firmware_agent.egress import entry as form
from firmware_agent.errors import FormatError, LedgerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ContextManager, Protocol

    class Storage(Protocol):
        def read(self, name: str, offset: int = 0, size: int = -1) -> "bytes | None": ...
        def size(self, name: str) -> int: ...
        def allocate(self, name: str, size: int) -> None: ...
        def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None: ...
        def sync(self, name: str) -> None: ...
        def remove(self, name: str) -> None: ...
        def names(self) -> "list[str]": ...
        def lock(self) -> "ContextManager[object]": ...


PREFIX = "ledger."
START = bytes(32)
LIVE = b"\xa7"
SEALED = b"\xff"
LONGEST = 1024  # bytes of an entry
LARGEST = 0x7FFF  # bytes of a checkpoint
BEGIN = 9  # where the frames begin
TORN = LONGEST + 34 + 1  # what a power cut can leave behind the last entry; nothing longer is taken for it
CHUNK = 1280  # bytes read at once


class Broken(LedgerError):
    """The ledger does not verify: `entry` is the first that fails, `offset` its place in the file `name`."""

    def __init__(self, name: str, entry: int, offset: int, why: str, torn: bool = False) -> None:
        todo = "the next start cuts it off" if torn else "keep the files ledger.* for an audit, move it away with them"
        if not torn:
            todo += ", start again"
        super().__init__("%s: entry %d at byte %d: %s; %s" % (name, entry, offset, why, todo))
        self.name = name
        self.entry = entry
        self.offset = offset
        self.torn = torn


class Segment:
    """One live file. first: number of its checkpoint. before: hash before it. begun, latest: times of its entries."""

    def __init__(self, name: str, size: int, mark: bytes, row: "dict[str, Any]") -> None:
        self.name = name
        self.size = size
        self.mark = mark
        self.first: int = row["number"]
        self.segment: int = row["checkpoint"]["segment"]
        self.kept: int = row["checkpoint"]["first"]
        self.before: bytes = row["checkpoint"]["head"]
        self.begun: "int | None" = None
        self.latest: "int | None" = None

    def saw(self, time: "int | None") -> None:
        if time is not None:
            self.begun = time if self.begun is None else min(self.begun, time)
            self.latest = time if self.latest is None else max(self.latest, time)


def files(storage: "Storage") -> "list[str]":
    """Every file that can hold a segment."""
    found = []
    for name in storage.names():
        number = name[len(PREFIX) :]
        if name[: len(PREFIX)] == PREFIX and number and not [one for one in number if one not in "0123456789"]:
            found.append(name)
    return found


def blank(storage: "Storage", name: str, offset: int, end: int) -> bool:
    """Whether there are only zeros."""
    while offset < end:
        data = storage.read(name, offset, min(CHUNK, end - offset)) or b""
        if not data or any(data):
            return not data
        offset += len(data)
    return True


def header(storage: "Storage", name: str, data: bytes) -> "Segment | None":
    """The segment that begins in this file; None if its checkpoint is not whole."""
    length = int.from_bytes(data[BEGIN : BEGIN + 2], "big")
    if not 0 < length <= LARGEST:
        return None
    frame = storage.read(name, BEGIN + 2, length + 32) or b""
    try:
        row = form.decode(frame[:length])
    except FormatError:
        return None
    if row["event"] != "checkpoint":
        return None
    digest = hashlib.sha256(row["checkpoint"]["head"] + frame[:length]).digest()
    if digest != frame[length:] or digest[:8] != data[1:BEGIN]:
        return None
    return Segment(name, storage.size(name), data[:BEGIN], row)
