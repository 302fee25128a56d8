"""Which module makes which kind of source. Each is imported only where it is used, and always before the lock."""

from firmware_agent.camera.settings import SourceSettings
from firmware_agent.camera.sources import Source
from firmware_agent.errors import FormatError

PASSED = ("mjpeg", "adapter")  # kinds that read from a descriptor that main passes
KEPT = PASSED  # what another program sends goes on coming: unread, it would be old when somebody looks


def make(settings: SourceSettings, descriptor: int | None) -> Source:
    """Open what `settings` say, and show the part that the owner drew. descriptor: of the kinds in PASSED, else None.

    OSError, FormatError or CannotLock with a text for the owner: there is no such source, or it cannot be used.
    """
    source = _whole(settings, descriptor)
    if not any(settings.crop):
        return source
    from firmware_agent.camera.sources.cropped import Cropped
    from firmware_agent.camera.turbo import Turbo

    return Cropped(source, settings.crop, Turbo())


def _whole(settings: SourceSettings, descriptor: int | None) -> Source:
    if settings.kind == "pattern":
        from firmware_agent.camera.sources.pattern import Pattern

        return Pattern(settings)
    if settings.kind == "v4l2":
        from firmware_agent.camera.sources.v4l2 import open_camera

        return open_camera(settings)
    if settings.kind == "mjpeg" and descriptor is not None:
        from firmware_agent.camera.sources.mjpeg import Upstream

        return Upstream(descriptor)
    if settings.kind == "adapter" and descriptor is not None:
        from firmware_agent.camera.sources.adapter import Adapter

        return Adapter(descriptor)
    raise FormatError(f"camera: a source of kind {settings.kind} cannot be used here")
