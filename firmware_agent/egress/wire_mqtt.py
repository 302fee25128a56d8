"""The wire: MQTT over TLS to one recipient, one release under way, nothing kept. The only file that opens a way out.

The connection is made here, without blocking, so that the owner's withdrawal never waits for a network; paho (link.py)
gets the finished socket. `reset` closes with a TCP reset and discards the client: what paho or the kernel still held
is gone (attack 21).
"""

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Callable

from firmware_agent.egress.endpoint import Endpoint, tls_context
from firmware_agent.egress.link import Link
from firmware_agent.egress.trouble import explain
from firmware_agent.errors import UplinkError
from firmware_agent.model import Release

log = logging.getLogger(__name__)

_LOOK = 0.01  # s between two looks whether a picture has left the kernel
_LONGEST_PAUSE = 60.0  # s between two tries


class MqttWire:
    """A Wire (see door.py) to one recipient. `trouble` is the last failure, None once connected.

    It listens to `subscriptions` from the next connection on; to nothing, unless somebody fills them in.
    """

    def __init__(self, recipient: str, endpoint: Endpoint) -> None:
        self.recipient = recipient
        self.endpoint = endpoint
        self.trouble: UplinkError | None = None
        self.on_done: Callable[[Release, str], None] = lambda release, event: None
        self.on_ready: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[], None] = lambda: None
        self.on_heard: Callable[[str, bytes], None] = lambda topic, payload: None
        self.subscriptions: list[str] = []
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = False
        self._flying: Release | None = None
        self._failures = 0
        self._not_before = 0.0
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Connected, and nothing under way."""
        return self._connected and self._flying is None

    def open(self) -> None:
        """Begin to connect, unless that is under way or it is too soon after a failure."""
        loop = asyncio.get_running_loop()
        if self._link is None and self._task is None and loop.time() >= self._not_before:
            self._task = loop.create_task(self._connect())

    def write(self, release: Release) -> None:
        """Publish: QoS 1 for records, QoS 0 for media (a broker stores QoS 1), never retained. Calls on_done once."""
        if self._link is None or not self.ready:
            raise UplinkError("not_ready", f"{self.endpoint.where}: not connected, or a release is under way")
        self._flying = release
        self._deadline = asyncio.get_running_loop().call_later(3 * self.endpoint.timeout, self._overdue, release)
        if not self._link.publish(self.endpoint.topic, release.payload, 0 if release.media else 1):
            self._lost(ConnectionError())

    def reset(self) -> None:
        """Cut at once and forget everything; the next `open` starts anew."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._link is not None:
            self._link.cut()
            self._link = None
        self._connected = False
        self._flying = None
        self._settled()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                sock = await dial(self.endpoint)
            self._link = Link(sock, self)
            async with asyncio.timeout(self.endpoint.timeout):
                await self._link.accepted
        except Exception as error:  # of any kind: a task that ended silently would never try again
            self._lost(error)
            return
        self._task = None
        self._connected = True
        self._failures = 0
        log.log(logging.INFO if self.trouble is None else logging.WARNING, "link to %s works", self.recipient)
        self.trouble = None
        self.on_ready()

    def landed(self) -> None:
        """paho says that the release under way is acknowledged (QoS 1) or handed to the kernel (QoS 0).

        A picture stays under way until the other end has its last byte: behind a stalled link thousands would gather
        in the kernel, and flow on for as long as nobody cuts.
        """
        link, flying = self._link, self._flying
        if link is not None and flying is not None and flying.media and link.unsent():
            asyncio.get_running_loop().call_later(_LOOK, self._landed_later, link, flying)
            return
        release, self._flying = self._flying, None
        self._settled()
        if release is not None:
            self.on_done(release, "unknown" if release.media else "acknowledged")
            asyncio.get_running_loop().call_soon(self.on_ready)

    def heard(self, topic: str, payload: bytes) -> None:
        """paho says that something was published on one of the subscriptions."""
        self.on_heard(topic, payload)

    def _landed_later(self, link: Link, release: Release) -> None:
        if self._link is link and self._flying is release:
            self.landed()

    def _overdue(self, release: Release) -> None:
        """The broker took a release and never confirmed it."""
        if self._flying is release:
            self._lost(TimeoutError())

    def _settled(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _lost(self, error: BaseException) -> None:
        """The link is gone; what was under way stays in the outbox."""
        if not isinstance(error, UplinkError):
            error = explain(error, self.endpoint.where, self.endpoint.certificate is not None)
        self._task = None  # _lost runs inside it, or after it
        self.reset()
        again = self.trouble is not None and self.trouble.code == error.code
        log.log(logging.INFO if again else logging.WARNING, "link to %s: %s", self.recipient, error)
        self.trouble = error
        pause = min(_LONGEST_PAUSE, 2.0 ** min(self._failures, 6)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._failures += 1
        self._not_before = asyncio.get_running_loop().time() + pause
        self.on_trouble()

    def lost(self, link: "Link", error: BaseException) -> None:
        """paho says that this connection ended."""
        if self._link is link:
            self._lost(error)


async def dial(endpoint: Endpoint) -> socket.socket:
    """A connected socket, TLS included; OSError or UplinkError."""
    context = tls_context(endpoint) if endpoint.tls else None
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("no address")
    for family, kind, proto, _, address in await loop.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, proto)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock if context is None else await _shake_hands(context, sock, endpoint.host)
        except (OSError, asyncio.CancelledError) as error:
            sock.close()
            if not isinstance(error, OSError) or isinstance(error, ssl.SSLError):
                raise
            failure = error
    raise failure


async def _shake_hands(context: ssl.SSLContext, sock: socket.socket, host: str) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                tls.do_handshake()
                return tls
            except ssl.SSLWantReadError:
                await _until(loop.add_reader, loop.remove_reader, tls)
            except ssl.SSLWantWriteError:
                await _until(loop.add_writer, loop.remove_writer, tls)
    except BaseException:
        tls.close()
        raise


def _settle(happened: "asyncio.Future[None]") -> None:
    if not happened.done():
        happened.set_result(None)


async def _until(add: Callable[..., None], remove: Callable[..., object], sock: socket.socket) -> None:
    happened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(sock, _settle, happened)
    try:
        await happened
    finally:
        remove(sock)


async def probe(recipient: str, endpoint: Endpoint) -> UplinkError | None:
    """Connect as the agent would, send nothing, go; None or what is wrong."""
    wire = MqttWire(recipient, endpoint)
    ready = asyncio.Event()
    wire.on_ready = ready.set
    wire.on_trouble = ready.set
    wire.open()
    try:
        await ready.wait()
    finally:
        found = wire.trouble
        wire.reset()
    return found
