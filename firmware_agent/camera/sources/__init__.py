"""Where pictures come from. A source runs in the camera process: it is opened before the lock, and used after it."""

from typing import Protocol


class Source(Protocol):
    """fd: readable when a picture may be there, -1 if `due` tells. camera: the descriptor that the lock lets ioctl use.

    facts: what it is, for people: names and numbers, never a serial. After the lock a source opens nothing: only the
    calls of sandbox/table.py.
    """

    fd: int
    camera: int | None
    facts: dict[str, str | int]

    def on(self) -> None:
        """Somebody looks: stream. OSError: it cannot."""
        ...

    def off(self) -> None:
        """Nobody looks: nothing moves on the bus any more."""
        ...

    def due(self, now: float) -> float | None:
        """Seconds until `take` should be called though `fd` says nothing; None: never."""
        ...

    def take(self, now: float) -> bytes | memoryview | None:
        """The newest whole picture, as the camera made it (JPEG with whatever it carries), or None.

        What is returned lasts until the next call. OSError: the camera is gone; FormatError: a picture was odd.
        """
        ...

    def covered(self) -> bool:
        """Whether a switch in hardware (V4L2_CID_PRIVACY) covers the camera."""
        ...
