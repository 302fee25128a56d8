"""A USB webcam, inside the machine: `python -m host_tests.rigs.machine.usb_camera FRAMES LOG ORDERS WIDTH HEIGHT RATE`.

The kernel's own driver (uvcvideo) takes it for a real one: it hangs on the kernel's USB/IP host controller, and this
program is the device (kernel: usb/usbip_protocol.rst). FRAMES: pictures, as frames.py makes them, sent one after the
other, the first again after the last. LOG gets the camera's side of the bus, a line an event: seconds
(CLOCK_MONOTONIC), its name, what belongs to it:

ATTACHED, DETACHED; COMMIT (the host wants a stream); FIRST_IN_URB (it waits for pictures); FRAME number (it has this
picture, whole); ALL_URBS_UNLINKED frames (it waits no more); CLEAR_HALT; COVERED, UNCOVERED; SET_INTERFACE.

ORDERS is a pipe with a name: the lines `cover`, `uncover` (the privacy switch; it goes on sending, as cheap ones do)
and `detach` (pulled out). All of its memory is locked: what is found in swap did not come from here.
"""

import ctypes
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from pathlib import Path

from host_tests.rigs.machine.frames import read
from host_tests.rigs.machine.uvc import VIDEO, Webcam

_ATTACH = Path("/sys/devices/platform/vhci_hcd.0/attach")
_HIGH_SPEED = 3
_SUBMIT, _UNLINK = 1, 2
_ANSWER = 2  # more than the command that it answers
_HEAD = 48  # bytes of every message
_STALLED, _RESET = -32, -104  # EPIPE, ECONNRESET
_HEADER, _LAST = 2, 0x82  # of a payload: bytes of its header, and that it holds the end of a picture


def lock_memory() -> None:
    """Nothing of this process goes to swap. OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(3):  # now and later
        raise OSError(ctypes.get_errno(), "mlockall")


class Bus:
    """Serves one webcam at a port of the host controller until it is pulled out."""

    def __init__(self, frames: list[bytes], log: Path, orders: Path, width: int, height: int, rate: int) -> None:
        self._log = open(log, "a", buffering=1)  # noqa: SIM115 - for as long as the process
        self._frames = frames
        self._pause = 1 / rate
        self._webcam = Webcam(width, height, rate, self._note)
        self._waiting: deque[tuple[int, int]] = deque()  # (number, room) of each URB that waits for a picture
        self._rest: memoryview | None = None  # of the picture that is under way; empty: its end is still to be said
        self._under_way = False
        self._sent = 0
        self._next = 0.0
        self._held = bytearray()
        os.mkfifo(orders)
        self._orders = os.open(orders, os.O_RDWR)
        self._line, theirs = socket.socketpair()
        with theirs:
            _ATTACH.write_text(f"0 {theirs.fileno()} 1 {_HIGH_SPEED}")
        self._note("ATTACHED")

    def serve(self) -> None:
        """Until it is pulled out."""
        while True:
            patience = max(0.0, self._next - time.monotonic()) if self._waiting else None
            ready, _, _ = select.select([self._line, self._orders], [], [], patience)
            if self._orders in ready and not self._obey():
                break
            if self._line in ready:
                data = self._line.recv(1 << 20)
                if not data:
                    break
                self._held += data
                while self._take():
                    pass
            self._send()
        self._line.close()
        self._note("DETACHED")

    def _note(self, event: str) -> None:
        self._log.write(f"{time.monotonic():.6f} {event}\n")

    def _obey(self) -> bool:
        for order in os.read(self._orders, 4096).decode().split():
            if order == "detach":
                return False
            self._webcam.covered = order == "cover"
            self._note("COVERED" if self._webcam.covered else "UNCOVERED")
        return True

    def _take(self) -> bool:
        """One message of the host, if it is there whole."""
        if len(self._held) < _HEAD:
            return False
        command, number, _, inward, endpoint = struct.unpack_from(">5I", self._held)
        if command == _UNLINK:
            self._unlink(number, struct.unpack_from(">I", self._held, 20)[0])
            del self._held[:_HEAD]
            return True
        length = struct.unpack_from(">i", self._held, 24)[0]
        end = _HEAD + (0 if inward else length)
        if len(self._held) < end:
            return False
        setup = bytes(self._held[40:48])
        del self._held[:end]
        if endpoint == VIDEO:
            if not self._waiting and not self._under_way:
                self._note("FIRST_IN_URB")
                self._under_way = True
            self._waiting.append((number, length))
            return True
        answer = self._webcam.answer(setup)
        if answer is None:
            self._reply(_SUBMIT, number, _STALLED, 0)
        else:
            self._reply(_SUBMIT, number, 0, len(answer) if inward else length, answer if inward else b"")
        return True

    def _unlink(self, number: int, which: int) -> None:
        kept = [one for one in self._waiting if one[0] != which]
        status = _RESET if len(kept) < len(self._waiting) else 0
        self._waiting = deque(kept)
        if self._under_way and not kept:
            self._note(f"ALL_URBS_UNLINKED {self._sent}")
            self._under_way = False
            self._rest = None
        self._reply(_UNLINK, number, status, 0)

    def _reply(self, command: int, number: int, status: int, length: int, data: bytes = b"") -> None:
        head = struct.pack(">5Ii", command + _ANSWER, number, 0, 0, 0, status)
        self._line.sendall(head + struct.pack(">i20x", length) + data)

    def _send(self) -> None:
        """As much of the pictures as is due and as there is room for."""
        while self._waiting:
            if self._rest is None:
                now = time.monotonic()
                if now < self._next:
                    return
                self._next = max(self._next + self._pause, now)
                toggle = self._sent & 1
                self._rest = memoryview(bytes((_HEADER, _LAST | toggle)) + self._frames[self._sent % len(self._frames)])
            number, room = self._waiting.popleft()
            part = bytes(self._rest[:room])
            self._reply(_SUBMIT, number, 0, len(part), part)
            if len(part) < room:  # a short one ends the picture
                self._rest = None
                self._note(f"FRAME {self._sent}")
                self._sent += 1
            else:
                self._rest = self._rest[room:]


def main() -> None:
    """As the top of this file says."""
    frames, log, orders, *sizes = sys.argv[1:]
    pictures = read(Path(frames))
    lock_memory()
    Bus(pictures, Path(log), Path(orders), *map(int, sizes)).serve()


if __name__ == "__main__":
    main()
