"""A broker that drops nothing, and a subscriber on a plain socket: cheap enough to count 30,000 messages."""

import contextlib
import socket
import threading
from pathlib import Path

from host_tests.rigs.broker import Broker
from host_tests.rigs.packets import PUBLISH, Splitter

_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04ears"  # clean session, no keep-alive
_SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01#\x00"


class Roomy(Broker):
    """mosquitto without limits on queues and without a log: what it got, its subscribers get."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        lines = ["per_listener_settings false", "allow_anonymous true", "persistence false", "log_type none"]
        lines += ["max_queued_messages 0", "max_queued_bytes 0", "max_inflight_messages 0", "max_inflight_bytes 0"]
        lines += ["user root", f"listener {self.inside} 127.0.0.1", f"listener {self.port} 127.0.0.1"]
        self.settings.write_text("\n".join(lines) + "\n")


class Listener:
    """`payloads`: of every message of every topic, in the order in which the broker got them; at QoS 0."""

    def __init__(self, port: int) -> None:
        self.payloads: list[bytes] = []
        self._sock = socket.create_connection(("127.0.0.1", port), 20)
        self._sock.sendall(_CONNECT)
        assert self._sock.recv(4, socket.MSG_WAITALL) == b"\x20\x02\x00\x00", "the broker did not accept the subscriber"
        self._sock.sendall(_SUBSCRIBE)
        assert self._sock.recv(5, socket.MSG_WAITALL)[-1] == 0, "the broker refused the subscription"
        self._sock.settimeout(None)
        self._thread = threading.Thread(target=self._read, name="listener", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        splitter = Splitter()
        with contextlib.suppress(OSError):
            while data := self._sock.recv(65536):
                self.payloads += [packet.payload for packet in splitter.feed(data)[1] if packet.kind == PUBLISH]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._sock.close()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
