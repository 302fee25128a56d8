"""What the entries of a ledger add up to: it goes into each checkpoint, and must follow from the one before."""

from firmware_agent.egress.entry import OPEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST = 256  # rows of totals; what comes after is counted without its names


class Standing:
    """totals: (event, purpose, recipient) -> [events, bytes]. open: ident -> the entry that attempted it.

    told: (purpose, recipient) -> SHA-256 of the last decision that has an entry.
    """

    def __init__(self) -> None:
        self.totals: "dict[tuple[str, str, str], list[int]]" = {}
        self.open: "dict[bytes, dict[str, Any]]" = {}
        self.told: "dict[tuple[str, str], bytes]" = {}

    def follow(self, row: "dict[str, Any]") -> None:
        """Add one entry that is no checkpoint."""
        event = row["event"]
        key = (event, row["purpose"], row["recipient"])
        total = self.totals.get(key)
        if total is None:
            if len(self.totals) >= MOST:
                key = (event, "", "")
            total = self.totals.setdefault(key, [0, 0])
        total[0] += row["count"]
        total[1] += row["size"]
        if event == "attempted":
            self.open[row["ident"]] = row
        elif event in ("acknowledged", "unknown"):
            self.open.pop(row["ident"], None)
        elif event in ("decided", "found"):
            self.told[row["purpose"], row["recipient"]] = row["consent"]

    def tables(self) -> "dict[str, list[list[Any]]]":
        """The three tables of a checkpoint, each in its only order."""
        return {
            "totals": sorted([list(key) + total for key, total in self.totals.items()]),
            "open": sorted([[row[name] for name in OPEN] for row in self.open.values()], key=lambda line: line[0]),
            "told": sorted([list(pair) + [digest] for pair, digest in self.told.items()]),
        }

    def load(self, checkpoint: "dict[str, Any]") -> None:
        """Go on from a checkpoint whose history is gone."""
        self.totals = {(line[0], line[1], line[2]): line[3:] for line in checkpoint["totals"]}
        self.open = {line[8]: dict(zip(OPEN, line)) for line in checkpoint["open"]}
        self.told = {(line[0], line[1]): line[2] for line in checkpoint["told"]}

    def agrees(self, checkpoint: "dict[str, Any]") -> bool:
        """Whether a checkpoint says what its entries add up to."""
        tables = self.tables()
        return all([tables[name] == checkpoint[name] for name in ("totals", "open", "told")])
