"""Runs a few lines in a fresh process that may lock itself: it holds a control socket, /dev/null, and nothing else."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_BEFORE = "import socket\nfrom firmware_agent.camera.sandbox.lock import lock\ncontrol = socket.socket(fileno={})\n"
_AFTER = "\nimport os\nos._exit(0)\n"


def run(script, between=()):
    """What the script sent by `control`, and the exit code (negative: a signal).

    between: each is called after one more line came, and then the script gets a byte.
    """
    ours, theirs = socket.socketpair()
    nothing = subprocess.DEVNULL
    with ours:
        with theirs:
            code = _BEFORE.format(theirs.fileno()) + script + _AFTER
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-B", "-c", code]
            streams = {"stdin": nothing, "stdout": nothing, "stderr": nothing}
            process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], **streams)
        ours.settimeout(30)
        said, between = b"", list(between)
        while part := ours.recv(1 << 16):
            said += part
            if between and part.endswith(b"\n"):
                between.pop(0)()
                ours.send(b"x")
    return said, process.wait(30)
