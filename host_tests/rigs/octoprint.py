"""A real OctoPrint with its virtual printer, for as long as a test needs it. Shares no code with what it tests."""

import base64
import contextlib
import hashlib
import http.client
import http.cookiejar
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WAIT = 60.0  # s, a bound for a machine that is busy; a healthy start takes 2 to 3


def program() -> Path:
    """The `octoprint` command of its own environment; FIRMWARE_AGENT_OCTOPRINT names another."""
    return Path(os.environ.get("FIRMWARE_AGENT_OCTOPRINT") or ROOT / ".peers/octoprint/bin/octoprint")


class OctoPrint:
    """One running server. url: its base address. key: the API key of its only user. user, password: that user's. pid:
    its process. off: names of plug-ins that are disabled.
    """

    def __init__(self, base: Path, off: tuple[str, ...] = ()) -> None:
        self.key = secrets.token_hex(16).upper()
        self.user = "ann-" + secrets.token_hex(4)
        self.password = secrets.token_hex(8)
        base.mkdir(parents=True, exist_ok=True)
        self._log = base / "out.log"
        self._base = base
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % port
        # JSON is YAML. The key is a user's, as an application key is: the global one names no user and goes in 1.13.
        (base / "config.yaml").write_text(json.dumps(_config(off)))
        (base / "users.yaml").write_text(json.dumps({"_version": 2, self.user: _user(self.key, self.password)}))
        self._command = [str(program()), "serve", "--iknowwhatimdoing", "--host", "127.0.0.1", "--port", str(port)]
        self.start()

    def start(self) -> None:
        """Again, after stop(): with the same address, users and keys."""
        self._stopped = False
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, "--basedir", str(self._base)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a process group of its own, so that stop() reaches the G-code analysis too
            )
        self.pid = self._process.pid

    def call(self, path: str, body: Any = None) -> Any:
        """GET, or POST with a body (JSON), of /api/PATH; urllib's HTTPError unless it succeeds."""
        data = None if body is None else json.dumps(body).encode()
        return self._request(path, data, "application/json")

    def _request(self, path: str, data: bytes | None, kind: str) -> Any:
        headers = {"X-Api-Key": self.key, "Content-Type": kind}
        request = urllib.request.Request(self.url + "/api/" + path, data, headers)  # noqa: S310  always http, to itself
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def logged_in(self) -> Callable[[str, Any], Any]:
        """A browser in which the user has just typed the password: POSTs (path, JSON) and returns the answer."""
        jar = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        browser.open(self.url + "/login/", timeout=10).close()

        def post(path: str, body: Any) -> Any:
            token = next(one.value for one in jar if one.name.startswith("csrf_token"))
            headers = {"Content-Type": "application/json", "X-CSRF-Token": token or ""}
            request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)  # noqa: S310
            with browser.open(request, timeout=10) as answer:
                return json.loads(answer.read() or b"null")

        post("/api/login", {"user": self.user, "pass": self.password})
        return post

    def asked_for_a_key(self) -> dict[str, str]:
        """token of the question: which application asks, as OctoPrint's page shows it."""
        pending = self.call("plugin/appkeys")["pending"]
        return {token: row["app_id"] for token, row in pending.items()}

    def decide(self, token: str, yes: bool) -> None:
        """As its page does it: the user, logged in with the password, says yes or no to such a question."""
        self.logged_in()("/plugin/appkeys/decision/" + token, {"decision": yes})

    def take_back(self, application: str) -> None:
        """As its page does it: the key of an application is worth nothing any more."""
        self.logged_in()("/api/plugin/appkeys", {"command": "revoke", "app": application})

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Return once `holds()`; RuntimeError with the end of OctoPrint's log if it never does, or OctoPrint ends."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end and self._process.poll() is None:
            # Not listening yet, a status that says not yet, or the start-up server, whose answer is not even HTTP.
            with contextlib.suppress(OSError, http.client.HTTPException):
                if holds():
                    return
            time.sleep(0.05)
        tail = self._log.read_text(errors="replace").replace(self.key, "<key>")[-2000:]
        raise RuntimeError("OctoPrint is not %s after %d s; its log ends: %s" % (what, WAIT, tail))

    def operational(self) -> bool:
        """Whether the virtual printer is connected and ready."""
        return self.call("printer?exclude=sd,temperature")["state"]["flags"]["operational"] is True

    def upload(self, name: str, gcode: bytes, then_print: bool = False, folder: str = "") -> None:
        """Store a file; it is not selected unless it is printed."""
        edge = secrets.token_hex(16)
        part = 'Content-Disposition: form-data; name="file"; filename="%s"' % name.replace('"', "%22")
        form = "--%s\r\n%s\r\nContent-Type: application/octet-stream\r\n\r\n" % (edge, part)
        more = '\r\n--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s'
        fields = more % (edge, "print", "true" if then_print else "false") + more % (edge, "path", folder)
        data = form.encode() + gcode + (fields + "\r\n--%s--\r\n" % edge).encode()
        self._request("files/local", data, "multipart/form-data; boundary=" + edge)

    def analysed(self, name: str) -> bool:
        """Whether OctoPrint has worked out how much filament a stored file needs."""
        return "gcodeAnalysis" in self.call("files/local/" + urllib.parse.quote(name))

    def quiet(self) -> None:
        """End whatever a test left under way: until then OctoPrint refuses a new job."""
        flags = self.call("printer?exclude=sd,temperature")["state"]["flags"]
        if flags["printing"] or flags["paused"]:
            with contextlib.suppress(urllib.error.HTTPError):  # it ended by itself meanwhile
                self.cancel()
        self.wait("ready for a job", self.ready)

    def ready(self) -> bool:
        """Whether a job could begin now."""
        flags = self.call("printer?exclude=sd,temperature")["state"]["flags"]
        return flags["ready"] and not any(flags[name] for name in ("printing", "paused", "cancelling", "finishing"))

    def print_stored(self, name: str) -> None:
        """Select a stored file and print it."""
        self.quiet()
        self.call("files/local/" + urllib.parse.quote(name), {"command": "select", "print": True})

    def upload_and_print(self, name: str, gcode: bytes) -> None:
        """Store a file and print it; a line `@pause` in it pauses the job there."""
        self.quiet()
        self.upload(name, gcode, then_print=True)

    def resume(self) -> None:
        """Go on with a paused job."""
        self.call("job", {"command": "pause", "action": "resume"})

    def cancel(self) -> None:
        """Cancel the job under way."""
        self.call("job", {"command": "cancel"})

    def stop(self) -> None:
        """Kill the whole process group; again is no error."""
        if not self._stopped:  # once only: later the number may be another's
            self._stopped = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@contextlib.contextmanager
