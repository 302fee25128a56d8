"""One connection of somebody who wants pictures, until its request is read: not one byte further.

What comes after the head stays in the kernel. It belongs to whoever gets the connection next, who throws it away.
"""

import asyncio
import contextlib
import socket
import struct

from firmware_agent.addresses import group
from firmware_agent.camera.viewers.request import END, HEAD, Problem, hopeful
from firmware_agent.waiting import readable

SECONDS = 10.0  # for the whole head
_ANSWER = 5.0  # s for a client to take an answer of main's
_GOODBYE = 1.0  # s for it to read that and to close

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing throws away what was not sent yet
# Bytes that may wait in the kernel for a viewer. A withdrawal throws them away, so what counts there is what is under
# way already; but until then a slow viewer's pictures are as old as what waits here. 1080p at 30 pictures/s is up to
# 11 MB/s: 128 KiB keep that going over a way of 11 ms there and back, more than a Wi-Fi needs, and are a third of
# such a picture. Below net.core.wmem_max of every kernel (208 KiB), so that it is the same on all of them.
SEND = 128 * 1024
_RECEIVE = 8 * 1024  # a viewer has nothing to say
# A viewer that is gone without a word (a phone that left the Wi-Fi) must not keep the camera on: after 15 s of silence
# it is asked 3 times. One that takes nothing for 30 s counts as gone, too.
_OPTIONS: tuple[tuple[int, int, int | bytes], ...] = (
    (socket.SOL_SOCKET, socket.SO_LINGER, RESET),
    (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),  # ms
)


class Call:
    """socket: non-blocking. address: what counts as one caller."""

    def __init__(self, connection: socket.socket, name: tuple[str, int]) -> None:
        """OSError if it is gone already."""
        self.socket = connection
        self.address = group(name[:2])
        for level, option, value in _OPTIONS:
            connection.setsockopt(level, option, value)

    async def head(self) -> bytes:
        """The head, and no byte beyond it. Problem if it cannot be one; ConnectionError if the other end is gone."""
        found = b""
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    await readable(self.socket)
                    with contextlib.suppress(BlockingIOError):
                        found += self._taken(found)
                        if found.endswith(END):
                            return found
        except TimeoutError:
            pass
        raise Problem(408)

    async def answer(self, data: bytes) -> None:
        """Say it, and give the other end a moment to read that: unread bytes would make the kernel take it back."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(_ANSWER):
                await loop.sock_sendall(self.socket, data)
            self.socket.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_GOODBYE):
                for _ in range(16):
                    if not await loop.sock_recv(self.socket, HEAD):
                        break

    def close(self) -> None:
        """At once: what was not sent is thrown away."""
        self.socket.close()

    def _taken(self, found: bytes) -> bytes:
        """The next bytes of the head, taken; looked at before, so that what comes after it is left where it is."""
        room = HEAD - len(found)
        if not room:
            raise Problem(431)
        seen = self.socket.recv(room, socket.MSG_PEEK)
        if not seen:
            raise ConnectionAbortedError
        end = (found + seen).find(END, max(0, len(found) - len(END) + 1))
        head = seen if end < 0 else seen[: end + len(END) - len(found)]
        hopeful(found + head)
        return self.socket.recv(len(head))
