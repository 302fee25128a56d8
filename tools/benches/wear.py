"""Wear of the flash: bytes that one event costs on the block device, beside SQLite. Needs root.

"flushed": after each batch the file system is flushed, as a printer's does by itself within seconds. Without it, a
figure is the least that the syncs alone cost; with it, the most.
"""

from collections.abc import Iterator

from benches.rows import Row, row
from host_tests.proofs import wear as proof
from host_tests.rigs.disk import Disk

UNIT = "bytes an event"
# ours: (its name in the rows, what SQLite does for the same)
AGAINST = {
    "saved": ("saved, the link down", "sqlite_filled"),
    "lived": ("saved, sent, acknowledged, cleared", "sqlite_lived"),
    "online": ("acknowledged within the window", "sqlite_lived"),
}


def wear() -> Iterator[Row]:
    """Bytes that one event costs on the block device, by sector counters, beside SQLite in one run. Needs root."""
    with Disk() as disk:
        yield row("events of each figure", proof.EVENTS, "events")
        for batch in proof.BATCHES:
            yield row(f"message of {batch}", proof.message_size(batch) / batch, UNIT)
        for calm in (False, True):
            figures: dict[tuple[str, int], proof.Wear] = {
                (way, batch): measure(disk, proof.EVENTS, batch, calm)
                for way, measure in proof.WAYS.items()
                for batch in proof.BATCHES
            }
            how = ", flushed" if calm else ""
            for ours, (title, theirs) in AGAINST.items():
                for batch in proof.BATCHES:
                    name, value = f"{title}, by {batch}{how}", figures[ours, batch].each
                    for peer, other in _peers(ours, theirs, batch):
                        yield row(name, value, UNIT, (peer, round(figures[other].each, 1)))
        made = figures["saved", 1].made / 1024
        yield row("made once", made, "KiB", ("SQLite", figures["sqlite_filled", 1].made / 1024))


def _peers(ours: str, theirs: str, batch: int) -> Iterator[tuple[str, tuple[str, int]]]:
    """(name of the peer, its figure)."""
    yield "SQLite, one by one", (theirs, 1)
    if batch > 1:
        yield f"SQLite, by {batch}", (theirs, batch)
        if ours == "saved":
            yield f"SQLite, {batch} in a row", ("sqlite_bundled", batch)
