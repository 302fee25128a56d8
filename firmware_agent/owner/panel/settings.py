"""What the owner's page is told at its start: where its pages lie, by which names it is called, and its bounds."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """pages: the directory of the static files. names: further hosts, "NAME" or "NAME:PORT", that the page may be
    called by. tls: None is plain HTTP, and the page says what is lost by that. Times in seconds.
    """

    pages: Path
    names: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    local: bool = False  # only this machine reaches it, so nobody can listen
    lines: int = 64  # connections at a time
    lines_each: int = 12  # of them from one address
    streams_each: int = 4  # live views of one session
    watching_each: int = 2  # of them with pictures
    watching: int = 8  # live views with pictures, of all sessions
    asking: float = 10.0  # for a whole head, for a whole body, for the TLS handshake
    idle: float = 30.0  # between two requests of one connection
    opening: float = 3.0  # for the first picture, before a live view is answered without one
    taking: float = 20.0  # for a client to take a piece of at most 64 KiB
    beat: float = 15.0  # between two signs of life in a live view

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"

    @property
    def cookie(self) -> str:
        """A name with __Host- is taken by browsers only over HTTPS, for this host and for all paths."""
        return "session" if self.tls is None else "__Host-session"
