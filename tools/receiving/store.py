"""Messages and deletion requests in one SQLite file."""

import hmac
import sqlite3
import time
from pathlib import Path

from firmware_agent import cbor

REMEMBER = (
    30 * 86400
)  # seconds: how long a request and its K are kept after it was last heard: devices give up before that
MOST_REQUESTS = 10_000  # remembered at a time, for each message is tested against them; more have to ask again later


class Full(Exception):
    """More requests than can be remembered; the device asks again later."""


def belongs(ident: bytes, key: bytes) -> bool:
    """Whether the device that holds `key` made `ident`."""
    return hmac.digest(key, ident[:8], "sha256")[:8] == ident[8:]


class Store:
    """Receivers of one group have to share it: the broker hands a request to one of them, messages to all.

    Use it as a context for one transaction.
    """

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.db.executescript(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
            CREATE TABLE IF NOT EXISTS messages (ident BLOB PRIMARY KEY, purpose TEXT, events BLOB, until INT)
                WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS by_purpose ON messages (purpose);
            CREATE INDEX IF NOT EXISTS by_end ON messages (until);
            CREATE TABLE IF NOT EXISTS requests (ident BLOB PRIMARY KEY, purpose TEXT, key BLOB, reply BLOB, heard INT,
                deleted INT, time INT) WITHOUT ROWID;
            """
        )

    def knows(self, purpose: str) -> bool:
        """Whether a message of this purpose is kept."""
        return self.db.execute("SELECT 1 FROM messages WHERE purpose = ? LIMIT 1", (purpose,)).fetchone() is not None

    def keys(self) -> "dict[str, list[bytes]]":
        """Purpose -> each K whose messages are to be deleted, also those that come later."""
        found: dict[str, list[bytes]] = {}
        for purpose, key in self.db.execute("SELECT purpose, key FROM requests"):
            found.setdefault(purpose, []).append(key)
        return found

    def add(self, ident: bytes, purpose: str, events: list, until: int) -> bool:
        """False if it is here already."""
        row = (ident, purpose, cbor.encode(events), until)
        return self.db.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", row).rowcount == 1

    def ask(self, ident: bytes, purpose: str, key: bytes, reply: bytes, now: int) -> bool:
        """Remember a request; False if it was known; Full if there are too many."""
        if self.db.execute("UPDATE requests SET heard = ? WHERE ident = ?", (now, ident)).rowcount:
            return False
        if self.db.execute("SELECT count(*) FROM requests").fetchone()[0] >= MOST_REQUESTS:
            raise Full
        self.db.execute("INSERT INTO requests VALUES (?, ?, ?, ?, ?, NULL, NULL)", (ident, purpose, key, reply, now))
        return True

    def answers(self, ident: bytes) -> "list[list]":
        """The bodies that answer this request as far as it is done."""
        row = self.db.execute("SELECT reply, deleted, time FROM requests WHERE ident = ?", (ident,)).fetchone()
        receipt = [] if row[1] is None else [["receipt", row[0], ident, row[1], row[2]]]
        return [["acknowledge", row[0], ident], *receipt]

    def work(self) -> "tuple[bytes, int] | None":
        """Do one request that waits: (its ident, how many messages it deleted); None if none waits.

        A message that it covers can no longer be added, so reading needs no lock.
        """
        row = self.db.execute("SELECT ident, purpose, key FROM requests WHERE deleted IS NULL LIMIT 1").fetchone()
        if row is None:
            return None
        rows = self.db.execute("SELECT ident FROM messages WHERE purpose = ?", (row[1],))
        found = [one for one in rows if belongs(one[0], row[2])]
        with self:
            gone = self.db.executemany("DELETE FROM messages WHERE ident = ?", found).rowcount if found else 0
            done = "UPDATE requests SET deleted = ?, time = ? WHERE ident = ? AND deleted IS NULL"
            mine = self.db.execute(done, (gone, int(time.time()), row[0])).rowcount == 1
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # or what was deleted would still lie in the log
        return (row[0], gone) if mine else None

    def expire(self, now: int) -> int:
        """Delete what is past its time; how many messages that were."""
        old = "DELETE FROM requests WHERE deleted IS NOT NULL AND heard <= ?"
        gone = self.db.execute("DELETE FROM messages WHERE until <= ?", (now,)).rowcount
        if gone + self.db.execute(old, (now - REMEMBER,)).rowcount:
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self.db.execute("ROLLBACK" if kind else "COMMIT")
