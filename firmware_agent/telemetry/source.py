"""What every source of records looks like, real or fake."""

from typing import Protocol

from firmware_agent.model import Record


class Source(Protocol):
    """Read-only towards the printer. It never decides what leaves: it hands over raw records.

    name: for logs and `doctor`. offers: the catalogue's field names that its records can hold; while no purpose that
    uses one of them is permitted, the agent does not read the source at all (L6). pace: seconds from one reading to the
    next, at least, however often a purpose asks. pair: the one purpose and recipient that its records are for, if they
    can be of use to no other; None: for all that declare one of its fields. exclusive: whether only one process can
    read it at a time: the agent, then, and no command beside it.
    """

    name: str
    offers: tuple[str, ...]
    pace: float
    pair: tuple[str, str] | None
    exclusive: bool

    async def read(self) -> list[Record]:
        """What is there now, oldest first; SourceError says what is wrong and what to do."""
        ...

    async def rest(self) -> None:
        """Nothing is permitted: close connections, end processes, forget what was gathered."""
        ...
