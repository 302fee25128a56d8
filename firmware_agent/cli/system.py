"""Asks systemd and udev to do one of six things; no shell, no other program."""

import asyncio
from pathlib import Path

_PLACES = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
_ALLOWED = (
    ("systemctl", "daemon-reload"),
    ("systemctl", "stop"),
    ("systemctl", "start"),
    ("udevadm", "control"),
    ("udevadm", "trigger"),
    ("udevadm", "settle"),
)
_TIMEOUT = 60.0  # s


def ask(program: str, what: str, *arguments: str) -> str:
    """What went wrong, in one line; "" if nothing did."""
    if (program, what) not in _ALLOWED or any(one.startswith("-") for one in arguments if what in ("stop", "start")):
        raise ValueError(f"{program} {what} is not on the list of cli/system.py")
    path = next((place for place in (Path(one) / program for one in _PLACES) if place.exists()), None)
    if path is None:
        return f"{program} is not installed"
    return asyncio.run(_run(str(path), what, *arguments))


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"LANG": "C.UTF-8", "PATH": ":".join(_PLACES)},
    )
    name = " ".join((Path(command[0]).name, *command[1:]))
    try:
        async with asyncio.timeout(_TIMEOUT):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"{name} did not end in {_TIMEOUT:.0f} s"
    if not process.returncode:
        return ""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line]
    return f"{name}: {lines[-1] if lines else f'exit code {process.returncode}'}"
