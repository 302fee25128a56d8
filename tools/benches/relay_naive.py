"""The relay that one writes first, with asyncio's streams: the design that ours is held against.

`python relay_naive.py SOURCE_PORT LISTEN_PORT`. A viewer that still takes a picture skips the next one.
"""

import asyncio
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n\r\n--picture\r\n"


class Relay:
    def __init__(self) -> None:
        self._viewers: set[asyncio.Queue[bytes]] = set()

    async def view(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._viewers.add(waiting)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_ANSWER)
            while True:
                picture = await waiting.get()
                writer.write(b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture))
                writer.write(picture)
                writer.write(b"\r\n--picture\r\n")
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            self._viewers.discard(waiting)
            writer.close()

    async def run(self, source: int, listen: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", source, limit=4 << 20)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with await asyncio.start_server(self.view, "127.0.0.1", listen):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                picture = await reader.readexactly(length)
                for waiting in self._viewers:
                    if not waiting.full():
                        waiting.put_nowait(picture)


if __name__ == "__main__":
    asyncio.run(Relay().run(int(sys.argv[1]), int(sys.argv[2])))
