"""The viewers of `tools/bench relay`: connections that take what comes and throw it away, in a process of their own.

`python relay_drain.py PORT COUNT PATH [SLOW]`: each line on its input is answered by one on its output, JSON, the bytes
that each viewer got so far. SLOW of them read nothing at all. Standard library only.
"""

import json
import selectors
import socket
import sys

_AT_ONCE = 1 << 20


def main() -> None:
    port, count = int(sys.argv[1]), int(sys.argv[2])
    request = f"GET {sys.argv[3]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    slow = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    got = [0] * count
    scratch = bytearray(_AT_ONCE)
    with selectors.EpollSelector() as waiter:
        waiter.register(sys.stdin, selectors.EVENT_READ, -1)
        kept = []
        for number in range(count):
            one = socket.create_connection(("127.0.0.1", port))
            kept.append(one)
            one.sendall(request)
            if number >= slow:
                waiter.register(one, selectors.EVENT_READ, number)
        print("ready", flush=True)
        while True:
            for key, _ in waiter.select():
                if key.data < 0:
                    if not sys.stdin.readline():
                        return
                    print(json.dumps(got), flush=True)
                    continue
                assert isinstance(key.fileobj, socket.socket)
                # MSG_TRUNC: the kernel throws the bytes away itself, so that viewers take no time from who is measured
                size = key.fileobj.recv_into(scratch, _AT_ONCE, socket.MSG_TRUNC)
                if not size:
                    waiter.unregister(key.fileobj)
                got[key.data] += size


if __name__ == "__main__":
    main()
