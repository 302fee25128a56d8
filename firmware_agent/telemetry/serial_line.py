"""A serial port of this device: lines of text come in, and nothing goes out but the queries of the table below.

Opening a port resets many boards, and with them a print: Linux raises the lines DTR and RTS whenever a port is opened
(tty_port_block_til_ready in drivers/tty/tty_port.c), and such a board takes a DTR that rises for its reset button. No
program can forbid that; so here they are only ever left as they are. They are not lowered while the port is open, and
HUPCL is off, so that closing does not lower them either: then they do not rise again, whoever opens the port next.
Many boards with a USB port of their own say nothing at all while DTR is low.
"""

import asyncio
import contextlib
import errno
import os
import termios
from collections.abc import Iterator
from pathlib import Path

from serial import Serial, SerialException  # type: ignore[import-untyped]

from firmware_agent import accounts
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.lines import Lines
from firmware_agent.waiting import readable

# All that is ever sent, by the kind of source. None of it moves, heats or stores anything.
QUERIES: dict[str, tuple[bytes, ...]] = {
    # firmware; temperatures each 5 s, and no more of them; temperatures now; how far a print from its card is
    "marlin": (b"M115\n", b"M155 S5\n", b"M155 S0\n", b"M105\n", b"M27\n"),
    "grbl": (b"?", b"$I\n"),  # status, as a real-time byte; build information
}
_PIECE = 2048  # bytes that are read at once
_TURN = 0.05  # s between two readings: with _PIECE, 40 KB/s at most; 250,000 baud are 25
_RAISED = True  # DTR and RTS: see above
_FIRST_BAUD = 115_200  # until HUPCL is off; nothing is sent or read meanwhile


class SerialLine:
    """kind: a row of QUERIES, and the source's name in errors. device: its path. baud: bits a second."""

    def __init__(self, kind: str, device: Path, baud: int) -> None:
        self._kind = kind
        self._device = device
        self._baud = baud

    @contextlib.contextmanager
    def open(self) -> Iterator["OpenLine"]:
        """Within the block it is open, for this process alone. SourceError: why it cannot be, and what to do."""
        port = self._opened()
        try:
            yield OpenLine(port.fileno(), self._kind, "%s: %s" % (self._kind, self._device))
        finally:
            with contextlib.suppress(OSError, termios.error):
                port.reset_output_buffer()  # else closing waits up to 30 s for a board that takes nothing
            port.close()

    def _opened(self) -> Serial:
        port = Serial(baudrate=_FIRST_BAUD, timeout=0, write_timeout=0, exclusive=True)
        port.port = str(self._device)
        port.dtr = port.rts = _RAISED
        try:
            port.open()
            settings = termios.tcgetattr(port.fileno())
            settings[2] &= ~termios.HUPCL
            termios.tcsetattr(port.fileno(), termios.TCSANOW, settings)
            port.baudrate = self._baud
            port.reset_input_buffer()
        except (OSError, ValueError, OverflowError, termios.error) as error:  # SerialException is an OSError
            port.close()
            why, code = self._why(error)
            raise SourceError("%s: %s: %s" % (self._kind, self._device, why), code) from None
        except BaseException:
            port.close()
            raise
        return port

    def _why(self, error: Exception) -> tuple[str, str]:
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO):
            return "it is not there; see the cable and, under systemd, the drop-in of docs/integrate.md", "unplugged"
        if number in (errno.EACCES, errno.EPERM):
            return "the agent may not open it; %s, then start the agent anew" % self._join(), "denied"
        if number in (errno.EAGAIN, errno.EBUSY):
            return (
                "another program has it open, and two cannot share one port; stop that program, "
                "or read it through that program's own source (octoprint, moonraker)",
                "taken",
            )
        known = isinstance(error, SerialException) and number is not None
        what = os.strerror(number) if known and number is not None else "it is no serial port, or cannot do this baud"
        return "%s; see `device` and `baud`" % what, "setup"

    def _join(self) -> str:
        try:
            group = accounts.group_name(self._device.stat().st_gid)
        except OSError:
            group = "dialout"
        return "add its user to the group %s (usermod -aG %s firmware-agent)" % (group, group)


class OpenLine:
    """Such a port, open. `lost` counts lines that were cut, or no text. where: begins its errors."""

    def __init__(self, number: int, kind: str, where: str) -> None:
        self.where = where
        self._number = number
        self._allowed = QUERIES[kind]
        self._lines = Lines()
        self._rest = b""  # of a query that the port took in part: nothing else may follow before it

    @property
    def lost(self) -> int:
        return self._lines.lost

    def ask(self, query: bytes) -> bool:
        """Send one of QUERIES; whether all of it is on its way. ValueError: it is none of them."""
        if query not in self._allowed:
            raise ValueError("this is not in the table of queries")
        if self._rest and not self._send(self._rest):
            return False
        return self._send(query)

    async def lines(self, patience: float) -> list[str]:
        """What came, oldest first; nothing, if nothing came for so many s. SourceError: the port is gone."""
        if not await self._ready(patience):
            return []
        await asyncio.sleep(_TURN)
        try:
            piece = os.read(self._number, _PIECE)
        except BlockingIOError:
            return []
        except OSError:
            piece = b""
        if not piece:
            raise SourceError(
                "%s: it is gone; see the cable, and whether it is on; it is tried again" % self.where, "unplugged"
            )
        return self._lines.feed(piece)

    async def _ready(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                await readable(self._number)
        except TimeoutError:
            return False
        return True

    def _send(self, data: bytes) -> bool:
        try:
            self._rest = data[os.write(self._number, data) :]
        except OSError:  # full, or gone: reading says which
            return False
        return not self._rest
