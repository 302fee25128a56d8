"""Numbers that stand for a thing of this device, so that a recipient can tell that two events are of the same one.

pseudonym = HMAC-SHA256(HMAC-SHA256(K, CBOR [purpose, epoch number]), CBOR [kind, value])[:16]. K is random: this
device's secret for one purpose, recipient and consent record. Without K the numbers of two purposes, of two epochs, or
of before and after a withdrawal have nothing in common (L11). K goes whenever what waits is destroyed, and with a
request for deletion, which hands over another secret (egress/idents.py): neither gives the other away.

The epoch number is the time divided by the length of an epoch: all devices change at the same moment. If each changed
at a moment of its own, the one number that went and the one that came would be the same device.
"""

import hmac

from firmware_agent import cbor
from firmware_agent.egress.vault import pseudonym_slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware_agent.egress.vault import Storage


class Pseudonyms:
    """One secret for each purpose and recipient, that serves one consent."""

    def __init__(self, storage: "Storage", entropy: "Callable[[int], bytes]") -> None:
        self._storage = storage
        self._entropy = entropy

    def key(self, purpose: str, recipient: str, consent: bytes, number: int) -> bytes:
        """What the pseudonyms of epoch `number` are made with, 32 bytes; the secret is made at the first.

        consent: the digest of the record that permits it; under another one the secret is another. It is read anew each
        time: another process may just have destroyed it.
        """
        slot = pseudonym_slot(self._storage, purpose, recipient)
        secret = slot.made_for(consent)
        if secret is None:
            slot.shred()
            secret = slot.make(self._entropy, consent)
        return hmac.digest(secret, cbor.encode([purpose, number]), "sha256")
