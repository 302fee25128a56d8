"""A hub with a gate and a history of the test's, and either the real camera process or one that the test plays."""

import asyncio
import contextlib
import os
import signal
import socket
import time

from firmware_agent.admissions import AdmissionGate
from firmware_agent.camera.hub import Hub
from firmware_agent.camera.messages import LARGEST_TO_CAMERA, TO_CAMERA, Inbox, pack
from firmware_agent.camera.sandbox.report import Locked
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Spawn
from firmware_agent.errors import SourceError
from firmware_agent.model import Denial, Permit
from host_tests.rigs.looking import Looking, pair

LIVE, SNAP, MAKER = ("live_view", "owner"), ("snapshot", "owner"), ("snapshot", "lightmake")
PATTERN = SourceSettings("pattern", rate=120)


class FakeGate:
    """Implements admissions.Decides: `given` maps (purpose, recipient) to the generation of its consent."""

    def __init__(self, *given):
        self.given = dict.fromkeys(given, 1)

    def decide(self, purpose, recipient):
        generation = self.given.get((purpose, recipient))
        if generation is None:
            return Denial(purpose, recipient, "consent_withdrawn")
        return Permit(purpose, recipient, b"%d" % generation * 32, generation)


class FakeHistory:
    """Implements History: `rows` holds ("watching", purpose, recipient, ident, consent, detail) and so on."""

    def __init__(self):
        self.rows = []
        self.before = lambda: None  # called before "watching" is written

    def watching(self, *parts):
        self.before()
        self.rows.append(("watching", *parts))

    def watched(self, *parts):
        self.rows.append(("watched", *parts))

    def told(self, event):
        return [row[1:] for row in self.rows if row[0] == event]


class Played:
    """Implements Started: the test is the camera process, at the other end of `control`."""

    level = "played"
    pid = None

    def __init__(self):
        self.control, self.theirs = socket.socketpair()
        self.control.setblocking(False)
        self.theirs.setblocking(False)
        self.locked = Locked(0, True)
        self.facts = {"name": "played"}
        self.ended = False
        self.code = 0  # its exit code
        self._inbox = Inbox(TO_CAMERA, LARGEST_TO_CAMERA)
        self.passed = []

    async def end(self):
        self.ended = True
        self.control.close()
        return self.code

    def say(self, kind, *parts):
        self.theirs.send(pack(kind, *parts))

    async def heard(self, kind):
        """The next message, which must be of that kind."""
        while True:
            data, passed, _, _ = await asyncio.to_thread(self._wait)
            self.passed += passed
            for message in self._inbox.feed(data):
                assert message[0] == kind, message
                return message

    def _wait(self):
        self.theirs.settimeout(10)
        try:
            return socket.recv_fds(self.theirs, 65536, 4)
        finally:
            self.theirs.setblocking(False)


class PlayedStarter:
    """Implements Starter. begun: each process that was asked for. fault: a SourceError instead."""

    def __init__(self):
        self.begun = []
        self.settings = []
        self.fault = None
        self.gate = None  # an Event: starting waits for it

    async def start(self, settings, descriptor):
        self.settings.append((settings, descriptor))
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise SourceError(self.fault)
        self.begun.append(Played())
        return self.begun[-1]


class Watchful(Spawn):
    """Spawn, which keeps what it started."""

    def __init__(self):
        self.begun = []

    async def start(self, settings, descriptor):
        self.begun.append(await super().start(settings, descriptor))
        return self.begun[-1]


class Place:
    """A hub: `hub`, `gate`, `history`, `starter`; `passed` seconds on its clock, which only the test moves."""

    def __init__(self, *given, starter=None, settings=PATTERN, opener=None, port=None):
        self.gate, self.history = FakeGate(*given), FakeHistory()
        self.starter = Watchful() if starter is None else starter
        self.passed = 0.0
        self.admissions = AdmissionGate(self.gate, os.urandom(32), os.urandom)
        self.hub = Hub(self.admissions, self.starter, settings, self.history, lambda: self.passed, opener, port)

    def admit(self, to=LIVE, viewer="tablet", stream=True):
        return self.admissions.admit(*to, viewer, stream)

    async def view(self, to=LIVE, stream=True, viewer="tablet", **options):
        """A viewer's end of a connection that was passed on."""
        ours, theirs = pair(**options)
        admission = self.admit(to, viewer, stream)
        try:
            await self.hub.pass_on(admission, theirs)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return Looking(admission.ident, ours)

    @property
    def pids(self):
        """The camera processes that run."""
        return [one.pid for one in self.starter.begun if one.pid is not None and running(one.pid)]

    def forward(self, seconds):
        self.passed += seconds
        self.hub.tick()


@contextlib.contextmanager
def stopped(pid):
    """That process gets no time at all."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def cut_again_and_again(place, to):
    """Until nothing is under way any more."""
    end = time.monotonic() + 10
    while place.hub.busy:
        assert time.monotonic() < end, "it never ends"
        place.hub.cut(*to)
        await asyncio.sleep(0.005)


def pidfds():
    """How many handles of processes this one holds."""
    count = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{number}") == "anon_inode:[pidfd]"
    return count


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def soon(what, seconds=10.0):
    """Wait until `what` is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


def story(coroutine):
    """Run it, and fail if it leaves a task behind."""

    async def main():
        async with asyncio.timeout(60):
            await coroutine
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert left == []

    asyncio.run(main())
