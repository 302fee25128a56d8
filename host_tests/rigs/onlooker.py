"""Somebody who was let in as a viewer, and looks at all that a viewer gets: page, pushes, control socket."""

import contextlib
import http.client
import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent.consent.pairing import Invitation, Pairing

_FIRST = ["/", "/doorbell", "/api/home", "/api/timeline", "/api/nonce", "/archive.zip", "/api/receipt/1"]
_LOOK = 3.0  # s that pushes are listened to


class Onlooker:
    """port: of the page. control: path of the socket, whose role is a viewer's. pairing: somebody opens a window."""

    def __init__(self, port: int, control: Path, pairing: Pairing) -> None:
        self._port = port
        self._control = control
        self._pairing = pairing

    def page(self) -> tuple[bytes, dict[str, int]]:
        """(heads and bodies of all answers and pushes, path -> status)."""
        _, code = self._pairing.open(Invitation("viewer"))
        headers = {"Origin": "http://127.0.0.1:%d" % self._port}
        paired = self._ask("POST", "/pair", headers, json.dumps({"name": "a viewer", "code": code}))
        headers["Cookie"] = paired.getheader("Set-Cookie", "").partition(";")[0]
        assert paired.status == 200 and headers["Cookie"], paired.status
        viewed: dict[str, int] = {}
        shown, paths = b"", list(_FIRST)
        while paths:
            path = paths.pop(0)
            answer = self._ask("GET", path, headers)
            body = answer.read()
            viewed[path] = answer.status
            shown += repr(answer.getheaders()).encode() + body
            found = [("payload", one) for one in re.findall(rb'"ident": ?"([0-9a-f]{2,64})"', body)[:20]]
            found += [("policy", one) for one in re.findall(rb'"(?:policy|hash)": ?"([0-9a-f]{64})"', body)]
            more = ["/api/%s/%s" % (kind, one.decode()) for kind, one in found]
            paths += [one for one in dict.fromkeys(more) if one not in viewed and one not in paths]
        pushes = self._ask("GET", "/api/events", headers)
        return shown + _heard(pushes.fp.raw._sock, pushes.fp.readline), viewed

    def socket(self) -> bytes:
        """What it answers and pushes."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self._control))
            for number, do in enumerate(("home", "timeline", "nonce")):
                sock.sendall(json.dumps({"v": 1, "id": number, "do": do, "arguments": {}}).encode() + b"\n")
            return _heard(sock, lambda: sock.recv(65536))

    def _ask(self, method: str, path: str, headers: dict[str, str], body: "str | None" = None) -> Any:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        line.request(method, path, body, {**headers, "Content-Type": "application/json"})
        return line.getresponse()


def _heard(sock: socket.socket, more: Callable[[], bytes]) -> bytes:
    """What comes within a while."""
    found, end = b"", time.monotonic() + _LOOK
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < end and len(found) < 1 << 20:
            sock.settimeout(1)
            part = more()
            if not part:
                break
            found += part
    return found
