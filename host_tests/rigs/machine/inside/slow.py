"""A viewer that takes little at a time, and knows what is on the wire: `slow ADDRESS...`, one line in for each stream.

After each stream it says, as JSON: `wire`, pairs (s of CLOCK_MONOTONIC, bytes that the kernel has received so far) at
each change, `ended` (when it saw the end) and `read` (bytes that it read until then).
"""

import json
import socket
import struct
import sys
import time

from host_tests.rigs.machine.inside.stage import PORT

_LOOK = 0.001  # s between two looks at what the kernel received
_EVERY, _PIECE = 0.05, 16384  # s, and bytes, of its own reading
_RECEIVED = 128  # where tcpi_bytes_received is in struct tcp_info (linux/tcp.h)
FULL = 400_000  # bytes received after which it says `full`


def stream(address: str) -> dict[str, object]:
    """Look at one until it ends."""
    with socket.create_connection(("127.0.0.1", PORT)) as sock:
        sock.sendall(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\r\n".encode())
        wire: list[tuple[float, int]] = []
        read, said, next_read = 0, False, 0.0
        sock.setblocking(False)
        while True:
            now = time.monotonic()
            (received,) = struct.unpack_from("=Q", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), _RECEIVED)
            if not wire or wire[-1][1] != received:
                wire.append((now, received))
            if received > FULL and not said:
                said = True
                print("full", flush=True)
            if now >= next_read:
                next_read = now + _EVERY
                try:
                    piece = sock.recv(_PIECE)
                except BlockingIOError:
                    piece = None
                except ConnectionResetError:
                    piece = b""
                if piece == b"":
                    return {"wire": wire[-400:], "ended": time.monotonic(), "read": read}
                read += len(piece or b"")
            time.sleep(_LOOK)


def main() -> None:
    """As the top of this file says."""
    for line in sys.stdin:
        print(json.dumps(stream(line.strip())), flush=True)


if __name__ == "__main__":
    main()
