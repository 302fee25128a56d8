"""Runs a few lines in a fresh process that may lock itself: it holds a control socket, /dev/null, and nothing else."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_BEFORE = "import socket\nfrom firmware_agent.camera.sandbox.lock import lock\ncontrol = socket.socket(fileno={})\n"
_AFTER = "\nimport os\nos._exit(0)\n"


def run(script, name="script"):
    """What the script sent by `control`, and the exit code (negative: a signal)."""
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
        said = b""
        while part := ours.recv(1 << 16):
            said += part
    return said, process.wait(30)
