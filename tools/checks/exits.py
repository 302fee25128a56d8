"""Where this program can reach the outside: three exits for data, and the few other files that touch the machine.

Whatever is not in the tables below may not open a socket, look up a name, start a process or load native code, under
any spelling. What cannot be read from the source (eval, a computed attribute) counts as an opener as well.
"""

import ast

from checks.core import PACKAGE
from checks.openers import openers

# The three ways out for data. Each is one file, opened only by an object that the gate made. There is no fourth.
EXITS: dict[str, str | None] = {
    "door": f"{PACKAGE}/egress/wire_mqtt.py",  # a Release leaves to a recipient
    "viewer": f"{PACKAGE}/camera/viewers/server.py",  # an Admission opens a camera stream
    "panel": f"{PACKAGE}/owner/panel/server.py",  # a Session opens the owner's page
}
_EXIT = ("network", "lookup")
# A second front of an exit, for this device only: what it shows and to whom is the exit's. It opens no network.
FRONTS: dict[str, tuple[str, ...]] = {
    f"{PACKAGE}/owner/socket/server.py": ("local",),  # the panel's, for makers' programs: a Session, on a Unix socket
}
# What else touches the machine, and what each file may do there: see openers.py for the kinds.
READERS: dict[str, tuple[str, ...]] = {
    f"{PACKAGE}/telemetry/http.py": ("network", "lookup"),  # reads the printer's own server
    f"{PACKAGE}/cli/asking.py": ("network",),  # `show` asks the running agent, by its socket in the file system
    f"{PACKAGE}/telemetry/pinned.py": ("network", "lookup"),  # TLS to a printer whose certificate is known
    f"{PACKAGE}/telemetry/datagrams.py": ("local",),  # what the maker's firmware hands over; nothing goes back
    f"{PACKAGE}/telemetry/websocket.py": ("network", "lookup"),  # asks the printer's own server, follows its news
    f"{PACKAGE}/telemetry/unix_line.py": ("network",),  # the same, by a socket in the file system
    f"{PACKAGE}/telemetry/serial_line.py": ("network",),  # pyserial, on a file: any library counts as an opener
    f"{PACKAGE}/camera/upstream.py": ("network", "lookup"),  # asks for another camera's stream, reads none of it
}
SPEAKERS: dict[str, tuple[str, ...]] = {
    f"{PACKAGE}/egress/link.py": ("network",),  # paho, on a socket that the door's file gives it
    f"{PACKAGE}/telemetry/mqtt_line.py": ("network",),  # paho, on a connection of pinned.py: asks one thing (ASKERS)
    f"{PACKAGE}/owner/panel/lines.py": ("network",),  # TLS, on a connection that the panel's file accepted
    f"{PACKAGE}/owner/panel/routes.py": ("network",),  # microdot, as a table of routes: it listens nowhere
    f"{PACKAGE}/cli/qr.py": ("network",),  # segno, which draws: any library counts as an opener
}
PROCESSES: dict[str, tuple[str, ...]] = {
    f"{PACKAGE}/camera/start.py": ("pair",),  # joins the camera process by a pair of sockets
    f"{PACKAGE}/camera/processes.py": ("process",),  # starts it, and the command of an adapter
    f"{PACKAGE}/camera/unit.py": ("local",),  # asks systemd for that process, by a socket that only the agent may use
    f"{PACKAGE}/cli/system.py": ("process",),  # systemctl and udevadm, six commands: who else gets at the camera
    f"{PACKAGE}/camera/worker.py": ("inherited",),  # is that process: takes its end of the pair, can open nothing
    f"{PACKAGE}/camera/loop.py": ("inherited",),  # takes viewers' connections, which main accepted and passed
    f"{PACKAGE}/camera/sources/mjpeg.py": ("inherited",),  # takes the connection that main opened and passed
    f"{PACKAGE}/camera/sources/adapter.py": ("inherited",),  # takes the end of an adapter command's output
    f"{PACKAGE}/camera/adapted.py": ("process",),  # becomes that command, under a lock that exec does not open
}
# Code that the interpreter cannot see. No package stands between: each file calls a few functions by name.
KERNEL: dict[str, tuple[str, ...]] = {
    f"{PACKAGE}/camera/sandbox/kernel.py": ("native",),  # locks the camera process: it can only take away
    f"{PACKAGE}/camera/cutting.py": ("native",),  # connects a socket to no address: it can only cut
    f"{PACKAGE}/camera/turbo.py": ("native",),  # libturbojpeg: memory in, memory out, under that lock
}
# Not part of the agent: brings a broker for the demonstration. Only the command line may import it.
OUTSIDE = f"{PACKAGE}/demo/"
OUTSIDE_USERS = (OUTSIDE, f"{PACKAGE}/__main__.py", f"{PACKAGE}/cli/")

