"""What doctor says about the camera: how its process would lock itself, tried in one that touches no camera."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

from firmware_agent.camera.sandbox.report import Locked
from firmware_agent.camera.start import Opener, Starter, check
from firmware_agent.camera.unit import Unit
from firmware_agent.errors import SourceError

Finding = tuple[str, str]


async def camera(starter: Starter) -> list[Finding]:
    """Findings of doctor. The camera itself is not tried."""
    try:
        locked = await check(starter)
    except SourceError as error:
        return [("wrong", str(error))]
    found = ("ok", f"camera: its process is there only while somebody looks, and locks itself: {locked}")
    return [found, _level(starter), *_weaker(locked)]


async def source(row: dict[str, Any], opener: Opener | None, ask: bool) -> list[Finding]:
    """Whether a source that main opens is there, and what it costs. Doctor runs outside of the agent's unit, and cannot
    tell what that gives to a command. ask: a camera may be asked for its stream; without consent it is not (L1).
    """
    if row["kind"] == "mjpeg" and not ask:
        return [
            ("note", "camera: its address is not tried, for no picture is allowed; --connect tries it all the same")
        ]
    if row["kind"] == "mjpeg" and opener is not None:
        try:
            os.close(await opener.open())
        except SourceError as error:
            return [("wrong", str(error))]
        return [("ok", "camera: something answers at its address")]
    if row["kind"] != "adapter":
        return []
    missing = shutil.which(row["command"][0]) is None
    there = (
        [("wrong", f"camera: there is no program {row['command'][0]}; install it, or correct it")] if missing else []
    )
    return [
        *there,
        (
            "note",
            "camera: its command runs with the agent's rights, under a weaker lock of its own; as a service it needs "
            "the camera in the agent's unit, which then has network and camera (a drop-in: docs/operate.md)",
        ),
    ]


def _level(starter: Starter) -> Finding:
    if isinstance(starter, Unit):
        return (
            "ok",
            "camera: its process is a systemd unit of its own, with the camera and no network; the agent's unit has "
            "the network and no camera (DevicePolicy=closed)",
        )
    return (
        "note",
        "camera: the agent starts its process itself, with the same rights: the agent could open the camera, too, and "
        "the kernel's lock holds for that process only. The two units of tools/systemd part them (docs/operate.md)",
    )


def _weaker(locked: Locked) -> Iterator[Finding]:
    if not locked.landlock:
        yield (
            "note",
            "camera: this kernel has no Landlock (5.13 and later, CONFIG_SECURITY_LANDLOCK, `lsm=landlock,...`), the "
            "second wall; the first one, seccomp, stands",
        )
    if not locked.memory:
        yield (
            "note",
            "camera: its memory cannot be locked, so pictures could reach swap; raise the limit (LimitMEMLOCK=infinity "
            "in the unit, `ulimit -l`), or have no swap",
        )
