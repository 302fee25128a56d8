"""A button on the device itself, by the kernel's input events: whoever presses it stands there.

A key on a GPIO pin (gpio-keys) looks like a key of any keyboard. Only an input device of the kernel counts: a pipe or a
file that says the same words could be written by any program. Root can still make up a device (uinput).
"""

import asyncio
import logging
import os
import stat
import struct
from collections.abc import Callable

from firmware_agent.errors import AgentError

log = logging.getLogger(__name__)

# struct input_event of linux/input.h: seconds and microseconds as the kernel's long, type, code, value.
EVENT_64 = struct.Struct("=qqHHi")
EVENT_32 = struct.Struct("=iiHHi")  # a 32-bit program gets this from a 64-bit kernel, too
EVENT = EVENT_64 if struct.calcsize("l") == 8 else EVENT_32

_SYN, _KEY = 0, 1  # types
_REPORT, _DROPPED = 0, 3  # codes of _SYN
_DOWN = 1  # value of a key; 0 is up, 2 repeats by itself while it is held
_INPUT_MAJOR = 13
_AT_ONCE = 64  # events
RETRY = 5.0  # s


def is_input(found: os.stat_result) -> bool:
    """Whether an open file is an input device of the kernel."""
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == _INPUT_MAJOR


class Button:
    """Calls `on_press` each time the key `code` of the device at `path` goes down.

    path: for example /dev/input/by-path/platform-gpio-keys-event. code: of linux/input-event-codes.h. retry: seconds.
    A device that is not there or goes away is reported once, then tried again for ever.
    """

    def __init__(
        self,
        path: str,
        code: int,
        on_press: Callable[[], None],
        layout: struct.Struct = EVENT,
        accepts: Callable[[os.stat_result], bool] = is_input,
        retry: float = RETRY,
    ) -> None:
        self._path = path
        self._code = code
        self._on_press = on_press
        self._layout = layout
        self._accepts = accepts
        self._retry = retry
        self._fd: int | None = None
        self._again: asyncio.TimerHandle | None = None
        self._rest = b""
        self._lost = False  # the kernel dropped events, and has not come to the end of what it dropped
        self._reported = False

    @property
    def there(self) -> bool:
        """Whether a press would be seen now."""
        return self._fd is not None

    def start(self) -> None:
        """Begin to look, in the running loop. What was pressed before does not count."""
        if self._fd is None and self._again is None:
            self._open()

    def stop(self) -> None:
        """Look no more."""
        self._close()
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _open(self) -> None:
        self._again = None
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            if not self._accepts(os.fstat(self._fd)):
                return self._gone("it is no input device")
            asyncio.get_running_loop().add_reader(self._fd, self._ready)
        except OSError as error:
            return self._gone(error.strerror or type(error).__name__)
        self._rest, self._lost = b"", False
        if self._reported:
            log.info("button: it is there again")
            self._reported = False

    def _ready(self) -> None:
        if self._fd is None:
            return
        try:
            data = os.read(self._fd, self._layout.size * _AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            return self._gone(error.strerror or type(error).__name__)
        if not data:
            return self._gone("it ended")
        data = self._rest + data
        whole = len(data) - len(data) % self._layout.size
        self._rest = data[whole:]
        presses = sum(
            self._is_press(kind, code, value) for _, _, kind, code, value in self._layout.iter_unpack(data[:whole])
        )
        for _ in range(presses):
            self._on_press()

    def _is_press(self, kind: int, code: int, value: int) -> bool:
        if kind == _SYN:
            # After a drop the next report is of what was dropped; a press in it may be half of one.
            self._lost = code == _DROPPED or (self._lost and code != _REPORT)
        return kind == _KEY and code == self._code and value == _DOWN and not self._lost

    def _gone(self, why: str) -> None:
        self._close()
        if not self._reported:
            log.warning("button: %s", AgentError(f"{self._path} cannot be read ({why}); it is tried again"))
            self._reported = True
        self._again = asyncio.get_running_loop().call_later(self._retry, self._open)

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)
