"""What this device knows of itself: whoever scrubs a log where it was written masks these first. Read only, no root."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_NOT_PEOPLE = ("nobody", "lost+found")
_SHORTEST = 4
_FILES = (
    ("hostname", "etc/hostname"),
    ("instance_uuid", "etc/machine-id"),
    ("hw_serial", "sys/firmware/devicetree/base/serial-number"),
    ("hw_serial", "sys/class/dmi/id/product_serial"),
)


def known(root: Path = Path("/")) -> Iterator[tuple[str, str]]:
    """(kind, value) of the host's name, its people, its network cards, its serial numbers and what is plugged in."""
    for kind, path in _FILES:
        yield from _of(kind, _text(root / path))
    for line in _text(root / "proc/cpuinfo").splitlines():
        if line.startswith("Serial"):
            yield from _of("hw_serial", line.partition(":")[2])
    for place in _under(root / "home"):
        if place.name not in _NOT_PEOPLE:
            yield from _of("home_user", place.name)
    for place in _under(root / "sys/class/net"):
        yield from _of("mac", _text(place / "address"))
    for place in _under(root / "sys/bus/usb/devices"):
        yield from _of("usb_serial", _text(place / "serial"))
    for place in _under(root / "sys/block"):
        yield from _of("hw_serial", _text(place / "device/serial").removeprefix("0x"))
        yield from _of("hw_serial", _text(place / "device/cid"))


def _of(kind: str, value: str) -> Iterator[tuple[str, str]]:
    value = value.strip().strip("\0")
    if len(value) >= _SHORTEST and len(set(value)) > 2:
        yield kind, value


def _text(place: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return place.read_text("utf-8")
    return ""


def _under(place: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(place.iterdir())
    return []
