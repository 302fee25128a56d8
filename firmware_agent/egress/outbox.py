"""Releases that wait for the link: in RAM, bounded, oldest dropped first and counted."""

from firmware_agent.model import Release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Outbox:
    """A queue of at most `limit` releases. `dropped` counts what fell out, per purpose."""

    def __init__(self, limit: int) -> None:
        self.dropped: "dict[str, int]" = {}
        self._limit = limit
        self._waiting: "list[Release]" = []

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, release: Release, under_way: "Release | None") -> "Release | None":
        """Add at the end; return the oldest that is not under way if it had to make room."""
        self._waiting.append(release)
        if len(self._waiting) <= self._limit:
            return None
        oldest = self._waiting.pop(1 if self._waiting[0] is under_way else 0)
        self.dropped[oldest.purpose] = self.dropped.get(oldest.purpose, 0) + 1
        return oldest

    def head(self) -> "Release | None":
        """The release whose turn it is."""
        return self._waiting[0] if self._waiting else None

    def remove(self, release: Release) -> None:
        """Take it out wherever it stands; nothing if it is not there."""
        if release in self._waiting:
            self._waiting.remove(release)

    def purge(self, keep: "Callable[[Release], bool]") -> "list[Release]":
        """Remove and return every release that `keep` does not vouch for."""
        kept: "list[Release]" = []
        gone: "list[Release]" = []
        for release in self._waiting:
            (kept if keep(release) else gone).append(release)
        self._waiting = kept
        return gone
