"""What stands where an OctoPrint should in tests: the pages and the push socket that the agent uses."""

import asyncio
import contextlib
import json
import ssl

import wsproto
from wsproto import events

USER = {"groups": ["users"], "name": "ann", "permissions": ["STATUS", "PRINT"]}
SESSION = {**USER, "session": "a session", "apikey": "canary-2c7d another key"}
FLAGS = (
    "operational printing cancelling pausing resuming finishing closedOrError error paused ready sdReady".split()  # noqa: SIM905
)


def flags(*names, error="", text="Whatever"):
    """`state`, with these flags set."""
    return {"text": text, "flags": {name: name in names for name in FLAGS}, "error": error}


CURRENT = {
    "state": flags("operational", "printing", text="Printing"),
    "job": {
        "file": {"name": "a.gcode", "path": "b/a.gcode", "size": 5},
        "filament": {"tool0": {"length": 12.5, "volume": 1.0}},
        "user": "ann",
    },
    "progress": {"completion": 42.5, "filepos": 3, "printTime": 61, "printTimeLeft": 70},
    "currentZ": None,
    "offsets": {},
    "temps": [
        {"time": 1, "tool0": {"actual": 204.0, "target": 205.0}, "bed": {"actual": 60.0, "target": 60.0}},
        {"time": 2, "tool0": {"actual": 205.1, "target": 205.0}, "bed": {"actual": 60.2, "target": 60.0}},
    ],
    "logs": [],
    "messages": [],
    "serverTime": 2.5,
}
KNOWN = {
    "state": "printing",
    "progress": 42.5,
    "elapsed": 61,
    "remaining": 70,
    "nozzle_temperature": 205.1,
    "nozzle_target": 205.0,
    "bed_temperature": 60.2,
    "bed_target": 60.0,
    "job_file": "a.gcode",
    "job_path": "b/a.gcode",
    "job_user": "ann",
    "message": "Printing",
}


def message(kind, **payload):
    return json.dumps({kind: payload}).encode()


class Octo:
    """Use with `async with`. pair: certificate and key, None: no TLS. port: 0 picks a free one.

    refused: page: status. location: where a refusal leads. says: the messages on the socket, once somebody logged in.
    flood: one that follows then, up to `whole` bytes. heads, said: what came. user: whom every key belongs to. hangs:
    nobody answers. spoil: what becomes of bytes before they leave. slow: whether they leave one by one.
    """

    def __init__(self, pair=None, port=0, refused=None, location="", says=None, flood=b"", whole=0):
        self.port = port
        self.refused = refused or {}
        self.heads, self.said, self.sent = [], [], 0
        self.user, self.hangs = USER, False
        self.spoil, self.slow = lambda data: data, lambda: False
        self._location = location
        self._says = [message("connected", version="1.11.0"), message("current", **CURRENT)] if says is None else says
        self._flood, self._whole = flood, whole
        self._tls = None
        if pair is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(*pair)
        self._open = {}

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = "%s://127.0.0.1:%d" % ("https" if self._tls else "http", self.port)
        return self

    async def __aexit__(self, *error):
        self._server.close()
        for writer, task in list(self._open.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)

    async def _serve(self, reader, writer):
        self._open[writer] = asyncio.current_task()
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, wsproto.utilities.ProtocolError):
                await self._answer(reader, writer)
        finally:
            self._open.pop(writer)
            writer.close()

    async def _answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        page = head.split(b" ")[1].decode()
        if self.hangs:
            await reader.read()
        elif page in self.refused:
            more = "Location: %s%s\r\n" % (self._location, page) if self._location else ""
            await self._give(writer, ("HTTP/1.1 %d X\r\n%s\r\n" % (self.refused[page], more)).encode())
        elif page == "/sockjs/websocket":
            await self._push(reader, writer, head)
        else:
            body = json.dumps({"/api/currentuser": self.user, "/api/login": SESSION}[page]).encode()
            await self._give(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def _push(self, reader, writer, head):
        state = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        state.receive_data(head)
        list(state.events())
        await self._give(writer, state.send(events.AcceptConnection()))
        while data := await reader.read(4096):
            state.receive_data(data)
            for event in state.events():
                if isinstance(event, events.TextMessage):
                    self.said.append(json.loads(event.data))
                    if "auth" in self.said[-1]:
                        await self._tell(state, writer)

    async def _tell(self, state, writer):
        await self._give(writer, state.send(events.Ping(b"there?")))
        for one in self._says:
            await self._give(writer, state.send(events.TextMessage(one.decode())))
        while self.sent < self._whole:
            data = state.send(events.TextMessage(self._flood.decode()))
            writer.write(data)
            await writer.drain()
            self.sent += len(data)

    async def _give(self, writer, data):
        data = self.spoil(data)
        size = 1 if self.slow() else len(data) or 1
        for at in range(0, min(len(data), 60 if size == 1 else len(data)), size):
            writer.write(data[at : at + size])
            await writer.drain()
            if size == 1:
                await asyncio.sleep(0)
        if size == 1:
            writer.write(data[60:])
            await writer.drain()
