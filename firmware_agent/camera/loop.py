"""The locked process at work: one wait for everything, and per picture one pass of hygiene whoever looks.

Nothing is asked of the camera while nobody looks, and nothing is waited for with a time limit then. The way of a
picture needs three calls of the kernel: epoll_wait, recvfrom (or the camera's own), sendmsg.
"""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_agent import jpeg
from firmware_agent.camera.control import Control
from firmware_agent.camera.messages import IDENT, KEY
from firmware_agent.camera.sealed import Seal
from firmware_agent.camera.sealing import Sealing
from firmware_agent.camera.sources import Source
from firmware_agent.camera.viewing import Frame, Viewing
from firmware_agent.errors import FormatError

_LINGER = 1.0  # s that the camera goes on after the last use
_SWEEP = 0.5  # s between looks at what takes too long
_SAY = 1.0  # s between messages with counts
_MOST_FRAMES = 32 << 20  # bytes of pictures that slow viewers may hold
_LARGEST = 4 << 20  # bytes of a picture that is sealed

_EVENTS = 64  # at a time

Use = Viewing | Sealing


class Loop:
    """rate: pictures a second, at most. kept: the source's descriptor is read from while nobody looks, too."""

    def __init__(
        self,
        control: Control,
        source: Source,
        waiter: select.epoll,
        rate: int,
        kept: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._source = source
        self._epoll = waiter
        self._pause = 1 / rate
        self._kept = kept
        self._clock = clock
        self._uses: dict[bytes, Use] = {}
        self._viewers: dict[int, Viewing] = {}
        self._frames: deque[Frame] = deque()  # those that viewers are being sent
        self._on = False
        self._watched = False
        self._next = 0.0  # when a picture may come
        self._sweep_at = 0.0
        self._used = 0.0  # when somebody looked last
        self._odd = self._pictures = 0
        self._covered = False
        self._trouble = ""
        self._said: tuple[object, ...] = (False, "", 0, 0)
        self._said_at = 0.0
        self._full = False  # the control socket takes no more for now
        self._gone = False

    def run(self) -> int:
        """Until main is gone (0), sends what is no message (1), or the camera is gone (1). Exit code."""
        try:
            self._epoll.register(self._control.fileno(), select.EPOLLIN)
            if self._kept:
                self._watch(True)
            for message, descriptor in self._control.rest():
                self._obey(message, descriptor, self._clock())
            while not self._gone or self._full:
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
            elif descriptor == self._source.fd:
                self._look(now)
            elif viewing := self._viewers.get(descriptor):
                viewing.stir(now)
                if viewing.over:
                    self._finish(viewing)
        if self._on and self._source.due(now) == 0:
            self._look(now)
        if self._on and now >= self._sweep_at:
            self._sweep(now)
        self._flush()

    def _wait(self, now: float) -> float | None:
        """Seconds; None: until something happens."""
        if not self._on:
            return None
        due = self._source.due(now)
        pause = max(0.0, self._sweep_at - now)
        return pause if due is None else min(due, pause)

    def _obey(self, message: tuple[Any, ...], descriptor: int | None, now: float) -> None:
        kind, ident, *rest = message
        if kind == "view" and descriptor is not None:
            viewer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
            self._add(Viewing(self._new(ident), viewer, rest[0], now), now)
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
        if isinstance(use, Viewing):
            self._viewers[use.fileno()] = use
            # edges: one call for as long as it looks, and none each time it is slow
            self._epoll.register(use.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            if use.over:
                self._finish(use)
        if not self._on and not self._gone:
            self._start(now)

    def _finish(self, use: Use) -> None:
        del self._uses[use.ident]
        if isinstance(use, Viewing):
            del self._viewers[use.fileno()]
            self._epoll.unregister(use.fileno())  # main's duplicate would keep it there
        use.close()
        self._used = self._clock()
        self._control.put("ended", use.ident, use.pictures, use.size, use.why)

    def _start(self, now: float) -> None:
        self._on = True
        self._used = self._sweep_at = now
        try:
            self._source.on()
        except OSError as error:
            self._lose(error, now)
            return
        self._watch(True)

    def _stop(self) -> None:
        self._on = False
        if not self._kept:
            self._watch(False)
        self._source.off()

    def _watch(self, on: bool) -> None:
        """A camera that does not stream would answer at once, each time, that it does not."""
        if self._source.fd >= 0 and on != self._watched:
            self._watched = on
            if on:
                self._epoll.register(self._source.fd, select.EPOLLIN | select.EPOLLPRI)
            else:
                self._epoll.unregister(self._source.fd)

    def _look(self, now: float) -> None:
        """The source may have a picture."""
        try:
            taken = self._source.take(now)
            covered = self._source.covered()
        except FormatError:
            self._odd += 1
            return
        except OSError as error:
            self._lose(error, now)
            return
        if covered != self._covered:
            self._covered = covered
            self._say(now)
        if taken is None or covered or now < self._next - self._pause / 2:
            return
        self._next = max(self._next + self._pause, now)
        wanting = [use for use in self._uses.values() if use.wants(now)]
        if wanting:
            self._show(taken, wanting, now)

    def _show(self, taken: bytes | memoryview, wanting: list[Use], now: float) -> None:
        try:
            frame = Frame(jpeg.strip(bytes(taken)))
        except FormatError:
            self._odd += 1
            return
        self._pictures += 1
        for use in wanting:
            use.show(frame, now)
            if use.over:
                self._finish(use)
        if frame.users:
            self._frames.append(frame)
            self._bound()

    def _bound(self) -> None:
        """Pictures that slow viewers hold are few: those who hold the oldest go."""
        while self._frames and not self._frames[0].users:
            self._frames.popleft()
        if sum(len(frame.picture) for frame in self._frames) <= _MOST_FRAMES:
            return
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
            if use.over:
                self._finish(use)
        try:
            self._covered = self._source.covered()
        except OSError as error:
            self._lose(error, now)
            return
        self._trouble = next((use.why for use in self._uses.values() if isinstance(use, Sealing) and use.why), "")
        urgent = (self._covered, self._trouble) != self._said[:2]
        if urgent or (now - self._said_at >= _SAY and self._facts() != self._said):
            self._say(now)
        if self._uses:
            self._used = now
        elif now - self._used >= _LINGER:
            self._stop()

    def _lose(self, error: OSError, now: float) -> None:
        """The camera is gone, and cannot be opened anew from here: say so, and end."""
        self._gone = True
        self._trouble = error.strerror or str(error) or type(error).__name__
        self._say(now)
        for use in list(self._uses.values()):
            use.why = "the camera is gone"
            self._finish(use)
        self._on = False
        self._watch(False)

    def _facts(self) -> tuple[object, ...]:
        return self._covered, self._trouble, self._odd, self._pictures

    def _say(self, now: float) -> None:
        self._said, self._said_at = self._facts(), now
        names = ("covered", "trouble", "odd", "pictures")
        self._control.put("state", dict(zip(names, self._said, strict=True)))

    def _flush(self) -> None:
        full = self._control.flush()
        if full != self._full:
            self._full = full
            self._epoll.modify(self._control.fileno(), select.EPOLLIN | (select.EPOLLOUT if full else 0))
