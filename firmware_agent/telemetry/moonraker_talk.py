"""The conversation with Moonraker (JSON-RPC 2.0), without any I/O: messages in, requests and fields out.

All that is ever said are the five requests of METHODS: who we are, and four questions. Nobody is answered.
"""

import json
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.flat import LEAVES, leaves, parse, size
from firmware_agent.telemetry.following import TEXT
from firmware_agent.telemetry.moonraker_fields import WANTED, Printer, job

_WHO, _INFO, _CAMERAS, _OBJECTS, _FOLLOW = METHODS = (
    "server.connection.identify",
    "server.info",
    "server.webcams.list",
    "printer.objects.list",
    "printer.objects.subscribe",
)
# The same on every device: other programs of this Moonraker can read it.
IDENTITY = {"client_name": "firmware_agent", "version": "1", "type": "agent", "url": "about:blank"}
_NAMES = 300  # raw names of one connection that are kept; known fields need none of them
_REFUSED = (-32602, 401)  # codes of an answer to whom nothing is told
_INVALID = "Invalid params"  # begins the words of the other answer that Moonraker numbers -32602: the key is right
_KEY = "moonraker: the key is refused, or one is wanted; put its API key into `key_file`, or trust this host there"


@dataclass
class Said:
    """What one message comes to. requests: to be sent. status, records: for `Heard`."""

    requests: list[bytes] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)


class Talk:
    """One connection's. key: an API key or "". dropped: what was not understood, or found no room."""

    def __init__(self, key: str = "") -> None:
        self.dropped = 0
        self._key = key
        self._printer = Printer()
        self._asked: set[str] = set()  # not answered yet: then it is not asked again
        self._followed = False
        self._history = False
        self._names: set[str] = set()

    @property
    def settled(self) -> bool:
        """Whether all goes well, and changes come by themselves."""
        return self._followed and self._printer.klippy == "ready"

    @property
    def length(self) -> float | None:
        """mm of filament of the job under way."""
        return self._printer.length

    @property
    def complete(self) -> bool:
        """Whether the job is known to be. A Moonraker with a history tells of finished jobs itself."""
        return self._printer.complete and not self._history

    def begin(self) -> list[bytes]:
        return self._ask(_WHO, {**IDENTITY, "api_key": self._key} if self._key else IDENTITY)

    def look(self) -> list[bytes]:
        """To hear how it stands, when it does not say so by itself."""
        return self._ask(_INFO)

    def hear(self, message: bytes) -> Said:
        """SourceError: it wants another key. Nothing else is raised, whatever the message."""
        said, found = Said(), parse(message)
        if found is None:
            self.dropped += 1
        elif "method" in found:
            self._told(found["method"], found, said)
        else:
            self._answered(found, said)
        return said

    def _ask(self, method: str, params: dict[str, Any] | None = None) -> list[bytes]:
        if method in self._asked:
            return []
        self._asked.add(method)
        question: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "id": METHODS.index(method)}
        return [json.dumps(question if params is None else {**question, "params": params}).encode()]

    def _answered(self, found: dict[str, Any], said: Said) -> None:
        number, result = found.get("id"), found.get("result")
        method = METHODS[number] if type(number) is int and 0 <= number < len(METHODS) else ""
        if method not in self._asked:
            self.dropped += 1
            return
        self._asked.remove(method)
        if "error" in found:
            _refused(found["error"])
        if method == _WHO:  # refused, too: another of our name is connected, or was; it tells all the same
            said.requests += self._ask(_INFO) + self._ask(_CAMERAS)
        elif "error" in found:
            pass  # Klipper is not there; it is asked again
        elif not isinstance(result, dict):
            self.dropped += 1
        elif method == _INFO:
            self._info(result, said)
        elif method == _CAMERAS:
            self._cameras(result, said)
        elif method == _OBJECTS:
            self._objects(result, said)
        else:
            self._followed = True
            self._changed(result.get("status"), said)

    def _info(self, result: dict[str, Any], said: Said) -> None:
        parts = result.get("components")
        self._history = isinstance(parts, list) and "history" in parts
        self._klippy(result.get("klippy_state"), said)
        self._raw("info", result, said)

    def _klippy(self, state: Any, said: Said) -> None:
        if state == "disconnected":
            self._followed = False
            said.status.update(dict.fromkeys(self._names))
            self._names.clear()
        said.status.update(self._printer.is_now(state))
        if not self._followed and self._printer.klippy in ("ready", "shutdown", "error"):
            said.requests += self._ask(_OBJECTS)

    def _cameras(self, result: Any, said: Said) -> None:
        cameras = result.get("webcams") if isinstance(result, dict) else None
        if isinstance(cameras, list):
            self._raw("webcams", len(cameras), said)
        else:
            self.dropped += 1

    def _objects(self, result: dict[str, Any], said: Said) -> None:
        names = result.get("objects")
        names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        self._raw("objects", dict.fromkeys(names, True), said)
        wanted = {name: parts for name, parts in WANTED.items() if name in names}
        if wanted:
            said.requests += self._ask(_FOLLOW, {"objects": wanted})

    def _told(self, method: Any, found: dict[str, Any], said: Said) -> None:
        params = found.get("params")
        first = params[0] if isinstance(params, list) and params else None
        if not isinstance(method, str) or "id" in found or not method.startswith("notify_"):
            self.dropped += 1  # front ends may ask agents for something: not this one
        elif method == "notify_status_update":
            self._changed(first, said)
        elif method in ("notify_klippy_ready", "notify_klippy_shutdown", "notify_klippy_disconnected"):
            self._followed = self._followed and method != "notify_klippy_ready"  # a new Klipper knows of no follower
            self._klippy(method.removeprefix("notify_klippy_"), said)
        elif method == "notify_webcams_changed":
            self._cameras(first, said)
        elif method == "notify_history_changed":
            record = job(params)
            if record is None:
                self.dropped += 1
            else:
                said.records.append(record)
        else:
            self._raw(method.removeprefix("notify_"), params, said)

    def _changed(self, objects: Any, said: Said) -> None:
        if isinstance(objects, dict):
            fields, rest = self._printer.changed(objects)
            said.status.update(fields)
            self._raw("", rest, said)
        else:
            self.dropped += 1

    def _raw(self, where: str, document: Any, said: Said) -> None:
        """All leaves, under names of their own. Such a name comes from there, too, and may identify as well."""
        for path, value in islice(leaves(document), LEAVES):
            name = ".".join(part for part in ("moonraker", where, path) if part)
            if name in self._names or (len(self._names) < _NAMES and size(name) <= TEXT):
                self._names.add(name)
                said.status[name] = value
            else:
                self.dropped += 1


def _refused(error: Any) -> None:
    code, words = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    if isinstance(code, int) and code in _REFUSED and not (isinstance(words, str) and words.startswith(_INVALID)):
        raise SourceError(_KEY, "key")
