"""The agent's parts around small sealed rings, under a profile whose events carry their number: for proofs on flash."""

import functools
from collections.abc import Callable
from typing import Any

from firmware_agent import cbor
from firmware_agent.agent import Agent
from firmware_agent.catalogue import Catalogue
from firmware_agent.clock import Clock
from firmware_agent.consent.slots import SlotPair
from firmware_agent.consent.store import ConsentStore, storage_key
from firmware_agent.device.linux import AesGcm
from firmware_agent.egress.door import Door
from firmware_agent.egress.idents import Idents
from firmware_agent.egress.ledger import Ledger, entries
from firmware_agent.egress.outbox import Outbox
from firmware_agent.egress.uplink import Uplink
from firmware_agent.egress.vault import Vault
from firmware_agent.errors import LedgerError
from firmware_agent.gate import Gate
from firmware_agent.model import GIVEN, WITHDRAWN, ConsentRecord, Record
from firmware_agent.profiles.compiler import compile_profile
from host_tests.fakes import NOW
from host_tests.properties.generate import Text

PURPOSES = ("first", "second")
RECIPIENT = "maker"
WORDS = tuple("canary_%s" % word for word in ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron"))
FILLERS = tuple("filler_%d" % number for number in range(4))
MOST = 2**53  # the greatest number that a field takes


def _profile() -> str:
    lines = ['profile = "sealed"', 'version = "1"', "[age]", "threshold = 13", "guardian = false"]
    lines += ["[device]", 'sent = "7 d"', 'ledger = "1095 d"']
    lines += [f"[recipient.{RECIPIENT}]", 'name = "The receiver"', 'topic = "maker/1"']
    for purpose in PURPOSES:
        lines += [f"[purpose.{purpose}]", 'title = "Numbered events"', 'notice = "Numbers."', 'every = "0 s"']
        lines += [f'recipients = ["{RECIPIENT}"]', 'retention = "90 d"', 'clauses = ["L6"]']
    rows = {name: f'transform = "keep"\nmin = 0\nmax = {MOST}' for name in ("number", *FILLERS)}
    rows["word"] = f'transform = "enum"\nvalues = [{", ".join(map(repr, WORDS))}]'
    for at, (name, row) in enumerate(rows.items()):
        lines += [f"[field.{name}]", f"id = {at + 1}", 'category = "performance"', row, f"purposes = {list(PURPOSES)}"]
        lines += ['sensitivity = "low"', 'retention = "90 d"', 'clause = "L6"']
    return "\n".join(lines) + "\n"


COMPILED = compile_profile(Text(_profile()))  # type: ignore[arg-type]


class Parts:
    """A whole agent on `storage` whose time passes when told. start: seconds after the fakes' present.

    room, sent: bytes of the rings. tell: sees each ledger entry. outbox: what makes an Outbox, given its arguments.
    """

    def __init__(
        self,
        storage: Any,
        entropy: Callable[[int], bytes],
        wire: Any,
        start: int = 0,
        room: int = 16384,
        sent: int = 8192,
        window: float = 1.0,
        tell: "Callable[[dict[str, Any]], None] | None" = None,
        outbox: "Callable[..., Outbox]" = Outbox,
        cipher: Any = None,
    ) -> None:
        self.storage = storage
        self._entropy, self._cipher, self._rooms = entropy, cipher or AesGcm(), (room, sent)
        self.passed = 0.0
        self._start = start
        self._key = storage_key(storage, entropy)
        self.catalogue = Catalogue(COMPILED)
        self.idents = Idents(storage, entropy)
        self.gate = Gate(self.catalogue, self.store(), entropy(32), self.idents.new, self.now)
        self.ledger = Ledger(storage, self.now, tell)
        outboxes = []
        for purpose in PURPOSES:
            outboxes.append(outbox(purpose, RECIPIENT, self.gate, self.vault(purpose, RECIPIENT), storage))
        door = Door(self.gate, self.ledger, {RECIPIENT: wire})
        self.uplink = Uplink(wire, door, self.gate, self.ledger, outboxes, window, self.now, self.ticks)
        self.clock = Clock(SlotPair(storage, "time", self._key), self.now, self.ticks)
        self.agent = Agent(self.gate, self.ledger, [self.uplink], [], self.clock, self.ticks, ())

    def now(self) -> int:
        return NOW + self._start + int(self.passed)

    def ticks(self) -> float:
        return self.passed

    def store(self) -> ConsentStore:
        """Another view of the consents, as another process has it."""
        return ConsentStore(self.storage, self._key)

    def grant(self, purpose: str) -> ConsentRecord:
        return self._put(purpose, GIVEN[0])

    def withdraw(self, purpose: str, finish: bool = True) -> None:
        """As the command does it in another process: store it, then destroy what waits. finish=False: it dies between.

        The agent learns of it at its next look.
        """
        self._put(purpose, WITHDRAWN)
        if finish:
            self.vault(purpose, RECIPIENT).shred()

    def allowed(self, purpose: str) -> bool:
        return self.gate.decide(purpose, RECIPIENT).allowed

    def offer(self, purpose: str, fields: dict[str, Any]) -> None:
        self.uplink.offer(Record(fields), purpose)

    def vault(self, purpose: str, recipient: str) -> Vault:
        """Another view of a vault, as another process has it."""
        return Vault(self.storage, self._cipher, self._entropy, (purpose, recipient), *self._rooms)

    def _put(self, purpose: str, state: str) -> ConsentRecord:
        policy = self.catalogue.policy(purpose, RECIPIENT)
        return self.store().put(purpose, RECIPIENT, state, policy, "owner", "test", self.now())


@functools.lru_cache(4096)  # each is asked for when it is saved, found, sent and taken
def numbers(payload: bytes) -> tuple[int, ...]:
    """The numbers of a message's events, in order."""
    return tuple(dict(map(tuple, event))[1] for event in cbor.decode(payload)[3])


def ledger_rows(storage: Any) -> list[dict[str, Any]]:
    """The ledger, verified: LedgerError if it does not verify. A torn end, which the next start cuts off, is legal."""
    rows = []
    try:
        for row, *_ in entries(storage):
            rows.append(row)
    except LedgerError as error:
        if not getattr(error, "torn", False):
            raise
    return rows
