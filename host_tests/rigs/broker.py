"""A real mosquitto on a free port of this machine, with persistence on, and a subscriber that notes what arrives."""

import contextlib
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin") or "mosquitto"


def free_port() -> int:
    """One that nobody listens on, below those that the system gives to outgoing connections: so it stays free."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def wait_for(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true result of `what`; fails if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


class Broker:
    """`port` is the one agents use (TLS if certificates are given), `inside` a plain one for the test's own eyes."""

    def __init__(self, directory: Path, tls: "tuple[Path, Path, Path] | None" = None) -> None:
        self.directory = directory
        self.port = free_port()
        self.inside = free_port()
        self.log = directory / "mosquitto.log"
        lines = ["per_listener_settings false", "allow_anonymous true", "persistence true"]
        lines += [f"persistence_location {directory}/", "autosave_interval 1", "log_dest stderr", "log_type all"]
        lines += ["user root", f"listener {self.inside} 127.0.0.1", f"listener {self.port} 127.0.0.1"]
        if tls is not None:
            authority, certificate, key = tls
            lines += [f"cafile {authority}", f"certfile {certificate}", f"keyfile {key}", "require_certificate true"]
        self.settings = directory / "mosquitto.conf"
        self.settings.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Broker":
        with open(self.log, "ab") as log:
            command = [PROGRAM, "-c", str(self.settings)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for(self._listens)
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def connections(self) -> int:
        """How many ever came in on the agents' port."""
        return self.log.read_text().count(f"on port {self.port}.")

    def stored(self) -> bytes:
        """What it keeps on disk, written now."""
        assert self._process is not None
        database = self.directory / "mosquitto.db"
        before = database.stat().st_mtime_ns if database.exists() else 0
        self._process.send_signal(10)  # SIGUSR1: save now
        wait_for(lambda: database.exists() and database.stat().st_mtime_ns != before)
        return database.read_bytes()

    def __enter__(self) -> "Broker":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.inside), 1):
                return True
        except OSError:
            return False


class Subscriber:
    """Notes every message of every topic: (topic, payload, qos, retained)."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes, int, bool]] = []
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._arrived
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(20)

    def _arrived(self, client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload), message.qos, message.retain))

    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _, _ in self.messages]

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
