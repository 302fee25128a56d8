"""What stands at the other end of a line to Moonraker in tests: a websocket that answers by a table, and a listener."""

import asyncio
import contextlib
import json
import os
import ssl
from pathlib import Path

import wsproto
from wsproto import events

END = b"\x03"
METHODS = {  # every request that may ever be sent, with its id
    "server.connection.identify": 0,
    "server.info": 1,
    "server.webcams.list": 2,
    "printer.objects.list": 3,
    "printer.objects.subscribe": 4,
}
STATUS = {
    "webhooks": {"state": "ready", "state_message": "Printer is ready"},
    "print_stats": {"state": "printing", "message": "", "print_duration": 61.5, "filament_used": 812.5},
    "virtual_sdcard": {"progress": 0.4},
    "display_status": {"progress": 0.42},
    "extruder": {"temperature": 205.1, "target": 205.0},
    "heater_bed": {"temperature": 60.2, "target": 60.0},
}
KNOWN = {
    "state": "printing",
    "progress": 42.0,
    "elapsed": 61.5,
    "nozzle_temperature": 205.1,
    "nozzle_target": 205.0,
    "bed_temperature": 60.2,
    "bed_target": 60.0,
    "message": "Printer is ready",
}


def results(components=("history",)):
    """Method -> what a Moonraker whose printer prints answers."""
    return {
        "server.connection.identify": {"connection_id": 7},
        "server.info": {"klippy_connected": True, "klippy_state": "ready", "components": list(components)},
        "server.webcams.list": {"webcams": [{"name": "Ann's"}, {"name": "Bob's"}]},
        "printer.objects.list": {"objects": [*STATUS, "gcode_macro ANNS_MACRO"]},
        "printer.objects.subscribe": {"eventtime": 1.5, "status": STATUS},
    }


def answer(method, result):
    return json.dumps({"jsonrpc": "2.0", "id": METHODS[method], "result": result}).encode()


def refusal(method, code, message="canary-0d9e"):
    error = {"code": code, "message": message}
    return json.dumps({"jsonrpc": "2.0", "id": METHODS[method], "error": error}).encode()


def news(method, *params):
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": list(params)}).encode()


class Web:
    """A websocket server that answers by `table`. heads: the requests for an upgrade. Use with `async with`.

    pair: certificate and key, None: no TLS. status: instead of an upgrade. port: 0 picks a free one.
    """

    def __init__(self, pair=None, port=0, status=None, table=None):
        self.heads = []
        self.asked = []
        self.port = port
        self._status = status
        self._table = results() if table is None else table
        self._tls = None
        if pair is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(*pair)
        self._open = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}/websocket"
        return self

    async def __aexit__(self, *error):
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self._open.add(writer)
        state, head = wsproto.WSConnection(wsproto.ConnectionType.SERVER), b""
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                head += data if state.connection is None else b""
                state.receive_data(data)
                for event in state.events():
                    writer.write(b"".join(self._react(state, event)))
                if state.connection is not None and head:
                    self.heads.append(head)
                    head = b""
        self._open.discard(writer)
        writer.close()

    def _react(self, state, event):
        if isinstance(event, events.Request):
            refused = events.RejectConnection(status_code=self._status or 0)
            yield state.send(refused if self._status else events.AcceptConnection())
        elif isinstance(event, events.TextMessage):
            method = json.loads(event.data)["method"]
            self.asked.append(method)
            yield state.send(events.Ping(b"there?"))
            text = answer(method, self._table[method]).decode()
            yield state.send(events.TextMessage(text[:7], message_finished=False))  # in two frames
            yield state.send(events.TextMessage(text[7:]))


@contextlib.asynccontextmanager
async def unix(path: Path, serve):
    """`serve(reader, writer)` for each connection to `path`."""
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        os.unlink(path)
