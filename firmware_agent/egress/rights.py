"""Deletion upstream: brings the owner's requests to one recipient, each on a connection of its own, until answered.

It is the one thing that leaves after a withdrawal. Each request waits a random while first: asked together and sent
together, they would show the recipient which of its messages come from one device.
"""

import binascii

from firmware_agent import cbor
from firmware_agent.catalogue import REQUEST
from firmware_agent.egress.envelope import ANSWER, unfold
from firmware_agent.errors import FormatError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware_agent.egress.door import Door, Wire
    from firmware_agent.egress.envelope import Verify
    from firmware_agent.egress.ledger import Ledger
    from firmware_agent.egress.requests import Request, Requests
    from firmware_agent.gate import Gate
    from firmware_agent.model import Release

SPREAD = 600  # seconds: the first try is at a random moment within them
_LOOK = 60  # seconds between two looks for requests of other processes
_PATIENCE = 120  # seconds for one connection, with its answers
_FIRST_PAUSE = 60  # seconds until the second try; doubled each time, up to
_LONGEST_PAUSE = 86400


class Rights:
    """`tick` does what is due. wire, door: of its own. ticks: seconds that only go forward.

    With a recipient whose key is known a request is repeated until a signed answer says that it is done; with any
    other, until the broker took it: nobody can say more.
    """

    def __init__(
        self,
        requests: "Requests",
        wire: "Wire",
        door: "Door",
        gate: "Gate",
        ledger: "Ledger",
        verify: "Verify",
        entropy: "Callable[[int], bytes]",
        ticks: "Callable[[], float]",
        spread: float = SPREAD,
    ) -> None:
        self.requests = requests
        self._wire = wire
        self._door = door
        self._gate = gate
        self._ledger = ledger
        self._verify = verify
        self._entropy = entropy
        self._ticks = ticks
        self._spread = spread
        row = gate.catalogue.recipients[requests.recipient]
        self._topic: str = row["topic"]
        self._public: bytes = row["answers"]
        self._looked: "float | None" = None
        self._due: "dict[bytes, float]" = {}  # ident -> when its next try is
        self._tries: "dict[bytes, int]" = {}
        self._current: "Request | None" = None
        self._sent = False
        self._over = False
        self._until = 0.0
        wire.on_ready = self._ready
        wire.on_done = self._done
        wire.on_heard = self._heard
        wire.on_trouble = self._end

    def tick(self) -> None:
        """See what was asked, give up what is too old, begin the try that is due, end the one that is over."""
        now = self._ticks()
        if self._looked is None or now - self._looked >= _LOOK:
            self._looked = now
            self.requests.refresh()
            for request in self.requests.expire():
                self._ledger.asked("deletion_expired", request.purpose, self.requests.recipient, request.ident)
        for request in self.requests.pending:
            if request.ident not in self._due:
                self._due[request.ident] = now + self._spread * self._random()
        if self._current is not None:
            if self._over or now >= self._until or not self._pending(self._current):
                self._stop()
            else:
                self._wire.open()
        if self._current is None:
            self._begin(now)

    @property
    def busy(self) -> bool:
        """Whether a request is not done."""
        return bool(self.requests.pending)

    def close(self) -> None:
        """The agent ends: requests wait for its next run."""
        self._stop()

    def _begin(self, now: float) -> None:
        due = [one for one in self.requests.pending if self._due[one.ident] <= now]
        if not due:
            return
        request = min(due, key=lambda one: self._due[one.ident])
        tries = self._tries[request.ident] = self._tries.get(request.ident, 0) + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE << min(tries - 1, 11))
        self._due[request.ident] = now + pause * (1 + self._random()) / 2
        self._current = request
        self._sent = self._over = False
        self._until = now + _PATIENCE
        self._wire.subscriptions = [self._reply(request)]
        self._wire.open()

    def _stop(self) -> None:
        self._current = None
        self._wire.reset()

    def _end(self) -> None:
        """Nothing more to expect of this connection; `tick` ends it, for the wire may be in the middle of something."""
        self._over = True

    def _ready(self) -> None:
        """Connected and listening: let the request out, once."""
        request = self._current
        if request is None or self._sent or self._over:
            return
        self._sent = True
        pair = request.purpose, self.requests.recipient
        try:
            release = self._gate.request("delete", pair[0], pair[1], request.key, request.reply, request.ident)
        except Refused as refusal:
            self._ledger.refused(refusal)
            self._over = True
            return
        self._door.send(release)

    def _done(self, release: "Release", event: str) -> None:
        """The broker took it."""
        self._gate.close(release)
        self._ledger.close(release, event)
        request = self._current
        if request is not None and request.ident == release.ident and not self._public:
            self._settle("deletion_handed_over", request)

    def _heard(self, topic: str, payload: bytes) -> None:
        """An answer; or something that is not one, and changes nothing."""
        request = self._current
        if request is None or topic != self._reply(request) or not self._public:
            return
        try:
            row = unfold(payload, ANSWER, self._public, self._verify)
            if row[1:3] != [request.reply, request.ident]:
                raise FormatError("an answer to something else")
            if row[0] == "receipt" and len(row) == 5 and _count(row[3]) and _count(row[4]):
                self._settle("deletion_done", request, row[3])
            elif row[0] == "acknowledge" and len(row) == 3:
                self._acknowledged(request)
            else:
                raise FormatError("an answer of another form")
        except FormatError:
            self._ledger.refused(Refused("answer_forged", REQUEST, self.requests.recipient))

    def _acknowledged(self, request: "Request") -> None:
        if not request.acknowledged:
            self._ledger.asked("deletion_acknowledged", request.purpose, self.requests.recipient, request.ident)
            self.requests.acknowledge(request)

    def _settle(self, event: str, request: "Request", count: int = 1) -> None:
        if self._over or not self._pending(request):  # said twice
            return
        self._over = True
        self._ledger.asked(event, request.purpose, self.requests.recipient, request.ident, count)
        self.requests.remove(request)

    def _pending(self, request: "Request") -> bool:
        return request.ident in [one.ident for one in self.requests.pending]

    def _reply(self, request: "Request") -> str:
        return self._topic + "/reply/" + binascii.hexlify(request.reply).decode()

    def _random(self) -> float:
        """From 0 to less than 1."""
        return int.from_bytes(self._entropy(3), "big") / 16777216


def _count(value: object) -> bool:
    return cbor.is_int(value) and 0 <= value < 9007199254740992  # type: ignore[operator]
