"""One connection through the hostile network: two sockets, two directions, each with a bounded memory (LINE)."""

import contextlib
import fcntl
import math
import selectors
import socket
import struct
import termios
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from host_tests.rigs.packets import CONNACK, Packet, Splitter

if TYPE_CHECKING:
    from host_tests.rigs.proxy import Proxy

LINE = 65536  # bytes of one direction that are inside the proxy at most
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST and drops what waits
_SLICE = 0.02  # s, how much a throttled link takes at once


@dataclass(frozen=True)
class Mode:
    """What a connection does. delay: s from reading to forwarding. rate: bytes/s, each way."""

    up: bool = True  # client to broker passes; else it is not read, and the window closes
    down: bool = True  # broker to client passes
    swallow: bool = False  # the broker's packets are read and thrown away, whole ones only
    handshake: bool = False  # up to its CONNACK a connection passes, whatever `up` and `down` say (not with TLS)
    delay: float = 0.0
    rate: float = math.inf


PASS = Mode()
STALL = Mode(up=False, down=False)
SWALLOW_ACKS = Mode(swallow=True)
SILENCE = Mode(up=False, down=False, handshake=True)


def delay(milliseconds: float) -> Mode:
    return Mode(delay=milliseconds / 1000)


def throttle(rate: float) -> Mode:
    return Mode(rate=rate)


class Logged(NamedTuple):
    """A packet whose last byte was handed on. time: monotonic. link: number of the connection. up: to the broker."""

    time: float
    link: int
    up: bool
    packet: Packet


class _Flow:
    """One direction of a connection."""

    def __init__(self, link: "Link", source: socket.socket, sink: socket.socket, up: bool) -> None:
        self.link, self.source, self.sink, self.up = link, source, sink, up
        self.read_bytes = self.passed = self.held = 0
        self.ended: str | None = None  # what the source did: "fin" or "reset"
        self.done = False  # and the sink was told
        self.blocked = False  # the sink takes nothing now
        self.line: deque[tuple[float, bytes]] = deque()  # (when due, bytes)
        self._greets = False  # the CONNACK is in it, or was
        self._free = 0.0  # when a throttled line takes the next bytes
        self._splitter = Splitter()

    def is_open(self) -> bool:
        mode = self.link.mode
        return (mode.up if self.up else mode.down) or (mode.handshake and not self.link.accepted)

    def room(self) -> int:
        """How many bytes may be read now."""
        if self.ended or self.done or not self.is_open():
            return 0
        return max(0, min(LINE, self._slice()) - self.held)

    def read(self, now: float) -> None:
        try:
            data = self.source.recv(self.room())
        except BlockingIOError:
            return
        except OSError:
            self.ended = "reset"
            return
        if not data:
            self.ended = "fin"
            return
        self.read_bytes += len(data)
        if not self.up and self.link.proxy.parse:
            data, packets = self._splitter.feed(data)  # whole packets, so that a swallowed one leaves no torn stream
            self._note(packets, now + self.link.mode.delay)
        if data and (self.up or not self.link.mode.swallow):
            self.line.append((now + self.link.mode.delay, data))
            self.held += len(data)

    def due(self) -> float:
        """When there is something to hand on; infinity if not by itself."""
        if self.done or self.blocked or not self.is_open():
            return math.inf
        if self.line:
            return max(self.line[0][0], self._free)
        return 0.0 if self.ended else math.inf

    def write(self, now: float) -> None:
        """Hand on what is due; OSError if the sink is gone."""
        while self.line and self.due() <= now:
            data = self.line[0][1]
            try:
                sent = self.sink.send(data[: min(len(data), self._slice())])
            except BlockingIOError:
                self.blocked = True
                return
            due, data = self.line.popleft()
            if sent < len(data):
                self.line.appendleft((due, data[sent:]))
            self.held -= sent
            self.passed += sent
            self._free = max(self._free, now) + sent / self.link.mode.rate
            if self.up:
                self.link.proxy.heard += sent
                if self.link.proxy.parse:
                    self._note(self._splitter.feed(data[:sent])[1], time.monotonic())
        if self._greets and not self.line:
            self.link.accepted = True
        if self.ended and not self.line and self.due() <= now:
            if self.ended == "reset":
                raise ConnectionResetError
            self.finish()

    def finish(self) -> None:
        """FIN to the sink."""
        self.done = True
        self.line.clear()
        with contextlib.suppress(OSError):
            self.sink.shutdown(socket.SHUT_WR)

    def _slice(self) -> int:
        rate = self.link.mode.rate
        return LINE if rate == math.inf else max(1, int(rate * _SLICE))

    def _note(self, packets: list[Packet], when: float) -> None:
        if not self.up:
            if self.link.mode.swallow:
                return
            self._greets = self._greets or any(packet.kind == CONNACK for packet in packets)
        self.link.proxy.packets += [Logged(when, self.link.number, self.up, packet) for packet in packets]


class Link:
    """One connection: two sockets, two flows. port: the client's."""

    def __init__(self, proxy: "Proxy", number: int, port: int, client: socket.socket, broker: socket.socket) -> None:
        self.proxy, self.number, self.mode, self.port = proxy, number, proxy.mode, port
        self.client, self.broker = client, broker
        self.accepted = False  # its CONNACK passed
        self.alive = True
        for sock in (client, broker):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.up = _Flow(self, client, broker, True)
        self.down = _Flow(self, broker, client, False)

    def step(self, now: float, readable: "set[object]") -> None:
        try:
            for flow in (self.up, self.down):
                if flow.source in readable and flow.room():
                    flow.read(now)
            for flow in (self.up, self.down):
                flow.write(now)
        except OSError:
            self.cut()
        if self.up.done and self.down.done:
            self._close()

    def interests(self) -> "list[tuple[socket.socket, int]]":
        """What to watch each socket for: nothing at all while it is held, not even its end."""
        wanted = []
        for flow, back in ((self.up, self.down), (self.down, self.up)):
            mask = selectors.EVENT_READ if flow.room() else 0
            if back.blocked and back.is_open() and not back.done:
                mask |= selectors.EVENT_WRITE
            wanted.append((flow.source, mask))
        return wanted

    def cut(self) -> None:
        """RST to both ends."""
        for sock in (self.client, self.broker):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._close()

    def reached(self) -> int:
        """Bytes of the client that have arrived here, read or not."""
        return self.up.read_bytes + (unread(self.client) if self.alive else 0)

    def _close(self) -> None:
        self.alive = False
        self.proxy.forget(self)
        self.client.close()
        self.broker.close()


def unread(sock: socket.socket) -> int:
    return int(struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0])
