"""firmware-agent show, while the agent runs: what its sources say now and what becomes of it, asked of the agent."""

import asyncio
import datetime
import json
import sys
from pathlib import Path
from typing import Any

from firmware_agent.cli import words
from firmware_agent.cli.asking import asking
from firmware_agent.owner.said import MACHINE, NOWHERE, READING, REST, TROUBLE, WAITING
from firmware_agent.telemetry.troubles import TROUBLES

Json = dict[str, Any]

_STATES: dict[str, str] = {
    READING: "is read",
    WAITING: "is being connected; nothing was heard yet",
    TROUBLE: "cannot be read",
    REST: "is not read: nothing of it is allowed",
    NOWHERE: "is not read: no [uplink.RECIPIENT] could carry anything of it",
}
_MACHINES = dict(zip(MACHINE, ("it says that it stopped with an error", "its printer is not ready"), strict=True))
_FIRST = 8  # names that no policy has, of all that --json has
_PACE = 1.0  # s between two drawings, at least
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


async def once(path: Path, as_json: bool) -> None:
    """Print how it stands now; AgentError if the agent cannot be asked."""
    async with asking(path) as agent:
        found = await agent.ask("said")
    print(json.dumps(found, indent=2) if as_json else "\n".join(page(found)))


async def live(path: Path) -> None:
    """The same, drawn anew whenever it changes, until it is cancelled or the agent ends (AgentError)."""
    async with asking(path) as agent:
        await agent.ask("watch")
        while True:
            text = "\n".join(page(await agent.ask("said")))
            print(f"{_CLEAR if sys.stdout.isatty() else ''}{text}\n\nCtrl-C ends this.", flush=True)
            await asyncio.sleep(_PACE)
            await agent.news()


def page(found: Json) -> list[str]:
    """The answer in lines."""
    lines: list[str] = []
    for one in found["sources"]:
        lines += [*_source(one), ""]
    return lines[:-1] if lines else ["The configuration has no source of records."]


def _source(one: Json) -> list[str]:
    name, state = str(one["name"]), str(one["state"])
    head = _STATES[state]
    if state == TROUBLE:
        head += f": {TROUBLES.get(one['trouble'], one['trouble'])}"
    if state == READING:
        head += f"; {one['leaving']} of its {one['said']} fields leave now"
    if one["machine"]:
        head += f"; {_MACHINES.get(one['machine'], one['machine'])}"
    lines = [words.wrap(head, f"{name:<12} ")]
    if one["time"]:
        heard = datetime.datetime.fromisoformat(one["time"]).astimezone()
        lines.append(f"{'':<12} last heard at {heard:%H:%M:%S}")
    for row in one["purposes"]:
        lines += _purpose(row)
    for clause in sorted({row["clause"] for row in one["never"]}):
        names = [row["field"] for row in one["never"] if row["clause"] == clause]
        lines.append(_row("stays", f"{words.FATES['never'].format(clause=clause)}: {', '.join(names)}"))
    strange = one["undeclared"]
    if strange["count"]:
        some = ", ".join(map(words.printable, strange["names"][:_FIRST]))
        more = f" such as {some}" if some else ""
        lines.append(_row("stays", f"{words.FATES['undeclared']}: {strange['count']} fields{more}"))
    return lines


def _purpose(row: Json) -> list[str]:
    stands = "allowed" if row["allowed"] else f"not allowed: {words.why(row['reason'])}"
    lines = [words.wrap(stands, f"  {row['purpose']} -> {row['recipient']}: ", "    ")]
    if row["leaves"]:
        lines.append(_row("leaves", ", ".join(f"{part['field']} = {part['words']}" for part in row["leaves"])))
    for fate in sorted({part["fate"] for part in row["stays"]}):
        names = [part["field"] for part in row["stays"] if part["fate"] == fate]
        lines.append(_row("stays", f"{words.FATES[fate]}: {', '.join(names)}"))
    if row["elsewhere"]:
        lines.append(_row("stays", f"{words.FATES['elsewhere']}: {', '.join(row['elsewhere'])}"))
    if row["would"]:
        told = [f"{part['field']} ({words.how(part['transform'], part['parameters'])})" for part in row["would"]]
        lines.append(_row("not now" if row["allowed"] else "would", ", ".join(told)))
    return lines


def _row(name: str, text: str) -> str:
    return words.wrap(text, f"    {name:<8} ")
