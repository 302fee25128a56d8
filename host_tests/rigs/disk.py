"""A real ext4 on a block device of its own: what was written to it, what is still on it, what a power cut leaves."""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROGRAMS = ("mkfs.ext4", "mount", "umount")
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_FIFREEZE, _FITHAW = 0xC0045877, 0xC0045878  # linux/fs.h
_SECTOR = 512
_BLOCK = 4096
_MIB = 1 << 20
_PATIENCE = 2.0  # s for a process that was just ended to let go of its files
_LIBC = ctypes.CDLL(None, use_errno=True)


class DiskError(Exception):
    """The rig cannot be set up, used or taken down: what, where, and what to do."""


class Disk:
    """A small ext4, mounted at `mount` (a directory), on the block device `device`; all of it is gone at the end.

    The device has no volatile cache: what the file system gave it is on it, in that order. What the file system still
    holds in memory is not: this is what a power cut takes. (`power.SectorDisk` models devices that reorder.)

    The image lies on a file system of its own, the ground. While that is frozen, no write to the image begins or goes
    on, so a copy made then is the device at one moment. `place` is the directory for all this (None: in memory, if
    there is such a place). DiskError if this machine cannot do it, or if something is still in use at the end.
    """

    def __init__(self, mebibytes: int = 64, place: "Path | None" = None) -> None:
        self._mebibytes = mebibytes
        self._place = place
        self._stack = contextlib.ExitStack()
        self.mount = Path()
        self.device = Path()

    def __enter__(self) -> "Disk":
        _require()
        with contextlib.ExitStack() as stack:  # takes down what is up so far if the next step fails
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="disk-", dir=self._place or _memory())))
            self.mount, self._ground, self._image = place / "mount", place / "ground", place / "ground/image"
            # No journal: nobody cuts the ground's power, and its copies are to be quick.
            _make(place / "ground.image", self._mebibytes * 9 // 8 + 8, "-m", "0", "-N", "16", "-O", "^has_journal")
            stack.enter_context(_mounted(place / "ground.image", self._ground))
            # ext4's defaults on a printer's card; a small one would get blocks of 1 KiB. No idle writes by mkfs's rest.
            _make(self._image, self._mebibytes, "-b", str(_BLOCK), "-E", "lazy_itable_init=0,lazy_journal_init=0")
            stack.enter_context(_mounted(self._image, self.mount))
            number = os.stat(self.mount).st_dev
            self._system = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
            self.device = Path("/dev", self._system.name)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def flush(self) -> None:
        """Everything written to the file system so far is on the device."""
        fd = os.open(self.mount, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _LIBC.syncfs(fd):
                raise DiskError(f"{self.mount}: {os.strerror(ctypes.get_errno())}; is the disk full?")
        finally:
            os.close(fd)

    def written(self) -> int:
        """Bytes that were written to the device since it exists, once everything due is flushed."""
        self.flush()
        return int((self._system / "stat").read_text().split()[6]) * _SECTOR  # kernel: Documentation/block/stat.rst

    def image(self) -> bytes:
        """Every byte of the device, flushed."""
        self.flush()
        return self._image.read_bytes()

    def search(self, needles: Iterable[bytes]) -> dict[bytes, int]:
        """How often each needle is on the device, flushed: in files, in their remains, in the journal."""
        self.flush()
        return search(self._image, needles)

    def snapshot(self, path: Path) -> None:
        """Copy the device into the new file `path` as a power cut at this moment would leave it; writers just wait.

        Nothing is flushed before. A process killed in here (some 50 ms) leaves the ground frozen, and all that writes
        to the disk waiting, until somebody runs `fsfreeze --unfreeze` on it.
        """
        if os.stat(path.parent).st_dev in (os.stat(self.mount).st_dev, os.stat(self._ground).st_dev):
            raise DiskError(f"{path}: a copy on the disk itself waits for itself forever; put it elsewhere")
        with open(self._image, "rb") as source, open(path, "xb") as target, _frozen(self._ground):
            _copy(source.fileno(), target.fileno())

    @staticmethod
    @contextlib.contextmanager
    def open_snapshot(path: Path) -> Iterator[Path]:
        """Mount a snapshot, as the next start would (the journal is replayed into `path`); yields the directory."""
        _require()
        with tempfile.TemporaryDirectory(prefix="snapshot-") as place, _mounted(path, Path(place, "mount")) as mount:
            yield mount


def search(path: Path, needles: Iterable[bytes]) -> dict[bytes, int]:
    """How often each needle (not all zeros, at most a block) is in the file `path`, wherever it lies in it."""
    data = _without_zeros(path)
    found = {}
    for needle in needles:
        if not needle.strip(b"\0") or len(needle) > _BLOCK:
            raise ValueError(f"a needle of {len(needle)} bytes: it must be 1 to {_BLOCK} bytes, not all zeros")
        found[needle] = data.count(needle)
    return found


def _without_zeros(path: Path) -> bytes:
    """The file with each run of empty blocks cut to one: that one still parts its neighbours, and ends a needle."""
    zeros, kept, empty = bytes(_BLOCK), [], False
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            if not (empty and block == zeros):
                kept.append(block)
            empty = block == zeros
    return b"".join(kept)


def _require() -> None:
    missing = [] if os.geteuid() == 0 else ["root"]
    missing += [] if os.path.exists("/dev/loop-control") else ["loop devices (/dev/loop-control)"]
    missing += [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        raise DiskError(
            f"the block-device rig cannot run: {', '.join(missing)} missing; run it as root on a Linux with loop "
            "devices, e2fsprogs and util-linux"
        )


def _memory() -> "str | None":
    """Where the image is quick and wears no disk; None for the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a private directory is made in it


def _run(*command: "str | Path") -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": _PATH})
    if done.returncode:
        what, why = " ".join(map(str, command)), " ".join(done.stderr.split())
        raise DiskError(f"{what}: {why}; the rig needs the right to mount, and room")


def _make(image: Path, mebibytes: int, *options: str) -> None:
    """A new file system in a sparse file."""
    with open(image, "xb") as file:
        file.truncate(mebibytes * _MIB)
    _run("mkfs.ext4", "-q", "-F", *options, image)


@contextlib.contextmanager
def _mounted(image: Path, directory: Path) -> Iterator[Path]:
    """`mount -o loop` marks the loop device so that the kernel detaches it with its last user, come what may."""
    directory.mkdir()
    _run("mount", "-t", "ext4", "-o", "loop,noatime", image, directory)
    try:
        yield directory
    finally:
        _unmount(directory)


def _unmount(directory: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return _run("umount", directory)
        except DiskError as error:
            if time.monotonic() > end:
                _run("umount", "--lazy", directory)  # out of sight now; the kernel drops it with the last open file
                raise DiskError(f"{error}: close its files and end its processes before the rig ends") from None
            time.sleep(0.05)


@contextlib.contextmanager
def _frozen(directory: Path) -> Iterator[None]:
    """No write to the file system begins or goes on meanwhile."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, _FIFREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(fd, _FITHAW, 0)
    finally:
        os.close(fd)


def _copy(source: int, target: int) -> None:
    """Copy what is not a hole: most of the device was never written."""
    size = os.fstat(source).st_size
    os.truncate(target, size)
    at = 0
    while at < size:
        try:
            start = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        at = os.lseek(source, start, os.SEEK_HOLE)
        os.lseek(target, start, os.SEEK_SET)
        while start < at:
            start += os.sendfile(target, source, start, at - start)
