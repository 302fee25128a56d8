"""What is rarely needed on the ledger's files: after a power cut, and to destroy."""

from firmware_agent.egress.layout import BEGIN, CHUNK, TORN, blank, files, header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_agent.egress.layout import Storage

_SECTOR = 512  # bytes that a disk writes wholly or not at all; flash without sectors writes from the beginning on


def torn(storage: "Storage", name: str, offset: int, extent: int) -> bool:
    """Whether a frame that does not verify, and is followed by zeros only, looks as a power cut leaves it.

    extent: bytes of the frame; 0 if its length is gone, with the sector that it stood in.
    """
    tail = storage.read(name, offset, TORN) or b""
    extent = extent or _SECTOR - offset % _SECTOR
    at = 0
    while at < min(extent, len(tail)):
        end = at + _SECTOR - (offset + at) % _SECTOR
        if not any(tail[at : min(end, extent)]):
            return True
        at = end
    return not any(tail[extent - 1 :])


def cut(storage: "Storage", name: str, offset: int) -> bytes:
    """Zero what a power cut left behind the last entry, and return what it was.

    From its end to its beginning, so that a power cut here leaves something that still counts as torn.
    """
    tail = storage.read(name, offset, TORN) or b""
    at = len(tail)
    while at:
        at -= 1
        edge = at == 0 or (offset + at) % _SECTOR == 0
        if tail[at] or edge:
            storage.patch(name, offset + at, b"\0", edge)
    return tail.rstrip(b"\0")


def tidy(storage: "Storage", leftover: "list[str]", spare: "list[str]") -> "list[str]":
    """End what a power cut interrupted: files that were dropped are zeroed, and one spare file is enough. It is
    returned."""
    for name in leftover + spare:
        zero(storage, name)
    for name in (leftover + spare)[1:]:
        storage.remove(name)
    return (leftover + spare)[:1]


def zero(storage: "Storage", name: str) -> None:
    """Overwrite a file with zeros. Its first byte goes first: from then on the file is spare."""
    size = storage.size(name)
    if blank(storage, name, 0, size):
        return
    storage.patch(name, 0, b"\0")
    for at in range(0, size, CHUNK):
        storage.patch(name, at, bytes(min(CHUNK, size - at)), False)
    storage.sync(name)


def erase(storage: "Storage") -> None:
    """Overwrite and remove every segment, whether or not it verifies: the newest first, so that what a power cut
    leaves of it is still a beginning."""
    found = []
    for name in files(storage):
        segment = header(storage, name, storage.read(name, 0, BEGIN + 2) or b"")
        found.append((0 if segment is None else -segment.segment, name))
    for _, name in sorted(found):
        zero(storage, name)
        storage.remove(name)
