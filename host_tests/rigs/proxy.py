"""A hostile network between an MQTT client and a broker, in a thread of its own, switched from the test's thread.

What it reads it forwards at once, late, slowly or not at all (flow.py). Its receive buffer is small (`buffers`), and
what waits in the client's kernel can be asked for, so that nobody has to guess where a byte is.
"""

import contextlib
import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from host_tests.rigs.flow import PASS, RESET, Link, Logged, Mode, unread


class Mark(NamedTuple):
    """A moment. passed: link -> bytes from its client that had been given to the broker's socket by then. reached: that
    had arrived at the proxy, read or not; what is between the two was under way."""

    time: float
    passed: dict[int, int]
    reached: dict[int, int]


class Waiting(NamedTuple):
    """Bytes on their way to the broker: in the client's kernel, in the proxy's kernel, in the proxy."""

    client: int
    kernel: int
    proxy: int


class Proxy:
    """`port`: for the client. `heard`: bytes handed to the broker. `packets`: what passed, in order (not with TLS:
    parse=False). `mode`: of connections to come. `buffers`: bytes of the receive buffer towards the client, None for
    the kernel's own choice."""

    def __init__(self, target: int, mode: Mode = PASS, buffers: int | None = 8192, parse: bool = True) -> None:
        self.target, self.mode, self.parse = target, mode, parse
        self.heard = 0
        self.packets: list[Logged] = []
        self.links: list[Link] = []  # every one there ever was
        self.trouble: BaseException | None = None
        self._buffers = buffers
        self._listener: socket.socket | None = None
        # Bound and never listening: while the listener is closed, nobody else gets the port, and connects are refused.
        self._place = _bound(0)
        self.port = int(self._place.getsockname()[1])
        self._selector = selectors.DefaultSelector()
        self._wakes, self._waker = socket.socketpair()
        self._wakes.setblocking(False)
        self._orders: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._masks: dict[socket.socket, int] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> "Proxy":
        self._listen()
        self._watch(self._wakes, selectors.EVENT_READ)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Cut everything and end; raises what went wrong inside, if anything did."""
        self._stopping = True
        self._waker.send(b"\0")
        self._thread.join(20)
        assert not self._thread.is_alive(), "the proxy's thread did not end"
        for sock in (self._wakes, self._waker):
            sock.close()
        if self.trouble is not None:
            raise self.trouble

    def __enter__(self) -> "Proxy":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def set(self, mode: Mode, link: int | None = None) -> None:
        """From now on `mode`: on one connection, or on all and those to come."""

        def order() -> None:
            if link is None:
                self.mode = mode
            for one in self._chosen(link):
                one.mode = mode

        self._do(order)

    def cut(self, link: int | None = None) -> None:
        """RST to both ends; what was inside is gone. New connections are taken as before."""
        self._each(link, Link.cut)

    def half_close(self, to: str = "client", link: int | None = None) -> None:
        """FIN to the `client` or to the `broker`; the other direction goes on."""
        self._each(link, lambda one: (one.down if to == "client" else one.up).finish())

    def refuse(self) -> None:
        """Close the listener; connections that are there stay."""
        self._do(self._deafen)

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._do(self._listen)

    def mark(self) -> Mark:
        """This moment, exactly: no byte moves while it is taken."""

        def order() -> Mark:
            passed = {one.number: one.up.passed for one in self.links}
            return Mark(time.monotonic(), passed, {one.number: one.reached() for one in self.links})

        mark: Mark = self._do(order)
        return mark

    def settle(self) -> None:
        """Return once all that was forwarded until now is in `packets`: a receiver may be quicker than the log."""
        if self._thread.is_alive():
            self._do(lambda: None)

    def waiting(self, link: int = -1) -> Waiting:
        """What is on its way to the broker on one connection (the newest)."""

        def order() -> Waiting:
            one = self.links[link]
            if not one.alive:
                return Waiting(0, 0, 0)
            return Waiting(_unsent(one.port, self.port), unread(one.client), one.up.held)

        waiting: Waiting = self._do(order)
        return waiting

    def forget(self, link: Link) -> None:
        """A connection is about to be closed."""
        for sock in (link.client, link.broker):
            self._watch(sock, 0)

    def _chosen(self, link: int | None) -> list[Link]:
        return [one for one in self.links if one.alive and link in (None, one.number)]

    def _each(self, link: int | None, act: Callable[[Link], None]) -> None:
        self._do(lambda: [act(one) for one in self._chosen(link)])  # type: ignore[func-returns-value]

    def _do(self, order: Callable[[], Any]) -> Any:
        """Run `order` in the proxy's thread, between two steps."""
        done: Future[Any] = Future()
        self._orders.append((order, done))
        self._waker.send(b"\0")
        while True:
            with contextlib.suppress(TimeoutError):
                return done.result(0.5)
            assert self._thread.is_alive(), "the proxy has ended: %r" % self.trouble

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._step()
        except BaseException as error:  # the test's thread raises it, in stop()
            self.trouble = error
        finally:
            for link in self._chosen(None):
                link.cut()
            for sock in (self._listener, self._place):
                if sock is not None:
                    sock.close()
            self._selector.close()

    def _step(self) -> None:
        live = self._chosen(None)
        for link in live:
            for sock, mask in link.interests():
                self._watch(sock, mask)
        due = min((flow.due() for link in live for flow in (link.up, link.down)), default=math.inf)
        events = self._selector.select(None if due == math.inf else max(0.0, due - time.monotonic()))
        ready = {key.fileobj: mask for key, mask in events}
        if self._wakes in ready:
            self._wakes.recv(4096)
        while self._orders:
            order, done = self._orders.popleft()
            done.set_result(order())
        readable: set[object] = {sock for sock, mask in ready.items() if mask & selectors.EVENT_READ}
        writable = {sock for sock, mask in ready.items() if mask & selectors.EVENT_WRITE}
        now = time.monotonic()
        for link in self._chosen(None):
            for flow in (link.up, link.down):
                flow.blocked = flow.blocked and flow.sink not in writable
            link.step(now, readable)
        if self._listener is not None and self._listener in ready:
            self._welcome(self._listener)

    def _watch(self, sock: socket.socket, mask: int) -> None:
        before = self._masks.get(sock, 0)
        if mask and not before:
            self._selector.register(sock, mask)
        elif before and not mask:
            self._selector.unregister(sock)
        elif mask != before:
            self._selector.modify(sock, mask)
        self._masks[sock] = mask
        if not mask:
            del self._masks[sock]

    def _welcome(self, listener: socket.socket) -> None:
        try:
            client, (_, port) = listener.accept()
        except OSError:  # it has gone again
            return
        try:
            broker = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:  # no broker: the client is to see that, and the proxy lives on
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            return
        self.links.append(Link(self, len(self.links), port, client, broker))

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = _bound(self.port)
            if self._buffers is not None:  # inherited by what is accepted, and in force from the first window
                self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffers)
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1460)  # as on Ethernet, not 64 KiB
            self._listener.listen()
            self._listener.setblocking(False)
            self._watch(self._listener, selectors.EVENT_READ)

    def _deafen(self) -> None:
        if self._listener is not None:
            self._watch(self._listener, 0)
            self._listener.close()
            self._listener = None


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def _unsent(port: int, to: int) -> int:
    """What the kernel holds of a local socket's sendings: not sent, or not confirmed by the other end."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, here, there, _, queues, *_ = line.split()
        if (int(here[-4:], 16), int(there[-4:], 16)) == (port, to):
            return int(queues.split(":")[0], 16)
    return 0
