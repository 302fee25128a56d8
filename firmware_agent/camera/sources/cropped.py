"""A source of which only a part is shown: cut out before anything else sees the picture, and not decoded for it."""

from firmware_agent.camera.box import inside, shape
from firmware_agent.camera.sources import Source
from firmware_agent.camera.turbo import Turbo
from firmware_agent.errors import FormatError

_MOST_PIXELS = 16 << 20  # whatever a header says: the library keeps the whole picture's coefficients meanwhile


class Cropped:
    """Implements Source. crop: left, top, width, height in thousandths. A picture that cannot be cut is not shown."""

    def __init__(self, source: Source, crop: tuple[int, int, int, int], turbo: Turbo) -> None:
        self._source = source
        self._crop = crop
        self._turbo = turbo
        self.fd, self.camera = source.fd, source.camera
        self.facts = {**source.facts, "crop": " ".join(map(str, crop))}
        width, height = source.facts.get("width"), source.facts.get("height")
        if isinstance(width, int) and isinstance(height, int):
            turbo.prepare(width, height)  # before the lock: what is too large is said when it can still be read

    def on(self) -> None:
        """See Source."""
        self._source.on()

    def off(self) -> None:
        """See Source."""
        self._source.off()

    def due(self, now: float) -> float | None:
        """See Source."""
        return self._source.due(now)

    def take(self, now: float) -> bytes | None:
        """See Source. FormatError, too: a picture smaller than the part, or that the library will not cut."""
        taken = self._source.take(now)
        if taken is None:
            return None
        jpeg = bytes(taken)
        whole = shape(jpeg)
        if whole.width * whole.height > _MOST_PIXELS:
            raise FormatError("camera: a picture too large to be cut")
        box = inside(whole, self._crop)
        part = self._turbo.cut(jpeg, box)
        if shape(part)[:2] != box[2:]:
            raise FormatError("camera: a picture was cut to another size than was asked for")
        return part

    def covered(self) -> bool:
        """See Source."""
        return self._source.covered()
