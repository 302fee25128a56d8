"""Two slots written in turn: a torn or damaged write leaves the one before readable.

A slot is: b"FA1", kind (1), sequence (8), length (4), body, CRC-32 (4), HMAC-SHA256 (32). The checksum tells damage
from forgery in a report; the MAC, which also covers the pair's name, decides.
"""

import binascii
import hashlib
import hmac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Storage(Protocol):
        def read(self, name: str) -> "bytes | None": ...
        def write(self, name: str, data: bytes) -> None: ...


_MAGIC = b"FA1"
_HEAD = 16
_TAIL = 36
FRESH = bytes(1024)  # a slot before its first write: its room on the disk is taken, so a full one stops no decision
EMPTIED = bytes(1)  # one whose content must not come back: not fresh, and it keeps its block


class SlotPair:
    """`newest` finds the newest body that is whole and ours; `write` overwrites the other slot in place, synced."""

    def __init__(self, storage: "Storage", name: str, key: bytes) -> None:
        self._storage = storage
        self._names = (name + ".0", name + ".1")
        self._key = key
        self._kind = name[:1].encode()
        self._name = name.encode() + b"\0"  # part of what the MAC covers: a slot of another name is not ours

    def raw(self) -> "list[bytes | None]":
        """Both slots as they stand on the storage."""
        return [self._storage.read(name) for name in self._names]

    def newest(self, raw: "list[bytes | None]") -> "tuple[int, bytes | None]":
        """(sequence, body) out of what `raw` returned; (0, None) if no slot can be trusted."""
        return max([self._open(data) for data in raw], key=lambda slot: slot[0])

    def blank(self, raw: "list[bytes | None]") -> bool:
        """Whether nothing was ever written here, by what `raw` returned."""
        return all([data is None or data == FRESH for data in raw])

    def write(self, sequence: int, body: bytes) -> None:
        """Store `body` under a sequence higher than both slots'.

        A slot that cannot be trusted is emptied first: with the key that it was written with, it must not come back.
        """
        raw = self.raw()
        for name, data in zip(self._names, raw):
            if data and any(data) and self._open(data)[1] is None:
                self._storage.write(name, EMPTIED)
        first, second = [self._open(data)[0] for data in raw]
        older = 0 if first <= second else 1
        head = _MAGIC + self._kind + sequence.to_bytes(8, "big") + len(body).to_bytes(4, "big")
        frame = head + body
        frame += binascii.crc32(frame).to_bytes(4, "big")
        self._storage.write(self._names[older], frame + self._mac(frame))

    def trouble(self) -> "list[str]":
        """One line for each slot that is there and cannot be trusted."""
        lines = []
        for name in self._names:
            data = self._storage.read(name)
            if not data or not any(data) or self._open(data)[1] is not None:  # zeros: nothing to trust or to fear
                continue
            whole = len(data) > _TAIL and binascii.crc32(data[:-_TAIL]).to_bytes(4, "big") == data[-_TAIL:-32]
            lines.append(name + (": not written with this device's key" if whole else ": damaged"))
        return lines

    def _open(self, data: "bytes | None") -> "tuple[int, bytes | None]":
        if data is None or len(data) < _HEAD + _TAIL or data[:4] != _MAGIC + self._kind:
            return 0, None
        if int.from_bytes(data[12:16], "big") != len(data) - _HEAD - _TAIL:
            return 0, None
        if not hmac.compare_digest(self._mac(data[:-32]), data[-32:]):
            return 0, None
        return int.from_bytes(data[4:12], "big"), data[_HEAD:-_TAIL]

    def _mac(self, data: bytes) -> bytes:
        return hmac.new(self._key, self._name + data, hashlib.sha256).digest()
