"""A viewers' port that really listens on loopback, and a hub behind it that writes one picture to what it is given.

The book, the admissions and the port are the agent's own; consent is a set that a test changes.
"""

import asyncio
import base64
import contextlib
import itertools
import os
import socket

from firmware_agent.admissions import AdmissionGate
from firmware_agent.camera.viewers.book import Book
from firmware_agent.camera.viewers.server import Viewers
from firmware_agent.consent.slots import SlotPair
from firmware_agent.model import Denial, Permit
from firmware_agent.refusals import Refused
from host_tests.fakes import KEY, NOW, MemoryStorage

PICTURE = b"\xff\xd8 a picture \xff\xd9"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n"
PATIENCE = 20.0  # s
PAIRS = (("live_view", "owner"), ("snapshot", "owner"), ("local_service", "home"), ("local_service", "timelapse"))


class Consent:
    """What is allowed. lasts: after so many questions nothing is, None for ever."""

    def __init__(self):
        self.allowed = set(PAIRS)
        self.lasts = None
        self.asked = 0

    def decide(self, purpose, recipient):
        self.asked += 1
        over = self.lasts is not None and self.asked > self.lasts
        if (purpose, recipient) not in self.allowed or over:
            return Denial(purpose, recipient, "consent_withdrawn")
        return Permit(purpose, recipient, b"consent of " + purpose.encode(), 1)


class OneFrame:
    """Implements viewers.needs.Hub. begun: admissions that it was handed; served: those that it wrote a picture for.

    wait: if set, it begins only then, as a camera that is started. raises: in place of everything.
    """

    def __init__(self, admissions):
        self._admissions = admissions
        self.begun = []
        self.served = []
        self.held = {}
        self.wait = None
        self.raises = None

    async def pass_on(self, admission, sock):
        self._admissions.verify(admission)
        self.begun.append(admission)
        if self.raises is not None:
            raise self.raises
        if self.wait is not None:
            await self.wait.wait()
        self._admissions.verify(admission)
        self.served.append(admission)
        sock.send(HEAD + PICTURE)
        self.held[admission] = sock
        if not admission.stream:
            sock.shutdown(socket.SHUT_WR)

    def dismiss(self, gone):
        for admission, sock in list(self.held.items()):
            if admission in gone:
                del self.held[admission]
                sock.close()

    def tick(self):
        for admission, sock in list(self.held.items()):
            try:
                self._admissions.verify(admission)
            except Refused:
                del self.held[admission]
                sock.close()  # SO_LINGER: a reset

    def close(self):
        for sock in self.held.values():
            sock.close()


class Leaping:
    """Seconds that go forward by ten at each look: nothing is ever too often."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 10
        return self.now


class Street:
    """One port, its book, and who calls. ticks: of its rates; they leap unless a test says otherwise."""

    def __init__(self, ticks=None, host="127.0.0.1", port=0, storage=None):
        self.storage = storage or MemoryStorage()
        self.book = Book(SlotPair(self.storage, "viewers", KEY), contextlib.nullcontext, os.urandom, lambda: NOW)
        self.consent = Consent()
        self.admissions = AdmissionGate(self.consent, KEY, os.urandom)
        self.hub = OneFrame(self.admissions)
        self.viewers = Viewers(self.book, self.admissions, self.hub, host, port, ticks or Leaping())
        self._sources = itertools.cycle(range(2, 250))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.viewers.stop()
        self.hub.close()

    def add(self, name="Ann's tablet", purpose="live_view", recipient="owner", way="address"):
        """Let one in and open the port; its secret."""
        _, secret = self.book.add(name, purpose, recipient, way)
        self.viewers.look()
        return secret

    def remove(self, name="Ann's tablet"):
        self.book.remove(name)
        self.viewers.look()

    async def call(self, source=None):
        """A connection, from an address of its own unless one is named."""
        where = source or "127.0.0.%d" % next(self._sources)
        local = (where, 0) if self.viewers._where[0] == "127.0.0.1" else None
        return Client(*await asyncio.open_connection("127.0.0.1", self.viewers.port, local_addr=local))

    async def say(self, head, source=None):
        """The whole answer to these bytes: (status, headers, body); (0, {}, b"") for none."""
        client = await self.call(source)
        try:
            client.send(head)
            return await client.answer()
        finally:
            client.close()

    async def get(self, target, method="GET", version="HTTP/1.1", **headers):
        return await self.say(head(target, method, version, **headers))


class Client:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    def send(self, data):
        self.writer.write(data)

    async def read(self, count):
        """Exactly so many bytes; fewer if it ends."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.readexactly(count)
            except asyncio.IncompleteReadError as short:
                return short.partial
            except ConnectionError:
                return b""

    async def picture(self):
        """Whether the next that comes is the head and one picture."""
        return await self.read(len(HEAD + PICTURE)) == HEAD + PICTURE

    async def ended(self):
        """Read until the other end closes, or cuts; what came."""
        found = b""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionError):
                while part := await self.reader.read(65536):
                    found += part
        return found

    async def answer(self):
        return parsed(await self.ended())

    def close(self):
        self.writer.transport.abort()


def head(target, method="GET", version="HTTP/1.1", **headers):
    headers = {"host": "192.0.2.7:8089", **headers}
    lines = ["%s %s %s" % (method, target, version), *("%s: %s" % row for row in headers.items() if row[1] is not None)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def basic(user, password, coding="utf-8"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode(coding)).decode()


def parsed(data):
    if not data:
        return 0, {}, b""
    top, _, body = data.partition(b"\r\n\r\n")
    first, *rest = top.decode("ascii").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return int(first.split()[1]), headers, body


async def until(what):
    """Wait until `what()` is true."""
    async with asyncio.timeout(PATIENCE):
        while not what():  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.005)
