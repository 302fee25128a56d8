"""A whole agent with the emulated webcam and its viewers' port, in this process, and the people around it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from firmware_agent import config
from firmware_agent.camera.viewers.server import Viewers
from firmware_agent.cli import build
from firmware_agent.cli.run import attend
from firmware_agent.device.linux import LinuxDevice
from firmware_agent.model import GIVEN, WITHDRAWN
from host_tests.rigs.machine.inside.guest import Webcam

PORT = 8089
LIVE = ("live_view", "owner")
STILL = ("snapshot", "owner")
_AGAIN = 10  # times that somebody asks
_SETTINGS = """\
profile = "lightmake"
state = "state"
presence = "terminal"
[viewers]
host = "127.0.0.1"
port = {port}
[source.demo]
[source.camera]
kind = "v4l2"
device = "{node}"
[uplink.lightmake]
host = "127.0.0.1"
port = 9
tls = false
timeout = 3
"""


class Stage:
    """`async with Stage(folder, webcam)`: an agent that runs, as `firmware-agent run` builds it. No page, no uplink."""

    def __init__(self, folder: Path, webcam: Webcam) -> None:
        folder.mkdir()
        (folder / "agent.toml").write_text(_SETTINGS.format(port=PORT, node=webcam.node))
        self.webcam = webcam
        self._settings = config.load(folder / "agent.toml")
        self.made = build.parts(self._settings, LinuxDevice(folder / "state"))
        self._apart = build.parts(self._settings, LinuxDevice(folder / "state"))
        self.agent = build.agent(self.made)
        camera = self.agent.camera
        assert camera is not None
        self.camera = camera
        self.viewers = Viewers(self.made.viewers, camera.admissions, camera, "127.0.0.1", PORT, self.made.device.ticks)
        self._tasks = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Stage":
        running = asyncio.get_running_loop().create_task(attend(self.made, self.agent, self.viewers))
        self._tasks.push_async_callback(_ended, running)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._tasks.aclose()

    def decide(self, pair: tuple[str, str], state: str) -> None:
        """As another program does it: through a store of its own, in the same files."""
        apart = self._apart
        apart.consents.put(*pair, state, apart.catalogue.policy(*pair), "owner", "test", apart.device.now())

    def grant(self, pair: tuple[str, str]) -> None:
        self.decide(pair, GIVEN[0])

    def withdraw(self, pair: tuple[str, str]) -> None:
        self.decide(pair, WITHDRAWN)

    def invite(self, name: str, pair: tuple[str, str]) -> str:
        """Put a viewer into the book; the beginning of its addresses."""
        _, secret = self.made.viewers.add(name, *pair, "address")
        return f"/v/{secret}"


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def until(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait for what is true. TimeoutError."""
    async with asyncio.timeout(seconds):
        while not (found := what()):  # noqa: ASYNC110 - what happens outside sets no event
            await asyncio.sleep(0.05)
    return found


class Guest:
    """A viewer on the port. heard: bytes that came after the head of the answer; pictures: how many of them began."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.status = 0
        self.body = b""
        self.pictures = 0
        self.ended = ""
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def ask(cls, address: str) -> "Guest":
        """Ask for it; the status is there. Nothing else is read before `look`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        writer.write(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode())
        guest = cls(reader, writer)
        async with asyncio.timeout(60):
            guest.status = int((await reader.readuntil(b"\r\n\r\n")).split()[1])
        return guest

    @classmethod
    async def enter(cls, address: str) -> "Guest":
        """Ask again for as long as there is no camera yet: on a slow computer its process begins slowly."""
        for _ in range(_AGAIN):
            guest = await cls.ask(address)
            if guest.status != 503:
                return guest
            guest.leave()
            await asyncio.sleep(2)
        raise TimeoutError("there is no camera")

    def look(self) -> "Guest":
        """Read from now on, counting pictures; only the last piece is kept."""
        self._task = asyncio.get_running_loop().create_task(self._look())
        return self

    async def _look(self) -> None:
        try:
            while piece := await self._reader.read(1 << 18):
                self.body = self.body[-64:] + piece
                self.pictures += piece.count(b"Content-Length:")
            self.ended = "closed"
        except ConnectionResetError:
            self.ended = "reset"

    async def rest(self) -> bytes:
        """All of an answer that ends."""
        async with asyncio.timeout(60):
            return await self._reader.read()

    def leave(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._writer.close()


def holders(node: Path) -> list[int]:
    """Processes that have the camera open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == str(node):
                found.add(int(link.parts[2]))
    return sorted(found)


@contextlib.asynccontextmanager
async def looking(address: str) -> AsyncIterator[Guest]:
    """A viewer that looks for as long as the block lasts."""
    guest = (await Guest.enter(address)).look()
    try:
        yield guest
    finally:
        guest.leave()
