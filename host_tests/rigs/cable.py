"""A serial port that is none: a pseudo-terminal under a name of its own, which can be pulled and plugged in again."""

import asyncio
import fcntl
import os
import pty
import random
import termios
import tty
from collections.abc import Callable
from pathlib import Path

HOSTILE = ("slow", "torn", "flood", "binary", "endless")
_ROOM = 65536  # bytes that a board holds ready to send


class Cable:
    """path: the name of the port. mode: how the board talks: "plain", or one of HOSTILE. Needs a running loop."""

    def __init__(self, path: Path, mode: str = "plain", seed: int = 0) -> None:
        self.path = path
        self.mode = mode
        self.took = b""  # all that ever came over it
        self.on_bytes: Callable[[bytes], None] = lambda data: None
        self._random = random.Random(seed)
        self._master = self._slave = -1
        self._out = b""
        self._pumping: asyncio.TimerHandle | None = None

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    def plug(self) -> "Cable":
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        name = os.ttyname(self._slave)
        os.close(self._slave)
        # Held open, so that the master stands while nobody reads; without a controlling terminal, and no lock on it.
        self._slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
        self.path.symlink_to(name)
        asyncio.get_running_loop().add_reader(self._master, self._arrived)
        self._pump()
        return self

    def pull(self) -> None:
        if not self.plugged:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self._pumping is not None:
            self._pumping.cancel()
        self.path.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master, self._out = -1, b""

    def settings(self) -> tuple[int, int]:
        """(control flags of the port, its baud)."""
        room = bytearray(44)
        fcntl.ioctl(self._master, 0x802C542A, room)  # TCGETS2: termios(3) cannot tell a baud of one's own
        return termios.tcgetattr(self._master)[2], int.from_bytes(room[40:44], "little")

    def send(self, data: bytes) -> None:
        """As the board says it; what it has no room for is lost."""
        if self.mode == "binary":
            noise = bytes(self._random.choice(range(128, 256)) for _ in range(self._random.randrange(1, 60)))
            data = noise + b"\n" + data
        elif self.mode == "flood":
            data = b"".join(b"echo:flood %d\n" % self._random.randrange(10**6) for _ in range(200)) + data
        if self.plugged and len(self._out) + len(data) <= _ROOM:
            self._out += data
            if self.mode not in ("slow", "torn"):
                self._write(len(self._out))

    def _pump(self) -> None:
        """What goes out a little at a time, and the noise of a board that nobody asked."""
        if self.mode == "slow":
            self._write(1)
        elif self.mode == "torn":
            self._write(self._random.randrange(1, 9))
        else:
            self._write(len(self._out))
        if self.mode == "endless" and not self._out:
            self._noise(b"x" * self._random.randrange(1, 4000))
        elif self.mode == "flood" and not self._out:
            self._noise(b"T:%d echo:flood\n" % self._random.randrange(10**9) * 100)
        elif self.mode == "binary" and not self._out:
            self._noise(bytes(self._random.choices(range(256), k=300)) + b"\n")
        self._pumping = asyncio.get_running_loop().call_later(0.002, self._pump)

    def _noise(self, data: bytes) -> None:
        """Straight into the line, as far as there is room."""
        try:
            taken = os.write(self._master, data)
        except BlockingIOError:
            return
        self._out = data[taken:] if taken < len(data) else b""  # a line is not torn by its own board

    def _write(self, most: int) -> None:
        if not self._out:
            return
        try:
            taken = os.write(self._master, self._out[:most])
        except BlockingIOError:
            return
        self._out = self._out[taken:]

    def _arrived(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return
        self.took += data
        self.on_bytes(data)
