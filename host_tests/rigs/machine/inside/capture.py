"""What sources/v4l2.py does with real V4L2 drivers: `capture.py FRAMES` prints JSON, one entry a case.

Each case runs in a fresh process that is locked before it streams; "adapter" runs under the adapter's lock.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from firmware_agent.camera.sources.adapter import Adapter
from host_tests.rigs.locked_script import run
from host_tests.rigs.machine.inside.guest import OUT, Webcam, wait_for

NODES = Path("/sys/class/video4linux")
_TAKE = """
import json, select, time
from firmware_agent.camera.sources import v4l2
from firmware_agent.camera.sources.make import make
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sandbox.report import CannotLock

def take(count, seconds=60):
    found, end = [], time.monotonic() + seconds
    wait = select.poll()
    wait.register(source.fd, select.POLLIN)
    while len(found) < count and time.monotonic() < end:
        due = source.due(time.monotonic())
        wait.poll(1000 * (1 if due is None else min(due, 1)))
        picture = source.take(time.monotonic())
        if picture is not None:
            found.append(bytes(picture))
    return found

def say(**what):
    control.sendall(json.dumps(what).encode() + b"\\n")

try:
    if {only!r}:
        v4l2._COMPRESSED, v4l2.FORMATS = (), {{{only!r}: v4l2.FORMATS[{only!r}]}}
    source = make(SourceSettings("v4l2", {node!r}, {width}, {height}, 30, {crop}), None)
    lock(control, source.camera)
except CannotLock as error:
    say(missing=error.missing, text=str(error))
    raise SystemExit
source.on()
"""
_MEASURE = """
take(5)
begun, used = time.monotonic(), time.process_time()
pictures = take({count})
used, seconds = time.process_time() - used, time.monotonic() - begun
source.off()
source.on()
again = take(1)
source.off()
say(facts=source.facts, ms=1000 * used / len(pictures), rate=len(pictures) / seconds, count=len(pictures))
say(pictures=[one.hex() for one in (pictures[0], pictures[-1], *again)])
"""
_COVER = """
say(open=len(take(10)), covered=source.covered())
control.recv(1)
end = time.monotonic() + 10
while not source.covered() and time.monotonic() < end:
    take(1, 1)
say(open=len(take(1, 1)), covered=source.covered())
control.recv(1)
say(open=len(take(10)), covered=source.covered())
"""
_PULL = """
say(open=len(take(3)))
control.recv(1)
try:
    take(100, 10)
    say(gone="")
except OSError as error:
    say(gone=str(error))
source.off()
"""


def case(node, then, *, only="", width=0, height=0, crop=(0, 0, 0, 0), count=30, between=()):
    """What the locked process said, each as an object, and its exit code."""
    script = _TAKE.format(node=node, only=only, width=width, height=height, crop=crop) + then.format(count=count)
    said, code = run(script, between)
    return {"said": [json.loads(line) for line in said.splitlines()], "code": code}


def node(driver, index="0"):
    """/dev/video* of that driver, None if there is none."""
    for one in sorted(NODES.glob("*")):
        if (one / "device/driver").resolve().name == driver and (one / "index").read_text().strip() == index:
            return f"/dev/{one.name}"
    return None


def by_adapter(camera):
    """An adapter command that streams from the webcam with this very source, and tries to keep what it sees."""
    command = (
        "import os, sys, time; from firmware_agent.camera.sources.v4l2 import open_camera\n"
        "from firmware_agent.camera.settings import SourceSettings\n"
        "for path in ('/run/kept', '/dev/shm/kept', '/out/kept'):\n"
        "    try: open(path, 'w')\n"
        "    except OSError: pass\n"
        f"source = open_camera(SourceSettings('v4l2', {camera!r})); source.on(); sent = 0\n"
        "while sent < 20:\n"
        "    time.sleep(0.01); picture = source.take(time.monotonic()); sent += picture is not None\n"
        "    os.write(1, picture or b'')\n"
    )
    ours, theirs = socket.socketpair()
    with theirs:
        adapted = [sys.executable, "-m", "firmware_agent.camera.adapted", sys.executable, "-c", command]
        process = subprocess.Popen(adapted, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL)
    source, count = Adapter(ours.detach()), 0
    source.on()
    wait = select.poll()
    wait.register(source.fd, select.POLLIN)
    try:
        while True:
            wait.poll(30000)
            count += source.take(0.0) is not None
    except OSError:
        kept = [path for path in ("/run/kept", "/dev/shm/kept", "/out/kept") if os.path.exists(path)]  # noqa: S108
        return {"pictures": count, "kept": kept, "code": process.wait()}


def main():
    found = {}
    webcam = Webcam(Path(sys.argv[1]))
    wait_for(lambda: node("vivid") and node("uvcvideo"))
    camera, raw = node("uvcvideo"), node("vivid")
    for name in ("YUYV", "NV12", "YU12", "RGB3"):
        found[name] = case(raw, _MEASURE, only=name, width=640, height=360, count=10)
    found["part"] = case(raw, _MEASURE, width=640, height=360, crop=(250, 250, 500, 500), count=5)
    found["webcam"] = case(camera, _MEASURE, count=60)
    found["webcam part"] = case(camera, _MEASURE, crop=(0, 0, 500, 500), count=10)
    events = len(webcam.events())
    time.sleep(1)
    found["at rest"] = [event.name for event in webcam.events()[events:]]
    found["bus"] = [event.name for event in webcam.events()]
    found["second node"] = case(node("uvcvideo", "1"), _MEASURE)
    found["adapter"] = by_adapter(camera)
    orders = (lambda: webcam.order("cover"), lambda: webcam.order("uncover"))
    found["cover"] = case(camera, _COVER, between=orders)
    found["pull"] = case(camera, _PULL, between=(lambda: webcam.order("detach"),))
    found["gone"] = case(camera, _MEASURE)
    (OUT / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
