"""What this device knows of itself: whoever scrubs a log where it was written masks these first. Read only, no root."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.scrub.report import found, values

_NOT_PEOPLE = ("nobody", "lost+found")
_SHORTEST = 4
_LARGEST = 1 << 20  # bytes of a configuration that is read
_MOST = 5000  # entries of a folder
_FILES = (
    ("hostname", "etc/hostname"),
    ("instance_uuid", "etc/machine-id"),
    ("hw_serial", "sys/firmware/devicetree/base/serial-number"),
    ("hw_serial", "sys/class/dmi/id/product_serial"),
)
_CONFIGS = ("printer_data/config", "klipper_config", ".octoprint")
_JOBS = ("printer_data/gcodes", "gcode_files", ".octoprint/uploads")


def known(root: Path = Path("/")) -> Iterator[tuple[str, str]]:
    """(kind, value) of the host's name, its people, its network cards and networks, its serial numbers, what is
    plugged in, the names of its jobs, and what identifies in the configuration of its printers."""
    for kind, path in _FILES:
        yield from _of(kind, _text(root / path))
    for line in _text(root / "proc/cpuinfo").splitlines():
        if line.startswith("Serial"):
            yield from _of("hw_serial", line.partition(":")[2])
    for place in _under(root / "sys/class/net"):
        yield from _of("mac", _text(place / "address"))
    for place in _under(root / "sys/bus/usb/devices"):
        yield from _of("usb_serial", _text(place / "serial"))
    for place in _under(root / "sys/block"):
        yield from _of("hw_serial", _text(place / "device/serial").removeprefix("0x"))
        yield from _of("hw_serial", _text(place / "device/cid"))
    for place in _under(root / "etc/NetworkManager/system-connections"):
        yield from _of("ssid", place.name.removesuffix(".nmconnection"))
    for place in _under(root / "home"):
        if place.name not in _NOT_PEOPLE:
            yield from _of("home_user", place.name)
            yield from _of_a_home(place)


def _of_a_home(home: Path) -> Iterator[tuple[str, str]]:
    for path in _CONFIGS:
        for place in _under(home / path):
            if place.suffix in (".cfg", ".conf", ".yaml"):
                text = _text(place)
                for value, kind in values(text, found(text)).items():
                    yield from _of(kind, value)
    for path in _JOBS:
        for place in _under(home / path):
            if place.suffix:
                yield from _of("filename", place.name)
                yield from _of("filename", place.stem)


def _of(kind: str, value: str) -> Iterator[tuple[str, str]]:
    value = value.strip().strip("\0")
    if len(value) >= _SHORTEST and len(set(value)) > 2:
        yield kind, value


def _text(place: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError), open(place, encoding="utf-8", opener=_at_once) as file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_size <= _LARGEST:
            return file.read(_LARGEST)
    return ""


def _at_once(path: str, flags: int) -> int:
    """A pipe that nobody writes to must not hold up the agent."""
    return os.open(path, flags | os.O_NONBLOCK)


def _under(place: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [one for one, _ in zip(sorted(place.iterdir()), range(_MOST), strict=False)]
    return []
