"""People and their phones: real P-256 keys that sign as a browser does, and a whole agent in process with its desk."""

import asyncio
import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firmware_agent import config
from firmware_agent.cli import build
from firmware_agent.cli.front import Front
from firmware_agent.consent.people import Person
from firmware_agent.device.linux import AesGcm
from firmware_agent.egress.ledger import entries
from firmware_agent.model import Session
from firmware_agent.owner.live import Live
from firmware_agent.owner.socket.pushes import Pushes
from firmware_agent.sessions import Actor
from host_tests.fakes import NOW, MemoryStorage
from host_tests.rigs.agent import SlowDevice

FORM = "firmware_agent command 1"
ROLES = ("owner", "guardian", "viewer", "service")
_COUNTERS = itertools.count(1)


class Phone:
    """A key that does not leave it. `sign` gives r and s, 32 bytes each, as WebCrypto does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.key = hashlib.sha256(self.public).digest()[:8]

    def sign(self, body: str) -> bytes:
        r, s = decode_dss_signature(self._key.sign(body.encode("utf-8"), ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def body(self, device: str, nonce: str, action: str, arguments: Any = None, /, **changes: Any) -> str:
        """A command as a browser writes it; `form`, `device`, `key`, `counter`, `nonce`... can be set otherwise."""
        parts = {"form": FORM, "device": device, "key": self.key.hex(), "counter": next(_COUNTERS), "nonce": nonce}
        parts |= {"action": action, "arguments": {} if arguments is None else arguments}
        return json.dumps(list((parts | changes).values()), separators=(",", ":"))

    def proof(self, device: str, nonce: str, action: str, arguments: Any = None, /, **changes: Any) -> dict[str, str]:
        body = self.body(device, nonce, action, arguments, **changes)
        return {"body": body, "signature": self.sign(body).hex()}


class Machine:
    """What pairing needs of a device: entropy, ticks, and the name of this start."""

    def __init__(self) -> None:
        self.passed = 1000.0
        self.start = b"first start"

    def entropy(self, count: int) -> bytes:
        return os.urandom(count)

    def ticks(self) -> float:
        return self.passed

    def boot(self) -> bytes:
        return self.start

    def restart(self, name: bytes, passed: float = 5.0) -> None:
        self.start, self.passed = name, passed


class InMemory(SlowDevice):
    """A device whose flash is RAM: for many cases."""

    def __init__(self, storage: "MemoryStorage | None" = None) -> None:
        self.storage = storage or MemoryStorage()  # type: ignore[assignment]
        self.cipher = AesGcm()
        self.passed = 0.0
        self.wall: "int | None" = NOW  # None: never set

    def now(self) -> "int | None":
        return None if self.wall is None else self.wall + int(self.passed)


class Screen:
    """A screen at the device: what a person in front of it reads."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.texts: list[str] = []
        self.hidden = 0

    def screen(self, message: dict[str, Any]) -> None:
        if "show" in message:
            self.shown.append(message["show"]["code"])
            self.texts.append(message["show"]["text"])
        else:
            self.hidden += 1


class Home:
    """A device with a whole agent, its desk and its doorbell in this process; nothing listens.

    profile: a shipped name or a compiled file. uplink: further lines of each. device: one that is handed in is started
    anew.
    """

    def __init__(
        self,
        directory: Path,
        profile: str = "lightmake",
        recipients: "tuple[str, ...]" = ("lightmake",),
        device: "SlowDevice | None" = None,
        port: int = 9,
        extra: str = "",
        top: str = "",
        commands: bool = False,
        uplink: str = "",
    ) -> None:
        text = f'profile = "{profile}"\nstate = "state"\npresence = "terminal"\n{top}\n'
        text += f"[panel]\n[source.demo]\n{extra}\n"
        for name in recipients:
            text += f'[uplink.{name}]\nhost = "127.0.0.1"\nport = {port}\ntls = false\ntimeout = 3\n'
            text += f"commands = {str(commands).lower()}\n{uplink}\n"
        directory.mkdir(exist_ok=True)
        self.file = directory / "agent.toml"
        self.file.write_text(text)
        self.device = device or InMemory()
        self.start()

    def start(self) -> None:
        """Begin to run; also: run anew, on what stands on the flash."""
        self.parts = build.parts(config.load(self.file), self.device)
        self.live = Live()
        self.agent = build.agent(self.parts, history=self.live.saw)
        self.erased = 0
        self.front = Front(self.parts, self.agent, self.live, self._erase)
        self.desk, self.doorbell, self.sessions = self.front.desk, self.front.doorbell, self.front.sessions
        self.screen = Screen()
        screen: Any = self.screen
        listening: Pushes = screen
        self.front.screens.join(listening)

    async def _erase(self, actor: Actor) -> dict[str, Any]:
        self.erased += 1
        return {"receipt": "erase"}

    def pair(self, role: str, phone: "Phone | None" = None, until: "int | None" = None) -> "tuple[Phone, Session]":
        """Somebody whose key is paired, and a session of theirs; no window is opened for it."""
        phone = phone or Phone()
        if until is None and role == "service":
            until = NOW + 3600
        self.parts.people.add(Person(phone.public, role, f"the {role}'s phone", NOW, until, "4711" if until else ""))
        return phone, self.sessions.open(role, phone.key, f"the {role}'s phone", 3600.0)

    def signed(self, phone: Phone, action: str, arguments: Any = None, **changes: Any) -> dict[str, str]:
        """The proof of a command by that phone, with a fresh nonce."""
        door = self.doorbell.state()
        return phone.proof(door["device"], door["nonce"], action, arguments, **changes)

    def do(self, session: Session, action: str, arguments: Any = None, proof: Any = None) -> dict[str, Any]:
        return asyncio.run(self.desk.do(session, action, {} if arguments is None else arguments, proof))

    def shown(self, session: Session, action: str, arguments: Any = None) -> dict[str, str]:
        """The proof of somebody who reads the device's screen."""
        self.do(session, "show_code", {"for": action, "arguments": {} if arguments is None else arguments})
        return {"code": self.screen.shown[-1]}

    def choice(self, pair: "tuple[str, str]", choice: str = "allow", hours: "int | None" = None) -> dict[str, Any]:
        policy = self.parts.catalogue.policy(*pair).hex()
        return {"purpose": pair[0], "recipient": pair[1], "choice": choice, "policy": policy, "hours": hours}

    def allow(
        self, phone: Phone, session: Session, *pairs: "tuple[str, str]", hours: "int | None" = None, of_age: bool = True
    ) -> dict[str, Any]:
        """Grant, signed by the phone."""
        arguments = {"choices": [self.choice(pair, hours=hours) for pair in pairs], "of_age": of_age}
        return self.do(session, "decide", arguments, self.signed(phone, "decide", arguments))

    def allowed(self) -> "set[tuple[str, str]]":
        return {pair for pair in self.parts.catalogue.pairs() if self.parts.gate.decide(*pair).allowed}

    def states(self) -> "dict[tuple[str, str], str]":
        """(purpose, recipient) -> the state of its record, of every record that counts."""
        return {(record.purpose, record.recipient): record.state for record in self.parts.consents.records()}

    def told(self, event: str) -> list[str]:
        """The details of the ledger's entries of this kind, with what is only counted yet."""
        self.agent.ledger.settle()
        storage: Any = self.device.storage
        return [row["detail"] for row, _, _ in entries(storage) if row["event"] == event]
