"""Starts the camera process, believes nothing before it is locked (L4), and ends it.

A Starter is how: `Spawn` starts it from here; a unit of systemd's, with fewer rights still, is another.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from typing import Any, Protocol

from firmware_agent.camera.messages import CANNOT, TO_MAIN, Inbox, pack
from firmware_agent.camera.processes import Process
from firmware_agent.camera.sandbox.outside import Witness
from firmware_agent.camera.sandbox.report import CannotLock, Locked, decode
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.errors import FormatError, SourceError

log = logging.getLogger(__name__)

GRACE = 0.05  # s from the end of its control socket to the kill
PATIENCE = 10.0  # s for the start: Python, the camera, the lock
_WORKER = "firmware_agent.camera.worker"
_ADAPTED = "firmware_agent.camera.adapted"
_CONTROL = 3  # the descriptor of the control socket in that process
_REPORT = 8192  # bytes of the first message
_GAVE_UP = 1  # its exit code where the camera is gone
_LINE = 1024  # bytes of why a command cannot run


class Started(Protocol):
    """A camera process that is locked. control: main's end of the socket between them, non-blocking.

    facts: what the source is, for people. level: "own process" or "systemd unit". pid: None if nobody can tell.
    """

    control: socket.socket
    locked: Locked
    facts: dict[str, Any]
    level: str
    pid: int | None

    async def end(self) -> int | None:
        """Let it end, kill it 50 ms later, wait; the exit code if that can be known. Closes the control socket."""
        ...


class Starter(Protocol):
    async def start(self, settings: SourceSettings, descriptor: int | None) -> Started:
        """SourceError says why there is none, and what to do; then nothing is left running. descriptor: of a source
        that main opened; it stays the caller's.
        """
        ...


class Opener(Protocol):
    """A source that main opens and the camera process reads."""

    async def open(self) -> int:
        """The descriptor to be passed on; it is the caller's from then on. SourceError."""
        ...

    async def close(self) -> str:
        """End whatever `open` left running here; why it had ended by itself, if it said so, or ""."""
        ...


async def greet(
    control: socket.socket, witness: Witness, settings: SourceSettings, descriptor: int | None
) -> tuple[Locked, dict[str, Any]]:
    """The first words with a camera process: (its lock, what its source is).

    CannotLock: it is not locked, by its own word or by the kernel's; or there is no camera. EOFError, OSError,
    FormatError: it does not speak as it should.
    """
    first = pack("begin", settings.row())
    socket.send_fds(control, [first], [] if descriptor is None else [descriptor])
    kind, *said = await _first(control)
    if kind != "report":
        raise FormatError("camera: its process did not begin with its report")
    locked = decode(said[0])
    witness.confirm()
    return locked, said[1]


async def check(starter: Starter) -> Locked:
    """How a camera process locks itself on this machine: in one that touches no camera, and ends. SourceError."""
    started = await starter.start(SourceSettings("pattern"), None)
    await started.end()
    return started.locked


class Child:
    """Implements Started: a process of ours."""

    level = "own process"

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        self.control.setblocking(False)
        self.locked = Locked(0, False)
        self.facts: dict[str, Any] = {}
        try:
            with theirs:
                self._process = Process(_WORKER, [str(_CONTROL)], {_CONTROL: theirs.fileno()})
        except BaseException:
            self.control.close()
            raise
        self.pid: int | None = self._process.pid

    async def greet(self, settings: SourceSettings, descriptor: int | None) -> None:
        with Witness(self._process.pid) as witness:
            self.locked, self.facts = await greet(self.control, witness, settings, descriptor)

    async def end(self) -> int | None:
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)  # its last words can still come
        try:
            return await self._process.end(GRACE)
        finally:
            self.control.close()


class Spawn:
    """Implements Starter: this process starts it, and both have the same rights until it locks itself."""

    async def start(self, settings: SourceSettings, descriptor: int | None) -> Started:
        try:
            child = Child()
        except OSError as error:
            raise SourceError(f"camera: its process cannot be started ({error.strerror})") from None
        try:
            async with asyncio.timeout(PATIENCE):
                await child.greet(settings, descriptor)
        except (OSError, EOFError, FormatError, CannotLock) as error:
            raise SourceError(trouble(await child.end(), error)) from None
        except BaseException:
            await child.end()
            raise
        log.info("camera process started: %s", child.locked)
        return child


class Adapter:
    """Implements Opener: a command whose output is JPEG after JPEG, under a weaker lock of its own (adapted.py)."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: Process | None = None
        self._says: socket.socket | None = None  # the wrapper's one line, if the command cannot run

    async def open(self) -> int:
        await self.close()
        with contextlib.ExitStack() as undo:
            try:
                ours, theirs = map(undo.enter_context, socket.socketpair())  # the camera process reads sockets only
                self._says, said = socket.socketpair()
                with said:
                    self._process = Process(_ADAPTED, self._command, {1: theirs.fileno(), 2: said.fileno()})
            except OSError as error:
                raise SourceError(f"camera: its command cannot be started ({error.strerror})") from None
            ours.shutdown(socket.SHUT_WR)
            ours.setblocking(False)
            return ours.detach()

    async def close(self) -> str:
        process, self._process = self._process, None
        says, self._says = self._says, None
        code = None if process is None else await process.end(0.0, everybody=True)
        if says is None:
            return ""
        with says:
            says.setblocking(False)
            line = says.recv(_LINE) if code == CANNOT else b""
        return f"camera: its command cannot run: {line.decode('utf-8', 'replace').strip()}" if line else ""


def trouble(code: int | None, error: Exception | None = None, words: str = "") -> str:
    """What to say about a camera process that could not begin, or ended by itself with this exit code and last words
    of its own.
    """
    if words and code in (None, _GAVE_UP):
        return f"camera: {words}"
    if isinstance(error, CannotLock) and error.missing == "camera":
        return str(error)
    if isinstance(error, CannotLock):
        return f"camera: its process cannot lock itself and was not started ({error.missing}): {error}"
    if code == -signal.SIGSYS:
        return "camera: the kernel ended its process: it tried what its lock forbids; it is started anew"
    why = f" ({type(error).__name__})" if error is not None else ""
    return f"camera: its process gave no picture{why}; it is started anew"


async def _first(control: socket.socket) -> tuple[Any, ...]:
    """The first message, and not a byte more."""
    head = await _exactly(control, 4)
    length = int.from_bytes(head, "big")
    if length > _REPORT:
        raise FormatError("camera: a first message that is too long")
    (message,) = Inbox(TO_MAIN, _REPORT).feed(head + await _exactly(control, length))
    return message


async def _exactly(control: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < count:
        part = await loop.sock_recv(control, count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
