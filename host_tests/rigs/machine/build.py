"""Builds the emulated machine's kernel and first file system: `python3 build.py FOLDER [made]`.

Needs no package of Python. With `made` it only tells, by its exit code, whether that is done already.

The kernel is Debian's own (its package is fetched with apt-get download and unpacked, never installed: 110 MB). Of its
modules only those of SETS are kept. FOLDER then holds `vmlinuz`, `init.cpio`, `accelerator` (how to run it here) and
`made`, which says of what. KVM is used where it is seen to run the kernel: inside other virtual machines /dev/kvm may
be there and fail.
"""

import gzip
import hashlib
import lzma
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SETS = {  # what the machine can be asked to load, each with all that it needs; in this order
    "base": ("9p", "9pnet_virtio", "overlay"),
    "disks": ("virtio_blk", "crc32c_generic", "ext4"),
    "camera": ("uvcvideo", "vhci_hcd"),
    "vivid": ("vivid",),
}
QEMU = "qemu-system-x86_64"
ACCELERATE = {  # how the machine's processor is made
    "kvm": ("-accel", "kvm", "-accel", "tcg", "-cpu", "max"),
    "tcg": ("-accel", "tcg,thread=single", "-cpu", "max"),
}
_PATIENCE = 20  # s for KVM to get to the first program
INIT = Path(__file__).with_name("init.sh")
BUSYBOX = Path("/bin/busybox")
_FOLDERS = ("bin", "proc", "sys", "dev", "host", "new", "modules", "sets")
_APPLETS = ("sh", "mount", "mkdir", "insmod", "cat", "switch_root", "ip", "ln")
_KERNEL = re.compile(r"^(linux-image-\d[0-9.]*(?:\+deb\d+|-\d+)-amd64) ", re.MULTILINE)


def build(place: Path) -> None:
    """Make `place`, unless it was made of the same parts before. SystemExit: what could not be had."""
    if made(place):
        return
    if not BUSYBOX.exists() or b"/ld-linux" in BUSYBOX.read_bytes():
        sys.exit(f"{BUSYBOX} is missing or needs libraries; install busybox-static")
    place.mkdir(parents=True, exist_ok=True)
    (place / "made").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as name:
        root = _kernel(Path(name))
        (kernel,) = root.glob("boot/vmlinuz-*")
        shutil.copyfile(kernel, place / "vmlinuz")
        modules = {_plain(file): file for file in root.glob("**/lib/modules/**/*.ko*")}
        (place / "init.cpio").write_bytes(gzip.compress(b"".join(_archive(modules)), 1))
    (place / "accelerator").write_text(_accelerator(place))
    (place / "made").write_text(state())


def made(place: Path) -> bool:
    """Whether it is there, and of these parts."""
    return (place / "made").exists() and (place / "made").read_text() == state()


def state() -> str:
    """What a machine is made of: it is made anew when one of them changes."""
    return hashlib.sha256(INIT.read_bytes() + Path(__file__).read_bytes()).hexdigest()


def _kernel(place: Path) -> Path:
    """The folder with the unpacked package of the newest kernel that this Debian offers."""
    names = _KERNEL.findall(_said("apt-cache", "search", "^linux-image-[0-9]"))
    if not names:
        sys.exit("no Debian kernel for amd64 in the package lists; run apt-get update, on Debian for x86-64")
    newest = max(names, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    _said("apt-get", "download", "-q", newest, cwd=place)
    (package,) = place.glob("*.deb")
    _said("dpkg-deb", "-x", str(package), str(place / "root"))
    package.unlink()
    return place / "root"


def _accelerator(place: Path) -> str:
    """kvm if a machine starts with it and comes to its end."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    parts = ("-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot")
    kernel = (
        "-kernel",
        str(place / "vmlinuz"),
        "-initrd",
        str(place / "init.cpio"),
        "-append",
        "quiet panic=-1 PROBE=1",
    )
    try:
        subprocess.run(
            [QEMU, "-accel", "kvm", "-cpu", "max", *parts, *kernel],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return "tcg"
    return "kvm"


def _said(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def _plain(file: Path) -> str:
    return file.name.partition(".ko")[0].replace("-", "_")


def _module(file: Path) -> bytes:
    if file.suffix == ".zst":
        sys.exit(f"{file.name}: modules packed with zstd cannot be read here; use Debian's kernel")
    return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()


def _archive(files: dict[str, Path]) -> Iterator[bytes]:
    """The first file system, in cpio's "newc" form (kernel: driver-api/early-userspace/buffer-format.rst)."""
    for folder in _FOLDERS:
        yield _entry(folder, stat.S_IFDIR | 0o755)
    yield _entry("init", stat.S_IFREG | 0o755, INIT.read_bytes())
    yield _entry("bin/busybox", stat.S_IFREG | 0o755, BUSYBOX.read_bytes())
    for applet in _APPLETS:
        yield _entry(f"bin/{applet}", stat.S_IFLNK | 0o777, b"busybox")
    kept: dict[str, bytes] = {}
    for name, wanted in SETS.items():
        order: list[str] = []
        for module in wanted:
            _require(module, files, kept, order)
        yield _entry(f"sets/{name}", stat.S_IFREG | 0o644, "".join(f"{one}\n" for one in order).encode())
    for name, data in kept.items():
        yield _entry(f"modules/{name}.ko", stat.S_IFREG | 0o644, data)
    yield _entry("TRAILER!!!", 0)


def _require(name: str, files: dict[str, Path], kept: dict[str, bytes], order: list[str]) -> None:
    """Put the module and, before it, all that it needs into `order`; what the kernel has built in is no file."""
    if name in order or name not in files:
        return
    data = kept[name] = kept.get(name) or _module(files[name])
    found = re.search(rb"\0depends=([^\0]*)\0", data)
    for needed in (found[1].decode() if found else "").split(","):
        _require(needed.replace("-", "_"), files, kept, order)
    order.append(name)


def _entry(name: str, mode: int, data: bytes = b"") -> bytes:
    numbers = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % one for one in numbers) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


if __name__ == "__main__":
    if sys.argv[2:] == ["made"]:
        sys.exit(not made(Path(sys.argv[1])))
    build(Path(sys.argv[1]))
