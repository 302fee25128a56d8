"""How fast one connection may ask: whoever asks faster waits, and nobody else does."""

import asyncio

BURST = 40  # requests at once
RATE = 20.0  # requests a second after that


class Pace:
    """A bucket of `BURST` requests that fills with `rate` a second."""

    def __init__(self, rate: float = RATE) -> None:
        self._rate = rate
        self._full = 0.0  # when the bucket will be full again, by the loop's clock

    async def turn(self) -> None:
        """Returns when the next request may be taken."""
        now = asyncio.get_running_loop().time()
        self._full = max(self._full, now) + 1 / self._rate
        wait = self._full - now - BURST / self._rate
        if wait > 0:
            await asyncio.sleep(wait)
