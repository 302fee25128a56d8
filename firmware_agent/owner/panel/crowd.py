"""All connections, bounded: in all, from each address, and in live views of each session."""

from firmware_agent.errors import Refused
from firmware_agent.owner.panel.lines import Line
from firmware_agent.owner.panel.needs import Gate
from firmware_agent.owner.panel.settings import Settings


class Crowd:
    """The bounds are those of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lines: list[Line] = []  # oldest first

    def __len__(self) -> int:
        return len(self._lines)

    def admit(self, line: Line) -> bool:
        """Whether there is room for it: if need be, the oldest line that waits without a session makes room."""
        same = [one for one in self._lines if one.address == line.address]
        for full, among in (
            (len(same) >= self._settings.lines_each, same),
            (len(self._lines) >= self._settings.lines, self._lines),
        ):
            if full and not self._room(among):
                return False
        self._lines.append(line)
        return True

    def forget(self, line: Line) -> None:
        if line in self._lines:
            self._lines.remove(line)

    def live(self, ident: bytes) -> int:
        """How many live views the session `ident` has."""
        return sum(line.live and line.session is not None and line.session.ident == ident for line in self._lines)

    def held(self) -> int:
        """Bytes of all answers that are being sent."""
        return sum(line.holds for line in self._lines)

    def sweep(self, gate: Gate) -> None:
        """Cut each line whose session is over; one that is just being answered, after its answer."""
        for line in list(self._lines):
            if line.session is None or (line.busy and not line.live):
                continue
            try:
                gate.verify(line.session)
            except Refused:
                self.forget(line)
                line.cut()

    def cut_all(self) -> None:
        for line in list(self._lines):
            self.forget(line)
            line.cut()

    def _room(self, among: list[Line]) -> bool:
        waiting = [line for line in among if not line.busy]
        for line in [line for line in waiting if line.session is None] or waiting:
            self.forget(line)
            line.cut()
            return True
        return False
