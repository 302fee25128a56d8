"""A machine with a USB camera, as folders: /dev with real nodes, /sys, /etc. Its /proc is the real one.

The nodes have the numbers of /dev/full: whoever may open them can, and nothing else on this machine has that open.
"""

import os
import signal
import struct
import subprocess
import sys
from contextlib import contextmanager

NUMBER = os.makedev(1, 7)
HOME = "sys/devices/pci0/usb1/1-1"
_ENTRY = struct.Struct("<HHI")
_NOBODY_NAMED = 0xFFFFFFFF


class House:
    """root: the folder. node: the camera's. other: a second node of it. raw: its USB device's."""

    def __init__(self, root):
        self.root = root
        (root / "dev/bus/usb/001").mkdir(parents=True)
        (root / "proc").symlink_to("/proc")
        self.node, self.other, self.raw = root / "dev/video0", root / "dev/media0", root / "dev/bus/usb/001/002"
        for node in (self.node, self.other, self.raw):
            os.mknod(node, 0o20600, NUMBER)
            os.chmod(node, 0o660)
        home = root / HOME
        for folder, name in (("sys/class/video4linux", "video0"), ("sys/bus/media/devices", "media0")):
            real = home / "1-1:1.0" / name
            real.mkdir(parents=True)
            (real / "device").symlink_to(home / "1-1:1.0")
            (root / folder).mkdir(parents=True)
            (root / folder / name).symlink_to(real)
        for name, text in (("idVendor", "1d6b"), ("idProduct", "0102"), ("busnum", "1"), ("devnum", "2")):
            (home / name).write_text(f"{text}\n")

    def unit(self, name, *, enabled=True):
        """Install a unit in /etc, as crowsnest's and OctoPrint's scripts do."""
        folder = self.root / "etc/systemd/system"
        (folder / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("[Service]\nExecStart=/bin/true\n")
        if enabled:
            (folder / "multi-user.target.wants" / name).symlink_to(f"../{name}")
        return folder / name


def let_in(node, uid):
    """An ACL entry, as a login manager gives it to whoever sits at the screen."""
    rows = (1, 6, _NOBODY_NAMED), (2, 6, uid), (4, 6, _NOBODY_NAMED), (0x10, 6, _NOBODY_NAMED), (0x20, 0, _NOBODY_NAMED)
    os.setxattr(node, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(_ENTRY.pack(*row) for row in rows))


def opens(node, uid, groups=()):
    """Whether a process of that user can open it, tried in one."""
    child = os.fork()
    if child == 0:
        code = 9
        try:
            os.setgroups(list(groups))
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            try:
                os.open(node, os.O_RDWR)
                code = 0
            except PermissionError:
                code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 0


@contextmanager
def holding(node, name="crowsnest", close=False):
    """A process of that name has the node open, or only mapped (of a file); its pid."""
    code = (
        "import mmap, os, sys, time\n"
        "held = os.open(sys.argv[1], os.O_RDWR)\n"
        f"{'memory = mmap.mmap(held, 4096); os.close(held)' if close else ''}\n"
        f"open('/proc/self/comm', 'w').write({name!r})\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-I", "-c", code, str(node)], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
