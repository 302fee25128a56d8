"""The locked process at work: one wait for everything, one pass of hygiene for each picture, whoever looks.

While nobody looks there is no time limit to any wait. The way of a picture needs three calls of the kernel:
epoll_wait, recvfrom (or the camera's own), sendmsg.
"""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_agent.camera.control import Control
from firmware_agent.camera.feed import Feed
from firmware_agent.camera.messages import IDENT, KEY
from firmware_agent.camera.sealed import Seal
from firmware_agent.camera.sealing import Sealing
from firmware_agent.camera.viewing import Frame, Viewing
from firmware_agent.errors import FormatError

_LINGER = 1.0  # s that the camera goes on after the last use
_SWEEP = 0.5  # s between looks at what takes too long
_EVENTS = 64  # at a time
_MOST_FRAMES = 32 << 20  # bytes of pictures that slow viewers may hold
_LARGEST = 4 << 20  # bytes of a picture that is sealed

Use = Viewing | Sealing


class Loop:
    """waiter: made before the lock. Exceptions of `control` mean that main is gone or broken: the process ends."""

    def __init__(
        self, control: Control, feed: Feed, waiter: select.epoll, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._control = control
        self._feed = feed
        self._epoll = waiter
        self._clock = clock
        self._uses: dict[bytes, Use] = {}
        self._viewers: dict[int, Viewing] = {}
        self._frames: deque[Frame] = deque()  # those that viewers are being sent
        self._sweep_at = 0.0
        self._used = 0.0  # when somebody looked last
        self._full = False  # the control socket takes no more for now

    def run(self) -> int:
        """Until main is gone (0), sends what is no message (1), or the camera is gone (1). The exit code."""
        try:
            self._epoll.register(self._control.fileno(), select.EPOLLIN)
            for message, descriptor in self._control.rest():
                self._obey(message, descriptor, self._clock())
            while not self._feed.gone or self._full:
                self._turn()
        except EOFError:
            return 0
        except FormatError:
            return 1
        return 1

    def _turn(self) -> None:
        ready = self._epoll.poll(self._wait(self._clock()), _EVENTS)
        now = self._clock()
        for descriptor, _ in ready:
            if descriptor == self._control.fileno():
                for message, passed in self._control.take():
                    self._obey(message, passed, now)
            elif descriptor == self._feed.fileno():
                self._look(now)
            elif viewing := self._viewers.get(descriptor):
                viewing.stir(now)
                self._check(viewing)
        if self._feed.due(now) == 0:
            self._look(now)
        if self._feed.on and now >= self._sweep_at:
            self._sweep(now)
        if self._feed.gone:
            self._end_all("the camera is gone")
        self._flush()

    def _wait(self, now: float) -> float | None:
        """Seconds; None: until something happens."""
        if not self._feed.on:
            return None
        due = self._feed.due(now)
        pause = max(0.0, self._sweep_at - now)
        return pause if due is None else min(due, pause)

    def _obey(self, message: tuple[Any, ...], descriptor: int | None, now: float) -> None:
        kind, ident, *rest = message
        if kind == "view" and descriptor is not None:
            self._view(self._new(ident), descriptor, rest[0], now)
        elif kind == "seal":
            self._seal(self._new(ident), rest, now)
        elif kind == "more":
            use = self._uses.get(ident)
            if isinstance(use, Sealing):
                use.more()
        elif kind == "end":
            if ident in self._uses:
                self._finish(self._uses[ident])
        else:
            raise FormatError("camera: a message out of place")

    def _new(self, ident: bytes) -> bytes:
        if len(ident) != IDENT or ident in self._uses:
            raise FormatError("camera: a use without a name of its own")
        return ident

    def _view(self, ident: bytes, descriptor: int, stream: bool, now: float) -> None:
        try:
            viewing = Viewing(ident, socket.socket(fileno=descriptor), stream, now)
        except OSError:
            raise FormatError("camera: a viewer that is no connection") from None
        # Edges: one call for as long as it looks, and none each time that it is slow.
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        self._viewers[descriptor] = viewing
        self._add(viewing, now)
        self._check(viewing)

    def _seal(self, ident: bytes, how: list[Any], now: float) -> None:
        about, key, every, largest = how
        try:
            seal = Seal(key, about, os.urandom(KEY))
        except FormatError:
            self._control.put("ended", ident, 0, 0, "no key to seal for")
            return
        self._add(Sealing(ident, self._control, seal, every / 1000, min(largest, _LARGEST)), now)

    def _add(self, use: Use, now: float) -> None:
        self._uses[use.ident] = use
        self._used = now
        if not self._feed.on:
            self._sweep_at = now + _SWEEP
            self._feed.start()

    def _check(self, use: Use) -> None:
        if use.over:
            self._finish(use)

    def _finish(self, use: Use) -> None:
        del self._uses[use.ident]
        if isinstance(use, Viewing):
            del self._viewers[use.fileno()]
            self._epoll.unregister(use.fileno())  # main's duplicate would keep it there
        use.close()
        self._used = self._clock()
        self._control.put("ended", use.ident, use.pictures, use.size, use.why)

    def _end_all(self, why: str) -> None:
        for use in list(self._uses.values()):
            use.why = why
            self._finish(use)

    def _look(self, now: float) -> None:
        """The camera may have a picture: for those who can take one now."""
        taken = self._feed.take(now)
        wanting = [use for use in self._uses.values() if use.wants(now)]
        picture = self._feed.clean(taken) if taken is not None and wanting else None
        if picture is None:
            return
        frame = Frame(picture)
        for use in wanting:
            use.show(frame, now)
            self._check(use)
        if frame.users:
            self._frames.append(frame)
            self._bound()

    def _bound(self) -> None:
        """What slow viewers hold has a limit: those who hold the oldest picture go."""
        self._frames = deque(frame for frame in self._frames if frame.users)
        while sum(len(frame.picture) for frame in self._frames) > _MOST_FRAMES:
            oldest = self._frames.popleft()
            for viewing in [one for one in self._viewers.values() if one.frame is oldest]:
                viewing.end("it takes too little")
                self._finish(viewing)

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + _SWEEP
        for use in list(self._uses.values()):
            use.sweep(now)
            self._check(use)
        sealings = (use for use in self._uses.values() if isinstance(use, Sealing))
        self._feed.trouble = next((use.why for use in sealings if use.why), "")
        self._feed.sweep(now)
        if self._uses:
            self._used = now
        elif now - self._used >= _LINGER:
            self._feed.stop()

    def _flush(self) -> None:
        full = self._control.flush()
        if full != self._full:
            self._full = full
            self._epoll.modify(self._control.fileno(), select.EPOLLIN | (select.EPOLLOUT if full else 0))
