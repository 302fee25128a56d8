"""Another camera's or program's stream as our source: main asks for it, the camera process reads the answer.

Not a byte of the answer is read here: who sees pictures cannot connect, and who connects sees none (L4).
"""

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit

from firmware_agent.addresses import near, nearby
from firmware_agent.errors import SourceError

_PATIENCE = 5.0  # s


class Upstream:
    """url: http, on this machine or its own network (addresses.nearby)."""

    def __init__(self, url: str) -> None:
        if not nearby(url):
            raise SourceError("camera: its address is refused: http, a host of the own network, no user name in it")
        self._url = urlsplit(url)

    async def open(self) -> int:
        """A connection on which the stream was asked for, non-blocking; who called closes it. SourceError."""
        host, port = self._url.hostname or "", self._url.port or 80
        where = f"camera: {host} port {port}"
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._connected(await _addresses(host, port))
        except TimeoutError:
            raise SourceError(f"{where}: no answer within {_PATIENCE:g} s; see whether it runs") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise SourceError(f"{where}: {why}; see whether that camera runs, or correct its url") from None

    async def close(self) -> str:
        """Nothing stays here once the connection was passed on."""
        return ""

    async def _connected(self, found: list[tuple[socket.AddressFamily, str, int]]) -> int:
        loop = asyncio.get_running_loop()
        fault: OSError = OSError("it has no address on the own network")
        for family, address, port in found:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            with contextlib.ExitStack() as undo:
                undo.callback(sock.close)
                try:
                    await loop.sock_connect(sock, (address, port))
                    await loop.sock_sendall(sock, self._question())
                except OSError as error:
                    fault = error
                    continue
                undo.pop_all()
                return sock.detach()  # not half-closed: nginx and servers of asyncio's protocols would end the stream
        raise fault

    def _question(self) -> bytes:
        """HTTP/1.0, so that nobody answers in chunks."""
        target = (self._url.path or "/") + ("?" + self._url.query if self._url.query else "")
        head = (f"GET {target} HTTP/1.0", f"Host: {self._url.netloc}", "Accept: multipart/x-mixed-replace", "", "")
        return "\r\n".join(head).encode("ascii")


async def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str, int]]:
    """(family, address, port) of those addresses of `host` that cannot be beyond the own network."""
    loop = asyncio.get_running_loop()
    rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(to[0]), port) for family, _, _, _, to in rows if near(str(to[0]))]
