"""Starts and ends the camera process: it exists only while a camera purpose is permitted (L1), and locked only (L4)."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from typing import Any

from firmware_agent.camera.environment import ENVIRONMENT
from firmware_agent.camera.messages import CHECK, IDENT, KEY, LARGEST_TO_MAIN, TO_MAIN, Inbox, pack
from firmware_agent.camera.sandbox.outside import Witness
from firmware_agent.camera.sandbox.report import CannotLock, Locked, decode
from firmware_agent.camera.sealed import open_sealed, public_key
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.errors import FormatError, SourceError
from firmware_agent.model import Record

log = logging.getLogger(__name__)

_TIMEOUT = 5.0  # s for one picture
_LARGEST = 4 << 20  # bytes


class CameraSource:
    """Implements Source: one picture a reading. The agent reads only while consent holds, and rests when it ends."""

    name = "camera"
    offers: tuple[str, ...] = ("picture",)
    pace = 1.0

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._handle: int | None = None  # of the process: names it, and no other that got its number since

    @property
    def pid(self) -> int | None:
        """The camera process, None while there is none."""
        return None if self._process is None else self._process.pid

    async def read(self) -> list[Record]:
        """A Record with `picture` (JPEG bytes, in memory only)."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                return [Record({"picture": await self._picture()})]
        except (OSError, EOFError, FormatError, CannotLock) as error:
            raise await self._trouble(error) from None

    async def rest(self) -> None:
        """End the process and wait until it is gone."""
        await self._end()

    async def check(self) -> Locked:
        """How a camera process locks itself on this machine: in one that touches no camera and ends.

        SourceError: it cannot, and so it would not start.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                _, locked = await self._start(CHECK)
        except (OSError, EOFError, FormatError, CannotLock) as error:
            raise await self._trouble(error) from None
        await self._end()
        return locked

    async def _picture(self) -> bytes:
        control = self._control
        if control is None:
            control, locked = await self._start()
            log.info("camera process started: %s", locked)
        loop = asyncio.get_running_loop()
        ident, private = os.urandom(IDENT), os.urandom(KEY)
        await loop.sock_sendall(control, pack("seal", ident, "", public_key(private), 0, _LARGEST))
        _, _, _, sealed = await self._message(control, "sealed")
        await loop.sock_sendall(control, pack("end", ident))
        return open_sealed(private, "", sealed)

    async def _start(self, *arguments: str) -> tuple[socket.socket, Locked]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._control = ours
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-B", "-m", "firmware_agent.camera.worker", str(theirs.fileno()), *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the main process, which ends this one
                env=ENVIRONMENT,
            )
        self._handle = os.pidfd_open(self._process.pid)
        with Witness(self._process.pid) as witness:
            self._inbox = Inbox(TO_MAIN, LARGEST_TO_MAIN)
            await asyncio.get_running_loop().sock_sendall(ours, pack("begin", SourceSettings("pattern").row()))
            _, report, _ = await self._message(ours, "report")
            locked = decode(report)
            witness.confirm()
        return ours, locked

    async def _message(self, control: socket.socket, kind: str) -> tuple[Any, ...]:
        """The next message of that kind; others are not for this class."""
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(control, 65536):
            for message in self._inbox.feed(data):
                if message[0] == kind:
                    return message
        raise EOFError

    async def _end(self) -> int | None:
        """The exit code, negative for a signal; None if there was no process."""
        process, self._process = self._process, None
        control, self._control = self._control, None
        if control is not None:
            control.close()
        handle, self._handle = self._handle, None
        if process is None:
            return None
        if handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)  # process.kill() would reap it, and its code with it
            os.close(handle)
        code = await process.wait()
        log.info("camera process ended")
        return code

    async def _trouble(self, error: Exception) -> SourceError:
        """End the process; what to say about `error`."""
        code = await self._end()
        if isinstance(error, CannotLock):
            return SourceError(f"camera: its process cannot lock itself and was not started ({error.missing}): {error}")
        if code == -signal.SIGSYS:
            return SourceError(
                "camera: the kernel ended its process: it tried what its lock forbids; it is started anew"
            )
        return SourceError(f"camera: its process gave no picture ({type(error).__name__}); it is started anew")
