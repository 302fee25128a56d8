"""MQTT 3.1.1 over TLS with paho-mqtt: one release under way, nothing kept, nothing that names this device.

The client id is random for each connection, the session is clean, there is no will, and the topic comes from the
policy. The connection is made here, without blocking, so that the owner's withdrawal never waits for a network; paho
gets the finished socket and is driven by the event loop. `reset` closes with a TCP reset and discards the client:
what paho or the kernel still held is gone (attacks 21 and 23).
"""

import asyncio
import contextlib
import logging
import random
import secrets
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent.egress.endpoint import Endpoint, tls_context
from firmware_agent.egress.trouble import explain, not_authorised, unasked
from firmware_agent.errors import UplinkError
from firmware_agent.model import Release

log = logging.getLogger(__name__)

_KEEPALIVE = 60  # s
_LONGEST_PAUSE = 60.0  # s between two tries
_NO_LINGER = struct.pack("ii", 1, 0)


class MqttWire:
    """A Wire (see door.py) to one recipient. `trouble` is the last failure, None once connected."""

    def __init__(self, recipient: str, endpoint: Endpoint) -> None:
        self.recipient = recipient
        self.endpoint = endpoint
        self.trouble: UplinkError | None = None
        self.on_done: Callable[[Release, str], None] = lambda release, event: None
        self.on_ready: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[], None] = lambda: None
        self._link: _Link | None = None
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
            self._link = _Link(sock, self)
            async with asyncio.timeout(self.endpoint.timeout):
                await self._link.accepted
        except (OSError, EOFError, UplinkError) as error:
            self._lost(error)
            return
        self._task = None
        self._connected = True
        self._failures = 0
        log.log(logging.INFO if self.trouble is None else logging.WARNING, "link to %s works", self.recipient)
        self.trouble = None
        self.on_ready()

    def landed(self) -> None:
        """paho says that the release under way is acknowledged (QoS 1) or handed to the kernel (QoS 0)."""
        release, self._flying = self._flying, None
        self._settled()
        if release is not None:
            self.on_done(release, "unknown" if release.media else "acknowledged")
            asyncio.get_running_loop().call_soon(self.on_ready)

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

    def lost(self, link: "_Link", error: BaseException) -> None:
        """paho says that this connection ended."""
        if self._link is link:
            self._lost(error)


class _Narrow:
    """What paho gets of the connection: it may send, and hear three things, each of at most four bytes.

    We subscribe to nothing, so a broker has only CONNACK, PUBACK and PINGRESP to say; whatever claims to be longer ends
    the connection before a byte of it is stored. `trouble` keeps why reading failed: with TLS 1.3 a broker refuses our
    certificate only after the hand-shake, and paho swallows the reason.
    """

    _LONGEST = 4

    def __init__(self, sock: socket.socket, where: str) -> None:
        self.trouble: Exception | None = None
        self._sock = sock
        self._where = where

    def recv(self, size: int) -> bytes:
        if size > self._LONGEST:
            self.trouble = unasked(self._where)
            raise ConnectionAbortedError
        try:
            return self._sock.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.trouble = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _OnSocket(mqtt.Client):
    """paho on a socket that is already connected; this is its one place that would make one."""

    finished: _Narrow

    def _create_socket(self) -> Any:
        return self.finished


class _Link:
    """One connection: paho driven by the running event loop, until `cut`."""

    def __init__(self, sock: socket.socket, wire: MqttWire) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._wire: MqttWire | None = wire
        self.accepted: asyncio.Future[None] = self._loop.create_future()
        client = _OnSocket(
            CallbackAPIVersion.VERSION2,
            client_id=secrets.token_hex(8),
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        self._narrow = client.finished = _Narrow(sock, wire.endpoint.where)
        client.max_inflight_messages_set(1)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_socket_close = lambda *_: self._unhook()  # paho closes by itself when it loses the connection
        client.on_socket_register_write = lambda *_: self._loop.add_writer(sock, self._write)
        client.on_socket_unregister_write = lambda *_: self._unhook_writer()
        self._client = client
        self._loop.add_reader(sock, self._read)
        self._timer = self._loop.call_later(1, self._misc)
        client.connect_async(wire.endpoint.host, wire.endpoint.port, _KEEPALIVE)
        client.reconnect()

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        """Hand one message over, never retained; False if the connection is gone."""
        return self._client.publish(topic, payload, qos=qos, retain=False).rc == mqtt.MQTT_ERR_SUCCESS

    def cut(self) -> None:
        """TCP reset; nothing of this client is used again."""
        self._wire = None
        self._unhook()
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._sock.close()
        self.accepted.cancel()

    def _unhook(self) -> None:
        self._timer.cancel()
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)

    def _unhook_writer(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        self._client.loop_read()
        while self._wire is not None and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            self._client.loop_read()

    def _write(self) -> None:
        self._client.loop_write()

    def _misc(self) -> None:
        self._timer = self._loop.call_later(1, self._misc)
        self._client.loop_misc()

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if self._wire is None or self.accepted.done():
            return
        if reason.is_failure:
            self.accepted.set_exception(not_authorised(self._wire.endpoint.where, str(reason).lower()))
        else:
            self.accepted.set_result(None)

    def _on_publish(self, client: Any, data: Any, mid: int, reason: Any, properties: Any) -> None:
        if self._wire is not None:
            self._wire.landed()

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        why = self._narrow.trouble or ConnectionResetError()
        if self._wire is None:
            return
        if not self.accepted.done():
            self.accepted.set_exception(why)
        else:
            self._loop.call_soon(self._wire.lost, self, why)


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
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                tls.do_handshake()
                return tls
            except ssl.SSLWantReadError:
                await _until(tls, "reader")
            except ssl.SSLWantWriteError:
                await _until(tls, "writer")
    except BaseException:
        tls.close()
        raise


def _settle(happened: "asyncio.Future[None]") -> None:
    if not happened.done():
        happened.set_result(None)


async def _until(sock: socket.socket, which: str) -> None:
    loop = asyncio.get_running_loop()
    happened: asyncio.Future[None] = loop.create_future()
    add, remove = getattr(loop, "add_" + which), getattr(loop, "remove_" + which)
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
