"""What doctor says about the camera: how its process would lock itself, tried in one that touches no camera."""

from collections.abc import Iterator

from firmware_agent.camera.sandbox.report import Locked
from firmware_agent.camera.start import Starter, check
from firmware_agent.errors import SourceError

Finding = tuple[str, str]


async def camera(starter: Starter) -> list[Finding]:
    """Findings of doctor. The camera itself is not tried."""
    try:
        locked = await check(starter)
    except SourceError as error:
        return [("wrong", str(error))]
    return [("ok", f"camera: off while nothing asks for it; its process locks itself: {locked}"), *_weaker(locked)]


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
