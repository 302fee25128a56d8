"""The device's own screen, without any program on it: a code is shown on the terminal that is in front.

Only a virtual terminal counts. A serial console may be wired to the mainboard or to a cable, and is no screen. Nothing
is shown, and `show` says so, where nobody could read it: no screen, or a graphical program in front.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from firmware_agent.errors import AgentError

log = logging.getLogger(__name__)

_VIRTUAL = re.compile("tty[1-9][0-9]*")
_KDGETMODE, _TEXT = 0x4B3B, b"\0\0\0\0"  # linux/kd.h
_BELL = "\a"
_CLEAR = "\x1b[0m\x1b[H\x1b[2J\x1b[3J"  # also what was scrolled away


def in_text_mode(fd: int) -> bool:
    """Whether an open file is a virtual terminal that shows text, and no graphics lie over it."""
    try:
        return fcntl.ioctl(fd, _KDGETMODE, bytes(4)) == _TEXT
    except OSError:
        return False


class Console:
    """Shows one code at a time. system, devices: /sys and /dev. visible: whether an open terminal can be read."""

    def __init__(
        self,
        system: Path = Path("/sys"),
        devices: Path = Path("/dev"),
        visible: Callable[[int], bool] = in_text_mode,
    ) -> None:
        self._system = system
        self._devices = devices
        self._visible = visible
        self._shown: Path | None = None
        self._end: asyncio.TimerHandle | None = None

    def there(self) -> bool:
        """Whether the device has a screen of its own that shows text now."""
        return self._terminal() is not None

    def show(self, code: str, text: str, seconds: float) -> bool:
        """Show `code` with `text` for `seconds`, with a bell; False if nobody could read it. Never waits."""
        self.hide()
        terminal = self._terminal()
        if terminal is None:
            return False
        self._shown = terminal
        if not self._put(terminal, True, f"{_CLEAR}{_BELL}\r\n  {_plain(text)}\r\n\r\n      {_plain(code)}\r\n\r\n"):
            self.hide()  # what did arrive of it
            return False
        self._end = asyncio.get_running_loop().call_later(seconds, self.hide)
        return True

    def hide(self) -> None:
        """Clear the screen if a code is on it."""
        terminal, self._shown = self._shown, None
        end, self._end = self._end, None
        if end is not None:
            end.cancel()
        if terminal is not None and not self._put(terminal, False, _CLEAR):
            log.warning("console: the code could not be cleared; it ends by itself")

    def _terminal(self) -> Path | None:
        """The virtual terminal in front; None if this device has no screen."""
        if not self._has_screen():
            return None
        try:
            name = (self._system / "class/tty/tty0/active").read_text().strip()
        except OSError:
            return None
        return self._devices / name if _VIRTUAL.fullmatch(name) else None

    def _has_screen(self) -> bool:
        """Whether a driver draws what virtual terminals say; the kernel's dummy draws nothing."""
        for console in self._system.glob("class/vtconsole/vtcon*"):
            with contextlib.suppress(OSError):
                if (console / "bind").read_text().strip() == "1" and "dummy" not in (console / "name").read_text():
                    return True
        return False

    def _put(self, terminal: Path, seen: bool, text: str) -> bool:
        """Whether all of `text` was taken at once: a terminal that is halted takes none, and nobody waits for it.

        seen: only if it can be read there now. A code is cleared even after a graphical program came in front.
        """
        data = text.encode("utf-8")
        try:
            fd = os.open(terminal, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            log.warning("console: %s", AgentError(f"{terminal} cannot be opened ({error.strerror})"))
            return False
        try:
            if seen and not self._visible(fd):
                return False
            return os.write(fd, data) == len(data)
        except OSError as error:
            log.warning("console: %s", AgentError(f"{terminal} takes nothing ({error.strerror})"))
            return False
        finally:
            os.close(fd)


def _plain(text: str) -> str:
    """`text` without anything that a terminal would obey."""
    return "".join(one if one.isprintable() else " " for one in text)
