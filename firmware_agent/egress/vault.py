"""What one consent keeps on flash: a key, the releases that wait, copies of the last that left. `shred` ends all of it.

The key's file is overwritten in place and synced, never renamed: an old copy would open what a withdrawal closed.
"""

import hashlib

from firmware_agent.egress.ring import Ring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, ContextManager, Protocol

    from firmware_agent.egress.ring import Cipher, Frame
    from firmware_agent.egress.ring import Storage as RingStorage

    class Storage(RingStorage, Protocol):
        def write(self, name: str, data: bytes) -> None: ...
        def remove(self, name: str) -> None: ...
        def lock(self) -> "ContextManager[object]": ...


_SLOT = 96  # bytes
_NOBODY = bytes(32)


class KeySlot:
    """A key of 32 bytes in a file of 96: the key, SHA-256 of the consent record it serves (or zeros), SHA-256 of both.

    A torn key is none: nothing was sealed with it.
    """

    def __init__(self, storage: "Storage", name: str) -> None:
        self.name = name
        self._storage = storage

    def read(self) -> "bytes | None":
        """The key, or None if there is none."""
        return self._parts()[0]

    def serves(self, consent: bytes) -> bool:
        """Whether there is a key, and it was made for this consent record."""
        return self._parts()[1] == consent

    def made_for(self, consent: bytes) -> "bytes | None":
        """The key, if there is one and it was made for this consent record."""
        key, serves = self._parts()
        return key if serves == consent else None

    def consent(self) -> "bytes | None":
        """The digest of the record that the key serves; None if there is no key."""
        return self._parts()[1]

    def make(self, entropy: "Callable[[int], bytes]", consent: bytes = _NOBODY) -> bytes:
        """The key that is there, or a new one."""
        key = self.read()
        if key is None:
            key = entropy(32)
            self._storage.write(self.name, key + consent + hashlib.sha256(key + consent).digest())
        return key

    def damaged(self) -> bool:
        """Whether something stands here that is no key: it was one once, and it was not destroyed on purpose."""
        return any(self._storage.read(self.name) or b"") and self.read() is None

    def shred(self) -> None:
        """Overwrite the key; on the disk when this returns."""
        if self._storage.size(self.name):
            self._storage.write(self.name, bytes(_SLOT))

    def _parts(self) -> "tuple[bytes | None, bytes | None]":
        data = self._storage.read(self.name) or b""
        if len(data) != _SLOT or hashlib.sha256(data[:64]).digest() != data[64:]:
            return None, None
        return data[:32], data[32:64]


def pseudonym_slot(storage: "Storage", purpose: str, recipient: str) -> KeySlot:
    """Where the secret of a pair's pseudonyms stands (egress/pseudonyms.py): it goes with all that waits."""
    return KeySlot(storage, "pseudonym." + purpose + "." + recipient + ".key")


class Vault:
    """For one purpose and recipient. room, room_sent: bytes of flash for what waits and for copies of what left."""

    def __init__(
        self,
        storage: "Storage",
        cipher: "Cipher",
        entropy: "Callable[[int], bytes]",
        pair: "tuple[str, str]",
        room: int,
        room_sent: int,
    ) -> None:
        name = "vault." + pair[0] + "." + pair[1]
        self.purpose, self.recipient = pair
        self.outbox = Ring(storage, cipher, entropy, name + ".outbox", room)
        self.sent = Ring(storage, cipher, entropy, name + ".sent", room_sent)
        self._slot = KeySlot(storage, name + ".key")
        self._pseudonyms = pseudonym_slot(storage, *pair)
        self._storage = storage
        self._entropy = entropy
        self._key: "bytes | None" = None
        self.lost = 0  # events that `load` found under a key that was damaged
        self.consent: "bytes | None" = None  # the record that the key in use serves, if any

    @property
    def files(self) -> "list[str]":
        """Every file it may have."""
        return [self._slot.name, self._pseudonyms.name, self.outbox.name, self.sent.name]

    def load(self, consent: bytes = _NOBODY) -> int:
        """Find what an earlier run left; if it was kept under another consent than this one, destroy it.

        How many events that destroyed. Without a consent: take what is there.
        """
        if consent != _NOBODY and self.sealed() and not self._slot.serves(consent):
            return self.shred()
        self.lost = self.outbox.wipe() if self._slot.damaged() else 0
        self._key = self._slot.read()
        self.consent = self._slot.consent()
        self.outbox.load(self._key)
        self.sent.load(self._key)
        return 0

    def key(self, consent: bytes = _NOBODY) -> bytes:
        """The key of both rings, made for `consent` at the first use. Who seals holds the storage's lock."""
        if consent != _NOBODY and not self._slot.serves(consent):
            self._key = None  # another process destroyed it, or a power cut kept it from doing so
            if self.sealed():
                self.shred_locked()
        if self._key is None:
            self._key = self._slot.make(self._entropy, consent)
            self.consent = consent
        return self._key

    def waiting(self) -> "list[tuple[Frame, bytes]]":
        """(frame, CBOR [consent, generation, payload]) of what waits on flash, oldest first; changes nothing."""
        return self.outbox.look(self._slot.read())

    def copies(self) -> "list[tuple[Frame, bytes]]":
        """(frame, payload) of the last that left, oldest first; changes nothing."""
        return self.sent.look(self._slot.read())

    def sealed(self) -> bool:
        """Whether there is a key that opens anything."""
        return self._slot.read() is not None

    def shred(self) -> int:
        """Destroy both keys, then zero both rings; how many waiting events were destroyed. Again: 0."""
        with self._storage.lock():
            return self.shred_locked()

    def shred_locked(self) -> int:
        """`shred`, for a caller that holds the storage's lock."""
        self._key = self.consent = None
        self._slot.shred()
        self._pseudonyms.shred()
        count = self.outbox.wipe()
        self.sent.wipe()
        return count

    def remove(self) -> None:
        """Shred, and take the files away."""
        self.shred()
        for name in self.files:
            self._storage.remove(name)