def octoprint(tmp_path: Path, off: tuple[str, ...] = ()) -> Iterator[OctoPrint]:
    """An OctoPrint that answers and whose virtual printer is operational; killed at the end, whatever happens."""
    if not program().exists():
        raise FileNotFoundError("no OctoPrint at %s: install it there (dependency group `octoprint`)" % program())
    server = OctoPrint(tmp_path / "octoprint", off)
    try:
        server.wait("operational", server.operational)
        yield server
    finally:
        server.stop()


def _user(key: str, password: str) -> dict[str, Any]:
    rights = {"groups": ["users", "admins"], "permissions": [], "roles": [], "settings": {}}
    return {"active": True, "apikey": key, "password": _hashed(password), **rights}


def _hashed(password: str) -> str:
    """As passlib's pbkdf2_sha256 writes it."""
    salt = secrets.token_bytes(16)
    parts = salt, hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1000)
    packed = [base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in parts]
    return "$pbkdf2-sha256$1000$" + "$".join(packed)


def _config(off: tuple[str, ...]) -> dict[str, Any]:
    return {
        "server": {
            "firstRun": False,
            "seenWizards": {"corewizard": 4, "tracking": 1, "backup": None},
            "onlineCheck": {"enabled": False},
            "pluginBlacklist": {"enabled": False},
        },
        "accessControl": {"salt": secrets.token_hex(16)},
        "plugins": {
            # Its `throttle` has no reader in 1.11: a high feed rate (F600000) in the G-code makes it fast.
            "virtual_printer": {"_config_version": 1, "enabled": True, "sendWait": False},
            "tracking": {"enabled": False},
            # the first four speak to a network
            "_disabled": ["softwareupdate", "announcements", "errortracking", "discovery", *off],
        },
        "serial": {
            "port": "VIRTUAL",
            "autoconnect": True,
            # The virtual printer loses an acknowledgement now and then: OctoPrint would wait half a minute for it.
            "timeout": {"communication": 2, "communicationBusy": 2},
        },
        "gcodeAnalysis": {"throttle_highprio": 0, "throttle_normalprio": 0},
    }
