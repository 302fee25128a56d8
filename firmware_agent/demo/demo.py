"""firmware-agent demo: the whole path on one machine, with nothing to install and nothing that leaves it."""

import asyncio
import subprocess
import sys
from pathlib import Path

from firmware_agent import config
from firmware_agent.cli import run
from firmware_agent.cli.build import parts
from firmware_agent.demo.broker import broker

_SPEED = 6  # a print of twelve minutes in two

_CONFIG = """\
# Written by `firmware-agent demo` at each start.
profile = "lightmake"
state = "state"
presence = "terminal" # a printer would say "console"

[source.demo]
speed = {speed}

[source.camera]
kind = "pattern"

[uplink.lightmake]
host = "127.0.0.1"
port = {port}
tls = false # the broker is on this machine; anywhere else this is refused
"""

_HOW = """\
To change it, open a second terminal here (`{program}` is the command in full):
  {program} consent grant improvement_program      allow one purpose
  {program} show                                   see the exact payload, and why the rest stays
  {program} consent withdraw improvement_program   it stops before the next message
  {program} consent withdraw --all                 stop everything
Ctrl-C ends the demonstration.
"""


def demo(directory: Path, seconds: float | None) -> int:
    """Run until Ctrl-C, or for `seconds`."""
    directory.mkdir(exist_ok=True)
    with broker(directory) as (which, port):
        file = directory / "agent.toml"
        file.write_text(_CONFIG.format(speed=_SPEED, port=port))
        made = parts(config.load(file))
        receiver = [sys.executable, "-m", "firmware_agent.demo.receiver", str(port), str(made.config.profile)]
        with made.device.storage.claim(), subprocess.Popen(receiver, start_new_session=True) as maker:  # noqa: S603
            print(f"A demo printer, a test picture instead of a camera, and a broker ({which}), all on this machine.\n")
            run.print_standing(made)
            print("\n" + _HOW.format(program=_program()), flush=True)
            try:
                asyncio.run(run.until_stopped(made, seconds))
            finally:
                maker.terminate()
    return 0


def _program() -> str:
    """The command as it can be typed from here."""
    program = Path(sys.argv[0])
    try:
        return str(program.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return program.name
