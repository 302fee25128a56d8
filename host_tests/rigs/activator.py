"""What systemd does for a socket unit with Accept=yes and a service with StandardInput=socket, without systemd.

`with activator(path, command)`: each connection to `path` starts the command, with the connection as its descriptor 0,
/dev/null as 1 and 2, and nothing else open.
"""

import contextlib
import os
import signal
import socket
import sys

WORKER = [sys.executable, "-I", "-B", "-m", "firmware_agent.camera.worker", "0"]


@contextlib.contextmanager
def activator(path, command=WORKER, before=None):
    """before: called in each new process, before the command is."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
            with contextlib.suppress(OSError):
                while True:
                    _start(listener.accept()[0], command, before)
            os._exit(1)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _start(connection, command, before):
    if os.fork():
        connection.close()
        return
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(connection.fileno(), 0)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        os.closerange(3, 1000)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        if before is not None:
            before()
        os.execve(command[0], command, {"LANG": "C.UTF-8", "PATH": os.defpath})  # noqa: S606 - the worker
    finally:
        os._exit(1)
