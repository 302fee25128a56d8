"""The owner's page as people have it: the agent as a process of its own, its broker, and somebody at the device."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

from firmware_agent import cbor, config
from firmware_agent.cli import build
from firmware_agent.consent import installed
from firmware_agent.consent.pairing import Invitation
from firmware_agent.model import GIVEN
from firmware_agent.profiles.compiler import compile_profile
from host_tests.rigs.broker import Broker, Subscriber, free_port, wait_for
from host_tests.rigs.lived import PROGRAM
from host_tests.rigs.media import KEYED

SHIPPED = Path(__file__).parents[2] / "firmware_agent/profiles/lightmake.toml"
PURPOSES = ("improvement_program", "print_history", "snapshot")
RECIPIENT = "lightmake"
_LINES = """\
profile = "{profile}"
state = "state"
presence = "console"
window = 0

[panel]
host = "{host}"
port = {port}
tls = {tls}
names = {names}

[socket]
users = {{ root = "owner" }}
screens = ["root"]

{sources}

[source.camera]
kind = "pattern"

[uplink.lightmake]
host = "127.0.0.1"
port = {broker}
tls = false
timeout = 3
{keyed}
"""


def hurried(directory: Path, **changes: str) -> Path:
    """The shipped policy, but something leaves every second, and the first run asks for PURPOSES, whose data leave;
    changes: further texts, by the name in _CHANGED.
    """
    text = SHIPPED.read_text("utf-8")
    for old, new in [*_HURRIED, *((_CHANGED[name], new) for name, new in changes.items())]:
        assert old in text, old
        text = text.replace(old, new, 1)
    source = directory / f"hurried{len(changes)}.toml"
    source.write_text(text)
    compiled = source.with_suffix(".cbor")
    compiled.write_bytes(compile_profile(source))
    return compiled


_HURRIED = [
    ('every = "10 s"', 'every = "1 s"'),
    ('recipients = ["owner"]\nmedia = true\n', 'recipients = ["owner"]\nmedia = true\nask = "later"\n'),
    (
        'recipients = ["owner", "lightmake"]\nmedia = true\nask = "later"\n',
        'recipients = ["lightmake"]\nmedia = true\n',
    ),
]
_CHANGED = {
    "version": next(line for line in SHIPPED.read_text("utf-8").splitlines() if line.startswith("version = ")),
    "retention": 'retention = "90 d"',
}


class Page:
    """A `with`: the broker and the agent run. tls: HTTPS with the device's own certificate, as by default.

    sources: their sections; the demonstration's if there are none.
    host, names: where the page listens, and by which names browsers may call it.
    """

    def __init__(
        self,
        directory: Path,
        tls: bool = True,
        host: str = "127.0.0.1",
        names: "tuple[str, ...]" = (),
        profile: "Path | str | None" = None,
        speed: int = 10_000,
        sources: str = "",
    ) -> None:
        self.directory = directory
        self.broker = Broker(directory)
        self.port = free_port()
        self.origin = f"{'https' if tls else 'http'}://{names[0] if names else '127.0.0.1'}:{self.port}"
        self.file = directory / "agent.toml"
        self.log = directory / "agent.log"
        values = {"profile": profile or hurried(directory).name, "host": host, "port": self.port}
        values |= {"sources": sources or f"[source.demo]\nspeed = {speed}"}
        values |= {"tls": str(tls).lower(), "names": json.dumps(names), "broker": self.broker.port, "keyed": KEYED}
        self.file.write_text(_LINES.format(**values))
        self.process: subprocess.Popen[Any] | None = None

    def __enter__(self) -> "Page":
        self.broker.start()
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.broker.stop()

    def start(self) -> "Page":
        with open(self.log, "ab") as log:
            command = [PROGRAM, "run", "--config", str(self.file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait()
        return self

    def wait(self) -> None:
        """Until it listens."""
        wait_for(self._listens, 60)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            assert self.process.wait(30) == 0 and "Traceback" not in self.said(), self.said()
            self.process = None

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def parts(self) -> build.Parts:
        """As another process on the device has them."""
        return build.parts(config.load(self.file))

    def window(self, role: str = "owner") -> tuple[str, str]:
        """(URL of the QR code, short code) of a pairing that somebody opens at the device."""
        secret, code = self.parts.pairing.open(Invitation(role))
        return f"{self.origin}/#pair={secret}", code

    def allowed(self) -> set[str]:
        """The purposes that stand as allowed on the flash."""
        return {one.purpose for one in self.parts.consents.records() if one.state in GIVEN} - {"age_attestation"}

    def install(self, compiled: Path) -> None:
        """A newer policy, taken at the device; it counts from the next start on."""
        installed.take(self.parts.device.storage, compiled.read_bytes())

    def screen(self) -> "Screen":
        return Screen(self.parts.config.state / "control.sock")

    def _listens(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.said()
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False


class Screen:
    """A maker's touch screen on the control socket: it shows codes. A `with`."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rw", encoding="utf-8")

    def __enter__(self) -> "Screen":
        self._lines.write('{"v":1,"id":1,"do":"screen"}\n')
        self._lines.flush()
        assert "ok" in json.loads(self._lines.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def code(self) -> str:
        """The next code that is shown; waits for it."""
        while True:
            event = json.loads(self._lines.readline()).get("event", {})
            if "show" in event:
                return str(event["show"]["code"])


class Arrived(Subscriber):
    """What reaches the broker, by purpose."""

    def of(self, purpose: str) -> list[Any]:
        return [one for one in self.decoded() if one[2] == purpose]

    def decoded(self) -> list[Any]:
        """[format, ident, purpose, events] of each message."""
        return [cbor.decode(one) for one in self.payloads()]

    def next(self, purpose: str, more: int = 1) -> None:
        """Wait until `more` further messages of this purpose have come."""
        before = len(self.of(purpose))
        wait_for(lambda: len(self.of(purpose)) >= before + more, 30)
