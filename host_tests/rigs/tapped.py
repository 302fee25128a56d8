"""The agent as `firmware-agent` starts it; its sources also write down what they hand over, and have a defect if told.

TAP: the file for what they hand over. TRAP: a file whose word says which defect there is from then on. "read": a source
raises what it read. "feed": what hears a source raises what it heard.
"""

import os
import sys
from pathlib import Path
from typing import Any

from firmware_agent.cli import build
from firmware_agent.cli.main import main
from firmware_agent.model import Record
from firmware_agent.telemetry import following
from firmware_agent.telemetry.source import Source

TAP, TRAP = Path(os.environ["TAP"]), Path(os.environ["TRAP"])


def trapped(what: str) -> bool:
    return TRAP.exists() and TRAP.read_text() == what


class Tapped:
    """A source, and whoever listens."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.pace = (
            min(0.25, source.pace) if source.name != "octoprint" else 1.0
        )  # so that little is overwritten unread
        self._seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def read(self) -> list[Record]:
        records = await self._source.read()
        rows = {repr((self._source.name, *row)) for record in records for row in record.fields.items()}
        self._note(rows)
        if trapped("read"):
            raise ValueError("%r %r" % (records, rows))
        return records

    def _note(self, rows: set[str]) -> None:
        with TAP.open("a") as out:
            out.writelines(row + "\n" for row in sorted(rows - self._seen))
        self._seen |= rows


class Trapped(following.Heard):
    def status(self, fields: dict[str, Any], length: float | None = None, complete: bool | None = None) -> None:
        if trapped("feed"):
            raise KeyError(repr(fields)) from OSError(repr(fields))
        super().status(fields, length, complete)


if __name__ == "__main__":
    made = build.sources
    build.sources = lambda *parts: [Tapped(one) for one in made(*parts)]  # type: ignore[assignment]
    following.Heard = Trapped  # type: ignore[misc]
    sys.exit(main())
