"""That this device is on (P2): one word, always the same. It knows no printer, waits for nothing and cannot fail."""

from firmware_agent.model import Record


class AliveSource:
    """Implements Source. When it is told, telemetry/dues.py says; that it was told at all is all that it tells."""

    name = "alive"
    offers: tuple[str, ...] = ("alive",)
    pace = 0.0
    pair: tuple[str, str] | None = None
    exclusive = False

    async def read(self) -> list[Record]:
        return [Record({"alive": "on"})]

    async def rest(self) -> None:
        """Nothing was kept."""
