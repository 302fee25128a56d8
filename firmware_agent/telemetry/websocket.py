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

from firmware_agent.addresses import talkable
from firmware_agent.errors import SourceError
from firmware_agent.telemetry.line import LARGEST, PATIENCE, Line, Pace, broken, ended, too_long

_CHUNK = 4096  # bytes at once: thousands of empty frames fit into more, and would hold up everything else
_MOVED = "it leads elsewhere, and no redirect is followed; configure the address that it leads to"
_TODO = {
    **dict.fromkeys((301, 302, 303, 307, 308), (_MOVED, "setup")),
    200: ("that is a page and no websocket; see whether the path, as /websocket, stands at the end", "setup"),
    401: ("the key is refused; put a right one into the configuration", "key"),
    403: ("the key is refused; put a right one into the configuration", "key"),
    404: ("there is no such page; correct the path of the address", "strange"),
    503: ("it takes no more connections; end other programs that hold some", "full"),
}


class Frames:
    """The protocol alone, as the client that connects: bytes in, bytes and messages out, no I/O.

    messages: whole ones, oldest first. joined: the other side agreed. count: frames that came. skip: a message that is
    too long is passed over. SourceError: it ended or is broken.
    """

    def __init__(self, where: str, skip: bool = False) -> None:
        self.messages: deque[bytes] = deque()
        self.joined = False
        self.count = 0
        self._where = where
        self._state = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._part = bytearray()
        self._skip = skip
        self._skipping = False

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
            broken = SourceError("%s: it does not speak websocket; correct the address" % self._where, "strange")
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
            todo, code = _TODO.get(event.status_code, ("see what that server's own log says", "fault"))
            raise SourceError("%s: answered %d: %s" % (self._where, event.status_code, todo), code)
        elif isinstance(event, events.CloseConnection):
            raise ended(self._where)
        elif isinstance(event, events.Ping):
            return self._state.send(event.response())
        elif isinstance(event, events.TextMessage | events.BytesMessage):
            self._add(event.data.encode("utf-8") if isinstance(event.data, str) else event.data, event.message_finished)
        return b""

    def _add(self, data: bytes | bytearray, finished: bool) -> None:
        if not self._skipping:
            self._part += data
        if len(self._part) > LARGEST:
            if not self._skip:
                raise too_long(self._where)
            self._skipping = True
            self._part.clear()
        if finished:
            if not self._skipping:
                self.messages.append(bytes(self._part))
            self._skipping = False
            self._part.clear()


@contextlib.asynccontextmanager
async def websocket(url: str, skip: bool = False) -> AsyncIterator[Line]:
    """Within the block it is connected. url: as `addresses.talkable` has it. SourceError: it cannot be.

    skip: a message that is too long is passed over, and the next one taken; else it ends the connection.

    No redirect is followed, nothing is compressed, and no header says who we are.
    """
    if not talkable(url):
        raise SourceError(
            "an address is refused: use wss, or ws to this machine itself, without a user name or query in it", "setup"
        )
    parts = urlsplit(url)
    tls = ssl.create_default_context() if parts.scheme == "wss" else None
    where = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path)
    writer: asyncio.StreamWriter | None = None
    try:
        try:
            async with asyncio.timeout(PATIENCE):
                port = parts.port or (443 if tls else 80)
                reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls, limit=_CHUNK)
                line = _WebSocket(reader, writer, Frames(where, skip), where)
                await line.join(parts.netloc, parts.path or "/")
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError):
                raise broken(where, error) from None
            raise SourceError("%s: such a name cannot be; correct the address" % where, "setup") from None
        yield line
    finally:
        if writer is not None:
            writer.transport.abort()


class _WebSocket:
    """Implements Line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frames: Frames, where: str) -> None:
        self._reader = reader
        self._writer = writer
        self._where = where
        self._frames = frames
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
            raise broken(self._where, error) from None
        return self._frames.messages.popleft()

    async def give(self, message: bytes) -> None:
        try:
            self._writer.write(self._frames.put(message))
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
        except OSError as error:
            raise broken(self._where, error) from None

    async def _more(self) -> None:
        await self._pace.wait(self._writer.transport)
        data, before = await self._reader.read(_CHUNK), self._frames.count
        answer = self._frames.feed(data)  # nothing is awaited in between: what was read is never lost
        self._pace.owe(self._frames.count - before, len(data))
        if answer:
            self._writer.write(answer)
            async with asyncio.timeout(PATIENCE):
                await self._writer.drain()
