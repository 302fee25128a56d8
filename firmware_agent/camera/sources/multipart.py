"""The pictures in a stream of HTTP that another program or camera sends (multipart, RFC 2046; "MJPEG"). Pure.

Bounded and strict: what is not such a stream is refused as a whole, for nobody could say where its next picture begins.
h11 reads the answer's head and, where there are any, its chunks.
"""

from collections.abc import Iterator

import h11

from firmware_agent.errors import FormatError

LARGEST = 4 << 20  # bytes of a picture
_LARGEST_HEAD = 4096  # bytes of the head of a part
_MOST_BETWEEN = 64  # bytes of line ends before a boundary


class Pictures:
    """Takes an answer's bytes in any pieces, gives whole pictures. FormatError: it is no such stream, or has ended."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=16384)
        # main has sent the real one: h11 must know that an answer to a GET is due
        self._http.send(h11.Request(method="GET", target="/", headers=[("Host", "upstream")]))
        self._http.send(h11.EndOfMessage())
        self._parts: Parts | None = None
        self._bare = False  # what follows the head is the body as it is: h11 would only copy it

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pictures that are complete. data: b"" if the other side has closed."""
        if not data:
            raise FormatError("upstream camera: its stream has ended")
        if self._bare and self._parts is not None:
            return self._parts.feed(data)
        return self._framed(data)

    def _framed(self, data: bytes) -> Iterator[bytes]:
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                if type(event) is h11.Response:
                    self._parts = Parts(_boundary(event))
                    self._bare = not {b"content-length", b"transfer-encoding"} & dict(event.headers).keys()
                    if self._bare:
                        yield from self._parts.feed(self._http.trailing_data[0])
                        return
                elif type(event) is h11.Data and self._parts is not None:
                    yield from self._parts.feed(bytes(event.data))
                elif type(event) is not h11.InformationalResponse:
                    raise FormatError("upstream camera: its stream has ended")
        except h11.RemoteProtocolError:
            raise FormatError("upstream camera: its answer is not HTTP") from None


def _boundary(response: h11.Response) -> bytes:
    if response.status_code != 200:
        raise FormatError(f"upstream camera: it answers {response.status_code}; check its address")
    said = dict(response.headers).get(b"content-type", b"")
    kind, *parameters = (part.strip() for part in said.split(b";"))
    found = [value for name, _, value in (part.partition(b"=") for part in parameters) if name.lower() == b"boundary"]
    boundary = found[0].strip(b'"') if len(found) == 1 else b""
    if kind.lower() != b"multipart/x-mixed-replace" or not 1 <= len(boundary) <= 70:
        raise FormatError("upstream camera: its answer is no MJPEG stream; check its address")
    return boundary


class Parts:
    """The body of such an answer."""

    def __init__(self, boundary: bytes) -> None:
        # Some cameras name their boundary with the dashes that belong before it.
        self._line = boundary if boundary.startswith(b"--") else b"--" + boundary
        self._lines = (self._line, b"--" + boundary)
        self._held = bytearray()
        self._inside = False  # a part's body, of _length bytes, or up to the next boundary
        self._length: int | None = None
        self._seen = 0  # bytes of a body that hold no boundary

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pictures that are complete."""
        self._held += data
        while True:
            if not self._inside and not self._head():
                return
            end, after = self._end()
            if end < 0:
                return
            picture = bytes(memoryview(self._held)[:end])
            del self._held[:after]
            self._inside = False
            yield picture

    def _head(self) -> bool:
        """Read up to the blank line after a part's head; whether it was all there."""
        start = len(self._held) - len(self._held.lstrip(b"\r\n"))
        if start > _MOST_BETWEEN:
            raise FormatError("upstream camera: more than line ends between its pictures")
        limit = start + _LARGEST_HEAD + 4
        found = [(self._held.find(end, start, limit), len(end)) for end in (b"\r\n\r\n", b"\n\n")]
        end, width = min(((at, width) for at, width in found if at >= 0), default=(-1, 0))
        if (end if end >= 0 else len(self._held)) - start > _LARGEST_HEAD:
            raise FormatError("upstream camera: the head of a picture is too long")
        if end < 0:
            return False
        line, *fields = bytes(self._held[start:end]).replace(b"\r\n", b"\n").split(b"\n")
        self._line = line.rstrip(b" \t")
        if self._line not in self._lines:
            raise FormatError("upstream camera: no boundary where one is due")
        self._length = _length(fields)
        del self._held[: end + width]
        self._inside = True
        self._seen = 0
        return True

    def _end(self) -> tuple[int, int]:
        """(where the picture ends, where the next thing begins), -1 as long as it is not there."""
        if self._length is not None:
            return (self._length, self._length) if len(self._held) >= self._length else (-1, -1)
        at = self._held.find(b"\n" + self._line, self._seen)
        end = at - 1 if at > 0 and self._held[at - 1] == 0x0D else at
        if end > LARGEST or (at < 0 and len(self._held) > LARGEST + len(self._line) + 2):
            raise FormatError("upstream camera: a picture is too large")
        if at < 0:
            self._seen = max(0, len(self._held) - len(self._line))
        return end, at + 1


def _length(fields: list[bytes]) -> int | None:
    """Of the body, None if its head does not say."""
    known: dict[bytes, bytes] = {}
    for field in fields:
        name, colon, value = field.partition(b":")
        name = name.strip().lower()
        if not colon or name in known:
            raise FormatError("upstream camera: the head of a picture is odd")
        known[name] = value.strip()
    if known.get(b"content-type", b"").partition(b";")[0].strip().lower() not in (b"image/jpeg", b"image/jpg"):
        raise FormatError("upstream camera: it sends no JPEG pictures")
    said = known.get(b"content-length")
    if said is None:
        return None
    if not said.isdigit() or len(said) > 7 or int(said) > LARGEST:
        raise FormatError("upstream camera: a picture is too large, or its length is odd")
    return int(said)
