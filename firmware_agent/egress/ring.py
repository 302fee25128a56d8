"""A file of bounded size in which sealed frames stand in a ring: the newest pushes out the oldest.

A frame starts at a multiple of UNIT and never passes the end of the file. On flash: b"FAR1", length of what is
sealed (4), sequence (8), count of events (4), seconds since 1970 or 0 (4), nonce (12), the sealed body, zeros up to the
next unit. The head, the ring's name and the frame's place are bound to the seal. What a power cut tore does not open
and counts as free.
"""

from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator, Protocol

    class Storage(Protocol):
        def read(self, name: str, offset: int = 0, size: int = -1) -> "bytes | None": ...
        def size(self, name: str) -> int: ...
        def allocate(self, name: str, size: int) -> None: ...
        def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None: ...
        def sync(self, name: str) -> None: ...

    class Cipher(Protocol):
        """Authenticated encryption: `open` raises FormatError for anything that `seal` did not make of the same."""

        def seal(self, key: bytes, nonce: bytes, data: bytes, about: bytes) -> bytes: ...
        def open(self, key: bytes, nonce: bytes, data: bytes, about: bytes) -> bytes: ...


UNIT = 64  # bytes: small enough for one event, large enough to look for frames quickly
_MAGIC = b"FAR1"
_HEAD = 36
_BOUND = 24  # bytes of the head that the seal covers
_CHUNK = 1024  # bytes read at once: a board has little memory in one piece
_STEP = 65536  # bytes by which the file grows, up to the ring's size: nobody waits for megabytes of zeros


class Frame:
    """Where one frame stands. count: events in it. time: seconds since 1970, 0 without a clock."""

    def __init__(self, sequence: int, offset: int, size: int, count: int, time: int) -> None:
        self.sequence = sequence
        self.offset = offset
        self.size = size
        self.count = count
        self.time = time


class Ring:
    """`frames` holds what is there, oldest first. Nonces are random, 96 bits: none repeats, whatever a crash forgot."""

    def __init__(
        self, storage: "Storage", cipher: "Cipher", entropy: "Callable[[int], bytes]", name: str, size: int
    ) -> None:
        self.name = name
        self.frames: "list[Frame]" = []
        self._storage = storage
        self._cipher = cipher
        self._entropy = entropy
        self._size = size // UNIT * UNIT
        self._next = 0  # offset of the next frame
        self._sequence = 0

    def load(self, key: "bytes | None") -> None:
        """Find the frames that `key` opens; zero everything else."""
        whole = self._storage.size(self.name)
        self.frames = []
        self._next = self._sequence = 0
        if not whole:
            return
        self._size = max(self._size, whole)  # a ring never shrinks
        self.frames = list(self._opened(key))
        free = 0  # the first unit not yet known to be free
        for frame in self.frames:
            self._clean(free, frame.offset)
            free = frame.offset + frame.size
        self._clean(free, whole)
        self._storage.sync(self.name)
        self.frames.sort(key=lambda one: one.sequence)
        if self.frames:
            self._sequence = self.frames[-1].sequence
            self._next = self.frames[-1].offset + self.frames[-1].size

    def append(
        self, key: bytes, count: int, time: "int | None", body: bytes, sync: bool = True
    ) -> "tuple[Frame, list[Frame]]":
        """Seal `body` into the ring; (its frame, the frames it pushed out). FormatError if it never fits."""
        whole = _HEAD + len(body) + 16
        whole += -whole % UNIT
        if whole > self._size:
            raise FormatError("%s: a frame of %d bytes in a ring of %d; give it room" % (self.name, whole, self._size))
        pushed: "list[Frame]" = []
        if not self.frames:
            self._next = 0  # a short outage after another stays within the first bytes of the file
        if self._next + whole > self._size:  # what stands up to the end is older than what stands at the start
            pushed += self._push(self._next, self._size)
            self._next = 0
        pushed += self._push(self._next, self._next + whole)
        if self._storage.size(self.name) < self._next + whole:
            self._storage.allocate(self.name, min(self._size, self._next + whole + _STEP))
        head = _MAGIC + (len(body) + 16).to_bytes(4, "big")
        head += (self._sequence + 1).to_bytes(8, "big") + count.to_bytes(4, "big")
        time = min(time or 0, 0xFFFFFFFF)
        head += time.to_bytes(4, "big")
        nonce = self._entropy(12)
        data = head + nonce + self._cipher.seal(key, nonce, body, self._about(head, self._next))
        self._storage.patch(self.name, self._next, data + bytes(whole - len(data)), sync)
        self._sequence += 1
        frame = Frame(self._sequence, self._next, whole, count, time)
        self.frames.append(frame)
        self._next += whole
        return frame, pushed

    def read(self, key: bytes, frame: Frame) -> bytes:
        """The body of a frame; FormatError if it does not open any more."""
        data = self._storage.read(self.name, frame.offset, frame.size) or b""
        head, nonce = data[:_BOUND], data[_BOUND:_HEAD]
        length = int.from_bytes(data[4:8], "big")
        if head[:4] != _MAGIC or _HEAD + length > len(data):
            raise FormatError("%s: no frame at byte %d" % (self.name, frame.offset))
        return self._cipher.open(key, nonce, data[_HEAD : _HEAD + length], self._about(head, frame.offset))

    def look(self, key: "bytes | None") -> "list[tuple[Frame, bytes]]":
        """(frame, body) of all that `key` opens, oldest first. Changes nothing, so that others may write meanwhile."""
        found = []
        for frame in self._opened(key):
            try:
                found.append((frame, self.read(key or b"", frame)))
            except FormatError:
                continue  # another process has just cleared it
        found.sort(key=lambda one: one[0].sequence)
        return found

    def clear(self, frame: Frame) -> None:
        """Zero a frame; on the disk with the next synced write, or `sync`."""
        self.frames.remove(frame)
        self._storage.patch(self.name, frame.offset, bytes(frame.size), False)

    def sync(self) -> None:
        """What was cleared is cleared on the disk."""
        if self._storage.size(self.name):
            self._storage.sync(self.name)

    def wipe(self) -> int:
        """Zero the whole ring, synced; how many events it held, by the heads that stood there."""
        count = sum([frame.count for frame in self._heads()])
        self._clean(0, self._storage.size(self.name))
        if self._storage.size(self.name):
            self._storage.sync(self.name)
        self.frames = []
        self._next = self._sequence = 0
        return count

    def _about(self, head: bytes, offset: int) -> bytes:
        return head + offset.to_bytes(4, "big") + self.name.encode()

    def _push(self, start: int, end: int) -> "list[Frame]":
        """Forget the frames that stand between; their bytes go now, for the new frame may not cover all of them."""
        pushed = []
        while self.frames and self.frames[0].offset < end and self.frames[0].offset + self.frames[0].size > start:
            pushed.append(self.frames[0])  # what stands ahead of the newest is always the oldest
            self.clear(self.frames[0])
        return pushed

    def _opened(self, key: "bytes | None") -> "Iterator[Frame]":
        """Every frame that opens. A head inside another frame's sealed bytes does not."""
        end = 0
        for frame in self._heads():
            if frame.offset < end or key is None:
                continue
            try:
                self.read(key, frame)
            except FormatError:
                continue
            end = frame.offset + frame.size
            yield frame

    def _heads(self) -> "Iterator[Frame]":
        """Whatever looks like the head of a frame."""
        whole = self._storage.size(self.name)  # by whatever configuration it was made
        for offset, unit in self._units(0, whole):
            size = _HEAD + int.from_bytes(unit[4:8], "big")
            size += -size % UNIT
            if unit[:4] == _MAGIC and offset + size <= whole:
                sequence, count = int.from_bytes(unit[8:16], "big"), int.from_bytes(unit[16:20], "big")
                yield Frame(sequence, offset, size, count, int.from_bytes(unit[20:24], "big"))

    def _clean(self, start: int, end: int) -> None:
        """Zero what is not zero between two offsets; not synced."""
        blank = bytes(_CHUNK)
        for offset in range(start, end, _CHUNK):
            size = min(_CHUNK, end - offset)
            if self._storage.read(self.name, offset, size) != blank[:size]:
                self._storage.patch(self.name, offset, blank[:size], False)

    def _units(self, start: int, end: int) -> "Iterator[tuple[int, bytes]]":
        for offset in range(start, end, _CHUNK):
            chunk = self._storage.read(self.name, offset, min(_CHUNK, end - offset)) or b""
            for at in range(0, len(chunk), UNIT):
                yield offset + at, chunk[at : at + UNIT]
