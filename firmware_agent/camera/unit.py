"""The camera process as a unit of systemd's: it has the camera and no network, main has the network and no camera.

Main connects to the unit's socket; systemd accepts, and starts one process for that connection. Both units run as the
same user: the kernel lets a process end only those of its own user. What keeps main from the camera is the device
policy of its unit, and what keeps it from the process's memory is the lock.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
from pathlib import Path
from typing import Any

from firmware_agent.camera.accepted import introduced
from firmware_agent.camera.sandbox.outside import Witness
from firmware_agent.camera.sandbox.report import CannotLock, Locked
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import GRACE, PATIENCE, Started, greet, trouble
from firmware_agent.camera.surely import surely
from firmware_agent.errors import FormatError, SourceError
from firmware_agent.waiting import readable

log = logging.getLogger(__name__)

SOCKET = Path("/run/firmware-agent-camera.socket")
_WHO = struct.Struct("=iii")  # struct ucred
_GONE = 5.0  # s to wait for the end of a process that was killed


def there(path: Path = SOCKET) -> bool:
    """Whether the camera's unit waits on this machine."""
    return path.is_socket()


class Unit:
    """Implements Starter: each start is one connection to the unit's socket."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = path

    async def start(self, settings: SourceSettings, descriptor: int | None) -> Started:
        instance = Instance(self._connected())
        try:
            async with asyncio.timeout(PATIENCE):
                await instance.greet(settings, descriptor)
        except (EOFError, OSError) as error:
            await instance.end()
            raise SourceError(
                f"camera: its unit ended at once ({type(error).__name__}); see journalctl -u 'firmware-agent-camera@*'"
            ) from None
        except (FormatError, CannotLock) as error:
            await instance.end()
            raise SourceError(trouble(None, error)) from None
        except BaseException:
            await instance.end()
            raise
        log.info("camera unit started: %s", instance.locked)
        return instance

    def _connected(self) -> socket.socket:
        try:
            control = socket.socket(socket.AF_UNIX)
        except OSError as error:
            raise SourceError(f"camera: its unit cannot be asked ({error.strerror})") from None
        try:
            control.setblocking(False)
            control.connect(str(self._path))
            listens = _WHO.unpack(control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _WHO.size))[1]
        except OSError as error:
            control.close()
            raise SourceError(
                f"camera: {self._path}: {error.strerror}; systemctl enable --now firmware-agent-camera.socket"
            ) from None
        if listens not in (0, os.geteuid()):
            control.close()
            raise SourceError(f"camera: {self._path}: user {listens} listens there, not systemd; remove it")
        return control


class Instance:
    """Implements Started: a process that systemd started for one connection."""

    level = "systemd unit"

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.locked = Locked(0, False)
        self.facts: dict[str, Any] = {}
        self.pid: int | None = None
        self._handle: int | None = None  # of the process: names it, and no other that got its number since

    async def greet(self, settings: SourceSettings, descriptor: int | None) -> None:
        """CannotLock, EOFError, OSError, FormatError, as `greet`."""
        pid, status = await introduced(self.control)
        with Witness(pid, status) as witness:
            self._handle = os.pidfd_open(pid)
            self.pid = pid
            try:
                signal.pidfd_send_signal(self._handle, 0)  # only asks
            except PermissionError:
                raise CannotLock(
                    "user",
                    "its unit runs as another user, and nobody could end it at once; set User= as in the agent's",
                ) from None
            self.locked, self.facts = await greet(self.control, witness, settings, descriptor)

    async def end(self) -> int | None:
        """None: the exit code is systemd's to know. As for Process.end, a cancel waits until it has ended."""
        await surely(self._end())
        return None

    async def _end(self) -> None:
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)
        handle, self._handle = self._handle, None
        try:
            if handle is not None and not await self._obeys(handle) and not await _gone(handle, _GONE):
                log.error("camera process %s does not end", self.pid)
        finally:
            self.control.close()
            if handle is not None:
                os.close(handle)

    async def _obeys(self, handle: int) -> bool:
        """Whether it ends by itself; else it is killed, even if all of main is cancelled."""
        obeys = False
        try:
            obeys = await _gone(handle, GRACE)
        finally:
            if not obeys:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
        return obeys


async def _gone(handle: int, seconds: float) -> bool:
    """Whether the process of this handle ended within so long."""
    try:
        async with asyncio.timeout(seconds):
            await readable(handle)
    except TimeoutError:
        return False
    return True
