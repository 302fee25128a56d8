"""Wakes the agent when somebody writes to its files, so that it need not look four times a second.

By dnotify, an older sister of inotify: it is the one that the standard library speaks, with no native code by hand.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterable, Iterator

from firmware_agent.device.linux import LinuxStorage

_WHAT = fcntl.DN_MODIFY | fcntl.DN_CREATE | fcntl.DN_DELETE | fcntl.DN_RENAME | fcntl.DN_MULTISHOT


@contextlib.contextmanager
def watched(storage: LinuxStorage, names: Iterable[str], wake: Callable[[], object]) -> Iterator[bool]:
    """Within the block, call `wake` in the running loop after any process wrote to one of these files.

    Yields False if the kernel cannot tell: then look at them as often as it matters. A kernel that tells too often is
    no harm, and one that says nothing costs time only: what is sealed, saved or sent is decided anew each time.
    """
    loop = asyncio.get_running_loop()
    files = list(names)
    known = [storage.stamp(name) for name in files]

    def look() -> None:
        nonlocal known
        before, known = known, [storage.stamp(name) for name in files]
        if known != before or None in known:  # None: written this very moment
            wake()

    fd = os.open(storage.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        loop.add_signal_handler(signal.SIGIO, look)  # first: without a handler the signal would end the process
        try:
            fcntl.fcntl(fd, fcntl.F_NOTIFY, _WHAT)
            tells = True
        except OSError:  # a kernel built without it
            tells = False
        yield tells
    finally:
        os.close(fd)  # ends the watch
        loop.remove_signal_handler(signal.SIGIO)
        signal.signal(signal.SIGIO, signal.SIG_IGN)
