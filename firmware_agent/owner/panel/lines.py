"""One connection of a browser, read and written under deadlines, with h11's strict grammar.

Nothing is put on a line but by the exit (server.py).
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncGenerator

import h11

from firmware_agent.addresses import group, plain
from firmware_agent.model import Session
from firmware_agent.owner.panel.answers import Answer
from firmware_agent.owner.panel.events import stream
from firmware_agent.owner.panel.problems import Problem
from firmware_agent.owner.panel.settings import Settings

_HEAD = 8 * 1024  # bytes of a whole head
_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what was not sent yet is thrown away
_GOODBYE = 1.0  # s for a client to read the last answer, and to close


class Line:
    """address: where it comes from; local: where it came in, address and port. session: whom its last request is
    from. state: "waiting" for a request, "acting" while its answer is made, "showing" it, or "live". kind: the content
    type of the last answer. holds: bytes of the answer that is being sent.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: Settings) -> None:
        self._reader = reader
        self._writer = writer
        self._raw = writer.transport  # what TLS will run over
        self._raw.set_write_buffer_limits(1, 0)  # so that `drain` waits until the kernel has all of it
        self._socket = writer.get_extra_info("socket")
        self._settings = settings
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        self._gone = False
        self._greeting: asyncio.Task[None] | None = None
        self._bare = False  # it was asked for a head alone
        self.address = group(writer.get_extra_info("peername"))
        self.local = plain(writer.get_extra_info("sockname"))
        self.session: Session | None = None
        self.state = "waiting"
        self.kind = ""
        self.holds = 0
        if settings.tls is not None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # the greeting is for TLS, not for us
        with contextlib.suppress(OSError):
            self._option(socket.SO_SNDBUF, _PIECE)

    async def encrypt(self, tls: ssl.SSLContext) -> None:
        """Become a TLS connection; it was counted before, so clients that never greet are bounded, too."""
        if self._gone:
            raise ConnectionAbortedError
        greeting = self._writer.start_tls(tls, ssl_handshake_timeout=self._settings.asking)
        self._greeting = asyncio.get_running_loop().create_task(greeting)
        try:
            await self._greeting
        except asyncio.CancelledError:
            if self._gone:
                raise ConnectionAbortedError from None
            raise
        self._writer.transport.set_write_buffer_limits(1, 0)

    async def head(self) -> h11.Request | None:
        """The next request; None if the other end is done. Problem if it is malformed, TimeoutError."""
        event = self._next()
        if event is h11.NEED_DATA:
            async with asyncio.timeout(self._settings.idle):
                await self._more()
            async with asyncio.timeout(self._settings.asking):
                event = await self._event()
        if not isinstance(event, h11.Request):
            return None
        self._bare = event.method == b"HEAD"
        return event

    async def body(self) -> bytes:
        """The body of that request, whose length was looked at before."""
        found = b""
        async with asyncio.timeout(self._settings.asking):
            while isinstance(event := await self._event(), h11.Data):
                found += event.data
        if not isinstance(event, h11.EndOfMessage):
            raise Problem("malformed")
        return found

    async def parts(self, answer: Answer) -> AsyncGenerator[bytes, None]:
        """The bytes of `answer` in the order in which they are to be sent, at most about 64 KiB at a time."""
        body = answer.body
        headers = [("Content-Type", answer.kind), *answer.headers]
        if isinstance(body, bytes) and answer.status != 304:
            headers.append(("Content-Length", str(len(body))))
        if self._http.their_state is not h11.DONE or not isinstance(body, bytes):
            headers.append(("Connection", "close"))  # what was not read cannot be told from a next request
        yield self._send(h11.Response(status_code=answer.status, headers=headers))
        if not isinstance(body, bytes):
            beat, over = self._settings.beat, self._silence()
            async with contextlib.aclosing(stream(body, answer.beat, beat, over)) as live:
                async for piece in live:
                    for at in range(0, len(piece), _PIECE):
                        yield self._send(h11.Data(piece[at : at + _PIECE]))
        elif not self._bare and answer.status != 304:
            for at in range(0, len(body), _PIECE):
                yield self._send(h11.Data(body[at : at + _PIECE]))
        end = self._send(h11.EndOfMessage())
        if end:
            yield end

    async def write(self, data: bytes) -> None:
        """Give it to the client; TimeoutError if it is not taken."""
        async with asyncio.timeout(self._settings.taking):
            self._writer.write(data)
            await self._writer.drain()

    def again(self) -> bool:
        """Whether another request can follow."""
        try:
            self._http.start_next_cycle()
        except h11.LocalProtocolError:
            return False
        return True

    async def close(self) -> None:
        """End it so that the last answer is read: unread bytes would make the kernel take it back."""
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_GOODBYE):
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                    for _ in range(16):
                        if not await self._reader.read(_PIECE):
                            break
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_GOODBYE):
                self._writer.close()
                await self._writer.wait_closed()

    def cut(self) -> None:
        """End it at once: what the kernel has not sent yet is thrown away."""
        self._gone = True
        if self._greeting is not None:
            self._greeting.cancel()  # before the abort, which asyncio would take for its success
        with contextlib.suppress(OSError):
            self._option(socket.SO_LINGER, _RESET)
        self._raw.abort()

    async def _event(self) -> object:
        while (event := self._next()) is h11.NEED_DATA:
            await self._more()
        return event

    def _next(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise Problem("too_large" if error.error_status_hint == 431 else "malformed") from None

    async def _more(self) -> None:
        data = await self._reader.read(_HEAD)
        try:
            self._http.receive_data(data)
        except RuntimeError:  # bytes after its end
            raise Problem("malformed") from None

    async def _silence(self) -> None:
        """Returns when the other end closes, or says anything where it has nothing to say."""
        with contextlib.suppress(OSError):
            await self._reader.read(1)

    def _send(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""

    def _option(self, name: int, value: "int | bytes") -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, name, value)
