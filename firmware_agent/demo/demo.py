"""firmware-agent demo: the whole path on one machine, with nothing to install and nothing that leaves it."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from firmware_agent import config
from firmware_agent.cli import run
from firmware_agent.cli.build import parts, typed
from firmware_agent.demo.broker import broker, die_with_us
from firmware_agent.device.linux import LinuxStorage

_SPEED = 6  # a print of twelve minutes in two

_CONFIG = """\
# Written by `firmware-agent demo` at each start.
profile = "lightmake"
state = "state"
presence = "terminal" # a printer would say "console"
window = 1

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
To try it, open a second terminal in this folder:
  {show}
      what would leave, and why the rest stays
  {grant}
      allow one purpose
  {withdraw}
      stop everything, before the next message
Ctrl-C ends the demonstration.
"""


def demo(directory: Path, seconds: float | None) -> int:
    """Run until Ctrl-C, or for `seconds`."""
    directory.mkdir(exist_ok=True)
    file = directory / "agent.toml"
    with LinuxStorage(directory / "state").claim(), broker(directory) as (which, port):
        file.write_text(_CONFIG.format(speed=_SPEED, port=port))
        made = parts(config.load(file))
        with _maker(port, made.config.profile):
            print(f"A demo printer, a test picture instead of a camera, and a broker ({which}), all on this machine.\n")
            run.print_standing(made)
            commands = {
                "show": "show",
                "grant": "consent grant improvement_program",
                "withdraw": "consent withdraw --all",
            }
            print("\n" + _HOW.format(**{name: typed(made, rest) for name, rest in commands.items()}), flush=True)
            asyncio.run(run.until_stopped(made, seconds))
        print(f"Stopped. Your decisions stay in {directory}; delete that folder to begin anew.")
    return 0


@contextlib.contextmanager
def _maker(port: int, profile: Path) -> Iterator[None]:
    """The maker's end, listening before anything can leave."""
    hears, announce = os.pipe()
    command = [sys.executable, "-m", "firmware_agent.demo.receiver", str(port), str(profile), str(announce)]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, start_new_session=True, pass_fds=[announce], preexec_fn=die_with_us
    ) as process:
        os.close(announce)
        os.read(hears, 1)
        os.close(hears)
        try:
            yield
        finally:
            process.terminate()
