"""The viewers' port, the second of the three exits: a connection is passed to the camera only with an Admission."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable

from firmware_agent.admissions import MOST, Admission, AdmissionGate
from firmware_agent.camera.viewers import answers
from firmware_agent.camera.viewers.book import Book, Viewer
from firmware_agent.camera.viewers.call import Call
from firmware_agent.camera.viewers.callers import Known, Mistakes, Waiting
from firmware_agent.camera.viewers.needs import Hub
from firmware_agent.camera.viewers.request import Problem, Wanted, wanted
from firmware_agent.errors import AgentError, SourceError, StorageError
from firmware_agent.limits import Buckets
from firmware_agent.refusals import Refused

log = logging.getLogger(__name__)

TICK = 0.25  # s between two looks at the book while somebody looks through the camera, or a change cannot be told
REST = 10.0  # s else
_CALLERS, _EACH = 64, 24  # connections whose request is not read yet: in all, of one address
_TIRED = 0.2  # s before the next connection is taken, if there is no descriptor for it


class Viewers:
    """It listens only while the book holds a viewer. host: an IP literal. ticks: seconds that only go forward.

    trouble: why it does not listen although it should, or "".
    """

    def __init__(
        self,
        book: Book,
        admissions: AdmissionGate,
        hub: Hub,
        host: str,
        port: int,
        ticks: Callable[[], float],
    ) -> None:
        self._book = book
        self._admissions = admissions
        self._hub = hub
        self._where = (host, port)
        self._waiting: Waiting[Call] = Waiting(_CALLERS, _EACH)
        self._mistakes = Mistakes(ticks)
        self._calls = Buckets(80, 160, ticks)  # new connections, for each address: a page may ask for each picture
        self._all_calls = Buckets(240, 480, ticks)
        self._known = Known(ticks)
        self._known_calls = Buckets(80, 160, ticks)  # of those together, where strangers use up what is there for all
        self._passed: dict[Admission, Viewer] = {}  # may still look
        self._tasks: dict[Call, asyncio.Task[None]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._unwritten = False
        self.port = 0
        self.trouble = ""

    # The law of this exit: nothing is passed but with an Admission that is good at this moment, for a viewer who is in
    # the book, for that viewer's purpose and recipient, and for no other.

    async def _pass(self, call: Call, viewer: Viewer, stream: bool) -> None:
        admission = self._admissions.admit(viewer.purpose, viewer.recipient, viewer.name, stream)
        self._passed[admission] = viewer  # before anything waits: a removal from here on reaches it
        try:
            self._admissions.verify(admission)
            await self._hub.pass_on(admission, call.socket)
        except BaseException:
            self._forget(admission)
            raise

    # Everything below only listens, reads, asks, and says no.

    def look(self) -> None:
        """Listen or stop, as the book says; cut at once what a viewer who was removed still sees."""
        try:
            book = self._book.all()
        except StorageError:
            book = []  # what cannot be read lets nobody in
        known = {(one.name, one.digest) for one in book}
        gone = [admission for admission, one in self._passed.items() if (one.name, one.digest) not in known]
        self._hub.dismiss(gone)
        for admission in gone:
            self._forget(admission)
        if gone or self._unwritten:
            self._cut()
        if book and (self._listening is None or self._listening.done()):
            self._listen()
        elif not book:
            self._close()

    def _cut(self) -> None:
        """Whoever was removed. That it cannot be written just now keeps nobody at the camera, and this port alive."""
        try:
            self._hub.tick()
            self._unwritten = False
        except AgentError as error:
            if not self._unwritten:
                log.error("viewers: %s", error)
            self._unwritten = True

    async def run(self, changed: asyncio.Event | None = None) -> None:
        """Look until cancelled, then leave nothing running. changed: set whenever somebody wrote to the book; without
        it, look four times a second.
        """
        try:
            while True:
                if changed is not None:
                    changed.clear()  # first: what is written from here on ends the pause
                self.look()
                self._prune()
                quiet = changed is not None and not (self._passed or self.trouble or self._unwritten)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REST if quiet else TICK):
                        await (changed or asyncio.Event()).wait()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Listen no more and hang up on whoever is not passed on yet; who was is the hub's."""
        tasks = [*self._tasks.values(), *([self._listening] if self._listening is not None else [])]
        self._close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _listen(self) -> None:
        host, port = self._where
        six = ipaddress.ip_address(host).version == 6
        listener = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if six:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.setblocking(False)
            listener.bind((host, port))
            listener.listen(_CALLERS)
        except OSError as error:
            listener.close()
            if not self.trouble:
                log.warning("viewers: the port cannot be used (%d)", error.errno or 0)
            self.trouble = f"{host} port {port} cannot be used ({error.strerror})"
            return
        self.trouble = ""
        self.port = listener.getsockname()[1]
        self._listening = asyncio.get_running_loop().create_task(self._accept(listener))
        log.info("viewers: listens")

    def _close(self) -> None:
        listening, self._listening = self._listening, None
        self.port, self.trouble = 0, ""
        if listening is not None and not listening.done():
            listening.cancel()
            log.info("viewers: closed")

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                try:
                    connection, name = await loop.sock_accept(listener)
                except OSError:  # no descriptor is left; or the caller is gone again
                    await asyncio.sleep(_TIRED)
                    continue
                try:
                    call = Call(connection, name)
                except OSError:
                    connection.close()
                    continue
                self._met(call)

    def _met(self, call: Call) -> None:
        if not self._calls.take(call.address) or not self._room(call):
            return call.close()
        gone = self._waiting.enter(call, call.address)
        if gone is not None and gone in self._tasks:
            self._tasks[gone].cancel()
        task = asyncio.get_running_loop().create_task(self._serve(call))
        self._tasks[call] = task
        task.add_done_callback(lambda done: self._ended(call, done))

    def _room(self, call: Call) -> bool:
        return self._all_calls.take() or (self._known.knows(call.address) and self._known_calls.take())

    def _ended(self, call: Call, task: asyncio.Task[None]) -> None:
        del self._tasks[call]
        if task.cancelled():  # maybe before it began
            call.close()

    async def _serve(self, call: Call) -> None:
        """One connection: passed on, answered, or hung up on."""
        passed = False
        try:
            answer = await self._exchange(call)
            passed = not answer
            if answer:
                await call.answer(answer)
        except OSError:  # gone
            pass
        except Exception as error:  # its text may hold what the request held
            log.error("viewers: a connection failed (%s)", type(error).__name__.lower())
        finally:
            self._waiting.leave(call)
            if not passed:
                call.close()

    async def _exchange(self, call: Call) -> bytes:
        """What main answers; nothing if the connection was passed on."""
        bare = False
        try:
            head = await call.head()
            bare = head.startswith(b"HEAD ")
            asked = wanted(head)
            viewer = await self._viewer(call, asked)
            self._waiting.leave(call)
            if asked.bare:
                self._admissions.close(self._admissions.admit(viewer.purpose, viewer.recipient, viewer.name, False))
                return answers.promised(asked.stream)
            if len(self._passed) >= MOST:
                self._prune()
            await self._pass(call, viewer, asked.stream)
            return b""
        except Problem as problem:
            return answers.told(problem.status, bare)
        except Refused as refusal:
            return answers.refused(refusal.reason, bare)
        except SourceError:
            return answers.told(503, bare)
        except AgentError as error:
            log.warning("viewers: %s", error)
            return answers.told(503, bare)

    async def _viewer(self, call: Call, asked: Wanted) -> Viewer:
        """Whom the credentials name. Problem: 404 for an address that is not, or no more, anybody's; else 401."""
        viewer = None
        if asked.secret is not None:
            viewer = self._book.by_address(asked.secret)
        elif asked.user is not None and asked.password is not None:
            viewer = self._book.by_basic(asked.user, asked.password)
        else:
            raise Problem(401)  # a browser's first try: no mistake
        if viewer is None:
            await asyncio.sleep(self._mistakes.wait(call.address))
            raise Problem(401 if asked.secret is None else 404)
        self._known.met(call.address)
        return viewer

    def _forget(self, admission: Admission) -> None:
        self._passed.pop(admission, None)
        self._admissions.close(admission)

    def _prune(self) -> None:
        """Forget whose use is over. Whatever is not permitted any more is the hub's to cut, at its own tick."""
        for admission in list(self._passed):
            try:
                self._admissions.verify(admission)
            except Refused:
                del self._passed[admission]
