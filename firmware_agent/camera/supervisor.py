"""Starts and ends the camera process: it exists only while a camera purpose is permitted (L1)."""

import asyncio
import contextlib
import logging
import os
import socket
import sys

from firmware_agent.camera.worker import ASK
from firmware_agent.errors import SourceError
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

    @property
    def pid(self) -> int | None:
        """The camera process, None while there is none."""
        return None if self._process is None else self._process.pid

    async def read(self) -> list[Record]:
        """A Record with `picture` (JPEG bytes, in memory only)."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                return [Record({"picture": await self._picture()})]
        except (OSError, EOFError) as error:
            await self.rest()
            raise SourceError(
                f"camera: its process gave no picture ({type(error).__name__}); it is started anew"
            ) from None

    async def rest(self) -> None:
        """End the process and wait until it is gone."""
        process, self._process = self._process, None
        control, self._control = self._control, None
        if control is not None:
            control.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            log.info("camera process ended")

    async def _picture(self) -> bytes:
        control = self._control if self._control is not None else await self._start()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(control, ASK)
        length = int.from_bytes(await _exactly(control, 4), "big")
        if length > _LARGEST:
            raise EOFError
        return await _exactly(control, length)

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._control = ours
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-m", "firmware_agent.camera.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the main process, which ends this one
                env={"LANG": "C.UTF-8", "PATH": os.defpath},
            )
        log.info("camera process started")
        return ours


async def _exactly(control: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = bytearray()
    while len(data) < count:
        part = await loop.sock_recv(control, count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
