"""A real agent before all kinds of printers and a real broker; everything that comes out of it, by place."""

import asyncio
import contextlib
import getpass
import os
import re
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent import config
from firmware_agent.cli import build
from firmware_agent.model import GIVEN
from firmware_agent.profiles.compiler import compile_profile
from host_tests.rigs.broker import Broker, Subscriber, free_port, wait_for
from host_tests.rigs.canaries import Canaries
from host_tests.rigs.lived import PROGRAM
from host_tests.rigs.onlooker import Onlooker
from host_tests.rigs.printers import Printers
from host_tests.rigs.proxy import Proxy

ROOT = Path(__file__).parents[2]
_SHIPPED = ROOT / "firmware_agent/profiles"
_LINES = """\
profile = "{profile}"
state = "state"
presence = "terminal"
window = 0

[panel]
host = "127.0.0.1"
port = {panel}
tls = false

[socket]
users = {{ {user} = "viewer" }}

[uplink.{recipient}]
host = "127.0.0.1"
port = {port}
tls = false
timeout = 3
"""


def hurried(directory: Path, shipped: str, changes: "tuple[tuple[str, str], ...]" = ()) -> Path:
    """That profile, but nothing waits for its turn. changes: further (old, new) texts."""
    text = re.sub(
        r'^every = "(10 s|1 h|15 min)"$', 'every = "0 s"', (_SHIPPED / (shipped + ".toml")).read_text(), flags=re.M
    )
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source = directory / "policy.toml"
    source.write_text(text)
    compiled = source.with_suffix(".cbor")
    compiled.write_bytes(compile_profile(source))
    return compiled


