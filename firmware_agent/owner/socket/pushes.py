"""What waits to be pushed to one connection: bounded, so that a peer who does not read costs nobody anything."""

import asyncio
from collections import deque

from firmware_agent.owner.socket.lines import VERSION
from firmware_agent.owner.socket.needs import Said

MOST = 32  # events that wait; one more pushes out the oldest


class Pushes:
    """Events in order, and beside them what a screen is to show: of that only the newest counts."""

    def __init__(self) -> None:
        self._events: deque[Said] = deque()
        self._screen: Said | None = None
        self._dropped = 0
        self._any = asyncio.Event()

    def event(self, event: Said) -> None:
        """Something changed."""
        if len(self._events) == MOST:
            self._events.popleft()
            self._dropped += 1
        self._events.append(event)
        self._any.set()

    def screen(self, event: Said) -> None:
        """Show or hide a code. It goes before all events and is not dropped for them."""
        self._screen = event
        self._any.set()

    async def next(self) -> Said:
        """What is to be said next; waits for it. `dropped` counts the events that it comes too late for."""
        await self._any.wait()
        if self._screen is not None:
            said: Said = {"v": VERSION, "event": self._screen}
            self._screen = None
        else:
            said = {"v": VERSION, "event": self._events.popleft()}
            if self._dropped:
                said["dropped"], self._dropped = self._dropped, 0
        if self._screen is None and not self._events:
            self._any.clear()
        return said
