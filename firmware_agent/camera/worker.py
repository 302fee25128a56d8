"""The camera process: `python -m firmware_agent.camera.worker FD [check]`, run by main, FD its control socket.

Its first message says which camera. That is opened, and then the process locks itself: the kernel lets it open, write,
connect and start nothing from there on. If it cannot, it says what is missing and ends without having seen a picture.
"""

import os
import select
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from firmware_agent.camera.accepted import introduce
from firmware_agent.camera.control import Control
from firmware_agent.camera.feed import Feed
from firmware_agent.camera.loop import Loop
from firmware_agent.camera.messages import CHECK, KEY
from firmware_agent.camera.sandbox.inherited import ACCEPTED
from firmware_agent.camera.sandbox.lock import lock
from firmware_agent.camera.sandbox.report import CannotLock, encode
from firmware_agent.camera.sealed import Seal, public_key
from firmware_agent.camera.settings import SourceSettings, settings
from firmware_agent.camera.sources import Source
from firmware_agent.camera.sources.make import KEPT, PASSED, make
from firmware_agent.errors import FormatError


class Ready(NamedTuple):
    """What a locked process has."""

    control: Control
    source: Source
    waiter: select.epoll
    settings: SourceSettings


def begin(sock: socket.socket, then: Callable[[Ready], int], check: bool = False) -> int:
    """Once main says so: open the source, lock, report, then call `then`; the exit code.

    Without a lock `then` is never called. check: no camera is opened, whatever main says.
    """
    control = Control(sock)
    try:
        wanted, descriptor = _first(control, check)
    except (EOFError, FormatError):
        return 1
    _warm_up()
    waiter = select.epoll()
    try:
        source = _open(wanted, descriptor)
        own = tuple(number for number in (waiter.fileno(), source.fd) if number >= 0)
        report = lock(sock, source.camera, own)
    except CannotLock as error:
        _say(control, encode(error), {})
        return 1
    _say(control, encode(report), source.facts)
    return then(Ready(control, source, waiter, wanted))


def _first(control: Control, check: bool) -> tuple[SourceSettings, int | None]:
    while True:
        for (kind, *rest), descriptor in control.take(wait=True):
            if kind != "begin":
                raise FormatError("camera: a message out of place")
            wanted = SourceSettings("pattern") if check else settings(rest[0])
            if (descriptor is not None) != (wanted.kind in PASSED):
                raise FormatError("camera: a descriptor too many or too few")
            return wanted, descriptor


def _open(wanted: SourceSettings, descriptor: int | None) -> Source:
    try:
        return make(wanted, descriptor)
    except (OSError, FormatError) as error:
        raise CannotLock("camera", str(error)) from None


def _warm_up() -> None:
    """Whatever the library of ciphers makes at its first use, it makes now: later it could not."""
    Seal(public_key(os.urandom(KEY)), "", os.urandom(KEY)).seal(b"picture")


def _say(control: Control, report: bytes, facts: dict[str, str | int]) -> None:
    with suppress(EOFError):  # the loop will see it, too
        control.put("report", report, facts)


def _work(ready: Ready) -> int:
    kept = ready.settings.kind in KEPT
    feed = Feed(ready.source, ready.control, ready.waiter, ready.settings.rate, kept)
    return Loop(ready.control, feed, ready.waiter).run()


def _main(arguments: list[str]) -> int:
    inherited = socket.socket(fileno=int(arguments[0]))
    if inherited.fileno() == ACCEPTED:
        introduce(inherited)
    return begin(inherited, _work, CHECK in arguments)


if __name__ == "__main__":
    os._exit(_main(sys.argv[1:]))  # at once: what an interpreter does at its end is not in the table
