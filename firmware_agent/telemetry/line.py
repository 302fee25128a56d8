"""A connection of messages to a program on the printer: what a websocket and a Unix socket have in common."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from firmware_agent.errors import SourceError

LARGEST = 1 << 18  # bytes of one message
PATIENCE = 5.0  # s to connect, and for the other side to take what is given to it
_MESSAGES = 200  # a second that are read; the rest waits at its sender
_BYTES = 1 << 18  # a second
_NAP = 0.05  # s; shorter pauses are put together
_CLOSE = 0.1  # s between two reads that are close
_LITTLE = 2048  # bytes; less than is read at once
_MANY = 10  # of them in a row: a greeting with its questions has fewer
_ENDED = "that program ended the connection; it is tried again, see whether it runs"


class Line(Protocol):
    """One open connection."""

    async def take(self) -> bytes:
        """The next message. May be cancelled and called again. SourceError: there will be no more, and why."""
        ...

    async def give(self, message: bytes) -> None:
        """SourceError: it cannot be given."""
        ...


Opener = Callable[[], AbstractAsyncContextManager[Line]]  # SourceError when it is entered: no connection, and why


class Pace:
    """Holds a reader back, so that a flood takes neither the processor nor memory; and if words come one close behind
    the other, so that many of them wake us once.
    """

    def __init__(self) -> None:
        self._owed = 0.0
        self._read = 0.0
        self._close = 0  # reads in a row, each soon after the last one
        self._little = True  # the last one was small: nothing more waits behind it

    def owe(self, messages: int, size: int) -> None:
        """So many were read, of so many bytes together."""
        now = asyncio.get_running_loop().time()
        self._close = self._close + 1 if now - self._read < _CLOSE else 0
        self._read = now
        self._little = size < _LITTLE
        self._owed += messages / _MESSAGES + size / _BYTES

    async def wait(self, transport: asyncio.BaseTransport | None = None) -> None:
        """Before more is read. transport: what comes to it meanwhile lies in the kernel, and wakes nobody."""
        if self._owed < _NAP and (self._close < _MANY or not self._little):
            return
        nap = max(self._owed, _NAP)
        self._owed = 0.0
        with held(transport):
            await asyncio.sleep(nap)


@contextlib.contextmanager
def held(transport: asyncio.BaseTransport | None) -> Iterator[None]:
    """Within the block nothing is taken from the connection. One that stands still already is left as it is: then
    whoever stopped it lets it go on."""
    if not isinstance(transport, asyncio.Transport) or not transport.is_reading():
        yield
        return
    transport.pause_reading()
    try:
        yield
    finally:
        transport.resume_reading()


def broken(where: str, error: OSError) -> SourceError:
    """What is wrong with a connection, and what to do; nothing that the other side said."""
    why, code = _because(error)
    return SourceError("%s: %s" % (where, why), code)


def _because(error: OSError) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        return "no answer within %g s; see whether it hangs or is overloaded" % PATIENCE, "silent"
    if isinstance(error, FileNotFoundError):
        return "there is nothing; start that program, or correct the path", "refused"
    if isinstance(error, PermissionError):
        return "this user may not use it; give it the right to write there, or use a `url`", "denied"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; start that program, or correct the address", "refused"
    if isinstance(error, ConnectionError):
        return _ENDED, "ended"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted; add its authority to the system's certificates", "setup"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as it should; correct the address", "strange"
    return "the connection failed (%s); see whether that program runs" % type(error).__name__, "silent"


def ended(where: str) -> SourceError:
    return SourceError("%s: %s" % (where, _ENDED), "ended")


def too_long(where: str) -> SourceError:
    text = "%s: a message of more than %d bytes; see whether the address is right"
    return SourceError(text % (where, LARGEST), "strange")
