"""A real Moonraker before a Klipper that is not there (klippy.py), for as long as it is needed.

Shares no code with what it tests.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_tests.rigs.klippy import Klippy

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60.0  # s, a bound for a machine that is busy; a healthy start takes 1 to 2
# No feeds from the network, no service manager; only this machine may come in.
_CONFIG = """\
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {klippy}

[authorization]
trusted_clients: 127.0.0.1

[machine]
provider: none
validate_service: False
validate_config: False

[announcements]
enable_moonlight: False

[history]
"""


def program() -> Path:
    """The `moonraker` command of its own environment; FIRMWARE_AGENT_MOONRAKER names another."""
    return Path(os.environ.get("FIRMWARE_AGENT_MOONRAKER") or ROOT / ".peers/moonraker/bin/moonraker")


class Moonraker:
    """One running server. url: its base address. socket: its own Unix socket. pid: its process."""

    def __init__(self, base: Path, klippy: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % port
        self.socket = base / "comms/moonraker.sock"
        if len(os.fsencode(self.socket)) > 107:
            raise ValueError("%s: too long for a Unix socket; give a shorter directory" % self.socket)
        for folder in ("config", "logs", "gcodes"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        (base / "config/moonraker.conf").write_text(_CONFIG.format(port=port, klippy=klippy))
        self._log = base / "out.log"
        self._stopped = False
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program(), "-d", base], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self._process.pid

    def call(self, path: str, body: Any = None) -> Any:
        """The `result` of GET, or of POST with a body (JSON), of PATH; urllib's HTTPError unless it succeeds."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310  always http, to itself
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read())["result"]

    def wait(self, seconds: float = WAIT) -> None:
        """Return once it knows its printer to be ready; RuntimeError with the end of its log if that never happens."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):  # not listening yet
                info = self.call("/server/info")
                if info["failed_components"]:
                    raise RuntimeError("Moonraker lacks its parts %s; see what they need" % info["failed_components"])
                if info["klippy_state"] == "ready":
                    return
            time.sleep(0.02)
        tail = self._log.read_text(errors="replace")[-2000:]
        raise RuntimeError("Moonraker is not ready after %d s; its log ends: %s" % (seconds, tail))

    def stop(self) -> None:
        """Kill the whole process group; again is no error."""
        if not self._stopped:  # once only: later the number may be another's
            self._stopped = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextlib.contextmanager
def moonraker(base: Path) -> Iterator[tuple[Moonraker, Klippy]]:
    """A Moonraker whose printer is ready, and that printer; both are gone at the end, whatever happens.

    base: a directory of its own, with a short path, for Unix sockets stand in it.
    """
    if not program().exists():
        raise FileNotFoundError("no Moonraker at %s: install it there (dependency group `moonraker`)" % program())
    base.mkdir(parents=True, exist_ok=True)
    with Klippy(base / "klippy.sock") as klippy:
        server = Moonraker(base, klippy.path)
        try:
            server.wait()
            yield server, klippy
        finally:
            server.stop()