NAMES = ("door", "viewer", "panel")


def table() -> dict[str, tuple[str, ...]]:
    """path -> the kinds of openers that it may hold."""
    rows = {path: _EXIT for path in EXITS.values() if path is not None}
    return {**rows, **FRONTS, **READERS, **SPEAKERS, **PROCESSES, **KERNEL}


def check(files: dict[str, str]) -> tuple[list[str], list[str]]:
    """(findings, notes): openers outside the tables, rows that no longer hold, a fourth exit."""
    findings: list[str] = []
    notes: list[str] = []
    if tuple(EXITS) != NAMES:
        findings.append(f"tools/checks/exits.py:1: the exits must be {', '.join(NAMES)}; there is no other way out")
    rows = table()
    opening: set[str] = set()
    for path, text in files.items():
        tree = ast.parse(text)
        findings += _outside(path, tree)
        for line, kind, what in openers(tree):
            if path.startswith(OUTSIDE):
                opening.add(path)
            elif kind in rows.get(path, ()):
                if kind != "dynamic":
                    opening.add(path)
            else:
                findings.append(f"{path}:{line}: {what} ({kind}); {_advice(path, rows)}")
    for path in rows:
        if path not in files:
            notes.append(f"{path} is listed in tools/checks/exits.py and not written yet")
        elif path not in opening:
            findings.append(f"{path}:1: opens nothing any more; take its row out of tools/checks/exits.py")
    outside = [path for path in files if path.startswith(OUTSIDE)]
    if not outside:
        notes.append(f"{OUTSIDE} is listed in tools/checks/exits.py and not written yet")
    elif not opening.intersection(outside):
        findings.append(f"{outside[0]}:1: opens nothing any more; take OUTSIDE out of tools/checks/exits.py")
    return findings, notes


def summary() -> str:
    """The exits, and what else touches the machine, in one line."""
    exits = ", ".join(f"{name} ({path or 'none yet'})" for name, path in EXITS.items())
    rows = ("local", FRONTS), ("reads", READERS), ("processes", PROCESSES), ("kernel", KERNEL)
    others = "; ".join(f"{name} {', '.join(files)}" for name, files in rows)
    return f"{exits}; {others}; not the agent: {OUTSIDE}"


def _advice(path: str, rows: dict[str, tuple[str, ...]]) -> str:
    if path in rows:
        return f"tools/checks/exits.py allows this file only {', '.join(rows[path])}"
    return "this file has no row in tools/checks/exits.py: go through the door, a reader or camera/start.py"


def _outside(path: str, tree: ast.Module) -> list[str]:
    """Imports of the demonstration from inside the agent."""
    demo = OUTSIDE.rstrip("/").replace("/", ".")
    if path.startswith(OUTSIDE_USERS):
        return []
    lines = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        if any(name == demo or name.startswith(demo + ".") for name in names):
            lines.append(node.lineno)
    return [f"{path}:{line}: imports {demo}, which is not part of the agent; remove the import" for line in lines]
