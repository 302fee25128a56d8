"""Names for messages that tell a receiver nothing, until the owner asks it to delete them.

ident = r (8 random bytes), HMAC-SHA256(K, r)[:8]. K is this device's secret for one purpose and recipient. Without K an
ident is 16 random bytes: two messages cannot be joined. A deletion request hands K over: then the receiver finds them.
"""

import hmac

from firmware_agent.egress.vault import KeySlot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware_agent.egress.vault import Storage


class Idents:
    """One secret for each purpose and recipient; it outlives a withdrawal, for deletion upstream."""

    def __init__(self, storage: "Storage", entropy: "Callable[[int], bytes]") -> None:
        self._storage = storage
        self._entropy = entropy

    def slot(self, purpose: str, recipient: str) -> KeySlot:
        """Where the secret stands."""
        return KeySlot(self._storage, "ident." + purpose + "." + recipient + ".key")

    def new(self, purpose: str, recipient: str) -> bytes:
        """A new ident, 16 bytes; the secret is made at the first.

        It is read anew each time: another process may just have given it away in a deletion request.
        """
        key = self.slot(purpose, recipient).make(self._entropy)
        start = self._entropy(8)
        return start + hmac.digest(key, start, "sha256")[:8]

    def forget(self, purpose: str, recipient: str) -> None:
        """Destroy the secret: what left can no longer be found again, by anybody."""
        self.slot(purpose, recipient).shred()
