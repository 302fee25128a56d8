"""Crypto-erase: every key is overwritten before anything else, then all that they sealed; then the files go.

A power cut at any point leaves nothing that opens: what is not overwritten yet has no key any more. The next erase
finishes. Nothing here writes a decision, so nothing can widen one.
"""

from dataclasses import dataclass, field
from typing import Protocol

from firmware_agent.errors import StorageError
from firmware_agent.owner.stores import Register, Row, is_key

_CHUNK = 65536  # bytes overwritten at once


class Storage(Protocol):
    def names(self) -> list[str]: ...
    def size(self, name: str) -> int: ...
    def patch(self, name: str, offset: int, data: bytes, sync: bool = True) -> None: ...
    def sync(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...


@dataclass
class Erased:
    """destroyed, stays: rows of the receipt. troubles: one line for each file that resisted."""

    destroyed: list[Row] = field(default_factory=list)
    stays: list[Row] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def erase(storage: Storage, register: Register) -> Erased:
    """Destroy every file of every store that does not say why it stays. No agent may run; the caller holds the lock."""
    done = Erased()
    sizes = {file: _size(storage, file, done.troubles) for file in storage.names()}
    owners = {file: register.owner(file) for file in sizes}
    files = [file for file, owner in owners.items() if owner is not None and not owner.stays]
    gone = _destroy(storage, files, done.troubles)
    for store in register:
        held = [file for file in sizes if store.holds(file)]
        row: Row = {"store": store.name, "what": store.title}
        if store.stays and held:
            size = sum(sizes[file] for file in held)
            done.stays.append({**row, "files": held, "bytes": size, "why": store.stays})
        held = [file for file in held if file in gone]
        if held:
            size, keys = sum(sizes[file] for file in held), len([file for file in held if is_key(file)])
            done.destroyed.append({**row, "files": held, "bytes": size, "keys": keys})
    strange = register.unknown(sizes)
    if strange:
        why = "of no store of this agent: look at them, and delete them yourself"
        what, size = "Files that the agent does not know", sum(sizes[file] for file in strange)
        done.stays.append({"store": "", "what": what, "files": strange, "bytes": size, "why": why})
    return done


def _size(storage: Storage, file: str, troubles: list[str]) -> int:
    try:
        return storage.size(file)
    except StorageError as error:
        troubles.append(str(error))
        return 0


def _destroy(storage: Storage, files: list[str], troubles: list[str]) -> set[str]:
    """Those of `files` that are gone. One that cannot be overwritten is left, so that the next erase tries again."""
    keys = [file for file in files if is_key(file)]
    others = [file for file in files if not is_key(file)]
    failed: set[str] = set()
    for step, some in ((_overwrite, keys + others), (_remove, others + keys)):
        for file in some:
            if file in failed:
                continue
            try:
                step(storage, file)
            except StorageError as error:  # the others must go all the same
                troubles.append(str(error))
                failed.add(file)
    return set(files) - failed


def _overwrite(storage: Storage, file: str) -> None:
    """Zeros in place, on the disk when this returns: a renamed or new file would leave the old bytes behind."""
    size = storage.size(file)
    for offset in range(0, size, _CHUNK):
        storage.patch(file, offset, bytes(min(_CHUNK, size - offset)), False)
    if size:
        storage.sync(file)


def _remove(storage: Storage, file: str) -> None:
    storage.remove(file)
