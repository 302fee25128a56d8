"""How this device is connected: what kind of link, and how strong its radio is (P1). Linux only; asks nobody.

Of the kernel's files it looks at the route table (proc(5), /proc/net/route), at three words about the interface of the
default route (/sys/class/net), and at the signal (/proc/net/wireless). No file with the name of a network, with an
address of this device or with the name of a provider is opened. The route table holds the gateway's address: that
column is not looked at.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.model import Record

_LARGEST = 65536  # bytes of a file that are read
_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.:@-]{1,15}")  # of an interface: it becomes part of a path
_UP, _REJECT = 0x1, 0x200  # RTF_UP, RTF_REJECT: linux/route.h
_ETHERNET, _RAW_IP = "1", "519"  # ARPHRD_ETHER, ARPHRD_RAWIP: linux/if_arp.h


class NetworkSource:
    """Implements Source. proc, sys: /proc/net and /sys/class/net."""

    name = "network"
    offers: tuple[str, ...] = ("link_type", "link_signal")
    pace = 60.0
    pair: tuple[str, str] | None = None
    exclusive = False

    def __init__(self, proc: Path = Path("/proc/net"), sys: Path = Path("/sys/class/net")) -> None:
        self._proc = proc
        self._sys = sys

    async def read(self) -> list[Record]:
        """The link that carries the default route of IPv4; nothing without one."""
        name = default(_text(self._proc / "route"))
        if name is None:
            return []
        fields: dict[str, object] = {"link_type": self._kind(name)}
        strength = signal(_text(self._proc / "wireless"), name)
        if fields["link_type"] == "wifi" and strength is not None:
            fields["link_signal"] = strength
        return [Record(fields)]

    async def rest(self) -> None:
        """Nothing was kept."""

    def _kind(self, name: str) -> str:
        if _NAME.fullmatch(name) is None:
            return "other"
        place = self._sys / name
        wireless = _there(place / "phy80211") or _there(place / "wireless")
        return kind(_text(place / "uevent"), _text(place / "type").strip(), wireless, _there(place / "device"))


def default(table: str) -> str | None:
    """The interface of the default route with the lowest metric, from /proc/net/route; None if there is none."""
    return min(_defaults(table), default=(0, None))[1]


def _defaults(table: str) -> Iterator[tuple[int, str]]:
    for line in table.splitlines()[1:]:
        parts = line.split()
        if len(parts) < 8 or parts[1] != "00000000" or parts[7] != "00000000":
            continue
        try:
            flags, metric = int(parts[3], 16), int(parts[6])
        except ValueError:
            continue
        if flags & _UP and not flags & _REJECT:
            yield metric, parts[0]


def kind(uevent: str, hardware: str, wireless: bool, device: bool) -> str:
    """cable, wifi, mobile or other. uevent: of the interface; hardware: its type, a number; wireless: whether it has a
    radio for networks; device: whether hardware stands behind it, and not a bridge or tunnel."""
    declared = [line[8:] for line in uevent.splitlines() if line.startswith("DEVTYPE=")]
    if wireless or "wlan" in declared:
        return "wifi"
    if "wwan" in declared or hardware == _RAW_IP:
        return "mobile"
    return "cable" if hardware == _ETHERNET and device else "other"


def signal(table: str, name: str) -> int | None:
    """dBm, below 0, of this interface in /proc/net/wireless; None if its driver says none, or in units of its own."""
    for line in table.splitlines():
        interface, colon, rest = line.strip().rpartition(": ")
        parts = rest.split()
        if not colon or interface != name or len(parts) < 3:
            continue
        found = re.fullmatch(r"(-?[0-9]{1,3})\.?", parts[2], re.ASCII)
        if found is None:
            return None
        level = int(found[1])
        if 63 < level < 256:  # a byte of the old interface (linux/wireless.h): dBm, its sign lost
            level -= 256
        return level if -120 <= level < 0 else None
    return None


def _text(path: Path) -> str:
    """The beginning of a file; "" if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    except (OSError, ValueError):
        return ""


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
