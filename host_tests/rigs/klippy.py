"""Klipper's side of Moonraker's Unix socket, in this process: JSON objects, each ended by the byte 0x03.

It prints nothing and heats nothing. What a test wants the printer to be is put in with `change`; what was asked of it
stands in `calls`. Shares no code with what it tests.
"""

import asyncio
import contextlib
import copy
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

END = b"\x03"
WAIT = 20.0  # s, a bound for a machine that is busy
_LARGEST = 1 << 20  # bytes of one request
_SENSOR = "temperature_sensor Anns_secret_chamber"  # people name objects: such a name identifies, too
_WHERE = "/home/ann/printer_data"
# What an idle printer says of itself. Degrees Celsius, seconds, mm.
IDLE: dict[str, dict[str, Any]] = {
    "webhooks": {"state": "ready", "state_message": "Printer is ready"},
    "print_stats": {
        "state": "standby",
        "message": "",
        "filename": "",
        "total_duration": 0.0,
        "print_duration": 0.0,
        "filament_used": 0.0,
        "info": {"total_layer": None, "current_layer": None},
    },
    "virtual_sdcard": {"file_path": None, "progress": 0.0, "is_active": False, "file_position": 0, "file_size": 0},
    "extruder": {"temperature": 21.4, "target": 0.0, "power": 0.0, "can_extrude": False},
    "heater_bed": {"temperature": 20.9, "target": 0.0, "power": 0.0},
    "heaters": {
        "available_heaters": ["extruder", "heater_bed"],
        "available_sensors": ["extruder", "heater_bed", _SENSOR],
        "available_monitors": [],
    },
    _SENSOR: {"temperature": 31.4, "measured_min_temp": 30.0, "measured_max_temp": 32.0},
    "toolhead": {"homed_axes": "", "position": [0.0, 0.0, 0.0, 0.0], "print_time": 0.0, "estimated_print_time": 0.0},
    "display_status": {"progress": 0.0, "message": None},
    "pause_resume": {"is_paused": False},
    "idle_timeout": {"state": "Idle", "printing_time": 0.0},
    "configfile": {"config": {"printer": {"kinematics": "cartesian"}}, "settings": {}, "save_config_pending": False},
}
# What it tells about the machine: all of it identifies.
INFO: dict[str, Any] = {
    "state": "ready",
    "state_message": "Printer is ready",
    "hostname": "anns-printer",
    "klipper_path": "/home/ann/klipper",
    "python_path": "/home/ann/klippy-env/bin/python",
    "user_id": os.getuid(),
    "group_id": os.getgid(),
    "log_file": _WHERE + "/logs/klippy.log",
    "config_file": _WHERE + "/config/printer.cfg",
    "software_version": "v0.13.0-0-g0stand1n",
    "cpu_info": "2 core of a machine that is not there",
}


