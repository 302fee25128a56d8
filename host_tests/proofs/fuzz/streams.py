"""Other cameras' MJPEG streams: pictures that came in, whole and in order, or a refusal; however bytes are cut."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Protocol

from firmware_agent.camera.sources.multipart import LARGEST, Pictures
from firmware_agent.errors import FormatError
from host_tests.proofs.fuzz.target import LARGE, Broken, Control, Target, mutated

_PIECES = (
    b"\r\n", b"\n", b"\r\n\r\n", b"--", b"--frame\r\n", b"--frame--\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 99999999\r\n", b"Content-Length: -1\r\n", b"Content-Type: text/html\r\n",
    b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"ffffffff\r\n", b"HTTP/1.1 404 Not Found\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n", b"\xff\xd8", b"\xff\xd9", b"\0", b"a" * 5000, b"boundary=",
)  # fmt: skip


class Reader(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...


class Streams:
    """A case: (the bytes, where they are cut, whether they are sent in chunks)."""

    name = "MJPEG stream"
    share = 10

    def __init__(self, reader: Callable[[], Reader] = Pictures) -> None:
        self._reader = reader

    def case(self, rng: Random) -> tuple[bytes, list[int], bool]:
        boundary = rng.choice((b"frame", b"--frame", b"boundarydonotcross", b"a" * 70))
        line = boundary if boundary.startswith(b"--") and rng.random() < 0.5 else b"--" + boundary
        end = rng.choice((b"\r\n", b"\r\n", b"\n"))
        body = rng.choice((b"", b"", end))
        for _ in range(rng.randrange(5)):
            picture = (
                b"\xff\xd8" + rng.randbytes(rng.randrange(300 if rng.random() >= LARGE else 300_000)) + b"\xff\xd9"
            )
            head = [line, b"Content-Type: image/jpeg"]
            head += [b"Content-Length: %d" % len(picture)] if rng.random() < 0.6 else []
            head += [b"X-Timestamp: 1792000000.1"] if rng.random() < 0.3 else []
            body += end.join([*head, b"", picture, b""])
        body += line + rng.choice((b"--", b"")) + end
        chunked = rng.random() < 0.3
        if chunked:
            cuts = sorted(rng.sample(range(len(body) + 1), min(3, len(body) + 1)))
            parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        head = [
            b"HTTP/1.%d 200 OK" % rng.randrange(2),
            b"Content-Type: multipart/x-mixed-replace; boundary=" + boundary,
        ]
        head += [b"Transfer-Encoding: chunked"] if chunked else []
        data = b"\r\n".join([*head, b"", b""]) + body
        if rng.random() < 0.7:
            data = mutated(rng, data, _PIECES)
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(6)))
        return data, cuts, b"chunked" in data.lower()

    def size(self, case: tuple[bytes, list[int], bool]) -> int:
        return len(case[0])

    def verdict(self, case: tuple[bytes, list[int], bool]) -> str:
        data, cuts, chunked = case
        whole, ended = self._read([data])
        pieces, _ = self._read([data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b])
        if pieces != whole:
            raise Broken("what comes out depends on how the bytes came in")
        at = 0
        for picture in whole:
            if len(picture) > LARGEST:
                raise Broken("a picture is larger than any may be")
            found = data.find(picture, at)
            if not chunked:
                if found < 0:
                    raise Broken("a picture comes out that did not come in")
                at = found + len(picture)
        return ("refused after pictures" if whole else "refused") if ended else "read"

    def _read(self, pieces: list[bytes]) -> tuple[list[bytes], bool]:
        """(the pictures, whether the stream was refused at last)."""
        reader, out = self._reader(), []
        try:
            for piece in pieces:
                for picture in reader.feed(piece):
                    out.append(picture)
        except FormatError:
            return out, True
        return out, False


def controls() -> list[Control]:
    """Readers with a defect that must be found."""

    class Whole(Pictures):
        """Reads each piece as if it stood alone."""

        def feed(self, data: bytes) -> Iterator[bytes]:
            for picture in super().feed(data):
                yield data if len(data) > len(picture) + 200 else picture

    class Made(Pictures):
        def feed(self, data: bytes) -> Iterator[bytes]:
            for picture in super().feed(data):
                yield picture + b"\xff\xd9\xff\xd9"

    class Trusting(Pictures):
        def feed(self, data: bytes) -> Iterator[bytes]:
            int(data.split(b"Content-Length:")[1].split()[0] if b"Content-Length:" in data else 0)
            return super().feed(data)

    made: list[tuple[str, type[Pictures]]] = [
        ("pieces matter", Whole),
        ("pictures are made up", Made),
        ("a length is believed", Trusting),
    ]
    return [(what, _target(reader)) for what, reader in made]


def _target(reader: Callable[[], Reader]) -> Callable[[], Target]:
    return lambda: Streams(reader)
