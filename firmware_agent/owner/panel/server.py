"""The owner's page, the third of the three exits: it opens only for a Session that the gate made."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from firmware_agent.errors import AgentError
from firmware_agent.limits import Buckets
from firmware_agent.owner import strict
from firmware_agent.owner.panel.answers import Answer, Page
from firmware_agent.owner.panel.asked import asked
from firmware_agent.owner.panel.crowd import Crowd
from firmware_agent.owner.panel.doorstep import Doorstep, told
from firmware_agent.owner.panel.free import Farewell, Open
from firmware_agent.owner.panel.guard import Guard
from firmware_agent.owner.panel.lines import Line
from firmware_agent.owner.panel.needs import Desk, Doorbell, Gate
from firmware_agent.owner.panel.pages import Pages
from firmware_agent.owner.panel.problems import Problem
from firmware_agent.owner.panel.room import Room
from firmware_agent.owner.panel.routes import Routes
from firmware_agent.owner.panel.settings import Settings
from firmware_agent.refusals import Refused, Unsealed

log = logging.getLogger(__name__)

_SWEEP = 0.5  # s between two looks whether the sessions of open connections still hold


class Panel:
    """key: 32 random bytes of this run. ticks: seconds that only go forward, the clock of `Session.until`."""

    def __init__(
        self,
        desk: Desk,
        doorbell: Doorbell,
        gate: Gate,
        settings: Settings,
        key: bytes,
        ticks: Callable[[], float],
    ) -> None:
        self._gate = gate
        self._settings = settings
        self._crowd = Crowd(settings)
        self._guard = Guard(gate, settings, key, ticks)
        pages = Pages(settings.pages)
        room = Room(desk, pages, settings, self._guard.token, self._crowd.live, self._crowd.held)
        self._routes = Routes(Doorstep(doorbell, gate, pages, settings, ticks), room)
        self._calls = Buckets(10, 60, ticks)  # new connections, for each address
        self._all_calls = Buckets(60, 240, ticks)
        self._open = asyncio.Event()  # there is a connection
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    # The law of this exit, before each piece of an answer: a page leaves only to a Session that the gate made.

    def _verify(self, line: Line, answer: Answer) -> None:
        if type(answer) is Open or type(answer) is Farewell:  # holds nothing of the printer; what it has just ended
            return
        if type(answer) is not Page or answer.session is not line.session:
            raise Unsealed("not_a_session")  # for somebody else
        self._gate.verify(answer.session)  # sealed here, not over, its key still paired: at this moment

    async def _show(self, line: Line, answer: Answer) -> None:
        try:
            self._verify(line, answer)
        except Refused:
            await answer.drop()
            answer = told(Problem("session_ended"))
        if type(answer) is not Page:
            line.session = None  # so that it is not cut before the browser has read this
        async with contextlib.aclosing(line.parts(answer)) as parts:
            async for part in parts:
                self._verify(line, answer)
                await line.write(part)

    # Everything below only listens, reads and asks.

    async def start(self, address: str, port: int) -> None:
        """Listen at `address`, an IP literal: a name would be looked up. OSError if the port is taken."""
        self._server = await asyncio.start_server(self._met, address, port, limit=16 * 1024, backlog=64)
        self.port = self._server.sockets[0].getsockname()[1]
        self._task(self._sweeping())

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        if self._server is not None:
            self._server.close()
        self._crowd.cut_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def sweep(self) -> None:
        """Cut the connections of each session that is over: call it when some ended elsewhere."""
        self._crowd.sweep(self._gate)

    def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer, self._settings)
        if not self._calls.take(line.address) or not self._all_calls.take() or not self._crowd.admit(line):
            return line.cut()
        self._open.set()
        self._task(self._serve(line))

    async def _serve(self, line: Line) -> None:
        try:
            if self._settings.tls is not None:
                await line.encrypt(self._settings.tls)
            while await self._exchange(line):
                pass
            line.state = "waiting"
            await line.close()
        except (OSError, TimeoutError, AgentError):  # gone, too slow, no TLS; its session ended in the middle
            pass
        except Exception as error:
            log.error("the page failed: %s", type(error).__name__)
        finally:
            self._crowd.forget(line)
            line.cut()

    async def _exchange(self, line: Line) -> bool:
        """One request and its answer; whether another can follow."""
        line.state, acting = "waiting", False
        try:
            head = await line.head()
            if head is None:
                return False
            request = asked(head)
            self._guard.admit(request, line.address, line.local)
            line.session, acting = request.session, request.acting
            body = await line.body()
            line.state = "acting"
            request.document = _document(body) if acting else {}
            answer = await self._routes.answer(request)
        except Problem as problem:
            answer = told(problem)
        line.state, line.kind = "showing" if isinstance(answer.body, bytes) else "live", answer.kind
        line.holds = len(answer.body) if isinstance(answer.body, bytes) else 0
        await self._show(line, answer)
        line.holds = 0
        if acting:
            self.sweep()
        return line.again()

    async def _sweeping(self) -> None:
        while True:
            await self._open.wait()
            await asyncio.sleep(_SWEEP)
            self.sweep()
            if not self._crowd:
                self._open.clear()

    def _task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _document(body: bytes) -> dict[str, Any]:
    try:
        return strict.document(body)
    except ValueError:
        raise Problem("malformed") from None
