"""A real systemd, as process 1 of namespaces of its own: its units, devices, users and cgroups are real, and apart.

Needs root and util-linux. Inside, /opt/agent has this package in an environment of its own (the real place may be one
that units cannot see), and the user firmware-agent exists.
"""

import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = "/opt/agent/bin/python"
OUT = "/opt/agent/out"  # anybody may write there
USER = 64100
CAMERA = "1 11"  # /opt/agent/camera stands for one: a device (the kernel's log) that no unit has without a rule
_CGROUPS = Path("/sys/fs/cgroup")
_START = """set -e
exec > {here}/log 2>&1 < /dev/null
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
{mounts}
mount -t tmpfs -o mode=755 units /etc/systemd/system
cp {units}/* /etc/systemd/system/
mount -t tmpfs -o mode=755 rules /etc/udev/rules.d
for name in passwd group; do mount --bind {here}/$name /etc/$name; done
mount -t tmpfs -o mode=755 opt /opt
mkdir -p /opt/agent/bin /opt/agent/python /opt/agent/source /opt/agent/libraries {site}
mount --bind {python} /opt/agent/python
mount --bind {source} /opt/agent/source
mount --bind {libraries} /opt/agent/libraries
echo 'home = /opt/agent/python/bin' > /opt/agent/pyvenv.cfg
ln -s /opt/agent/python/bin/python3 {binary}
printf '/opt/agent/source\\n/opt/agent/libraries\\n' > {site}/here.pth
mkdir -m 777 /opt/agent/out
mknod /opt/agent/camera c {camera}
chgrp video /opt/agent/camera
chmod 660 /opt/agent/camera
chmod 755 /opt /opt/agent /opt/agent/bin /opt/agent/lib
echo $$ > {here}/ready
for place in /var/lib /var/tmp /tmp; do mount -t tmpfs -o mode=1777 here $place; done
exec env -i container=other PATH="$PATH" /lib/systemd/systemd --system --unit=test.target --log-target=console \\
  --show-status=no
"""


class Systemd:
    """`with Systemd({name: text of a unit}) as machine`. machine.run(command) runs it inside; what it wrote."""

    def __init__(self, units):
        self._units = {"test.target": "[Unit]\nDefaultDependencies=no\n", **units}

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.here = Path(self._folder.name)
        self.here.chmod(0o755)
        (self.here / "units").mkdir()
        for name, text in self._units.items():
            (self.here / "units" / name).write_text(text)
        for name, row in (("passwd", f":x:{USER}:{USER}::/:/bin/false"), ("group", f":x:{USER}:")):
            (self.here / name).write_text(f"{Path('/etc', name).read_text()}firmware-agent{row}\n")
        kinds = _hierarchies()
        self._groups = [place / f"rig-{os.getpid()}-{id(self):x}" for place in kinds]
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        script = _START.format(
            mounts="\n".join(_mounts(kinds)),
            units=self.here / "units",
            here=self.here,
            site=f"/opt/agent/lib/python{version}/site-packages",
            python=sys.base_prefix,
            source=ROOT,
            libraries=sysconfig.get_path("purelib"),
            binary=PYTHON,
            camera=CAMERA,
        )
        (self.here / "start.sh").write_text(script)
        enter = [f"mkdir -p {group} && echo $$ > {group}/cgroup.procs" for group in map(str, self._groups)]
        space = "unshare --fork --pid --mount --cgroup --uts --ipc --propagation private --kill-child"
        command = " && ".join([*enter, f"exec {space} sh {shlex.quote(str(self.here / 'start.sh'))}"])
        for group in self._groups:
            _ready(group)
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            self._pid = self._first()
            self._wait(lambda: self.run("systemctl is-active test.target", check=False).strip() == "active")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGKILL)  # --kill-child: process 1 ends, and all the others with it
        self._process.wait()
        self._process.stderr.close()
        for group in self._groups:
            _remove(group)
        self._folder.cleanup()

    def run(self, command, check=True):
        """A line for a shell inside; what it wrote to its output."""
        inside = ["nsenter", "-t", str(self._pid), "-m", "-p", "-C", "-u", "-i", "/bin/sh", "-c", command]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}{self.log()}")
        return done.stdout

    def log(self):
        """The last lines that systemd wrote."""
        return "\n".join((self.here / "log").read_text("utf-8", "replace").splitlines()[-20:])

    def _first(self):
        """Our number of the namespace's process 1."""
        self._wait((self.here / "ready").exists)
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def _wait(self, what, seconds=20):
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end or self._process.poll() is not None:
                self._process.send_signal(signal.SIGKILL)
                log = self.here / "log"
                raise AssertionError(f"{self._process.stderr.read()} {log.read_text()[-2000:] if log.exists() else ''}")
            time.sleep(0.05)


def _hierarchies():
    """mount point -> (type, options) of each cgroup tree."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind.startswith("cgroup") and Path(before.split()[4]).is_relative_to(_CGROUPS):
            found[Path(before.split()[4])] = kind, options
    return found


def _mounts(kinds):
    """Lines of a shell that mount the same trees, as the namespace sees them."""
    yield f"umount -l {_CGROUPS}"
    if _CGROUPS not in kinds:
        yield f"mount -t tmpfs -o mode=755 cgroups {_CGROUPS}"
    for place, (kind, options) in kinds.items():
        own = [one for one in options.split(",") if one not in ("rw", "ro")]
        named = ["none", *own] if any(one.startswith("name=") for one in own) else own
        words = f" -o {','.join(named)}" if kind == "cgroup" else ""
        yield f"mkdir -p {place} && mount -t {kind}{words} cgroup {place}"


def _ready(group):
    """Make it; a cpuset takes no process before it has processors."""
    group.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (group / name).exists() and not (group / name).read_text().strip() and (group.parent / name).exists():
            (group / name).write_text((group.parent / name).read_text())


def _remove(group):
    end = time.monotonic() + 5
    while group.exists():
        for place, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(place)
            except OSError:
                if time.monotonic() > end:
                    return
        time.sleep(0.02)
