"""What the scripts in the machine share: the webcam's other end, disks, waiting, and what the kernel counts."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from host_tests.rigs.machine.bus import Event, events

OUT = Path("/out")
ORDERS = Path("/run/webcam")
BUS = OUT / "bus"
_PATIENCE = 60.0  # s
_NODES = Path("/sys/class/video4linux")


def wait_for(what: Callable[[], object], patience: float = _PATIENCE) -> None:
    """Until it is so. TimeoutError: it never was."""
    end = time.monotonic() + patience
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(f"not so after {patience} s: {what.__code__.co_names}")
        time.sleep(0.02)


class Webcam:
    """The emulated webcam, plugged in as `node` (/dev/video*) until it is pulled out. frames: a file of frames.py."""

    def __init__(self, frames: Path, rate: int = 30, width: int = 640, height: int = 480) -> None:
        numbers = [str(one) for one in (width, height, rate)]
        command = [sys.executable, "-m", "host_tests.rigs.machine.usb_camera", str(frames), str(BUS), str(ORDERS)]
        self._process = subprocess.Popen([*command, *numbers])
        wait_for(self._found)
        self.node = Path("/dev", self._found()[0].name)

    def _found(self) -> list[Path]:
        if self._process.poll() is not None:
            raise RuntimeError("the webcam ended")
        return [one for one in _NODES.glob("*") if (one / "index").read_text() == "0\n"] if _NODES.exists() else []

    def order(self, text: str) -> None:
        """cover, uncover or detach."""
        with open(ORDERS, "w") as pipe:
            pipe.write(text + "\n")

    def authorise(self, may: bool) -> None:
        """Whether the kernel lets anybody use the device: the file `authorized` of its USB device."""
        device = (_NODES / self.node.name / "device").resolve().parent
        (device / "authorized").write_text(str(int(may)))

    def events(self) -> list[Event]:
        """Its log so far."""
        return events(BUS) if BUS.exists() else []

    def seen(self, name: str) -> int:
        """How often an event came so far."""
        return sum(event.name == name for event in self.events())


def use_disks() -> Path:
    """Swap to the second disk from now on; the folder where the first one (ext4) is mounted."""
    mount = Path("/mnt/disk")
    mount.mkdir(parents=True)
    subprocess.run(["mount", "-t", "ext4", "/dev/vda", str(mount)], check=True)
    subprocess.run(["swapon", "/dev/vdb"], check=True)
    return mount


def squeeze(mebibytes: int) -> Callable[[], None]:
    """What a new process must call so that all such processes together get this much memory; the rest goes to swap."""
    group = Path("/sys/fs/cgroup/squeezed")
    (group.parent / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    (group / "memory.max").write_text(str(mebibytes << 20))

    def enter() -> None:
        (group / "cgroup.procs").write_text("0")

    return enter


def numbers(path: str) -> dict[str, int]:
    """The numbers of a file of /proc with lines `name value` or `name: value kB`."""
    found = {}
    for line in Path(path).read_text().splitlines():
        name, *rest = line.split()
        if rest and rest[0].isdigit():
            found[name.rstrip(":")] = int(rest[0])
    return found


def memory(pid: int) -> dict[str, int]:
    """KiB of a process: in swap, locked, and the most it ever had."""
    found = numbers(f"/proc/{pid}/status")
    return {name: found[name] for name in ("VmSwap", "VmLck", "VmHWM")}


def python(module: str, *arguments: object, **options: object) -> "subprocess.Popen[str]":
    """Start another script of this folder."""
    command = [sys.executable, "-m", f"host_tests.rigs.machine.inside.{module}", *map(str, arguments)]
    return subprocess.Popen(command, text=True, env=os.environ, **options)  # type: ignore[call-overload,no-any-return]
