"""One peer of the socket, from its first line to its last. The law is `_say`: only a Session that holds now is told."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from firmware_agent.errors import AgentError
from firmware_agent.owner.socket.commands import ENDING, obey, without_arguments
from firmware_agent.owner.socket.lines import PROBLEMS, Problem, Request, answer, encode, parse, refusal
from firmware_agent.owner.socket.needs import Desk, Gate, Said
from firmware_agent.owner.socket.pace import Pace
from firmware_agent.owner.socket.peers import Peer
from firmware_agent.owner.socket.pushes import Pushes
from firmware_agent.owner.socket.screens import Screens
from firmware_agent.refusals import Refused

log = logging.getLogger(__name__)

SECONDS = 86_400.0  # of a session; after a day the peer connects again
PATIENCE = 30.0  # s that an answer may wait for its reader


def turn_away(writer: asyncio.StreamWriter, name: str, text: str = "", ident: int | None = None) -> None:
    """Say why and hang up. It says nothing but what stands in our own tables, so it needs no session."""
    transport = writer.transport
    if transport.get_write_buffer_size():  # behind what nobody takes, it would not arrive
        transport.abort()
        return
    writer.write(encode(refusal(ident, name, text or PROBLEMS[name])))
    writer.close()


class Connection:
    """Serves one peer. Its session begins and ends with it; what it waits for, nobody else waits for."""

    def __init__(
        self,
        peer: Peer,
        desk: Desk,
        gate: Gate,
        screens: Screens,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        rate: float,
        patience: float,
    ) -> None:
        self.peer = peer
        self._desk = desk
        self._gate = gate
        self._screens = screens
        self._reader, self._writer = streams
        self._pace = Pace(rate)
        self._patience = patience
        self._turn = asyncio.Lock()
        self._pushes = Pushes()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Returns when the peer has gone, its session is over, or it did not take an answer."""
        self._writer.transport.set_write_buffer_limits(0)  # what is written and not taken stays one line
        self._session = self._gate.open(self.peer.role, b"", f"user {self.peer.name}", SECONDS)
        try:
            while not self._writer.is_closing():
                await self._next()
        except (EOFError, OSError):  # it has gone; TimeoutError is an OSError, and it does not read
            self._writer.transport.abort()
        except Refused as refused:
            turn_away(self._writer, refused.reason, str(refused))
        finally:
            self._screens.leave(self._pushes)
            self._gate.close(self._session)
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._writer.close()

    def hang_up(self) -> None:
        """End it without a word."""
        self._writer.transport.abort()

    async def _say(self, line: bytes) -> None:
        """The only way to a peer: whatever is said, the session has to hold at that moment. Refused if it does not."""
        async with self._turn:
            self._gate.verify(self._session)
            self._writer.write(line)
            await self._writer.drain()

    async def _next(self) -> None:
        """Take one line and answer it."""
        try:
            line = await self._reader.readline()
        except ValueError:  # longer than the limit
            return turn_away(self._writer, "too_long")
        if not line.endswith(b"\n"):
            raise EOFError
        await self._pace.turn()
        self._gate.verify(self._session)
        request, said = await self._asked(line[:-1])
        async with asyncio.timeout(self._patience):
            if request is not None and request.do in ENDING:
                await self._last(said)
            else:
                await self._say(said)
        if request is not None:
            self._begin(request)

    async def _asked(self, line: bytes) -> tuple[Request | None, bytes]:
        """(what was done, None if nothing was; the line to answer)."""
        ident = None
        try:
            request = parse(line)
            ident = request.ident
            return request, encode(answer(ident, await self._answer(request)))
        except Problem as problem:
            said = refusal(problem.ident, problem.name, str(problem))
        except Refused as refused:
            said = refusal(ident, refused.reason, str(refused))
        except AgentError as error:
            said = refusal(ident, "fault", str(error))
        except Exception as error:  # a fault of ours: the peer learns that it is one, the log its kind and place
            log.error("socket: a request failed", exc_info=error)
            said = refusal(ident, "fault", PROBLEMS["fault"])
        return None, encode(said)

    async def _answer(self, request: Request) -> Said:
        if request.do not in ("watch", "screen"):
            return await obey(self._desk, self._session, request)
        without_arguments(request)
        if request.do == "screen" and not self.peer.screen:
            raise Refused("not_your_role")
        return {}

    async def _last(self, line: bytes) -> None:
        """The answer to what ended the session itself. That it held was asked before it was done."""
        async with self._turn:
            self._writer.write(line)
            await self._writer.drain()
        self._writer.close()

    def _begin(self, request: Request) -> None:
        """Begin to push what was asked for, after the answer has said so."""
        if request.do == "screen":
            self._screens.join(self._pushes)
        if request.do == "watch" and "watch" not in self._tasks:
            self._tasks["watch"] = asyncio.create_task(self._guarded(self._watch()))
        if request.do in ("screen", "watch") and "push" not in self._tasks:
            self._tasks["push"] = asyncio.create_task(self._guarded(self._push()))

    async def _watch(self) -> None:
        async for event in self._desk.changes(self._session):
            self._pushes.event(event)
        raise Refused("session_ended")  # changes end only with their session

    async def _push(self) -> None:
        while True:
            await self._say(encode(await self._pushes.next()))

    async def _guarded(self, pushing: Coroutine[Any, Any, None]) -> None:
        """Whatever ends a push ends the connection: a peer that watches must not take silence for calm."""
        try:
            await pushing
        except Refused as refused:
            turn_away(self._writer, refused.reason, str(refused))
        except OSError:
            self._writer.transport.abort()
        except Exception as error:
            log.error("socket: a push failed", exc_info=error)
            with contextlib.suppress(OSError):
                turn_away(self._writer, "fault")
