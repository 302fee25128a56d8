"""Fakes that implement the agent's own interfaces. They run on both runtimes: no module beyond the board's own."""

import hashlib
import hmac

import firmware_agent
from firmware_agent.catalogue import Catalogue
from firmware_agent.clock import Clock
from firmware_agent.consent.slots import SlotPair
from firmware_agent.consent.store import ConsentStore
from firmware_agent.egress.door import Door
from firmware_agent.egress.idents import Idents
from firmware_agent.egress.ledger import Ledger
from firmware_agent.egress.outbox import Outbox
from firmware_agent.egress.pseudonyms import Pseudonyms
from firmware_agent.egress.uplink import Uplink
from firmware_agent.egress.vault import Vault
from firmware_agent.errors import FormatError
from firmware_agent.gate import Gate
from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN, Record

_CATALOGUES = {}
KEY = bytes(range(32))
NOW = 1793318400
PURPOSE, RECIPIENT = "improvement_program", "lightmake"
SERVED = (PURPOSE, "print_history", "snapshot")  # what the small device of these tests has an outbox for


class PowerCut(Exception):
    """The storage lost power in the middle of a write."""


class MemoryStorage:
    """A device's storage in RAM. `history`, if a list, gets every version; after `cut_after` bytes power fails."""

    def __init__(self, files=None):
        self.files = {name: bytes(data) for name, data in (files or {}).items()}
        self.history = None
        self.cut_after = None

    def read(self, name, offset=0, size=-1):
        data = self.files.get(name)
        if data is None:
            return None
        part = memoryview(data)[offset:]  # no copy before the one that is given away: small heaps
        return bytes(part if size < 0 else part[:size])

    def size(self, name):
        return len(self.files.get(name, b""))

    def write(self, name, data):
        torn = self._torn(data)
        if torn is not None:  # what was written lies over what was there
            self.files[name] = torn + self.files.get(name, b"")[len(torn) :]
            raise PowerCut
        self.files[name] = bytes(data)
        if self.history is not None:
            self.history.append((name, self.files[name]))

    def append(self, name, data):
        torn = self._torn(data)
        grown = self.files.get(name, b"")
        if not isinstance(grown, bytearray):
            grown = self.files[name] = bytearray(grown)
        grown.extend(data if torn is None else torn)
        if torn is not None:
            raise PowerCut

    def truncate(self, name, size):
        self.files[name] = self.files[name][:size]

    def allocate(self, name, size):
        missing = size - self.size(name)
        if missing > 0 and name not in self.files and self.cut_after is None:
            self.files[name] = bytearray(missing)  # in one piece: a board's heap has few large ones
        elif missing > 0:
            self.append(name, bytes(missing))

    def patch(self, name, offset, data, sync=True):
        torn = self._torn(data)
        part = data if torn is None else torn
        old = self.files[name]
        if not isinstance(old, bytearray):
            old = self.files[name] = bytearray(old)
        assert offset + len(data) <= len(old)
        old[offset : offset + len(part)] = part
        if torn is not None:
            raise PowerCut

    def sync(self, name):
        return None

    def remove(self, name):
        self.files.pop(name, None)

    def names(self):
        return sorted(self.files)

    def stamp(self, name):
        return None

    def lock(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def _torn(self, data):
        if self.cut_after is None:
            return None
        if len(data) > self.cut_after:
            return bytes(data[: self.cut_after])
        self.cut_after -= len(data)
        return None


class FakeCipher:
    """Implements Cipher with HMAC-SHA256 as key stream and tag, for tests on both runtimes."""

    def seal(self, key, nonce, data, about):
        sealed = self._mix(key, nonce, data)
        return sealed + hmac.new(key, about + nonce + sealed, hashlib.sha256).digest()[:16]

    def open(self, key, nonce, data, about):
        tag = hmac.new(key, about + nonce + data[:-16], hashlib.sha256).digest()[:16]
        if tag != data[-16:]:
            raise FormatError("sealed bytes: damaged, or of another key")
        return self._mix(key, nonce, data[:-16])

    def _mix(self, key, nonce, data):
        out = b""
        for at in range(0, len(data), 32):
            stream = hmac.new(key, nonce + at.to_bytes(4, "big"), hashlib.sha256).digest()
            out += bytes([one ^ other for one, other in zip(data[at : at + 32], stream)])
        return out


class FakeWire:
    """Implements Wire: `arrived` holds what left, in order; `online` says whether `open` succeeds."""

    def __init__(self, recipient=RECIPIENT, online=True, answers=True):
        self.recipient = recipient
        self.online = online
        self.answers = answers
        self.opened = 0
        self.arrived = []
        self.flying = None
        self.connected = False
        self.on_done = None
        self.on_ready = None
        self.on_heard = None
        self.on_trouble = None
        self.subscriptions = []

    @property
    def ready(self):
        return self.connected and self.flying is None

    def open(self):
        self.opened += 1
        if self.online and not self.connected:
            self.connected = True
            self.on_ready()

    def write(self, release):
        self.arrived.append(release)
        self.flying = release
        if self.answers:
            self.answer()

    def answer(self):
        release, self.flying = self.flying, None
        self.on_done(release, "unknown" if release.media else "acknowledged")

    def reset(self):
        self.connected = False
        self.flying = None


class World:
    """A whole core around fakes: catalogue, consents, gate, ledger, one uplink. room: bytes of flash a purpose.

    maker: whose profile it has, and who its recipient is.
    """

    def __init__(self, online=True, answers=True, room=4096, window=5, storage=None, maker=RECIPIENT):
        self.maker = maker
        self.time = NOW
        self.passed = 0
        self.drawn = 0
        self.storage = MemoryStorage() if storage is None else storage
        self.catalogue = catalogue(maker)
        self.consents = ConsentStore(self.storage, KEY)
        self.clock = Clock(SlotPair(self.storage, "time", KEY), self.now, self.ticks)
        self.idents = Idents(self.storage, self.entropy)
        self.pseudonyms = Pseudonyms(self.storage, self.entropy)
        self.gate = Gate(self.catalogue, self.consents, KEY, self.idents.new, self.now, self.pseudonyms.key)
        self.ledger = Ledger(self.storage, self.now, size=3072)  # a board's heap holds several such files
        self.wire = FakeWire(maker, online, answers)
        self.door = Door(self.gate, self.ledger, {maker: self.wire})
        outboxes = []
        for purpose, recipient in self.catalogue.pairs():
            if recipient != maker or (maker == RECIPIENT and purpose not in SERVED):
                continue
            vault = Vault(self.storage, FakeCipher(), self.entropy, (purpose, recipient), room, 2048)
            outboxes.append(Outbox(purpose, recipient, self.gate, vault, self.storage))
        self.uplink = Uplink(self.wire, self.door, self.gate, self.ledger, outboxes, window, self.now, self.ticks)
        self.uplink.load()

    def now(self):
        return self.time

    def ticks(self):
        return self.passed

    def entropy(self, count):
        """Never the same twice, and different after a restart on the same storage."""
        self.drawn += 1
        seed = "%d %d" % (self.drawn, len(self.storage.files))
        out = b""
        while len(out) < count:
            out += hashlib.sha256(seed.encode() + out).digest()
        return out[:count]

    def restarted(self, **changes):
        """The same device after a restart."""
        return World(storage=MemoryStorage(self.storage.files), **changes)

    def offer(self, count, purpose=PURPOSE, fields=None):
        for number in range(count):
            self.uplink.offer(Record(fields or {"progress": number % 100}), purpose)

    def wait(self, seconds):
        """Let time pass, and let the uplink save what it must."""
        self.passed += seconds
        self.time += seconds
        self.uplink.tick()

    def one(self, purpose=PURPOSE, fields=None):
        """One release of one event."""
        self.gate.collect(Record(fields or {"progress": 3}), purpose, RECIPIENT)
        return self.gate.release(purpose, RECIPIENT)

    def decide(self, purpose, state, until=None, recipient=None):
        recipient = recipient or self.maker
        policy = self.catalogue.policy(purpose, recipient)
        return self.consents.put(purpose, recipient, state, policy, "owner", "test", self.time, until)

    def grant(self, purpose=PURPOSE, until=None):
        return self.decide(purpose, GIVEN[0], until)

    def refuse(self, purpose=PURPOSE):
        return self.decide(purpose, REFUSED)

    def withdraw(self, purpose=PURPOSE):
        return self.decide(purpose, WITHDRAWN)

    def pump(self):
        """Let the uplink run until nothing moves, as the event loop would."""
        while True:
            before = len(self.wire.arrived), self.uplink.waiting()
            self.uplink.pump()
            if before == (len(self.wire.arrived), self.uplink.waiting()):
                return

    def allowed(self):
        """Every purpose that is permitted now."""
        return {pair[0] for pair in self.catalogue.pairs() if self.gate.decide(*pair).allowed}


def catalogue(profile="lightmake"):
    """A shipped profile, as a device loads it; one object for all, for a small heap has room for one."""
    if profile not in _CATALOGUES:
        with open(firmware_agent.__file__.rsplit("/", 1)[0] + "/profiles/" + profile + ".cbor", "rb") as file:
            _CATALOGUES[profile] = Catalogue(file.read())
    return _CATALOGUES[profile]


class Dice:
    """A small repeatable generator (Lehmer's), the same numbers on both runtimes. For variety, never for secrets."""

    def __init__(self, seed):
        self._state = seed * 2 + 1

    def below(self, limit):
        self._state = self._state * 48271 % 2147483647
        return self._state % limit

    def pick(self, items):
        return items[self.below(len(items))]
