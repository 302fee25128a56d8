"""A real mosquitto that plays a Bambu printer: TLS with a certificate that bears the serial number, one user with an
access code, and a player behind it that reports, and answers the request for everything.
"""

import hashlib
import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from host_tests.rigs.broker import Broker, wait_for
from host_tests.rigs.certificates import Authority

SERIAL = "01P00A1234CANARY"
CODE = "canary1c"
PUSHALL = b'{"pushing": {"sequence_id": "0", "command": "pushall"}}'
_PASSWORDS = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"


def digest(certificate: Path) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()


class Printer:
    """`full` is what it answers to `pushall`; None: it does not answer. `asked`: what came on its request topic."""

    def __init__(self, directory: Path, full: dict[str, Any] | None = None, code: str = CODE) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.full = full
        self.messages: list[tuple[str, bytes, int, bool]] = []
        self._authority = Authority(directory, "printers")
        self._passwords = directory / "passwords"
        self.broker = Broker(directory)
        plain, tls = f"listener {self.broker.inside} 127.0.0.1", f"listener {self.broker.port} 127.0.0.1"
        self._head = ["per_listener_settings true", "log_dest stderr", "log_type all", "user root"]
        self._head += [plain, "allow_anonymous true", tls, "allow_anonymous false", f"password_file {self._passwords}"]
        self.code(code)
        self.fingerprint = self.certify("first")
        self._player: mqtt.Client | None = None

    @property
    def port(self) -> int:
        return self.broker.port

    def code(self, code: str) -> None:
        """The access code from its next start on."""
        self._passwords.unlink(missing_ok=True)
        subprocess.run([_PASSWORDS, "-c", "-b", str(self._passwords), "bblp", code], check=True, capture_output=True)

    def certify(self, name: str) -> str:
        """Another certificate from its next start on; its fingerprint. One name, one certificate."""
        directory = self._authority.directory / name
        if not directory.exists():
            directory.mkdir()
            certificate, key = self._authority.issue(SERIAL)
            certificate.rename(directory / "certificate")
            key.rename(directory / "key")
        files = [f"certfile {directory}/certificate", f"keyfile {directory}/key"]
        self.broker.settings.write_text("\n".join([*self._head, *files]) + "\n")
        return digest(directory / "certificate")

    def start(self) -> "Printer":
        self.broker.start()
        player = self._player = mqtt.Client(CallbackAPIVersion.VERSION2)
        ready: list[bool] = []
        player.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        player.on_subscribe = lambda *_: ready.append(True)
        player.on_message = self._arrived
        player.connect("127.0.0.1", self.broker.inside)
        player.loop_start()
        wait_for(lambda: ready)
        return self

    def stop(self) -> None:
        if self._player is not None:
            self._player.disconnect()
            self._player.loop_stop()
            self._player = None
        self.broker.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def say(self, report: "dict[str, Any] | bytes") -> None:
        assert self._player is not None
        payload = report if isinstance(report, bytes) else json.dumps(report).encode()
        self._player.publish(f"device/{SERIAL}/report", payload).wait_for_publish(20)

    def prints(self, **status: Any) -> None:
        """A report of what changed."""
        self.say({"print": {"command": "push_status", "msg": 1, **status}})

    def sent(self) -> list[tuple[str, bytes, int, bool]]:
        """All that was ever published here by others than the player."""
        return [one for one in self.messages if one[0] != f"device/{SERIAL}/report"]

    def _arrived(self, client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload), message.qos, message.retain))
        if message.payload == PUSHALL and self.full is not None:
            client.publish(f"device/{SERIAL}/report", json.dumps(self.full).encode())

    def __enter__(self) -> "Printer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
