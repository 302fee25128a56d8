"""A camera process started by hand, as the supervisor starts it, so that a test can spoil what it inherits."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys

from firmware_agent.camera.messages import ASK, BEGIN

WORKER = "firmware_agent.camera.worker"


class Worker:
    """`with Worker(...) as worker`: worker.report is its first answer, {} if it ended without one.

    before: code that runs in the process before the worker does. extra: descriptors that are smuggled in. The other
    options are Popen's.
    """

    def __init__(self, *, before="", extra=(), **options):
        self._before, self._extra, self._options = before, extra, options

    def __enter__(self):
        self.control, theirs = socket.socketpair()
        self.control.settimeout(20)
        command = [sys.executable, "-I", "-m", WORKER, str(theirs.fileno())]
        if self._before:
            start = f"import runpy, sys\n{self._before}\nsys.argv[1:] = ['{theirs.fileno()}']\n"
            command[2:] = ["-c", f"{start}runpy.run_module('{WORKER}', run_name='__main__', alter_sys=True)"]
        nothing = subprocess.DEVNULL
        streams = {"stdin": nothing, "stdout": nothing, "stderr": nothing, **self._options}
        with theirs:
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno(), *self._extra], **streams)
        self.control.sendall(BEGIN)
        answer = self._answer()
        self.report = json.loads(answer) if answer else {}
        return self

    def __exit__(self, *_):
        self.control.close()
        self.process.kill()
        self.process.wait()

    def picture(self):
        """The next picture, b"" if the process is gone."""
        try:
            self.control.sendall(ASK)
            return self._answer()
        except (BrokenPipeError, ConnectionResetError):
            return b""

    def end(self, number):
        """Send the signal and wait; the status, as waitpid gives it."""
        self.process.send_signal(number)
        _, status = os.waitpid(self.process.pid, 0)
        self.process.returncode = -(status & 0x7F)
        return status

    def _answer(self):
        length = int.from_bytes(self._exactly(4), "big")
        return self._exactly(length)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.control.recv(count - len(data))
            if not part:
                return b""
            data += part
        return data


def dumps_allowed():
    """To be called in a new process: a core dump may be as large as it likes."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
