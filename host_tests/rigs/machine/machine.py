"""Runs a command in a small emulated computer whose kernel has a real camera stack (V4L2, USB), for tests and benches.

In there, all files of this computer can be read (the repository, .venv) and what is written goes to memory, except for
/out, which is a folder of this computer. Raw disks are /dev/vda, /dev/vdb. The command runs as root there, as its own
kernel's; nothing of this computer's kernel is touched, and no rights are needed beyond those to read and run qemu.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from host_tests.rigs.machine.build import ACCELERATE, QEMU, SETS, made

ROOT = Path(__file__).resolve().parents[3]
PLACE = ROOT / ".peers/machine"
PYTHON = sys.executable
_START = """\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
export LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
cut -d' ' -f1 /proc/uptime > /out/booted
cd {folder} && {command} > /out/output 2>&1 < /dev/null
echo $? > /out/status
sync
echo b > /proc/sysrq-trigger
"""
# No journal of the kernel's own, nothing that waits: seconds of the boot go where devices are looked for.
_LINE = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on tsc=reliable no_timer_check rdinit=/init"


class MachineError(Exception):
    """The emulated machine cannot be built or run, or did not come to its end: what, and what to do."""


class Ran(NamedTuple):
    """status: the command's exit code. output: what it printed. seconds: all of it. booted: s until the command."""

    status: int
    output: str
    seconds: float
    booted: float


def require(place: Path = PLACE) -> None:
    """MachineError if something of the machine is missing here."""
    if os.uname().machine != "x86_64":
        raise MachineError("the emulated machine runs this computer's own programs: x86-64 only")
    if shutil.which(QEMU) is None:
        raise MachineError(f"{QEMU} is missing; run tools/setup test")
    if not made(place):
        raise MachineError(f"{place} is missing or of another version; run tools/setup test")


def accelerator(place: Path = PLACE) -> str:
    """kvm, where a virtual machine of the processor's own was seen to work when this one was built; else tcg."""
    return (place / "accelerator").read_text().strip()


def run(
    command: Sequence[str],
    out: Path,
    *,
    sets: Sequence[str] = (),
    disks: Sequence[Path] = (),
    memory: int = 512,
    seconds: float = 120,
    landlock: bool = True,
    folder: Path = ROOT,
    place: Path = PLACE,
) -> Ran:
    """Run `command` in the machine and wait until it is off.

    out: a folder of this computer, /out in there. sets: of build.SETS. disks: raw images. memory: MiB. seconds: after
    which it is ended. landlock: whether its kernel has it. MachineError: it could not start, or never ended.
    """
    require(place)
    for name in ("status", "output", "booted", "console"):
        (out / name).unlink(missing_ok=True)
    (out / "start").write_text(_START.format(folder=shlex.quote(str(folder)), command=shlex.join(command)))
    try:
        with _turn(place):
            begun = time.monotonic()
            done = subprocess.run(
                [QEMU, *_arguments(out, sets, disks, memory, landlock, place)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
    except subprocess.TimeoutExpired:
        raise MachineError(f"not at its end after {seconds} s; {_last(out)}") from None
    status = out / "status"
    if done.returncode or not status.exists():
        raise MachineError(f"it ended too early ({done.returncode}): {done.stderr.strip()[-400:]} {_last(out)}")
    printed = (out / "output").read_text("utf-8", "replace")
    booted = float((out / "booted").read_text())
    return Ran(int(status.read_text()), printed, time.monotonic() - begun, booted)


@contextlib.contextmanager
def _turn(place: Path) -> Iterator[None]:
    """Within it, no more machines run at once than this computer has processors: their clocks go on while they wait."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(place / f"turn{n}", "w")) for n in range(os.cpu_count() or 1)]
        while not any(map(_taken, files)):
            time.sleep(0.2)
        yield


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _arguments(
    out: Path, sets: Sequence[str], disks: Sequence[Path], memory: int, landlock: bool, place: Path
) -> list[str]:
    names = [*sets, *(["disks"] if disks else [])]
    if unknown := set(names) - set(SETS):
        raise MachineError(f"no set of modules is called {', '.join(sorted(unknown))}")
    line = f'{_LINE} SETS="{" ".join(names)}"' + ("" if landlock else " lsm=lockdown,yama,apparmor")
    drives = [part for disk in disks for part in ("-drive", f"file={_escaped(disk)},if=virtio,format=raw,cache=unsafe")]
    share = "local,security_model=none,multidevs=remap"
    return [
        *(*ACCELERATE[accelerator(place)], "-smp", "1", "-m", str(memory)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-serial", f"file:{_escaped(out / 'console')}"),
        *("-kernel", str(place / "vmlinuz"), "-initrd", str(place / "init.cpio"), "-append", line),
        *("-fsdev", f"{share},id=host,path=/,readonly=on", "-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
        *("-fsdev", f"{share},id=out,path={_escaped(out)}", "-device", "virtio-9p-pci,fsdev=out,mount_tag=out"),
        *drives,
    ]


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def _last(out: Path) -> str:
    """The last lines of what it said, for people."""
    said = [
        (out / name).read_text("utf-8", "replace").strip()[-600:]
        for name in ("output", "console")
        if (out / name).exists()
    ]
    return "it said: " + " | ".join(said)
