"""The programs that `tools/bench footprint` looks at, each started for real and left alone.

The agents read a real OctoPrint with its virtual printer, not the one that they stand beside: that one nobody reads.
Moonraker's Klipper says nothing by itself, where a real one reports every change of a temperature: its least.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from benches import peers
from firmware_agent import config
from firmware_agent.cli import build
from firmware_agent.model import GIVEN
from host_tests.rigs import moonraker, octoprint
from host_tests.rigs.broker import Broker, free_port, wait_for
from host_tests.rigs.certificates import Authority
from host_tests.rigs.media import KEYED

PROGRAM = Path(sys.executable).parent / "firmware-agent"
PEERS = {"OctoPrint": octoprint.program, "Moonraker": moonraker.program}
_PACKAGES = {"OctoPrint": "octoprint==1.11.*", "Moonraker": "moonraker==0.11.*"}
_TOP = 'profile = "lightmake"\nstate = "state"\npresence = "terminal"\n'
_CAMERA = '[source.camera]\nkind = "pattern"\n'
_PANEL = '[panel]\nhost = "127.0.0.1"\nport = {port}\n'

Start = Callable[[], AbstractContextManager[int]]  # runs one program until the end of the block; the pid once ready


def bring(*names: str) -> None:
    """Make these peers' environments, or all, if `tools/setup test` has not; that needs a package index."""
    for name in names or PEERS:
        if not PEERS[name]().exists():
            peers.environment(peers.ROOT / ".peers" / name.lower(), (_PACKAGES[name],))


def starts(directory: Path) -> dict[str, Start]:
    """How each peer is started; ready is what its rig calls so: it answers, and its printer is ready."""

    @contextlib.contextmanager
    def octoprint_runs() -> Iterator[int]:
        with octoprint.octoprint(_new(directory, "o")) as server:
            yield server.pid

    @contextlib.contextmanager
    def moonraker_runs() -> Iterator[int]:
        with moonraker.moonraker(_new(directory, "m")) as (server, _):
            yield server.pid

    return {"OctoPrint": octoprint_runs, "Moonraker": moonraker_runs}


@contextlib.contextmanager
def outside(directory: Path) -> Iterator[str]:
    """What an agent needs beside itself: a broker that demands TLS, and a printer. Yields its sections for both."""
    with link(directory) as section, octoprint.octoprint(directory / "source") as printer:
        key = directory / "octoprint.key"
        key.write_text(printer.key)
        yield f'[source.octoprint]\nurl = "{printer.url}"\nkey_file = "{key}"\n{section}'


@contextlib.contextmanager
def link(directory: Path) -> Iterator[str]:
    """A broker that demands TLS. Yields an agent's section for it."""
    authority = Authority(directory, "owner")
    papers = authority.path, *authority.issue("broker", host="127.0.0.1")
    with Broker(directory, papers) as broker:
        certificate, private = authority.issue("device")
        yield (
            f'[uplink.lightmake]\nhost = "127.0.0.1"\nport = {broker.port}\nauthority = "{authority.path}"\n'
            f'certificate = "{certificate}"\nkey = "{private}"\n{KEYED}\n'
        )


def agent(directory: Path, sections: str, purposes: tuple[str, ...]) -> Start:
    """How `firmware-agent run` is started with these purposes granted.

    Ready is when its first record was read, sent and acknowledged; with nothing granted, when it has said so.
    """
    directory.mkdir()
    file, log = directory / "agent.toml", directory / "out.log"
    panel = _PANEL.format(port=free_port()) if "panel" in config.Config.__dataclass_fields__ else ""
    file.write_text(_TOP + sections + (_CAMERA if "snapshot" in purposes else "") + panel)
    allow(file, purposes)
    sign = "arrived" if purposes else "Nothing is allowed"

    @contextlib.contextmanager
    def runs() -> Iterator[int]:
        with open(log, "wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [PROGRAM, "run", "--config", file], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        try:
            wait_for(lambda: sign in log.read_text() or process.poll() is not None)
            if process.poll() is not None:
                raise RuntimeError(f"firmware-agent run ended with {process.returncode}:\n{log.read_text()}")
            yield process.pid
        finally:
            process.terminate()
            process.wait()

    return runs


def allow(file: Path, purposes: tuple[str, ...]) -> None:
    """The owner's decision for an agent of this configuration that does not run."""
    made = build.parts(config.load(file))
    for purpose in purposes:
        policy = made.catalogue.policy(purpose, "lightmake")
        made.consents.put(purpose, "lightmake", GIVEN[0], policy, "owner", "bench", made.device.now())


def _new(directory: Path, name: str) -> Path:
    """A directory that is not there yet; short, for Unix sockets stand in some."""
    return directory / f"{name}{time.monotonic_ns()}"
