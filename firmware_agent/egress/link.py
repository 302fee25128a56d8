"""MQTT 3.1.1 spoken by paho-mqtt on a socket that it is given, driven by the running event loop. Opens nothing.

The client id is random for each connection, the session is clean, there is no will and no user name (attack 23).
"""

import asyncio
import contextlib
import secrets
import socket
import ssl
import struct
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent.egress.endpoint import Endpoint
from firmware_agent.egress.trouble import not_authorised, unasked

_KEEPALIVE = 60  # s
_NO_LINGER = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Who is told what happens on a link."""

    endpoint: Endpoint

    def landed(self) -> None:
        """What was published is acknowledged (QoS 1) or handed to the kernel (QoS 0)."""

    def lost(self, link: "Link", error: BaseException) -> None:
        """The connection ended after it was accepted."""


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

    def send(self, data: bytes) -> int:
        return self._sock.send(data)

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()


class _OnSocket(mqtt.Client):
    """paho on a socket that is already connected; this is its one place that would make one."""

    finished: _Narrow

    def _create_socket(self) -> Any:
        return self.finished


class Link:
    """One connection: paho driven by the running event loop, until `cut`."""

    def __init__(self, sock: socket.socket, wire: Owner) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._wire: Owner | None = wire
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
