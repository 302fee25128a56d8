"""A broker for the demonstration, on this machine only: mosquitto where it is installed, else amqtt."""

import asyncio
import contextlib
import ctypes
import getpass
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.errors import UplinkError

_PATIENCE = 15.0  # s


@contextlib.contextmanager
def broker(directory: Path) -> Iterator[tuple[str, int]]:
    """(which broker, its port on 127.0.0.1) while the context lasts."""
    port = free_port()
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program:
        settings = directory / "mosquitto.conf"
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false"]
        lines.append(f"user {getpass.getuser()}")  # changing to another user would make it forget die_with_us
        settings.write_text("\n".join(lines) + "\n")
        command, which = [program, "-c", str(settings)], "mosquitto"
    else:
        command, which = [sys.executable, "-m", "firmware_agent.demo.broker", str(port)], "amqtt"
    with open(directory / "broker.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_us)  # noqa: S603
    try:
        _wait(port, process, directory)
        yield which, port
    finally:
        process.terminate()
        process.wait()


def die_with_us() -> None:
    """In a child: end when the demonstration does, even if that is killed (Linux, PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def free_port(wish: int = 0) -> int:
    """The port that is wished for if nobody listens there, else any."""
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", wish))
        except OSError:
            one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int, process: "subprocess.Popen[bytes]", directory: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise UplinkError("demo_broker", f"the demonstration's broker did not start; see {directory / 'broker.log'}")


async def _amqtt(port: int) -> None:
    from amqtt.broker import Broker  # type: ignore[import-untyped]

    plugin = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    settings = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": plugin}
    await Broker(settings).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_amqtt(int(sys.argv[1])))
