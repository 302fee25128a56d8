"""What the viewers' port needs of others."""

import socket
from collections.abc import Collection
from typing import Protocol

from firmware_agent.admissions import Admission


class Hub(Protocol):
    """camera/hub.py: the one object that speaks to the camera process."""

    async def pass_on(self, admission: Admission, sock: socket.socket) -> None:
        """Verify, record, verify again, and give the connection to the camera process.

        When it returns, the connection is the hub's, which closes it and the admission when the use is over. When it
        raises (Refused, Unsealed, SourceError), nothing was passed or written, and both are still the caller's.
        """

    def dismiss(self, gone: Collection[Admission]) -> None:
        """Cut at once what viewers who were removed still see."""

    def tick(self) -> None:
        """Verify each admission that is in use; cut what is no longer permitted, at once."""
