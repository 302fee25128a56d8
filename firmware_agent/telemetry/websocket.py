"""Messages over a websocket (RFC 6455): the protocol is wsproto's, the connection and the bounds are ours."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import wsproto
from wsproto import events
from wsproto.utilities import ProtocolError

from firmware_agent.errors import SourceError
from firmware_agent.telemetry.line import LARGEST, PATIENCE, Line, Pace, because, ended, too_long

_CHUNK = 4096  # bytes at once: thousands of empty frames fit into more, and would hold up everything else
_TODO = {
    401: "the key is refused; put a right one into the configuration",
    403: "the key is refused; put a right one into the configuration",
    404: "there is no such page; correct the path of the address",
    503: "it takes no more connections; end other programs that hold some",
}


class Frames:
    """The protocol alone, as the client that connects: bytes in, bytes and messages out, no I/O.

    messages: whole ones, oldest first. joined: the other side agreed. count: frames that came. SourceError: it ended or
    is broken.
    """

    def __init__(self, where: str) -> None:
        self.messages: deque[bytes] = deque()
        self.joined = False
        self.count = 0
        self._where = where
        self._state = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._part = bytearray()

    def begin(self, host: str, target: str) -> bytes:
        """The request. host: as the address has it, with its port."""
        return self._state.send(events.Request(host=host, target=target))

    def feed(self, data: bytes) -> bytes:
        """What came; returns what has to be answered to it. b"": the other side has hung up."""
        if not data:
            raise ended(self._where)
        answer = b""
        try:
            self._state.receive_data(data)
            for event in self._state.events():
                self.count += 1
                answer += self._one(event)
        except (ProtocolError, ValueError):  # quotes what came
            broken = SourceError("%s: it does not speak websocket; correct the address" % self._where)
        else:
            return answer
        raise broken

    def put(self, message: bytes) -> bytes:
        """The bytes that carry a message."""
        return self._state.send(events.TextMessage(data=message.decode("utf-8")))

    def _one(self, event: events.Event) -> bytes:
        if isinstance(event, events.AcceptConnection):
            self.joined = True
        elif isinstance(event, events.RejectConnection):
            todo = _TODO.get(event.status_code, "see what that server's own log says")
            raise SourceError("%s: answered %d: %s" % (self._where, event.status_code, todo))
        elif isinstance(event, events.CloseConnection):
            raise ended(self._where)
        elif isinstance(event, events.Ping):
            return self._state.send(event.response())
        elif isinstance(event, events.TextMessage | events.BytesMessage):
            self._part += event.data.encode("utf-8") if isinstance(event.data, str) else event.data
            if len(self._part) > LARGEST:
                raise too_long(self._where)
            if event.message_finished:
                self.messages.append(bytes(self._part))
                self._part.clear()
        return b""


@contextlib.asynccontextmanager
async def websocket(url: str) -> AsyncIterator[Line]:
    """Within the block it is connected. url: as `addresses.talkable` has it. SourceError: it cannot be.

    No redirect is followed, nothing is compressed, and no header says who we are.
    """
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "wss" else None
    where = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path)
    writer: asyncio.StreamWriter | None = None
    try:
        try:
            async with asyncio.timeout(PATIENCE):
                port = parts.port or (443 if tls else 80)
                reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls, limit=_CHUNK)
                line = _WebSocket(reader, writer, where)
                await line.join(parts.netloc, parts.path or "/")
        except (OSError, UnicodeError) as error:
            why = because(error) if isinstance(error, OSError) else "such a name cannot be; correct the address"
            raise SourceError("%s: %s" % (where, why)) from None
        yield line
    finally:
        if writer is not None:
            writer.transport.abort()


class _WebSocket:
    """Implements Line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, where: str) -> None:
        self._reader = reader
        self._writer = writer
        self._where = where
        self._frames = Frames(where)
        self._pace = Pace()

    async def join(self, host: str, target: str) -> None:
        """Until the other side agreed."""
        self._writer.write(self._frames.begin(host, target))
        while not self._frames.joined:
            await self._more()

    async def take(self) -> bytes:
        try:
            while not self._frames.messages:
                await self._more()
        except OSError as error:
            raise SourceError("%s: %s" % (self._where, because(error))) from None
        return self._frames.messages.popleft()

    async def give(self, message: bytes) -> None:
        try:
            self._writer.write(self._frames.put(message))
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
        except OSError as error:
            raise SourceError("%s: %s" % (self._where, because(error))) from None

    async def _more(self) -> None:
        await self._pace.wait(self._writer.transport)
        data, before = await self._reader.read(_CHUNK), self._frames.count
        answer = self._frames.feed(data)  # nothing is awaited in between: what was read is never lost
        self._pace.owe(self._frames.count - before, len(data))
        if answer:
            self._writer.write(answer)
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
