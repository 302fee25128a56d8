"""All connections, bounded: in all, from each address, and in live views of each session."""

from firmware_agent.owner.panel.lines import Line
from firmware_agent.owner.panel.needs import Gate
from firmware_agent.owner.panel.settings import Settings
from firmware_agent.refusals import Refused


class Crowd:
    """The bounds are those of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lines: list[Line] = []  # oldest first

    def __len__(self) -> int:
        return len(self._lines)

    def admit(self, line: Line) -> bool:
        """Whether there is room for it: if need be, the oldest line without a session makes room."""
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

    def live(self, ident: bytes, kind: str = "") -> int:
        """How many live views the session `ident` has, b"": all sessions; of one content type, "": of any."""
        views = [line for line in self._lines if line.state == "live" and kind in ("", line.kind)]
        return sum(line.session is not None and ident in (b"", line.session.ident) for line in views)

    def held(self) -> int:
        """Bytes of all answers that are being sent."""
        return sum(line.holds for line in self._lines)

    def sweep(self, gate: Gate) -> None:
        """Cut each line whose session is over; what is still being done is answered by the exit's own law."""
        for line in list(self._lines):
            if line.session is None or line.state == "acting":
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
        known = {line.address for line in self._lines if line.session is not None}
        idle = [line for line in among if line.state == "waiting"]
        strangers = [line for line in among if line.session is None and line.state != "acting"]
        far = [line for line in strangers if line.address not in known]  # no session ever came from there
        for some in (
            [line for line in far if line in idle],
            far,
            [line for line in strangers if line in idle],
            strangers,
            idle,
        ):
            if some:
                self.forget(some[0])
                some[0].cut()
                return True
        return False
