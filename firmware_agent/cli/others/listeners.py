"""Stream ports that answer on this machine: the kernel's table of listeners, read. Nothing connects anywhere."""

from dataclasses import dataclass
from pathlib import Path

from firmware_agent.cli.others.processes import Process, owners
from firmware_agent.cli.others.programs import PROGRAMS, Program, by_words

_LISTENS = "0A"
_ONLY_HERE = ("0100007F", "00000000000000000000000001000000")


@dataclass(frozen=True)
class Listener:
    """here: only this machine can reach it. process: whose it is, None if this user may not see. program: by that
    process, or by the port alone (`sure` is False)."""

    port: int
    here: bool
    process: Process | None
    program: Program
    sure: bool


def listeners(proc: Path) -> list[Listener]:
    """Those of known programs, and those on their ports whose process cannot be seen; by port."""
    found = {}
    for port, here, inode in _table(proc):
        found[inode] = port, here
    seen = owners(proc, set(found))
    rows: dict[int, Listener] = {}
    for inode, (port, here) in found.items():
        process = seen.get(inode)
        sure = by_words(process.words) if process else None
        guess = next((row for row in PROGRAMS if port in row.ports), None) if process is None else None
        program = sure or guess
        if program is not None and program.ports:
            before = rows.get(port)
            only_here = here and (before is None or before.here)
            rows[port] = Listener(port, only_here, process, program, sure is not None)
    return [rows[port] for port in sorted(rows)]


def _table(proc: Path) -> list[tuple[int, bool, int]]:
    """(port, whether only this machine reaches it, inode) of each TCP listener."""
    rows = []
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue  # a kernel without IPv6
        for line in lines:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == _LISTENS:
                rows.append((int(port, 16), address in _ONLY_HERE, int(fields[9])))
    return rows
