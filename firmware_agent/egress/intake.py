"""What one recipient may command from afar: to withdraw, and nothing else (attacks 1 and 12).

Bound to this device's mailbox and to a counter that only rises. A withdrawal is done first and counted second: a power
cut between the two must not swallow it, and doing it twice changes nothing. A command that was counted before is the
copy that the broker keeps, and is passed over in silence.
"""

from firmware_agent import cbor
from firmware_agent.egress.envelope import COMMAND, Forged, unfold
from firmware_agent.errors import FormatError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware_agent.egress.envelope import Verify
    from firmware_agent.egress.ledger import Ledger

    class Slots(Protocol):
        """A pair of slots: a body under a sequence that only rises."""

        def raw(self) -> "list[bytes | None]": ...
        def newest(self, raw: "list[bytes | None]") -> "tuple[int, bytes | None]": ...
        def write(self, sequence: int, body: bytes) -> None: ...


_HIGHEST = 9007199254740991  # of a counter: 53 bits, as every language can count


class Mailbox:
    """16 random bytes by which a recipient addresses this device, and how far it has counted: one slot for both.

    The slot's sequence is the last counter plus one, for a sequence starts at 1.
    """

    def __init__(self, slots: "Slots", entropy: "Callable[[int], bytes]") -> None:
        self._slots = slots
        self._entropy = entropy

    def read(self) -> "tuple[int, bytes]":
        """(last counter, address); made at the first call, and anew if neither slot can be trusted."""
        sequence, address = self._slots.newest(self._slots.raw())
        if address is None or len(address) != 16:
            sequence, address = sequence + 1, self._entropy(16)
            self._slots.write(sequence, address)
        return sequence - 1, address

    def look(self) -> "tuple[int, bytes] | None":
        """What `read` gives, making nothing."""
        sequence, address = self._slots.newest(self._slots.raw())
        return None if address is None else (sequence - 1, address)

    def count(self, counter: int) -> None:
        """Remember the counter; on the disk when this returns."""
        self._slots.write(counter + 1, self.read()[1])


class Intake:
    """`heard` obeys or refuses. withdraw: called with a purpose, or with "" for everything of this recipient."""

    def __init__(
        self,
        recipient: str,
        public: bytes,
        mailbox: Mailbox,
        purposes: "list[str]",
        withdraw: "Callable[[str], None]",
        ledger: "Ledger",
        verify: "Verify",
    ) -> None:
        self.recipient = recipient
        self._public = public
        self._mailbox = mailbox
        self._purposes = purposes
        self._withdraw = withdraw
        self._ledger = ledger
        self._verify = verify

    def heard(self, topic: str, payload: bytes) -> None:
        """Bytes from the broker. Whatever is wrong with them is recorded by name and changes nothing."""
        try:
            self._obey(payload)
        except Forged:
            self._refuse("command_forged")
        except FormatError:  # signed, and still not a command
            self._refuse("command_unknown")

    def _obey(self, payload: bytes) -> None:
        row = unfold(payload, COMMAND, self._public, self._verify)
        last, address = self._mailbox.read()
        if len(row) < 3 or not cbor.is_int(row[2]) or not 0 <= row[2] <= _HIGHEST:
            raise FormatError("a command without mailbox or counter")
        if row[1] != address:
            self._refuse("command_foreign")
        elif row[2] < last:
            self._refuse("command_replayed")
        elif row[2] > last:
            if row[0] == "withdraw" and len(row) == 4 and row[3] in [""] + self._purposes:
                self._withdraw(row[3])
            else:
                self._refuse("remote_grant" if row[0] == "grant" else "command_unknown")
            self._mailbox.count(row[2])

    def _refuse(self, reason: str) -> None:
        self._ledger.refused(Refused(reason, "", self.recipient))
