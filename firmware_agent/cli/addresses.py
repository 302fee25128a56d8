"""Under which addresses a browser reaches the owner's page. Asks nobody: the kernel's own table says it."""

import ipaddress
import re
from pathlib import Path

from firmware_agent.config import PanelConfig, ViewersConfig

_TABLE = Path("/proc/net/fib_trie")
_LOCAL = re.compile(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL")


def addresses(panel: PanelConfig, table: Path = _TABLE) -> list[str]:
    """URLs without a path, the best first: configured names, then the device's own addresses."""
    scheme = "https" if panel.tls else "http"
    port = "" if panel.port == (443 if panel.tls else 80) else f":{panel.port}"
    hosts = [*panel.names, *listening(panel, table)]
    return [f"{scheme}://{host}{port}" for host in dict.fromkeys(hosts)] or [f"{scheme}://127.0.0.1{port}"]


def plain(viewers: ViewersConfig, panel: PanelConfig | None, table: Path = _TABLE) -> list[str]:
    """As `addresses`, of the viewers' port: the page's names lead to it, too, if both listen everywhere."""
    names = panel.names if panel is not None and panel.host == viewers.host else ()
    found = dict.fromkeys([*names, *listening(viewers, table)])
    hosts = [f"[{host}]" if ":" in host else host for host in found]
    return [f"http://{host}:{viewers.port}" for host in hosts]


def listening(panel: PanelConfig | ViewersConfig, table: Path = _TABLE) -> list[str]:
    """The IPv4 addresses that it listens on, this machine's own loopback last."""
    if not ipaddress.ip_address(panel.host).is_unspecified if _is_address(panel.host) else True:
        return [panel.host]
    try:
        found = sorted(set(_LOCAL.findall(table.read_text())))
    except OSError:
        found = []
    return sorted(found or ["127.0.0.1"], key=lambda one: ipaddress.ip_address(one).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
