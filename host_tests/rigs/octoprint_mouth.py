"""What an OctoPrint answers and pushes, as often as it is told to: a real one says nothing more than twice a second.

REST as `/api/printer`, `/api/job` and `/api/login` have it, and the push socket of `/sockjs/websocket`: "connected" at
once, "current" after an `auth`, then one "current" for each change. Every key is let in. Shares no code with what it
tests.
"""

import asyncio
import contextlib
import json
import time
from typing import Any

import wsproto
from wsproto import events

_FLAGS = ("cancelling", "closedOrError", "error", "finishing", "operational", "paused", "pausing", "printing", "ready")
_KEY = b"Upgrade: websocket"
_LENGTH = b"content-length:"
_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"


class OctoPrintMouth:
    """url: its base address, once started; use with `async with`. polls: requests that were answered. pushed: changes
    that were told on sockets. change: degrees Celsius of the nozzle."""

    def __init__(self) -> None:
        self.url = ""
        self.polls = self.pushed = 0
        self._nozzle = 20.0
        self._listening: dict[asyncio.StreamWriter, wsproto.WSConnection] = {}
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "OctoPrintMouth":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    def change(self, nozzle: float) -> None:
        self._nozzle = nozzle
        for writer, state in self._listening.items():
            self.pushed += 1
            writer.write(state.send(events.TextMessage(json.dumps({"current": self._current()}))))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if _KEY.lower() in head.lower():
                await self._push(head, reader, writer)
            else:
                await self._answer(head, reader, writer)
        self._listening.pop(writer, None)
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH)]
        await reader.readexactly(int(lengths[0].removeprefix(_LENGTH)) if lengths else 0)
        path = head.split(b" ")[1].partition(b"?")[0]
        temperature = {"tool0": self._tool(), "bed": self._bed()}
        rows: dict[bytes, Any] = {
            b"/api/printer": {"state": self._state(), "temperature": temperature},
            b"/api/job": {**self._job(), "state": "Printing"},
            b"/api/login": {"name": "ann", "session": "0" * 32},
            b"/api/currentuser": {"name": "ann", "groups": ["users"], "permissions": ["STATUS"]},
        }
        body = json.dumps(rows.get(path, {})).encode()
        writer.write((_HEAD % len(body)).encode() + body)
        await writer.drain()
        self.polls += 1

    async def _push(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        data = head
        while data:
            state.receive_data(data)
            for event in state.events():
                if isinstance(event, events.Request):
                    writer.write(state.send(events.AcceptConnection()))
                    writer.write(state.send(events.TextMessage(json.dumps({"connected": {"version": "1.11.0"}}))))
                elif isinstance(event, events.TextMessage) and "auth" in event.data:
                    self._listening[writer] = state
                    self.change(self._nozzle)
                elif isinstance(event, events.Ping):
                    writer.write(state.send(event.response()))
                elif isinstance(event, events.CloseConnection):
                    return
            data = await reader.read(4096)

    def _current(self) -> dict[str, Any]:
        temps = [{"time": int(time.time()), "tool0": self._tool(), "bed": self._bed()}]
        return {"state": self._state(), **self._job(), "temps": temps, "currentZ": 0.4, "offsets": {}, "busyFiles": []}

    def _tool(self) -> dict[str, float]:
        return {"actual": self._nozzle, "target": 210.0, "offset": 0}

    def _bed(self) -> dict[str, float]:
        return {"actual": 60.1, "target": 60.0, "offset": 0}

    def _state(self) -> dict[str, Any]:
        on = ("operational", "printing")
        return {"text": "Printing", "error": "", "flags": {flag: flag in on for flag in _FLAGS}}

    def _job(self) -> dict[str, Any]:
        file = {"name": "a.gcode", "path": "a.gcode", "display": "a.gcode", "origin": "local", "size": 1000, "date": 1}
        filament = {"tool0": {"length": 812.5, "volume": 2.0}}
        progress = {"completion": 41.7, "filepos": 417, "printTime": 61, "printTimeLeft": 90}
        return {
            "job": {"file": file, "filament": filament, "user": "ann", "estimatedPrintTime": 150.0},
            "progress": progress,
        }
