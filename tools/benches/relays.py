"""The relays that `tools/bench relay` measures: each reads one source and serves viewers, in processes of its own."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from firmware_agent.camera.messages import pack
from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.start import Spawn, Started
from firmware_agent.camera.viewers.call import RESET, SEND
from host_tests.rigs.broker import wait_for

HERE = Path(__file__).resolve().parent
STREAM = "/stream"
# Mainsail's and Fluidd's own lines for a camera.
_NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{listen};
    location / {{
      postpone_output 0; proxy_buffering off; proxy_ignore_headers X-Accel-Buffering;
      proxy_pass http://127.0.0.1:{source}/;
    }}
  }}
}}
"""

Relay = Callable[[Path, int, int], AbstractContextManager[int]]  # (folder, source port, listen port) -> pid


@contextlib.contextmanager
def running(*command: str, ready: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """A process until the end of the block; with `ready` it says so first."""
    with subprocess.Popen(  # noqa: S603 - our own scripts, and nginx
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            if ready and process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{command[1]} did not begin; run it by hand")
            yield process
        finally:
            process.kill()


def script(name: str, *words: object) -> list[str]:
    """The command of a script beside this one."""
    return [sys.executable, "-I", str(HERE / name), *map(str, words)]


@contextlib.contextmanager
def in_c(folder: Path, source: int, listen: int) -> Iterator[int]:
    program = folder / "relay"
    if not program.exists():
        subprocess.run(["gcc", "-O2", "-o", program, HERE / "relay.c"], check=True)  # noqa: S603, S607
    with running(str(program), str(source), str(listen), str(SEND)) as process:
        listens(listen)
        yield process.pid


@contextlib.contextmanager
def nginx(folder: Path, source: int, listen: int) -> Iterator[int]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise RuntimeError("nginx is missing: apt-get install nginx-light")
    place = folder / "nginx"
    place.mkdir(exist_ok=True)
    (place / "conf").write_text(_NGINX.format(folder=place, source=source, listen=listen))
    with running(program, "-e", str(place / "errors"), "-c", str(place / "conf")) as process:
        listens(listen)
        yield process.pid


@contextlib.contextmanager
def naive(folder: Path, source: int, listen: int) -> Iterator[int]:
    with running(*script("relay_naive.py", source, listen)) as process:
        listens(listen)
        yield process.pid


@contextlib.contextmanager
def ours(folder: Path, source: int, listen: int, nice: int = 0) -> Iterator[int]:
    """The camera process, locked, with a source and viewers that are handed in, as main does it."""
    with socket.create_connection(("127.0.0.1", source)) as upstream:
        upstream.sendall(b"GET / HTTP/1.0\r\n\r\n")
        upstream.setblocking(False)
        with camera_process(SourceSettings("mjpeg"), upstream.fileno(), listen, nice) as pid:
            yield pid


@contextlib.contextmanager
def camera_process(settings: SourceSettings, descriptor: int | None, listen: int, nice: int = 0) -> Iterator[int]:
    """Started and locked; whoever connects to the port becomes a viewer."""
    with asyncio.Runner() as runner:
        started = runner.run(Spawn().start(settings, descriptor))
        assert started.pid is not None
        os.setpriority(os.PRIO_PROCESS, started.pid, nice)
        try:
            with socket.create_server(("127.0.0.1", listen), backlog=256) as listener:
                threading.Thread(target=_pass_on, args=(listener, started), daemon=True).start()
                yield started.pid
                listener.shutdown(socket.SHUT_RDWR)
        finally:
            runner.run(started.end())


def _pass_on(listener: socket.socket, started: Started) -> None:
    """Each viewer's connection to the camera process, until the listener is shut."""
    number = 0
    with contextlib.suppress(OSError):
        while True:
            one, _ = listener.accept()
            with one:
                one.recv(4096)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.setblocking(False)
                socket.send_fds(started.control, [pack("view", number.to_bytes(16, "big"), True)], [one.fileno()])
            number += 1


def listens(port: int) -> None:
    def there() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    wait_for(there)


RELAYS: dict[str, Relay] = {"ours": ours, "C": in_c, "nginx": nginx, "asyncio": naive}
