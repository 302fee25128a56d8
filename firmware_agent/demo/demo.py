"""firmware-agent demo: the whole path on one machine, with nothing to install and nothing that leaves it."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from firmware_agent import config
from firmware_agent.cli import run
from firmware_agent.cli.addresses import addresses
from firmware_agent.cli.build import Parts, parts, typed
from firmware_agent.consent.pairing import Invitation
from firmware_agent.demo.broker import broker, die_with_us, free_port
from firmware_agent.device.linux import LinuxStorage

_PAGE = 8480  # where the page is, if nobody else is there
_VIEWERS = 8089
_SPEED = 6  # a print of twelve minutes in two

_CONFIG = """\
# Written by `firmware-agent demo` at each start.
profile = "lightmake"
state = "state"
presence = "terminal" # a printer would say "console"
window = 1

[panel]
host = "127.0.0.1"
port = {page}
tls = false # nobody else reaches it; for a network leave this out

[source.demo]
speed = {speed}

[source.camera]
kind = "pattern"

[viewers]
host = "127.0.0.1"
port = {viewers}

[uplink.lightmake]
host = "127.0.0.1"
port = {port}
tls = false # the broker is on this machine; anywhere else this is refused
media_key = "{media}" # whoever has its other half can open the pictures; the demonstration threw it away
"""

_HOW = """\
To try it, open this in a browser on this machine, within five minutes:
  {page}
      the owner's page, paired with that browser; later: {pair}
Or open a second terminal in this folder:
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
        media = X25519PrivateKey.generate().public_key().public_bytes_raw().hex()
        file.write_text(
            _CONFIG.format(speed=_SPEED, port=port, page=free_port(_PAGE), viewers=free_port(_VIEWERS), media=media)
        )
        made = parts(config.load(file))
        with _maker(port, made.config.profile):
            print(f"A demo printer, a test picture instead of a camera, and a broker ({which}), all on this machine.\n")
            run.print_standing(made)
            commands = {
                "pair": "pair",
                "show": "show",
                "grant": "consent grant improvement_program",
                "withdraw": "consent withdraw --all",
            }
            print("\n" + _HOW.format(page=_page(made), **{name: typed(made, rest) for name, rest in commands.items()}))
            while asyncio.run(run.until_stopped(made, seconds)):  # erased on the page: it begins anew
                made = parts(made.config)
                print(f"The page, for the next five minutes: {_page(made)}", flush=True)
        print(f"Stopped. Your decisions stay in {directory}; delete that folder to begin anew.")
    return 0


def _page(made: Parts) -> str:
    """The page's address with a pairing: who started this is at the terminal."""
    assert made.config.panel is not None
    secret, _ = made.pairing.open(Invitation("owner"))
    return f"{addresses(made.config.panel)[0]}/#pair={secret}"


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
