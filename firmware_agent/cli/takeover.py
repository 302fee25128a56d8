"""firmware-agent camera take, give-back: the camera for the agent alone; for everybody as before.

What was done stands in one file, the udev rule. Each unit that was stopped stays off while that file is there: a
drop-in says so (`systemctl mask` refuses units whose file stands in /etc, where camera programs put theirs). So whoever
removes the file by hand undoes it, too.
"""

import grp
import os
import sys
from argparse import Namespace
from pathlib import Path

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.coexist import called
from firmware_agent.cli.others import nodes, processes, units
from firmware_agent.cli.others.plan import OFF, RULE, Plan, drop_in, plan, shown, undo
from firmware_agent.cli.system import ask
from firmware_agent.errors import AgentError
from firmware_agent.owner.presence import confirmed

ROOT = Path("/")


def take(made: Parts, options: Namespace) -> int:
    """Say what would be done; do it after a yes, or with --yes. 1 if somebody still has the camera afterwards."""
    root = ROOT
    if (root / RULE).exists():
        raise AgentError(f"camera: taken already, says /{RULE}; `camera give-back` first")
    wanted = plan(root, _device(made, options), options.group)
    _tell("The camera becomes the agent's alone:", wanted.steps())
    _tell("It cannot change:", list(wanted.left))
    if not _agreed(options, "To take the camera"):
        return 0 if options.dry_run else 3
    troubles = seize(wanted)
    for line in troubles:
        print(words.wrap(line, "!  "))
    print("Done, with trouble: see above." if troubles else "Done. `firmware-agent doctor` says how it stands.")
    return 1 if troubles else 0


def give_back(made: Parts, options: Namespace) -> int:
    """Undo it; what cannot be undone is said."""
    root = ROOT
    try:
        found = undo((root / RULE).read_text("utf-8"))
    except FileNotFoundError:
        print("Nothing was taken.")
        return 0
    said = [f"remove /{RULE}"]
    said += [f"start {name}" if ran else f"let {name} start again" for name, ran in found.units.items()]
    said += [f"give {name} back to {nodes.user(row[0])}, {nodes.group(row[1])}" for name, row in found.nodes.items()]
    _tell("The camera becomes everybody's again:", said)
    if not _agreed(options, "To give the camera back"):
        return 0 if options.dry_run else 3
    troubles = release(root)
    for line in troubles:
        print(words.wrap(line, "!  "))
    print("Done, with trouble: see above." if troubles else "Done.")
    return 1 if troubles else 0


def seize(wanted: Plan) -> list[str]:
    """Do it; what went wrong. Each part is done, whatever became of the one before: every one of them narrows."""
    root, troubles = wanted.root, []
    try:
        gid = grp.getgrnam(wanted.group).gr_gid
    except KeyError:
        raise AgentError(f"there is no group {wanted.group}; make the agent's user first (docs/operate.md)") from None
    _write(root / RULE, wanted.rule())
    for name in wanted.stop:
        _write(drop_in(root, name), OFF)
    if units.there(root):
        troubles.append(ask("systemctl", "daemon-reload"))
        troubles += [ask("systemctl", "stop", name) for name, runs in wanted.stop.items() if runs]
    troubles.append(ask("udevadm", "control", "--reload") if (root / "run/udev/control").exists() else "")
    for node in wanted.all_nodes:
        alone = node == wanted.camera.raw
        try:
            nodes.settle(node, 0, 0 if alone else gid, 0o600 if alone else 0o660)
        except OSError as error:
            troubles.append(f"{shown(root, node)}: {error.strerror}")
    others = [one for one in nodes.members(gid) if one != wanted.group]
    if others:
        troubles.append(f"{', '.join(others)}: also in the group {wanted.group}, and can open it; take them out of it")
    seen = processes.holders(root / "proc", wanted.camera.nodes)
    troubles += [f"{called(one)} still has it open, from before: end it" for one in seen.processes if not one.own]
    return [line for line in troubles if line]


def release(root: Path) -> list[str]:
    """Undo what the rule's file says; what went wrong."""
    found = undo((root / RULE).read_text("utf-8"))
    troubles = []
    for name in found.units:
        place = drop_in(root, name)
        place.unlink(missing_ok=True)
        if place.parent.is_dir() and not any(place.parent.iterdir()):
            place.parent.rmdir()
    (root / RULE).unlink()
    there = {name: row for name, row in found.nodes.items() if (root / name[1:]).is_char_device()}
    for name, row in there.items():
        try:
            nodes.settle(root / name[1:], *row)
        except OSError as error:
            troubles.append(f"{name}: {error.strerror}")
    if (root / "run/udev/control").exists():
        troubles.append(ask("udevadm", "control", "--reload"))
        troubles.append(ask("udevadm", "trigger", "--action=add", *there))  # for the ACL of whoever is logged in
    if units.there(root):
        troubles.append(ask("systemctl", "daemon-reload"))
        troubles += [ask("systemctl", "start", name) for name, ran in found.units.items() if ran]
    return [line for line in troubles if line]


def _device(made: Parts, options: Namespace) -> str:
    device = options.device or made.config.sources.get("camera", {}).get("device", "")
    if not device:
        raise AgentError("camera: the configuration names no device; name one with --device /dev/video0")
    return str(device)


def _agreed(options: Namespace, aim: str) -> bool:
    """Whether to do it: never in a dry run, and without a terminal only if told so."""
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if options.dry_run or not (options.yes or asks):
        print("Nothing was changed." if options.dry_run else "Nothing was changed: no terminal to ask at; see --yes.")
        return False
    if os.geteuid() != 0:
        raise AgentError("only root can do that: run it with sudo")
    if options.yes or confirmed(aim):
        return True
    print("Nothing was changed.")
    return False


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o644)


def _tell(title: str, lines: list[str]) -> None:
    if lines:
        print(title)
    for line in lines:
        print(words.wrap(line, "-  "))
