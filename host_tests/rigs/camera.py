"""A camera process started by hand, as main starts it: a test can spoil what it inherits, and be its main."""

import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys

from firmware_agent.camera.environment import ENVIRONMENT
from firmware_agent.camera.messages import LARGEST_TO_MAIN, TO_MAIN, Inbox, pack
from firmware_agent.camera.sealed import open_sealed, public_key
from firmware_agent.camera.settings import SourceSettings
from host_tests.rigs.looking import Looking, pair

WORKER = "firmware_agent.camera.worker"
PATTERN = SourceSettings("pattern", rate=120)


class Worker:
    """`with Worker(...) as worker`: worker.report is its first answer, {} if it ended without one.

    settings: of its source; passed: the descriptors that go with them. before: code that runs in the process before the
    worker does. extra: descriptors that are smuggled in. first: what to send first instead. arguments: of the process.
    The other options are Popen's.
    """

    def __init__(self, settings=PATTERN, *, passed=(), before="", extra=(), first=None, arguments=(), **options):
        self._first = pack("begin", settings.row()) if first is None else first
        self._passed, self._before, self._extra, self._options = list(passed), before, extra, options
        self._arguments = arguments
        self._inbox = Inbox(TO_MAIN, LARGEST_TO_MAIN)
        self._waiting = []  # messages that nobody asked for yet
        self._sealed = None  # (ident, private key) behind `picture`
        self.facts = None

    def __enter__(self):
        self.control, theirs = socket.socketpair()
        self.control.settimeout(20)
        command = [sys.executable, "-I", "-m", WORKER, str(theirs.fileno()), *self._arguments]
        if self._before:
            start = f"import runpy, sys\n{self._before}\nsys.argv[1:] = ['{theirs.fileno()}']\n"
            command[2:] = ["-c", f"{start}runpy.run_module('{WORKER}', run_name='__main__', alter_sys=True)"]
        nothing = subprocess.DEVNULL
        options = {"stdin": nothing, "stdout": nothing, "stderr": nothing, "env": ENVIRONMENT, **self._options}
        with theirs:
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno(), *self._extra], **options)
        self.send(self._first, self._passed)
        answer = self.message("report")
        self.report, self.facts = ({}, None) if answer is None else (json.loads(answer[1]), answer[2])
        return self

    def __exit__(self, *_):
        self.control.close()
        self.process.kill()
        self.process.wait()

    def send(self, data, passed=()):
        """Bytes to the process, and descriptors with them."""
        if passed:
            socket.send_fds(self.control, [data], list(passed))
        else:
            self.control.sendall(data)

    def message(self, kind, ident=None):
        """The next message of that kind (and use), None if the process is gone; others wait."""
        while True:
            for message in self._waiting:
                if message[0] == kind and ident in (None, message[1]):
                    self._waiting.remove(message)
                    return message
            try:
                data = self.control.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._waiting += self._inbox.feed(data)

    def view(self, stream=True, **options):
        """A viewer: its end of a TCP connection, whose other end the process has."""
        ours, theirs = pair(**options)
        ident = secrets.token_bytes(16)
        with theirs:
            self.send(pack("view", ident, stream), [theirs.fileno()])
        return Looking(ident, ours)

    def seal(self, about="snapshot maker", key=None, every=0, largest=4 << 20):
        """(ident, private key) of a use of sealed pictures; the first one is on its way."""
        ident, private = secrets.token_bytes(16), secrets.token_bytes(32)
        self.send(pack("seal", ident, about, public_key(private) if key is None else key, every, largest))
        return ident, private

    def settle(self):
        """Wait until it has taken note of all that was sent."""
        ident, _ = self.seal(key=b"none")
        return self.message("ended", ident)

    def picture(self):
        """The next picture, through a seal of our own; b"" if the process is gone."""
        try:
            if self._sealed is None:
                self._sealed = self.seal("test")
            else:
                self.send(pack("more", self._sealed[0]))
        except (BrokenPipeError, ConnectionResetError):
            return b""
        found = self.message("sealed", self._sealed[0])
        return b"" if found is None else open_sealed(self._sealed[1], "test", found[3])

    def end(self, number):
        """Send the signal and wait; the status, as waitpid gives it."""
        self.process.send_signal(number)
        _, status = os.waitpid(self.process.pid, 0)
        self.process.returncode = -(status & 0x7F)
        return status


def dumps_allowed():
    """To be called in a new process: a core dump may be as large as it likes."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
