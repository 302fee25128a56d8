"""One process that this one starts: named by a handle (pidfd), and so never confused with one that got its number."""

import asyncio
import contextlib
import os
import signal
import sys

from firmware_agent.camera.environment import ENVIRONMENT
from firmware_agent.camera.surely import surely
from firmware_agent.waiting import readable

_PYTHON = (sys.executable, "-I", "-B", "-m")  # nothing of the user's environment or folder is loaded


class Process:
    """module: of ours, run with `arguments` in a session of its own. descriptors: number there -> descriptor here; all
    else is closed, 0 to 2 are /dev/null where nothing is said.
    """

    def __init__(self, module: str, arguments: list[str], descriptors: dict[int, int]) -> None:
        actions: list[tuple[int, int] | tuple[int, int, int] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, here, there) for there, here in descriptors.items()
        ]
        actions += [(os.POSIX_SPAWN_CLOSE, one) for one in _inheritable() if one > 2 and one not in descriptors]
        actions += [(os.POSIX_SPAWN_OPEN, one, os.devnull, os.O_RDWR, 0) for one in (0, 1, 2) if one not in descriptors]
        self.pid = os.posix_spawn(
            sys.executable,
            [*_PYTHON, module, *arguments],
            ENVIRONMENT,
            file_actions=actions,
            setsid=True,  # Ctrl-C is for the main process, which ends this one
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores them, and that would be inherited
        )
        self._code: int | None = None
        try:
            self._handle = os.pidfd_open(self.pid)
        except OSError:  # no descriptor is left; nobody else has reaped it, so the number is still its own
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise

    async def ended(self) -> int:
        """Wait for its end; the exit code, negative for a signal. For one waiter at a time."""
        if self._code is None:
            await readable(self._handle)
            self._code = self._reap()
        return self._code

    def _reap(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        os.close(self._handle)
        return os.waitstatus_to_exitcode(status)

    async def end(self, grace: float, everybody: bool = False) -> int:
        """Kill it after `grace` seconds, `everybody`: at once, and whom it started; the exit code. A cancel of whoever
        waits for this leaves nothing running, and is raised when it has ended.
        """
        return await surely(self._end(grace, everybody))

    async def _end(self, grace: float, everybody: bool) -> int:
        if everybody and self._code is None:  # while it is not reaped, no other group can have its number
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            return await self.ended()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    return await self.ended()
        finally:
            self._kill()  # even if all of main is cancelled
        return await self.ended()

    def _kill(self) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)


def _inheritable() -> list[int]:
    """Descriptors that this process was given by whoever started it, and that a child would get."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one of the listing itself is gone
            if os.get_inheritable(int(name)):
                found.append(int(name))
    return found
