"""Pictures for a recipient far away, as a source of records: sealed by the camera process to that recipient's key.

One Still serves one purpose and one recipient, and its picture can be read by that recipient only: a picture that was
taken for one can never leave for another (L2, L3).
"""

from firmware_agent.camera.hub import Hub
from firmware_agent.camera.sealed import MAGIC
from firmware_agent.errors import SourceError
from firmware_agent.model import Record

FIELD = "picture"
PACE = 0.5  # s from one picture to the next, at least: two a second
LARGEST = 262144  # bytes of a picture before it is sealed


class Still:
    """Implements Source. key: the recipient's X25519 key, 32 bytes. most: bytes of a picture."""

    offers: tuple[str, ...] = (FIELD,)
    pace = PACE

    def __init__(self, hub: Hub, purpose: str, recipient: str, key: bytes, most: int = LARGEST) -> None:
        self.name = f"camera, {purpose} to {recipient}"
        self.to = (purpose, recipient)
        self.pair: tuple[str, str] | None = self.to
        self.exclusive = False
        self._hub = hub
        self._key = key
        self._most = most

    async def read(self) -> list[Record]:
        """One sealed picture, taken now; Refused if consent does not hold, SourceError if there is no camera."""
        admission = self._hub.admissions.admit(*self.to, "", False, own=True)
        piece = await self._hub.still(admission, self._key, self._most)
        if not piece.startswith(MAGIC):
            raise SourceError("camera: a picture that is not sealed; it is thrown away")
        return [Record({FIELD: piece})]

    async def rest(self) -> None:
        """Nothing is permitted any more. Whoever decided that has cut the camera already; this makes sure."""
        self._hub.cut(*self.to)
