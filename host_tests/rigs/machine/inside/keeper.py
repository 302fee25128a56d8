"""What the camera process must never be: `keeper memory|shm|unlinked NODE FOLDER` reads the camera and keeps pictures.

memory: in its own memory, which is not locked. shm: in a file in /dev/shm, "which is only memory". unlinked: in a file
of FOLDER that has no name any more at the end. Of the last two all other memory is locked: what is found came from the
file. It says the digest of each picture that it keeps, and goes when its standard input closes.
"""

import os
import select
import sys
import time
from pathlib import Path

from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources.v4l2 import open_camera
from host_tests.rigs.machine.frames import digest
from host_tests.rigs.machine.usb_camera import lock_memory


def main() -> None:
    """As the top of this file says."""
    how, node, folder = sys.argv[1:]
    place = None if how == "memory" else Path("/dev/shm" if how == "shm" else folder, "kept")  # noqa: S108 - the point
    file = None if place is None else open(place, "wb", buffering=0)  # noqa: SIM115
    if how != "memory":
        lock_memory()
    camera = open_camera(SourceSettings("v4l2", node))
    kept = []
    camera.on()
    while True:
        ready, _, _ = select.select([camera.fd, 0], [], [])
        if 0 in ready:
            break
        picture = camera.take(time.monotonic())
        if picture is None:
            continue
        if file is None:
            kept.append(bytes(picture))
        else:
            file.write(picture)
        print(digest(picture), flush=True)
    camera.off()
    if file is not None and place is not None:
        os.fsync(file.fileno())
        if how == "unlinked":
            place.unlink()


if __name__ == "__main__":
    main()
