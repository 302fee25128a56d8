"""How peers keep a queue and a key: SQLite in WAL mode, rows deleted on withdrawal, files replaced by a rename."""

import contextlib
import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

NAME = "queue.db"
PURPOSE = "improvement_program"
EVENT = 75  # bytes, about what one sealed event takes


def payloads(count: int, seed: int = 1) -> list[bytes]:
    """`count` events of EVENT bytes, the same for the same seed, each unlike any other: needles for a search."""
    dice = random.Random(seed)
    return [dice.randbytes(EVENT) for _ in range(count)]


@contextlib.contextmanager
def connected(directory: Path, secure: bool = False) -> Iterator[sqlite3.Connection]:
    """The queue in `directory`, made if it is not there; what a transaction ended is on the disk.

    secure: SQLite overwrites what it deletes with zeros. Closing checkpoints the log and removes it.
    """
    connection = sqlite3.connect(directory / NAME, isolation_level=None)  # transactions are ours to begin
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=" + ("ON" if secure else "OFF"))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS queue (id INTEGER PRIMARY KEY, purpose TEXT NOT NULL, payload BLOB NOT NULL)"
        )
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; on the disk at the end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def fill(directory: Path, events: int, batch: int = 1, purpose: str = PURPOSE, seed: int = 1) -> list[bytes]:
    """Queue `events` events, `batch` of them a transaction; returns what was queued."""
    queued = payloads(events, seed)
    with connected(directory) as connection:
        for start in range(0, events, batch):
            with transaction(connection):
                rows = [(purpose, payload) for payload in queued[start : start + batch]]
                connection.executemany("INSERT INTO queue (purpose, payload) VALUES (?, ?)", rows)
    return queued


def drain(directory: Path, batch: int = 1, secure: bool = False) -> list[bytes]:
    """Take everything out, the oldest first: read `batch` events, (send them,) delete them in one transaction."""
    taken = []
    with connected(directory, secure) as connection:
        while rows := connection.execute("SELECT id, payload FROM queue ORDER BY id LIMIT ?", (batch,)).fetchall():
            with transaction(connection):
                connection.execute("DELETE FROM queue WHERE id <= ?", (rows[-1][0],))
            taken += [payload for _, payload in rows]
    return taken


def waiting(directory: Path) -> list[bytes]:
    """What is queued, the oldest first."""
    with connected(directory) as connection:
        return [payload for (payload,) in connection.execute("SELECT payload FROM queue ORDER BY id")]


def withdraw(directory: Path, secure: bool, purpose: str = PURPOSE) -> int:
    """Delete the purpose's rows and empty the log, as well as SQLite can; returns how many rows there were."""
    with connected(directory, secure) as connection:
        with transaction(connection):
            count = connection.execute("DELETE FROM queue WHERE purpose = ?", (purpose,)).rowcount
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise RuntimeError(f"{directory / NAME}: the log could not be emptied; close the other connections first")
    return count


def replace_key(path: Path, key: bytes) -> None:
    """Put another key in the file's place by the usual way: a new file, synced, renamed over it, directory synced."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
