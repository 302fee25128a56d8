"""What it takes to give a camera to one group alone: worked out first, so that it can be shown before it is done."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.cli.others import nodes, processes, programs, units
from firmware_agent.errors import AgentError

RULE = "etc/udev/rules.d/72-firmware-agent-camera.rules"  # after 70-uaccess.rules, before 73-seat-late.rules
OFF = f"# While the agent has the camera: `firmware-agent camera give-back`.\n[Unit]\nAssertPathExists=!/{RULE}\n"
_HEAD = "# The camera is the agent's alone. `firmware-agent camera give-back` removes this file, and what it did.\n"
_RECORD = re.compile(r"# (unit|node) (\S+) (\S+)")
_PLAIN = re.compile(r"[A-Za-z0-9:._-]+")


@dataclass(frozen=True)
class Plan:
    """stop: units that may not run, and whether each does now. left: what this cannot change, in sentences."""

    root: Path
    camera: nodes.Camera
    group: str
    stop: dict[str, bool]
    left: tuple[str, ...]

    @property
    def all_nodes(self) -> tuple[Path, ...]:
        """With the raw USB device, last."""
        return (*self.camera.nodes, *([self.camera.raw] if self.camera.raw else []))

    def steps(self) -> list[str]:
        """What will be done, in order."""
        what = f"USB {':'.join(self.camera.usb)}" if self.camera.usb else self.camera.kernel
        given = f"the camera ({what}) belongs to root and the group {self.group}, mode 0660, without ACL"
        said = [f"write /{RULE}: {given}, also after a restart and when it is plugged in again"]
        said += [f"stop {name}, and keep it off" if runs else f"keep {name} off" for name, runs in self.stop.items()]
        return [*said, f"do so now with {', '.join(shown(self.root, one) for one in self.all_nodes)}"]

    def rule(self) -> str:
        """The udev rule. It is also the record of what was: comments that `undo` reads."""
        lines = [f"# unit {name} {'runs' if runs else 'off'}" for name, runs in self.stop.items()]
        for node in self.all_nodes:
            found = node.stat()
            state = f"{found.st_uid}:{found.st_gid}:{found.st_mode & 0o777:o}"
            lines.append(f"# node {shown(self.root, node)} {state}")
        return _HEAD + "".join(f"{line}\n" for line in (*lines, *self._matches()))

    def _matches(self) -> Iterator[str]:
        ids = self.camera.usb
        which = f'ATTRS{{idVendor}}=="{ids[0]}", ATTRS{{idProduct}}=="{ids[1]}"' if ids else ""
        which = which or f'KERNELS=="{self.camera.kernel}"'
        for kind in ("video4linux", "media"):
            yield f'SUBSYSTEM=="{kind}", {which}, OWNER:="root", GROUP:="{self.group}", MODE:="0660", TAG-="uaccess"'
        if ids:  # past every driver
            which = f'ENV{{DEVTYPE}}=="usb_device", {which.replace("ATTRS", "ATTR")}'
            yield f'SUBSYSTEM=="usb", {which}, OWNER:="root", GROUP:="root", MODE:="0600", TAG-="uaccess"'


@dataclass(frozen=True)
class Undo:
    """units: name -> whether it ran. nodes: path -> owner, group, mode."""

    units: dict[str, bool]
    nodes: dict[str, tuple[int, int, int]]


def plan(root: Path, device: str, group: str) -> Plan:
    """AgentError: there is no such camera, or the system says too little about it to give it away."""
    try:
        found = nodes.camera(root, device)
        seen = processes.holders(root / "proc", found.nodes)
    except OSError as error:
        raise AgentError(f"camera: {device}: {error.strerror}; plug it in, or name another with --device") from None
    if not all(_PLAIN.fullmatch(one) for one in (*(found.usb or ()), found.kernel, group)):
        raise AgentError(f"camera: {device}: the system does not say what it hangs on; a udev rule cannot name it")
    stop = {one.name: False for one in units.installed(root) if one.program.stops and not one.masked}
    left = []
    for one in processes.running(root / "proc"):
        program = programs.by_unit(one.unit)
        if program is not None and program.stops:
            stop[one.unit] = True
    for one in seen.processes:
        if one.own:
            continue
        if one.unit and units.NAME.fullmatch(one.unit) and not programs.needed(one.unit):
            stop[one.unit] = True
        else:
            why = "more may hang on it, like a print" if one.unit else "systemd did not start it"
            left.append(f"{one.name} (process {one.pid}) has it open and is not stopped: {why}; end it yourself")
    left += [f"{path} may start {row.name} again: move it away" for path, row in units.scripts(root)]
    if seen.hidden:
        left.append(f"{seen.hidden} processes of other users do not show what they have open; root may see it")
    return Plan(root, found, group, dict(sorted(stop.items())), tuple(left))


def undo(text: str) -> Undo:
    """What the rule's comments say; whatever else stands there is passed over."""
    found = Undo({}, {})
    for kind, name, state in (match.groups() for match in map(_RECORD.fullmatch, text.splitlines()) if match):
        if kind == "unit" and units.NAME.fullmatch(name):
            found.units[name] = state == "runs"
        elif kind == "node" and re.fullmatch(r"\d+:\d+:[0-7]{1,3}", state) and name.startswith("/dev/"):
            uid, gid, mode = state.split(":")
            found.nodes[name] = int(uid), int(gid), int(mode, 8)
    return found


def drop_in(root: Path, unit: str) -> Path:
    """The file that keeps a unit off; of an instance, that of its template."""
    return root / "etc/systemd/system" / f"{_template(unit)}.d" / "firmware-agent.conf"


def shown(root: Path, path: Path) -> str:
    """The path as the system has it."""
    return f"/{path.relative_to(root)}"


def _template(name: str) -> str:
    return re.sub(r"@[^.]*\.service$", "@.service", name)
