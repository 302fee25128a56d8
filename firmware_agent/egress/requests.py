"""Deletion requests of one recipient, sealed on flash: they survive a restart, and an erase of everything else.

All that are pending stand in one frame of a ring; each change writes a new frame and then zeroes the one before, so
that a power cut leaves either. The ring has a key of its own, which ends with the last request.
"""

from firmware_agent import cbor
from firmware_agent.catalogue import REQUEST
from firmware_agent.egress.vault import Vault, pseudonym_slot
from firmware_agent.errors import AgentError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware_agent.egress.idents import Idents
    from firmware_agent.egress.ring import Cipher
    from firmware_agent.egress.vault import Storage as VaultStorage

    class Storage(VaultStorage, Protocol):
        def stamp(self, name: str) -> object: ...


KEEP = 30 * 86400  # seconds after which a request is given up: receivers remember it as long
ROOM = 16384  # bytes of flash for what is pending
_EACH = 640  # bytes of room for a request of at most 117: a new frame of all never pushes out the one before


class Request:
    """key: the secret of the idents of what is to be deleted. ident, reply: 16 bytes, random.

    asked: seconds since 1970, 0 without a clock. acknowledged: the recipient said that it will be done.
    """

    def __init__(
        self, ident: bytes, purpose: str, key: bytes, reply: bytes, asked: int, acknowledged: bool = False
    ) -> None:
        self.ident = ident
        self.purpose = purpose
        self.key = key
        self.reply = reply
        self.asked = asked
        self.acknowledged = acknowledged


class Requests:
    """What is pending for `recipient`, at most `most`. latest: -> seconds since 1970 that never go back, or 0."""

    def __init__(
        self,
        storage: "Storage",
        cipher: "Cipher",
        entropy: "Callable[[int], bytes]",
        idents: "Idents",
        recipient: str,
        latest: "Callable[[], int]",
        room: int = ROOM,
    ) -> None:
        self.recipient = recipient
        self.most = room // _EACH
        self.pending: "list[Request]" = []
        self.vault = Vault(storage, cipher, entropy, (REQUEST, recipient), room, 0)
        self._storage = storage
        self._entropy = entropy
        self._idents = idents
        self._latest = latest
        self._stamp: object = None

    def ask(self, purpose: str) -> "Request | None":
        """Store a request; forget the secret that it gives away, and that of the pseudonyms.

        None if nothing ever left for this purpose. What leaves from now on has new ones. AgentError if too many pend.
        """
        with self._storage.lock():
            self._load()
            key = self._idents.slot(purpose, self.recipient).read()
            if key is None:
                return None
            if len(self.pending) >= self.most:
                raise AgentError(
                    "%d deletion requests are pending at %s; wait until one is done" % (self.most, self.recipient)
                )
            request = Request(self._entropy(16), purpose, key, self._entropy(16), self._latest())
            self._save(self.pending + [request])
            self._forget(purpose)
        return request

    def refresh(self) -> None:
        """See what other processes asked. Cheap if nobody did."""
        stamp = self._storage.stamp(self.vault.outbox.name)
        if stamp is None or stamp != self._stamp:
            with self._storage.lock():
                self._load()
            self._stamp = stamp  # taken before the reading: what was written since has another

    def look(self) -> "list[Request]":
        """What is pending, changing nothing."""
        found = self.vault.waiting()
        return _decode(found[-1][1]) if found else []

    def acknowledge(self, request: Request) -> None:
        """Remember that the recipient has it."""
        self._change(request, True)

    def remove(self, request: Request) -> None:
        """It is over: its secret goes from the flash; with the last one the key that sealed them, too."""
        self._change(request, False)

    def expire(self) -> "list[Request]":
        """Remove what is too old; what that was. Requests that were made without a clock age from its first time on."""
        now = self._latest()
        if not now:
            return []
        undated = [one for one in self.pending if not one.asked]
        gone = [one for one in self.pending if one.asked and one.asked + KEEP <= now]
        if undated:
            with self._storage.lock():
                self._load()
                for one in self.pending:
                    one.asked = one.asked or now
                self._save(self.pending)
        for one in gone:
            self.remove(one)
        return gone

    def _change(self, request: Request, stays: bool) -> None:
        with self._storage.lock():
            self._load()
            found = [one for one in self.pending if one.ident == request.ident]
            for one in found:
                one.acknowledged = True
            if found:
                self._save(self.pending if stays else [one for one in self.pending if one is not found[0]])
        request.acknowledged = True

    def _load(self) -> None:
        """Read the newest frame. The lock is held."""
        self.vault.load()
        ring = self.vault.outbox
        self.pending = []
        while ring.frames and not self.pending:
            try:
                self.pending = _decode(ring.read(self.vault.key(), ring.frames[-1]))
            except FormatError:
                ring.clear(ring.frames[-1])
        for old in ring.frames[:-1]:  # a power cut between writing the new and zeroing the old
            ring.clear(old)
        for request in self.pending:  # a power cut between storing the request and forgetting its secret
            if self._idents.slot(request.purpose, self.recipient).read() == request.key:
                self._forget(request.purpose)

    def _forget(self, purpose: str) -> None:
        """The idents' secret goes last: where it still stands, a power cut came before the end."""
        pseudonym_slot(self._storage, purpose, self.recipient).shred()
        self._idents.forget(purpose, self.recipient)

    def _save(self, pending: "list[Request]") -> None:
        """Write what is pending, then zero what stood there. The lock is held."""
        if pending:
            rows = [[one.ident, one.purpose, one.key, one.reply, one.asked, one.acknowledged] for one in pending]
            ring = self.vault.outbox
            frame, _ = ring.append(self.vault.key(), len(rows), None, cbor.encode(rows))
            for old in [one for one in ring.frames if one is not frame]:
                ring.clear(old)
            ring.sync()
        else:
            self.vault.shred_locked()
        self.pending = pending
        self._stamp = None


def _decode(body: bytes) -> "list[Request]":
    rows = cbor.decode(body)
    if not isinstance(rows, list) or not all([isinstance(row, list) and len(row) == 6 for row in rows]):
        raise FormatError("deletion requests: not rows of six")
    return [Request(*row) for row in rows]