class Matrix:
    """places: name -> bytes. raw: what the sources handed over, one (source, field, value) a line."""

    def __init__(self, directory: Path, canaries: Canaries, profile: Path, recipient: str, printers: Printers) -> None:
        self.places: dict[str, bytes] = {}
        self.canaries = canaries
        self.printers = printers
        self.recipient = recipient
        self._directory = directory
        self._profile = profile
        self._tap, self._trap = directory / "tap", directory / "trap"
        self._panel = free_port()
        self._file = directory / "agent.toml"

    @property
    def raw(self) -> str:
        return self._tap.read_text() if self._tap.exists() else ""

    async def live(self, enough: "Callable[[Matrix, Subscriber], bool]", crashes: bool = True, most: int = 60) -> None:
        """Grant everything, let the printers work until it is enough (`most` turns), look, crash twice, look again."""
        self.printers.plug()
        with contextlib.ExitStack() as stack:
            stack.callback(self.printers.pull)
            broker = stack.enter_context(Broker(self._directory))
            maker = stack.enter_context(Subscriber(broker.inside))
            wire = stack.enter_context(Proxy(broker.port))
            await asyncio.to_thread(self._configure, wire.port)
            with self._running("log") as agent:
                for _ in range(most):
                    await self.printers.work()
                    assert agent.poll() is None, "the agent ended by itself"
                    if enough(self, maker):
                        break
                self._trap.write_text("feed")
                for _ in range(4):
                    await self.printers.work()
                self._trap.unlink()
                await asyncio.to_thread(self._look)
            if crashes:
                await self._crash(maker)
            await asyncio.to_thread(self._gather, broker, maker, wire)

    async def _crash(self, maker: Subscriber) -> None:
        """By a defect of its own, and by a signal as of a library's."""
        with self._running("crash", PYTHONFAULTHANDLER="1") as agent:
            await self._until(agent, lambda: os.stat(self._tap).st_size and self._warm(maker))
            self._trap.write_text("read")
            await self._until(agent, lambda: agent.poll() is not None)
            assert agent.returncode == 1
        self._trap.unlink()
        with self._running("abort", PYTHONFAULTHANDLER="1") as agent:
            await self._until(agent, lambda: self._warm(maker))
            agent.send_signal(signal.SIGABRT)
            await self._until(agent, lambda: agent.poll() is not None)
            assert agent.returncode == -signal.SIGABRT

    def _configure(self, port: int) -> None:
        values = {"profile": self._profile, "panel": self._panel, "recipient": self.recipient, "port": port}
        text = _LINES.format(**values, user=getpass.getuser())
        sections = "".join("\n[source.%s]\n%s\n" % row for row in self.printers.sections.items())
        self._file.write_text(text + sections)
        made = self._parts = build.parts(config.load(self._file))
        for purpose, recipient in made.catalogue.pairs():
            policy = made.catalogue.policy(purpose, recipient)
            made.consents.put(purpose, recipient, GIVEN[0], policy, "owner", "test", made.device.now())
        made.details.correct(self.canaries.word("device name"), "DE")

    @contextlib.contextmanager
    def _running(self, place: str, **environment: str) -> Any:
        """One run of the agent. What it prints goes to `place`, as a service's to its journal."""
        names = {name: self.canaries.word(name.lower()) for name in ("HOSTNAME", "USER", "LOGNAME")}
        environment |= {"TAP": str(self._tap), "TRAP": str(self._trap), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "host_tests.rigs.tapped", "run", "--log", "debug", "--config", str(self._file)]
        log, cwd = self._directory / place, self._directory / "cwd"
        cwd.mkdir(exist_ok=True)
        with log.open("wb") as out:
            agent = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=cwd, env={**os.environ, **names, **environment}
            )
        try:
            wait_for(lambda: agent.poll() is not None or self._listens())
            self.places["process of " + place] = b"\n".join(
                Path("/proc/%d/%s" % (agent.pid, name)).read_bytes() for name in ("cmdline", "comm", "environ")
            )
            yield agent
        finally:
            if agent.poll() is None:
                agent.terminate()
            agent.wait(30)
            self.places[place] = log.read_bytes()

    async def _until(self, agent: "subprocess.Popen[bytes]", what: Callable[[], Any], most: int = 60) -> None:
        for _ in range(most):
            if what():
                return
            await self.printers.work()
        raise AssertionError("it did not happen in time")

    def _warm(self, maker: Subscriber) -> bool:
        """Whether sources have been heard by this run: it has sent something."""
        before, self._count = getattr(self, "_count", 0), len(maker.messages)
        return self._count > before > 0

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._panel), 1):
                return True
        except OSError:
            return False

    def _look(self) -> None:
        viewer = Onlooker(self._panel, self._directory / "state/control.sock", self._parts.pairing)
        self.places["viewer's page"], self.viewed = viewer.page()
        self.places["viewer's socket"] = viewer.socket()

    def _gather(self, broker: Broker, maker: Subscriber, wire: Proxy) -> None:
        """What the broker has, what is kept here, sealed and opened, and what the commands say of it."""
        self.messages = list(maker.messages)
        self.places["messages"] = b"\n".join(topic.encode() + b" " + payload for topic, payload, *_ in maker.messages)
        self.places["broker's database"] = broker.stored()
        self.places["broker's log"] = broker.log.read_bytes()
        self.places["wire"] = b"\n".join(one.packet.body for one in wire.packets)
        state = [one for one in sorted((self._directory / "state").rglob("*")) if one.is_file()]
        self.places["state"] = b"\n".join(one.name.encode() + b"\n" + one.read_bytes() for one in state)
        left = [one for one in (self._directory / "cwd").rglob("*") if one.is_file()]
        self.places["left behind"] = b"\n".join(one.name.encode() + one.read_bytes() for one in left)
        for name, words in (("sent", ["show", "--sent"]), ("ledger", ["ledger", "show", "--last", "5000"])):
            self.places[name] = self._command(*words)
        self.places["ledger"] += self._command("ledger", "export", str(self._directory / "ledger.jsonl"))
        self.places["ledger"] += (self._directory / "ledger.jsonl").read_bytes()
        self._command("export", str(self._directory / "all.zip"))
        with zipfile.ZipFile(self._directory / "all.zip") as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        self.places["details"] = b"".join(data for name, data in files.items() if name.startswith("details/"))
        self.places["export"] = b"".join(data for name, data in files.items() if not name.startswith("details/"))

    def _command(self, *words: str) -> bytes:
        done = subprocess.run([PROGRAM, *words, "--config", str(self._file)], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr
