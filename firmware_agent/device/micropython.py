"""MicroPython: files of one directory on littlefs or FAT, the port's entropy, its clock."""

import os
import time

_BUILT = 1760000000  # an earlier clock was never set
_ABSENT = 2  # ENOENT
_FROM_2000 = 946684800  # s; some ports count from the year 2000


class _NoLock:
    """A board runs one program: there is nobody to lock out."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


class BoardStorage:
    """Named files under `directory`. littlefs and FAT write through when a file is closed."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        try:
            os.mkdir(directory)
        except OSError:
            pass  # it is there, or the first write will say why not

    def read(self, name: str, offset: int = 0, size: int = -1) -> "bytes | None":
        """Bytes from `offset`, or None if there is no such file."""
        try:
            with open(self._path(name), "rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            if error.errno != _ABSENT:
                raise
            return None

    def size(self, name: str) -> int:
        """Length in bytes; 0 if there is no such file."""
        try:
            return os.stat(self._path(name))[6]
        except OSError:
            return 0

    def write(self, name: str, data: bytes) -> None:
        """Overwrite."""
        with open(self._path(name), "wb") as file:
            file.write(data)

    def append(self, name: str, data: bytes) -> None:
        """Add `data` to the end."""
        with open(self._path(name), "ab") as file:
            file.write(data)

    def truncate(self, name: str, size: int) -> None:
        """Cut to `size` bytes. Boards cannot cut: a copy is written beside it, then takes its place."""
        at = 0
        with open(self._path(name), "rb") as old, open(self._path(name) + ".cut", "wb") as new:
            while at < size:
                part = old.read(min(512, size - at))
                new.write(part)
                at += len(part)
        os.rename(self._path(name) + ".cut", self._path(name))

    def allocate(self, name: str, size: int) -> None:
        """Make the file at least `size` bytes long, with zeros where there was nothing."""
        missing = size - self.size(name)
        with open(self._path(name), "ab") as file:
            while missing > 0:
                missing -= file.write(bytes(min(512, missing)))

    def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None:
        """Overwrite bytes inside the file. Closing it writes it through, whatever `sync` says."""
        with open(self._path(name), "r+b") as file:
            file.seek(offset)
            file.write(data)

    def sync(self, name: str) -> None:
        """Nothing: closed files are on the flash."""

    def remove(self, name: str) -> None:
        """Take the file away; nothing if there is none."""
        try:
            os.remove(self._path(name))
        except OSError as error:
            if error.errno != _ABSENT:
                raise

    def names(self) -> "list[str]":
        """Every file that is there, sorted."""
        return sorted(os.listdir(self.directory))

    def stamp(self, name: str) -> object:
        """None: a board's files carry no stamp that could be trusted."""
        return None

    def lock(self) -> _NoLock:
        """A context in which nobody else writes."""
        return _NoLock()

    def _path(self, name: str) -> str:
        return self.directory + "/" + name


class BoardDevice:
    """What the agent needs of the board it runs on."""

    def __init__(self, directory: str) -> None:
        self.storage = BoardStorage(directory)
        self._before = time.ticks_ms()
        self._passed = 0

    def entropy(self, count: int) -> bytes:
        """Unpredictable bytes from the port."""
        return os.urandom(count)

    def now(self) -> "int | None":
        """Seconds since 1970 UTC; None if the clock was never set."""
        seconds = int(time.time()) + (_FROM_2000 if time.gmtime(0)[0] == 2000 else 0)
        return seconds if seconds > _BUILT else None

    def ticks(self) -> float:
        """Seconds that only go forward. Ask at least every six days: the port's counter turns over."""
        now = time.ticks_ms()
        self._passed += time.ticks_diff(now, self._before)
        self._before = now
        return self._passed / 1000
