"""The camera of `tools/bench relay`: an MJPEG server on 127.0.0.1, for each connection the same pictures at a pace.

`python relay_feeder.py PORT RATE BYTES`. A connection that still takes a picture skips the next one. Standard library
only; its time on a core is not part of the figures.
"""

import random
import selectors
import socket
import sys
import time

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
_DIFFERENT = 8  # pictures that follow one another
_WIDTH, _HEIGHT = 1920, 1080


def picture(size: int, seed: int) -> bytes:
    """A JPEG of 1920 x 1080 by its structure, as a camera sends it: JFIF, tables, one scan of random, stuffed bytes."""
    scan = random.Random(seed).randbytes(size).replace(b"\xff", b"\xff\x00")  # noqa: S311 - content for a bench
    size_of = _HEIGHT.to_bytes(2, "big") + _WIDTH.to_bytes(2, "big")
    parts = [
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
        b"\xff\xdb\x00\x43\x00" + bytes([16] * 64),
        b"\xff\xc0\x00\x11\x08" + size_of + b"\x03\x01\x22\x00\x02\x11\x00\x03\x11\x00",
        b"\xff\xc4\x00\x14\x00" + bytes([0, 1] + [0] * 14) + b"\x05",
        b"\xff\xc4\x00\x14\x10" + bytes([0, 1] + [0] * 14) + b"\x05",
        b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x3f\x00",
    ]
    rest = size - sum(map(len, parts)) - 2
    scan = scan[: rest - 1] + b"\x55"  # never half of a stuffed pair
    return b"".join(parts) + scan.rstrip(b"\xff") + b"\xff\xd9"


def part(jpeg: bytes) -> bytes:
    """As it travels."""
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n"


def main() -> None:
    port, rate, size = map(int, sys.argv[1:])
    parts = [part(picture(size, seed)) for seed in range(_DIFFERENT)]
    waiting: dict[socket.socket, memoryview] = {}
    with socket.create_server(("127.0.0.1", port), backlog=256) as listener, selectors.EpollSelector() as waiter:
        waiter.register(listener, selectors.EVENT_READ)
        print("ready", flush=True)
        next_one, number = time.monotonic(), 0
        while True:
            for key, events in waiter.select(max(0.0, next_one - time.monotonic())):
                if key.fileobj is listener:
                    one, _ = listener.accept()
                    one.recv(4096)
                    one.sendall(HEAD)
                    one.setblocking(False)
                    waiter.register(one, selectors.EVENT_READ)
                    waiting[one] = memoryview(b"")
                elif isinstance(key.fileobj, socket.socket):
                    if events & selectors.EVENT_READ:
                        waiter.unregister(key.fileobj)
                        del waiting[key.fileobj]
                        key.fileobj.close()
                    else:
                        _push(waiter, waiting, key.fileobj)
            if time.monotonic() >= next_one:
                next_one += 1 / rate
                number += 1
                for one, left in waiting.items():
                    if not left:
                        waiting[one] = memoryview(parts[number % _DIFFERENT])
                        _push(waiter, waiting, one)


def _push(waiter: selectors.BaseSelector, waiting: dict[socket.socket, memoryview], one: socket.socket) -> None:
    try:
        waiting[one] = waiting[one][one.send(waiting[one]) :]
    except BlockingIOError:
        pass
    except OSError:
        waiting[one] = memoryview(b"")  # its end comes as a read
    waiter.modify(one, selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting[one] else 0))


if __name__ == "__main__":
    main()
