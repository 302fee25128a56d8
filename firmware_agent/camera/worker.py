"""The camera process: one picture for each byte asked for on its control socket, until that closes.

Run by the supervisor as `python -m firmware_agent.camera.worker FD [check]`. Before its first picture it locks itself:
the kernel then lets it open, write, connect and start nothing. If it cannot, it says what is missing and ends. (A real
camera will be opened before the lock, and be one more descriptor; the test picture opens nothing.)
"""

import os
import socket
import sys
from collections.abc import Callable

from firmware_agent.camera.messages import ASK, BEGIN, CHECK
from firmware_agent.camera.pattern import jpeg
from firmware_agent.camera.sandbox.lock import lock
from firmware_agent.camera.sandbox.report import CannotLock, encode


def serve(control: socket.socket) -> None:
    """Answer each ASK with a JPEG; anything else ends the process."""
    number = 0
    while control.recv(1) == ASK:
        _answer(control, jpeg(number))
        number += 1


def begin(control: socket.socket, then: Callable[[socket.socket], object]) -> int:
    """Once main says so: lock, report, then call `then`. The exit code. Without a lock `then` is never called."""
    if control.recv(1) != BEGIN:
        return 1
    try:
        locked = lock(control)
    except CannotLock as error:
        _answer(control, encode(error))
        return 1
    _answer(control, encode(locked))
    then(control)
    return 0


def _wait(control: socket.socket) -> None:
    control.recv(1)


def _answer(control: socket.socket, data: bytes) -> None:
    control.sendall(len(data).to_bytes(4, "big") + data)


def _main(arguments: list[str]) -> int:
    with socket.socket(fileno=int(arguments[0])) as inherited:
        return begin(inherited, _wait if CHECK in arguments else serve)


if __name__ == "__main__":
    os._exit(_main(sys.argv[1:]))  # at once: what an interpreter does at its end is not in the table
