"""A panel that really listens, with a fake desk behind it, and a browser that sends exactly the bytes it is told to."""

import asyncio
import json
import os
import ssl
import time
from pathlib import Path

import h11

from firmware_agent.owner.panel.server import Panel
from firmware_agent.owner.panel.settings import Settings
from host_tests.fakes_panel import CODE, World

FILES = {
    "pair.html": "<!doctype html><title>pair</title>",
    "app.html": "<!doctype html><title>the printer's page</title>",
    "panel.css": "p { margin: 0 }",
    "shared.js": "export const one = 1;",
    "pair.js": "import './shared.js';",
    "app.js": "import './shared.js'; // of the page itself",
    "words.en.txt": "language = English\n",
    "words.zh.txt": "language = 中文\n",
    "icon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
}
PATIENCE = 20.0  # s


class Leaping:
    """Seconds that go forward by a minute at each look: nothing is ever too often."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 60
        return self.now


class Said:
    """An answer as it came. headers: lower-case name -> value; of one that comes twice, a list."""

    def __init__(self, head, body):
        self.status = head.status_code
        self.pairs = [(name.decode(), value.decode()) for name, value in head.headers]
        self.headers = dict(self.pairs)
        self.body = bytes(body)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Line:
    """One connection of a client."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, head=False):
        """The next answer; None if the connection ended before there was one."""
        http, body, found = h11.Connection(h11.CLIENT), bytearray(), None
        http.send(h11.Request(method="HEAD" if head else "GET", target="/", headers=[("Host", "x")]))
        http.send(h11.EndOfMessage())
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                # one byte at a time before the body, so that nothing of a following answer is taken
                data = await self.data(1 if found is None else 65536)
                if not data and found is None:
                    return None
                http.receive_data(data)
            elif isinstance(event, h11.Response):
                found = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Said(found, body)
            else:
                return None

    async def data(self, most=65536):
        """What comes next; b"" at the end, however it ends."""
        try:
            return await asyncio.wait_for(self.reader.read(most), PATIENCE)
        except ConnectionError:
            return b""

    async def until(self, text):
        """Everything up to `text`; AssertionError if it ends before."""
        found = b""
        while text not in found:
            data = await self.data()
            assert data, "ended before %r came" % text
            found += data
        return found

    async def ends(self):
        """All that still comes until it ends."""
        found = b""
        while data := await self.data():
            found += data
        return found

    def close(self):
        self.writer.transport.abort()


class House:
    """An `async with`: a panel on a port of 127.0.0.1, its world, and browsers. camera: of fakes_camera.py, or None."""

    def __init__(self, directory: Path, ticks=None, camera=None, **settings):
        self.world = World(camera=camera)
        self._lines = []
        self.pages = directory / "pages"
        self.pages.mkdir(exist_ok=True)
        for name, text in FILES.items():
            (self.pages / name).write_text(text, "utf-8")
        self.settings = Settings(pages=self.pages, **settings)
        self.panel = Panel(
            self.world.desk, self.world.doorbell, self.world.gate, self.settings, os.urandom(32), ticks or Leaping()
        )

    async def __aenter__(self):
        await self.panel.start("127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        await self.panel.stop()
        for line in self._lines:
            line.close()
        await asyncio.sleep(0)

    @property
    def host(self):
        return f"127.0.0.1:{self.panel.port}"

    @property
    def origin(self):
        return f"{self.settings.scheme}://{self.host}"

    @property
    def desk(self):
        return self.world.desk

    async def line(self, source="127.0.0.1", encrypted=None):
        """A connection from `source`, any address of 127/8."""
        tls = None
        if self.settings.tls is not None if encrypted is None else encrypted:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        line = Line(*await asyncio.open_connection("127.0.0.1", self.panel.port, ssl=tls, local_addr=(source, 0)))
        self._lines = [*self._lines[-99:], line]
        return line

    async def raw(self, data, source="127.0.0.1", head=False):
        """The first answer to these bytes on a connection of their own; None if there is none."""
        line = await self.line(source)
        try:
            await line.send(data)
            return await line.answer(head)
        except ConnectionError:
            return None
        finally:
            line.close()

    async def get(self, path, source="127.0.0.1", **headers):
        return await self.raw(self.request("GET", path, **headers), source)

    async def post(self, path, document=None, source="127.0.0.1", **headers):
        return await self.raw(self.request("POST", path, document, **headers), source)

    def request(self, method, path, document=None, **headers):
        """The bytes of a request; `x_token="..."` sets X-Token, None takes a header away."""
        found = {"host": self.host}
        body = b""
        if method == "POST":
            body = (
                document if isinstance(document, bytes) else json.dumps({} if document is None else document).encode()
            )
            found |= {"origin": self.origin, "content-type": "application/json", "content-length": str(len(body))}
        found |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in found.items() if value is not None]
        return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("utf-8") + body

    async def paired(self, name="a phone"):
        """A browser with a session of its own."""
        said = await self.post("/pair", {"code": CODE, "name": name})
        assert said.status == 200
        return await Browser(self, said.headers["set-cookie"].partition(";")[0]).open()


class Browser:
    """Whoever holds this cookie; it knows the token of its page."""

    def __init__(self, house, cookie):
        self.house = house
        self.cookie = cookie
        self.token = ""

    async def open(self):
        self.token = (await self.get("/api/home")).json["token"]
        return self

    @property
    def ident(self):
        return bytes.fromhex(self.cookie.partition("=")[2])

    async def get(self, path, **headers):
        return await self.house.get(path, **{"cookie": self.cookie, **headers})

    async def post(self, path, document=None, **headers):
        return await self.house.post(path, document, **{"cookie": self.cookie, "x_token": self.token, **headers})

    async def do(self, action, arguments=None, proof=None, **headers):
        return await self.post("/api/do/" + action, {"arguments": arguments or {}, "proof": proof}, **headers)

    async def live(self):
        """A line with a live view whose first event has come."""
        line = await self.house.line()
        await line.send(self.house.request("GET", "/api/events", cookie=self.cookie))
        await line.until(b'data: {"what":"home"}\n\n')
        return line


async def until(what, seconds=PATIENCE):
    """Wait for `what()`; RuntimeError if it does not come true."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise RuntimeError("it did not happen in %g s" % seconds)
        await asyncio.sleep(0.01)
