"""What can be a host, which may be used without encryption (only those that cannot leave this machine), who calls."""

import ipaddress
import re
from urllib.parse import urlsplit


def host(name: object) -> bool:
    """Whether `name` can be a host: an address, or a name whose labels IDNA (RFC 3490) can encode."""
    if not isinstance(name, str):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _labels(name)
    return True


def _labels(name: str) -> bool:
    try:
        labels = name[:400].encode("idna").decode("ascii").removesuffix(".").split(".")
    except UnicodeError:
        return False
    return len(name) <= 253 and all(re.fullmatch("[A-Za-z0-9_-]{1,63}", label) for label in labels)


def is_loopback(host: str) -> bool:
    """Whether `host` can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def readable(url: object) -> bool:
    """Whether a source may be read at `url`: https, or http to this machine itself; no user name or password in it."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # both raise ValueError when they are malformed
    except ValueError:
        return False
    if not host or "@" in parts.netloc or parts.fragment:
        return False
    return url.startswith("https://") or (url.startswith("http://") and is_loopback(host))


def talkable(url: object) -> bool:
    """Whether a websocket may be opened at `url`: wss, or ws to this machine itself; no user name or query in it."""
    return (
        isinstance(url, str) and url.startswith(("ws://", "wss://")) and "?" not in url and readable("http" + url[2:])
    )


def nearby(url: object) -> bool:
    """Whether a camera's stream may be read at `url`: http to this machine or its own network, no user name in it.

    A name counts; whoever connects to it looks at the address that it turns out to be.
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url or len(url) > 1000:
        return False
    try:
        parts = urlsplit(url)
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not name or not host(name) or "@" in parts.netloc or parts.fragment or parts.scheme != "http":
        return False
    try:
        return near(name)
    except ValueError:
        return True


def near(address: str) -> bool:
    """Whether an address cannot be beyond the own network; ValueError if it is none."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_private or found.is_link_local  # private: this machine as well


def plain(name: "tuple[str, int] | None") -> tuple[str, int]:
    """Address and port of one end, without the zone, and as IPv4 where it is that."""
    if not name:
        return "0.0.0.0", 0  # noqa: S104  gone before it was looked at; matches no host
    address = ipaddress.ip_address(name[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), name[1]


def group(name: "tuple[str, int] | None") -> str:
    """What counts as one address: one of IPv4, or a network of IPv6, of which a client can pick any."""
    address = ipaddress.ip_address(plain(name)[0])
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
