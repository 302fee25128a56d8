"""One use of sealed pictures: main gets ciphertext, one picture for each credit it gave, and not too fast."""

from firmware_agent.camera.control import Control
from firmware_agent.camera.sealed import Seal
from firmware_agent.camera.viewing import Frame

_CREDITS = 4  # pictures that may be owed at a time


class Sealing:
    """every: seconds from picture to picture, at least. largest: bytes of a picture; a larger one is dropped."""

    def __init__(self, ident: bytes, control: Control, seal: Seal, every: float, largest: int) -> None:
        self.ident = ident
        self.over = False
        self.why = ""
        self.pictures = 0
        self.size = 0
        self.too_large = 0
        self._control = control
        self._seal = seal
        self._every = every
        self._largest = largest
        self._credits = 1
        self._next = 0.0

    def more(self) -> None:
        """One more picture may come."""
        self._credits = min(self._credits + 1, _CREDITS)

    def wants(self, now: float) -> bool:
        """Whether `show` would send a picture that came now."""
        return self._credits > 0 and now >= self._next and not self._control.busy

    def show(self, frame: Frame, now: float) -> None:
        """Seal it and send it to main, unless others did so much at this moment that it cannot take more."""
        if self._control.busy:
            return
        if len(frame.picture) > self._largest:
            self.too_large += 1
            self.why = "picture too large"
            return
        self.why = ""
        self._credits -= 1
        self._next = now + self._every
        number = self._seal.count
        sealed = self._seal.seal(frame.picture)
        self.pictures += 1
        self.size += len(sealed)
        self._control.put("sealed", self.ident, number, sealed)

    def sweep(self, now: float) -> None:
        """Nothing here takes too long: main ends it."""

    def close(self) -> None:
        """Nothing to close."""