class Klippy:
    """Listens on the Unix socket `path` from `start` to `stop`.

    calls: (method, its parameters) in the order in which they came. methods: the remote methods that were registered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.methods: set[str] = set()
        self._objects = copy.deepcopy(IDLE)
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="klippy", daemon=True)

    def start(self) -> "Klippy":
        """Listen; OSError if the socket cannot be made (a path over 107 bytes is too long for one)."""
        self._thread.start()
        try:
            self._within(self._listen())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every connection and the socket; again is no error."""
        if not self._loop.is_closed():
            self._within(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(WAIT)
            self._loop.close()
            self.path.unlink(missing_ok=True)

    def change(self, name: str, **fields: Any) -> None:
        """New values for an object; who subscribed to them is told."""
        self._within(self._change(name, fields))

    def say(self, line: str) -> None:
        """A line on the printer's console, for whoever listens to it."""
        self._within(self._tell("output", {"response": line}))

    def invoke(self, method: str, **parameters: Any) -> None:
        """Call a method that was registered with register_remote_method; KeyError if none was."""
        if method not in self.methods:
            raise KeyError(f"no connection registered the remote method {method}; there are {sorted(self.methods)}")
        self._within(self._tell("method " + method, parameters))

    def __enter__(self) -> "Klippy":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _within(self, what: Any) -> Any:
        """Run a coroutine in the thread that owns all state, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(WAIT)

    async def _listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=_LARGEST)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.writer.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        self._connections.add(connection)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = json.loads((await reader.readuntil(END))[:-1])
                answer = self._answer(connection, request.get("method", ""), request.get("params") or {})
                if "id" in request:
                    connection.send({"id": request["id"], **answer})
        self._connections.discard(connection)
        writer.close()

    def _answer(self, connection: "_Connection", method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((method, parameters))
        action = _ACTIONS.get(method)
        if action is None:
            return {"error": {"error": "WebRequestError", "message": f"No registered callback for path '{method}'"}}
        return {"result": action(self, connection, parameters)}

    def info(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        return {**INFO, "process_id": os.getpid(), "state": self._objects["webhooks"]["state"]}

    def endpoints(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        return {"endpoints": sorted(_ACTIONS)}

    def objects(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        return {"objects": list(self._objects)}

    def query(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        wanted = parameters.get("objects") or {}
        status = {name: _chosen(self._objects[name], wanted[name]) for name in wanted if name in self._objects}
        return {"eventtime": time.monotonic(), "status": copy.deepcopy(status)}

    def subscribe(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        connection.wanted = dict(parameters.get("objects") or {})
        connection.templates["status"] = parameters.get("response_template") or {}
        return self.query(connection, parameters)

    def output(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        connection.templates["output"] = parameters.get("response_template") or {}
        return {}

    def register(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["remote_method"]
        connection.templates["method " + name] = parameters.get("response_template") or {}
        self.methods.add(name)
        return {}

    def obey(self, connection: "_Connection", parameters: dict[str, Any]) -> dict[str, Any]:
        """G-code and the buttons of a front end: noted in `calls`, and nothing moves."""
        return {}

    async def _change(self, name: str, fields: dict[str, Any]) -> None:
        self._objects.setdefault(name, {}).update(fields)
        for connection in self._connections:
            if name in connection.wanted:
                chosen = _chosen(fields, connection.wanted[name])
                if chosen:
                    connection.tell("status", {"eventtime": time.monotonic(), "status": {name: chosen}})

    async def _tell(self, what: str, parameters: dict[str, Any]) -> None:
        for connection in self._connections:
            connection.tell(what, parameters)


class _Connection:
    """One client. wanted: the objects that it subscribed to, each with its fields or None for all."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.wanted: dict[str, list[str] | None] = {}
        self.templates: dict[str, dict[str, Any]] = {}

    def tell(self, what: str, parameters: dict[str, Any]) -> None:
        """Send what the client asked to be told, in the form that it asked for; nothing if it did not."""
        if what in self.templates:
            self.send({**self.templates[what], "params": parameters})

    def send(self, message: dict[str, Any]) -> None:
        self.writer.write(json.dumps(message).encode() + END)


def _chosen(fields: dict[str, Any], wanted: list[str] | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if wanted is None or name in wanted}


_ACTIONS: dict[str, Callable[[Klippy, _Connection, dict[str, Any]], dict[str, Any]]] = {
    "info": Klippy.info,
    "list_endpoints": Klippy.endpoints,
    "objects/list": Klippy.objects,
    "objects/query": Klippy.query,
    "objects/subscribe": Klippy.subscribe,
    "gcode/subscribe_output": Klippy.output,
    "register_remote_method": Klippy.register,
    "gcode/help": Klippy.obey,
    "gcode/script": Klippy.obey,
    "gcode/restart": Klippy.obey,
    "gcode/firmware_restart": Klippy.obey,
    "pause_resume/pause": Klippy.obey,
    "pause_resume/resume": Klippy.obey,
    "pause_resume/cancel": Klippy.obey,
    "query_endstops/status": Klippy.obey,
    "emergency_stop": Klippy.obey,
}
