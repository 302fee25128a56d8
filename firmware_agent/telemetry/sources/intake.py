"""The maker's own firmware hands over records here: one JSON object (RFC 8259) a datagram, on a Unix socket.

Datagrams, so that nothing can be read back from us, no sender holds anything open, and whoever is too fast or comes
while nothing is allowed is told so by its own kernel (EAGAIN, ENOENT, ECONNREFUSED). There is no socket while nothing
is permitted: what was measured then never comes here (L6). docs/intake.md is the page for makers.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from firmware_agent.telemetry.datagrams import Datagrams, Opened
from firmware_agent.telemetry.flat import leaves, parse
from firmware_agent.telemetry.following import Following, Heard

VERSION = 1  # what a datagram's "intake" says
LARGEST = 16384  # bytes of a datagram
RATE = 200  # datagrams a second that are read; of more the kernel keeps net.unix.max_dgram_qlen, and refuses the rest
SILENT = 120.0  # s without a datagram after which a status does not count any more
_TURN = 0.05  # s between two looks
_KINDS = ("status", "event")


class IntakeFeed:
    """Implements Feed. users: the numbers of those whose datagrams count."""

    def __init__(self, place: Datagrams, users: set[int]) -> None:
        self._place = place
        self._users = users

    async def follow(self, heard: Heard) -> None:
        """Until it is cancelled; SourceError: the socket cannot be made."""
        with self._place.open() as opened:
            while True:
                try:
                    async with asyncio.timeout(SILENT):
                        await opened.ready()
                except TimeoutError:
                    heard.lost()  # nobody knows any more how the printer stands
                    continue
                self._look(opened, heard)
                await asyncio.sleep(_TURN)

    def _look(self, opened: Opened, heard: Heard) -> None:
        for _ in range(int(RATE * _TURN)):
            taken = opened.take()
            if taken is None:
                return
            user, data = taken
            if user not in self._users or not tell(data, heard):
                heard.dropped += 1


def tell(data: bytes, heard: Heard) -> bool:
    """Hand over what a datagram says; False if it is none of ours.

    {"intake": 1, "status": {...}}: how the printer stands, each time the fields that changed. {"intake": 1, "event":
    {...}}: what happened once. Fields go by the catalogue's names; null: unknown now.
    """
    said = parse(data)
    if said is None or said.get("intake") != VERSION or said.get("intake") is True or len(said) != 2:
        return False
    kind = next((one for one in _KINDS if isinstance(said.get(one), dict)), None)
    if kind is None:
        return False
    fields: dict[str, Any] = {}
    for name, value in said[kind].items():
        if value is None or not isinstance(value, dict | list):
            fields[name] = value
        else:
            fields.update(leaves(value, name))
    if kind == "status":
        heard.status(fields, complete=False)  # jobs it tells itself
    else:
        heard.event(fields)
    return True


def intake(place: Datagrams, users: set[int], offers: tuple[str, ...], now: Callable[[], int | None]) -> Following:
    """The source. offers: every field that the profile lets out and that is no picture: firmware may know any."""
    return Following("intake", offers, IntakeFeed(place, users), now, exclusive=True)
