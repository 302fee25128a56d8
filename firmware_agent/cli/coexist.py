"""What doctor says about others and the camera: who has it, who could have it, who streams it, what to do."""

from collections.abc import Iterator
from pathlib import Path

from firmware_agent.cli.others import listeners, nodes, processes, programs, units
from firmware_agent.cli.others.processes import Process

Finding = tuple[str, str]
TAKE = "`firmware-agent camera take` says what it would change"
GROUP = "firmware-agent"  # of the agent; the unit's user has it as its own


def findings(device: str, upstream: str = "", agent: str = GROUP, root: Path = Path("/")) -> Iterator[Finding]:
    """device: of the camera, "" if it has none here. upstream: the address whose stream is read, or "". agent: the
    group that may open the camera once it is taken. Reads files; opens no camera, connects to nothing.
    """
    streams = listeners.listeners(root / "proc")
    if device:
        yield from _node(root, device, agent)
        yield from _holders(root, device)
        yield from _units(root)
        yield from _running(root, {one.process.pid for one in streams if one.process})
    for one in streams:
        yield "note", _stream(one)
    if upstream:
        yield (
            "note",
            "camera: it is read from another program or camera by its address; others can still reach that one "
            "directly, whatever is allowed here. Let it listen to this machine only, or give it a password",
        )


def _node(root: Path, device: str, agent: str) -> Iterator[Finding]:
    try:
        found = nodes.camera(root, device)
        able = {one: nodes.who(one) for one in found.nodes}
    except OSError as error:
        yield "wrong", f"camera: {device}: {error.strerror}; plug it in, or name the right device in the configuration"
        return
    for node, names in able.items():
        others = [one for one in names if not _is_agent(one, agent)]
        place = f"/{node.relative_to(root)}"
        if others:
            yield "note", f"camera: {place} can be opened by {' and '.join(others)}, and by root; {TAKE}"
        else:
            yield "ok", f"camera: {place} can be opened by {' and '.join(names) or 'nobody'}, and by root"
    if found.raw is not None and (names := nodes.who(found.raw)):
        yield "note", f"camera: its USB device, /{found.raw.relative_to(root)}, can be opened by {' and '.join(names)}"


def _is_agent(who: str, agent: str) -> bool:
    """The agent's group, if nobody else is a member of it."""
    return who in (f"group {agent} (nobody)", f"group {agent} ({agent})")


def _holders(root: Path, device: str) -> Iterator[Finding]:
    try:
        seen = processes.holders(root / "proc", nodes.camera(root, device).nodes)
    except OSError:
        return  # said already
    for one in seen.processes:
        if one.own:
            yield "ok", f"camera: the agent's own process, {one.pid}, has it open: somebody looks now"
        else:
            yield "wrong", f"camera: {called(one)} has it open now; {_meaning(one)}{TAKE}"
    if not seen.processes:
        yield "ok", "camera: no process has it open" + " that shows it" * bool(seen.hidden)
    if seen.hidden:
        yield "note", f"camera: {seen.hidden} processes do not show what they have open; root may see it"


def _units(root: Path) -> Iterator[Finding]:
    for one in units.installed(root):
        if one.masked:
            yield "ok", f"camera: {one.name} is installed and masked"
        else:
            starts = "starts by itself" if one.enabled else "is installed, and off until somebody starts it"
            level = "note" if one.enabled or one.program.stops else "ok"
            yield level, f"camera: {one.name} ({one.program.name}) {starts}. {one.program.means} {_taking(one.program)}"
    for path, program in units.scripts(root):
        yield (
            "note",
            f"camera: {path} starts {program.name}. {program.means} The agent cannot keep it from that: remove it, or "
            "move it away",
        )


def _running(root: Path, said: set[int]) -> Iterator[Finding]:
    """Programs that no unit of ours explains, like a vendor's daemon."""
    for one in processes.running(root / "proc"):
        program = programs.by_words(one.words)
        if program is not None and not programs.by_unit(one.unit) and one.pid not in said and not one.own:
            yield "note", f"camera: {called(one)} runs ({program.name}). {program.means}"


def _stream(one: listeners.Listener) -> str:
    reach = "this machine only" if one.here else "the network"
    if one.process is None:
        return (
            f"camera: port {one.port} listens to {reach}; {one.program.name} uses that port by default, and only root "
            "can see whose it is"
        )
    return f"camera: port {one.port} listens to {reach}: {called(one.process)}, {one.program.name}. {one.program.means}"


def _meaning(one: Process) -> str:
    program = programs.by_words(one.words)
    return f"{program.means} " if program else "the agent cannot stream while it does. "


def _taking(program: programs.Program) -> str:
    return f"Taken over: {program.taking[0].lower()}{program.taking[1:]}"


def called(one: Process) -> str:
    """How a process is named in a sentence."""
    return f"{one.name} (process {one.pid}, user {nodes.user(one.uid)}{f', {one.unit}' if one.unit else ''})"
