"""Keeps the one camera process: begins it when somebody is admitted, ends it when told, begins it anew with a pause."""

import asyncio
import logging
import math
import os
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from firmware_agent.camera.line import Line
from firmware_agent.camera.port import Port
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Opener, Starter, trouble
from firmware_agent.camera.surely import surely
from firmware_agent.errors import SourceError

log = logging.getLogger(__name__)

HUNG = 15.0  # s without a word while somebody looks; it says one each 5 s (feed.py)
_STEP = 1.0  # s of silence that one look counts, at most: main may have slept itself
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)  # s before it is begun again, after so many failures in a row

HANGS = "camera: its process hangs; it is started anew"


class Served(Protocol):
    """Who uses the process (hub.py)."""

    def heard(self, message: tuple[Any, ...]) -> None:
        """FormatError: the process broke its word, and is ended."""

    def lost(self) -> str:
        """It ended by itself: whatever it served is over, at once. What it said last of its trouble, or ""."""

    def buried(self) -> None:
        """Nothing more is heard of one that ended."""


class Keeper:
    """feed: opens the source, where it is main that does. port: of the camera, if it may be switched off. ticks:
    seconds that only go forward.

    line: to the process, None while there is none. trouble: why there is none although somebody asked, or "".
    """

    def __init__(
        self,
        starter: Starter,
        feed: Opener | None,
        port: Port | None,
        source: SourceSettings,
        ticks: Callable[[], float],
        served: Served,
    ) -> None:
        self.source = source
        self.line: Line | None = None
        self.trouble = ""
        self._starter = starter
        self._feed = feed
        self._port = port
        self._ticks = ticks
        self._served = served
        self._starting: asyncio.Task[Line] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._heard_at = 0.0  # the last look at its silence, ticks
        self._silent = 0.0  # s
        self._failures = 0
        self._blocked = 0.0  # until then nothing is begun, ticks
        self._closed = False

    @property
    def on(self) -> bool:
        """Whether it is there, or begins."""
        return self.line is not None or self._starting is not None

    @property
    def busy(self) -> bool:
        """Whether it is there, begins or ends."""
        return self.on or bool(self._ending)

    async def begun(self) -> Line:
        """The line to the process that is there, or to one that begins for all who ask meanwhile. SourceError."""
        if self.line is not None:
            self.line.look()  # it may have ended just now
        if self.line is not None:
            return self.line
        if self._closed:
            raise SourceError("camera: the agent ends")
        if self._starting is None:
            self._rested()
            self._starting = asyncio.get_running_loop().create_task(self._start())
            self._starting.add_done_callback(_looked_at)
        task = self._starting
        await asyncio.wait({task})
        if task.cancelled():
            raise SourceError("camera: it was stopped before it began")
        return task.result()

    def stop(self) -> None:
        """End it: at once if it obeys, by a kill 50 ms later if not. Twice is once, while it begins, too."""
        if self._starting is not None:
            self._starting.cancel()
        line, self.line = self.line, None
        if line is not None:
            line.hang_up()
            self._run(self._bury(line, False))

    def release(self) -> None:
        """Nothing of the camera is allowed: once no process has it, no other program gets it either."""
        if self._port is not None and not self.busy:
            self._port.off()

    def listen(self, used: bool) -> None:
        """Called often; used: somebody looks. A process that says nothing meanwhile hangs, and is ended."""
        now = self._ticks()
        step, self._heard_at = min(now - self._heard_at, _STEP), now
        self._silent = self._silent + step if used else 0.0
        if self.line is not None and self._silent >= HUNG:
            self.line.give_up()

    def worked(self) -> None:
        """It gave a picture."""
        self._failures = 0

    async def close(self) -> None:
        """End it for good, and wait until nothing of it runs."""
        self._closed = True
        self.stop()
        if self._starting is not None:
            await asyncio.wait({self._starting})
        while self._ending:
            await asyncio.wait(self._ending)

    def _rested(self) -> None:
        """SourceError: it failed so lately that it is not begun yet."""
        wait = self._blocked - self._ticks()
        if wait > 0:
            raise SourceError(f"{self.trouble} (tried again in {math.ceil(wait)} s)")

    async def _start(self) -> Line:
        try:
            while self._ending:
                await asyncio.wait(self._ending)  # the one before still has the camera
            self._rested()
            return await self._begin()
        finally:
            self._starting = None

    async def _begin(self) -> Line:
        descriptor = None
        try:
            if self._port is not None:
                await self._port.on()
            if self._feed is not None:
                descriptor = await self._feed.open()
            started = await self._starter.start(self.source, descriptor)
        except BaseException as error:
            why = await self._unfed()
            if isinstance(error, SourceError):
                self._failed(why or str(error))
                raise SourceError(self.trouble) from None
            raise
        finally:
            if descriptor is not None:
                os.close(descriptor)
        self.trouble = ""
        self._silent = 0.0
        self.line = Line(started, self._heard, self._gone)
        return self.line

    def _heard(self, message: tuple[Any, ...]) -> None:
        self._silent = 0.0
        self._served.heard(message)

    def _gone(self, line: Line) -> None:
        self.line = None
        self._run(self._bury(line, True, self._served.lost()))

    async def _bury(self, line: Line, failed: bool, words: str = "") -> None:
        code = await line.close()
        why = await self._unfed()
        if failed:
            self._failed(why or (HANGS if line.hung else trouble(code, words=words)))
        log.info("camera process ended")
        self._served.buried()

    async def _unfed(self) -> str:
        return "" if self._feed is None else await surely(self._feed.close())

    def _failed(self, text: str) -> None:
        if text != self.trouble:
            log.warning("%s", text)
        self.trouble = text
        self._blocked = self._ticks() + PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1

    def _run(self, story: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(story)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _looked_at(task: "asyncio.Task[Line]") -> None:
    """Whoever waits for it hears its error; if nobody waits any more nobody misses it."""
    if not task.cancelled():
        task.exception()
