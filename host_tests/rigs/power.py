"""A model of storage whose power fails: sectors reach the medium alone, in any order, or not at all."""

from collections.abc import Iterator

from host_tests.fakes import Dice, PowerCut

SECTOR = 512  # bytes that a medium writes whole or not at all


class SectorDisk:
    """The storage of a device (MemoryStorage's interface) for which the next start can be asked at any moment.

    What is synced survives. Of what is not, each sector has after a cut any content it had since the file's last sync,
    whatever the others have; the file's length likewise (a growth may stop at any sector), and whether it exists.

    files: name -> bytes, what survives from the start. honest=False: the medium says it synced and did not.
    Everything but `patch(sync=False)` and `truncate` is synced when it returns, as in LinuxStorage.

    `cut_after_writes = n`: n more writes are whole, power fails inside the next: PowerCut, and again for every later
    call. `writes` counts them (write, append, truncate, a growing allocate, patch, remove).
    """

    def __init__(self, files: "dict[str, bytes] | None" = None, honest: bool = True) -> None:
        self.honest = honest
        self.writes = 0
        self.cut_after_writes: "int | None" = None
        self._off = False
        self._files = {name: _File(data) for name, data in (files or {}).items()}

    def crash(self, dice: Dice) -> dict[str, bytes]:
        """One state that the files can have after a power cut now; this object goes on as if there was none."""
        return self._after(dice.pick)

    def snapshots(self, dice: Dice, count: int = 8) -> Iterator[dict[str, bytes]]:
        """States after a power cut now: all that is not synced lost, all of it kept, then `count` times `crash`."""
        yield self._after(lambda choices: choices[0])
        yield self._after(lambda choices: choices[-1])
        for _ in range(count):
            yield self.crash(dice)

    def read(self, name: str, offset: int = 0, size: int = -1) -> "bytes | None":
        data = self._now(name)
        if data is None:
            return None
        return bytes(data[offset:] if size < 0 else data[offset : offset + size])

    def size(self, name: str) -> int:
        return len(self._now(name) or b"")

    def write(self, name: str, data: bytes) -> None:
        self._put(name, 0, data, len(data))

    def append(self, name: str, data: bytes) -> None:
        end = self.size(name)
        self._put(name, end, data, end + len(data))

    def truncate(self, name: str, size: int) -> None:
        assert size <= len(self._there(name)), f"{name}: truncate can only shorten; allocate makes it longer"
        self._put(name, size, b"", size, sync=False)

    def allocate(self, name: str, size: int) -> None:
        missing = size - self.size(name)
        if missing > 0:
            self.append(name, bytes(missing))

    def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None:
        size = len(self._there(name))
        assert offset + len(data) <= size, f"{name}: patch ends at {offset + len(data)} of {size}; allocate it first"
        self._put(name, offset, data, size, sync)

    def sync(self, name: str) -> None:
        self._there(name)
        if self.honest:
            self._files[name].settle()

    def remove(self, name: str) -> None:
        if self._now(name) is not None:
            self._put(name, 0, b"", None)

    def names(self) -> list[str]:
        return sorted(name for name in self._files if self._now(name) is not None)

    def stamp(self, name: str) -> object:
        return None

    def lock(self) -> "SectorDisk":
        return self

    def __enter__(self) -> "SectorDisk":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def _now(self, name: str) -> "bytearray | None":
        if self._off:
            raise PowerCut
        return self._files[name].now if name in self._files else None

    def _there(self, name: str) -> bytearray:
        data = self._now(name)
        assert data is not None, f"{name}: no such file; write or allocate it first"
        return data

    def _put(self, name: str, offset: int, data: bytes, size: "int | None", sync: bool = True) -> None:
        if self._off:
            raise PowerCut
        file = self._files.setdefault(name, _File(None))
        file.put(offset, data, size)
        if self.cut_after_writes is not None:
            self._off = self.cut_after_writes == 0  # inside this write: any part of it may be on the medium
            self.cut_after_writes -= 1
        if self._off:
            raise PowerCut
        self.writes += 1
        if sync and self.honest:
            file.settle()

    def _after(self, pick) -> dict[str, bytes]:
        found = {name: file.after(pick) for name, file in sorted(self._files.items())}
        return {name: data for name, data in found.items() if data is not None}


class _File:
    """`now` is what a reader sees (None: no file). Also: all that each sector and the size were since the last sync."""

    def __init__(self, data: "bytes | None") -> None:
        self.now = None if data is None else bytearray(data)
        self._kept = bytearray(_whole(data or b""))  # on the medium for sure, in whole sectors
        self._sizes = [None if data is None else len(data)]  # the first is on the medium for sure
        self._sectors: dict[int, list[bytes]] = {}

    def put(self, offset: int, data: bytes, size: "int | None") -> None:
        """Lay `data` at `offset`, then make it `size` bytes long (None: remove the file)."""
        old = self.now if self.now is not None else bytearray()
        self.now = None if size is None else old
        touched = range(offset // SECTOR, -(-(offset + len(data)) // SECTOR)) if data else range(0)
        if size is not None:
            old[offset : offset + len(data)] = data
            del old[size:]
            for sector in touched:
                at = sector * SECTOR
                self._sectors.setdefault(sector, []).append(_whole(bytes(old[at : at + SECTOR])))
            before = self._sizes[-1] or 0
            self._sizes += range((before // SECTOR + 1) * SECTOR, size, SECTOR)  # growth, sector by sector
        if size != self._sizes[-1]:
            self._sizes.append(size)

    def settle(self) -> None:
        """All of it is on the medium now."""
        size = None if self.now is None else len(self.now)
        room = len(_whole(bytes(size or 0)))
        del self._kept[room:]
        self._kept.extend(bytes(room - len(self._kept)))
        for sector, versions in self._sectors.items():
            if sector * SECTOR < room:
                self._kept[sector * SECTOR : (sector + 1) * SECTOR] = versions[-1]
        if size is not None and size < room:
            self._kept[size:] = bytes(room - size)
        self._sizes = [size]
        self._sectors.clear()

    def after(self, pick) -> "bytes | None":
        """What is there after a cut; `pick` chooses of a list whose first is the oldest, whose last is the newest."""
        size = pick(self._sizes)
        if size is None:
            return None
        out = bytearray(self._kept[: len(_whole(bytes(size)))].ljust(len(_whole(bytes(size))), b"\0"))
        for sector, versions in sorted(self._sectors.items()):
            at = sector * SECTOR
            if at < size:
                out[at : at + SECTOR] = pick([bytes(out[at : at + SECTOR])] + versions)
        return bytes(out[:size])


def _whole(data: bytes) -> bytes:
    """Filled up with zeros to whole sectors."""
    return data + bytes(-len(data) % SECTOR)
