"""What runs inside the units of a real systemd, in place of the agent and of the camera process.

`python -m host_tests.rigs.probes reach|use|adapter`: prints JSON.
"""

import asyncio
import errno
import json
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from firmware_agent.camera.messages import pack
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Adapter
from firmware_agent.camera.unit import Unit


def reach(camera):
    """What this unit can get at: {what: "ok" or the name of the error}."""

    def network():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))

    def other():
        with socket.create_connection(("127.0.0.1", 9), timeout=2):
            pass

    def run():
        copy = Path(shutil.copy("/bin/true", "/tmp/own"))  # noqa: S108 - the unit's own, or a tmpfs
        copy.chmod(0o755)
        subprocess.run([copy], check=True)

    return {
        "run": tried(run),
        "camera": tried(lambda: os.close(os.open(camera, os.O_WRONLY))),
        "network": tried(network),
        "interfaces": len(Path("/proc/self/net/dev").read_text().splitlines()) - 2,
        "write": tried(lambda: Path("/opt/agent/out/written").write_text("x")),
        "state": tried(lambda: os.listdir("/var/lib/firmware-agent")),
        "init": tried(lambda: Path("/proc/1/status").read_text()),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "lockable": resource.getrlimit(resource.RLIMIT_MEMLOCK)[1],
        "groups": os.getgroups(),
    }


def tried(what):
    """ "ok", or why not."""
    try:
        what()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "ok"


async def use():
    """Main's part: ask the unit for a camera process, have it answer a viewer over TCP, end it."""
    instance = await Unit().start(SourceSettings("pattern"), None)
    said = {"level": instance.level, "lock": str(instance.locked), "user": os.getuid()}
    said["hidden"] = tried(lambda: os.stat(f"/proc/{instance.pid}"))  # another unit's: ours does not show it
    with socket.create_server(("127.0.0.1", 0)) as listener:
        viewer = socket.create_connection(listener.getsockname())
        passed, _ = listener.accept()
    passed.setblocking(False)
    viewer.settimeout(10)
    socket.send_fds(instance.control, [pack("view", bytes(16), False)], [passed.fileno()])
    passed.close()
    answer = b""
    while part := await asyncio.to_thread(viewer.recv, 1 << 20):
        answer += part
    said["answer"] = answer[:8].decode()
    said["picture"] = b"\xff\xd8" in answer and b"\xff\xd9" in answer
    handle = os.pidfd_open(instance.pid)
    await instance.end()
    said["ended"] = handle in select.select([handle], [], [], 0)[0]
    return said


async def adapt():
    """Main starts an adapter command: what it says, and why it did not run."""
    adapter = Adapter(["/bin/echo", "picture"])
    with socket.socket(fileno=await adapter.open()) as output:
        said = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(output, 100), 30)
    await asyncio.sleep(0.5)  # it has ended, and its exit code says how
    return {"said": said.decode(), "trouble": await adapter.close()}


if __name__ == "__main__":
    probes = {"use": lambda: asyncio.run(use()), "adapter": lambda: asyncio.run(adapt())}
    print(json.dumps(probes.get(sys.argv[1], lambda: reach("/opt/agent/camera"))()))
