"""MQTT 3.1.1 spoken by paho-mqtt on a socket that it is given, driven by the running event loop. Opens nothing.

The client id is random for each connection, the session is clean, there is no will and no user name (attack 23).
"""

import asyncio
import contextlib
import fcntl
import secrets
import socket
import ssl
import struct
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent.egress.endpoint import Endpoint
from firmware_agent.egress.envelope import LONGEST
from firmware_agent.egress.trouble import deaf, not_authorised, unasked

_KEEPALIVE = 60  # s; a broker waits for one and a half times as long
_LOOK = 10  # s between two looks of paho whether it is time for a sign of life
_MOST = 64  # messages in a minute that we listen to
_NO_LINGER = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Who is told what happens on a link. subscriptions: the only topics that it listens to."""

    endpoint: Endpoint
    subscriptions: list[str]

    def landed(self) -> None:
        """What was published is acknowledged (QoS 1) or handed to the kernel (QoS 0)."""

    def heard(self, topic: str, payload: bytes) -> None:
        """Something was published on one of the topics."""

    def lost(self, link: "Link", error: BaseException) -> None:
        """The connection ended after it was accepted."""


class _Narrow:
    """What paho gets of the connection: it may send, and hear what a broker has to say to a client like this.

    Without a subscription that is CONNACK, PUBACK and PINGRESP, each of at most four bytes. With one it is SUBACK and
    PUBLISH as well, of at most 1,024 bytes and 64 in a minute. Whatever claims to be longer, or comes more often, or is
    of another kind, ends the connection before its body is read. `trouble` keeps why reading failed: with TLS 1.3 a
    broker refuses our certificate only after the hand-shake, and paho swallows the reason.
    """

    _SHORT = (0x20, 0x40, 0xD0)  # CONNACK, PUBACK, PINGRESP with their flags: two bytes after their length, or none
    _HEARD = (0x90, 0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B)  # SUBACK; PUBLISH: QoS 0 and 1, with its marks (again, kept)

    def __init__(self, sock: socket.socket, where: str, listens: bool, now: Callable[[], float]) -> None:
        self.trouble: Exception | None = None
        self._sock = sock
        self._where = where
        self._listens = listens
        self._now = now
        self._times: deque[float] = deque(maxlen=_MOST)
        self._kind = 0  # of the packet that is being read; 0: none
        self._length: list[int] = []  # its length, as far as it was read
        self._left = 0  # bytes of it that are still to come

    def recv(self, size: int) -> bytes:
        try:
            data = self._sock.recv(min(size, self._left or 1))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.trouble = error
            raise
        if data and not self._fits(data):
            self.trouble = unasked(self._where)
            raise ConnectionAbortedError
        return data

    def _fits(self, data: bytes) -> bool:
        """Follow the packets (MQTT 3.1.1, 2.2): kind, length in up to four bytes, rest."""
        if self._left:
            self._left -= len(data)
            if not self._left:
                self._kind = 0
        elif not self._kind:
            self._kind, self._length = data[0], []
            return self._kind in self._SHORT or (self._kind in self._HEARD and self._listens and self._in_time())
        else:
            self._length.append(data[0])
            if data[0] & 128:
                return len(self._length) < 2  # two bytes say up to 16,383
            self._left = sum((one & 127) << 7 * place for place, one in enumerate(self._length))
            longest = 2 if self._kind in self._SHORT else LONGEST
            if not self._left:
                self._kind = 0
            return self._left <= longest
        return True

    def _in_time(self) -> bool:
        now = self._now()
        if len(self._times) == _MOST and now - self._times[0] < 60:
            return False
        self._times.append(now)
        return True

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
        self._topics = tuple(wire.subscriptions)
        self._narrow = client.finished = _Narrow(sock, wire.endpoint.where, bool(self._topics), self._loop.time)
        client.max_inflight_messages_set(1)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_close = lambda *_: self._unhook()  # paho closes by itself when it loses the connection
        client.on_socket_register_write = lambda *_: self._hook_writer()
        client.on_socket_unregister_write = lambda *_: self._unhook_writer()
        self._client = client
        self._loop.add_reader(sock, self._read)
        self._timer = self._loop.call_later(_LOOK, self._misc)
        client.connect_async(wire.endpoint.host, wire.endpoint.port, _KEEPALIVE)
        client.reconnect()

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        """Hand one message over, never retained; False if the connection is gone."""
        return self._client.publish(topic, payload, qos=qos, retain=False).rc == mqtt.MQTT_ERR_SUCCESS

    def unsent(self) -> int:
        """Bytes in this machine's kernel that the other end has not confirmed (Linux, SIOCOUTQ); 0 once closed."""
        if self._sock.fileno() < 0:  # paho closes by itself; `lost` is on its way
            return 0
        return int.from_bytes(fcntl.ioctl(self._sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)

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

    def _hook_writer(self) -> None:
        if self._sock.fileno() >= 0:  # a command may have cut this link from inside paho
            self._loop.add_writer(self._sock, self._write)

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
        self._timer = self._loop.call_later(_LOOK, self._misc)
        self._client.loop_misc()

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if self._wire is None or self.accepted.done():
            return
        if reason.is_failure:
            self.accepted.set_exception(not_authorised(self._wire.endpoint.where, str(reason).lower()))
        elif self._topics:
            self._client.subscribe([(topic, 1) for topic in self._topics])  # accepted when the broker says so
        else:
            self.accepted.set_result(None)

    def _on_subscribe(self, client: Any, data: Any, mid: int, reasons: Any, properties: Any) -> None:
        if self._wire is None or self.accepted.done():
            return
        if len(reasons) != len(self._topics) or any(reason.is_failure for reason in reasons):
            self.accepted.set_exception(deaf(self._wire.endpoint.where))
        else:
            self.accepted.set_result(None)

    def _on_message(self, client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        if self._wire is None:
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        if topic in self._topics:
            self._wire.heard(topic, bytes(message.payload))
            return
        why = self._narrow.trouble = unasked(self._wire.endpoint.where)
        if self.accepted.done():
            self._loop.call_soon(self._wire.lost, self, why)
        else:
            self.accepted.set_exception(why)

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
