"""The region that the owner chose (L8). There is no other source of it: it is derived from nothing, least of all from
an address, a clock or a language."""

from collections.abc import Callable

from firmware_agent.model import Record


class RegionSource:
    """Implements Source. chosen: the owner's choice, or "" (owner/region.py)."""

    name = "region"
    offers: tuple[str, ...] = ("region",)
    pace = 60.0
    pair: tuple[str, str] | None = None
    exclusive = False

    def __init__(self, chosen: Callable[[], str]) -> None:
        self._chosen = chosen

    async def read(self) -> list[Record]:
        """Nothing while none is chosen."""
        chosen = self._chosen()
        return [Record({"region": chosen})] if chosen else []

    async def rest(self) -> None:
        """Nothing was kept."""
