"""Follows one job of a printer from status to status: when it began, when it was complete, what it used (L7)."""

from typing import Any

from firmware_agent.model import Record
from firmware_agent.telemetry.flat import number

_TIMES = ("job_start", "job_finish")
_AHEAD = 120  # s that a printer's clock may be ahead of ours
_UNDER_WAY = ("printing", "paused", "finishing")


def timely(record: Record, since: int | None, now: int | None) -> Record | None:
    """What of it may be told where it was permitted at `since`: nothing from before, nor that a job began before (L6).

    since, now: epoch s; None: nobody knows, and no time of a job can be told. None: nothing of it.
    """
    if record.at is not None and (since is None or record.at < since):
        return None
    if not any(name in record.fields for name in _TIMES):
        return record
    known = since is not None and now is not None
    fields = {
        name: value
        for name, value in record.fields.items()
        if name not in _TIMES or (known and number(value, since or 0, (now or 0) + _AHEAD))
    }
    return None if "job_finish" in record.fields and "job_finish" not in fields else Record(fields, record.at)


class JobWatch:
    """Forgetting what it saw is throwing the object away."""

    def __init__(self) -> None:
        self._seen = False  # until a first status, nobody knows when a running job began
        self._turn(False, None)

    def _turn(self, running: bool, start: int | None) -> None:
        self._running, self._start, self._done, self._progress = running, start, False, 0.0
        self._material: float | None = None

    def see(
        self, fields: dict[str, Any], length: float | None, now: int | None, complete: bool | None = None
    ) -> dict[str, Any] | None:
        """job_start, job_finish (epoch s), job_material (mm) of a job that has just ended complete, else None.

        fields: a status, by the catalogue's names. length: mm of filament of the job, if known. complete: whether the
        printer says that its job is; None: it does not say, and 100 % means so.
        """
        state, seen = fields.get("state"), self._seen
        if state is None:
            return None
        self._seen = True
        if complete is None:
            complete = state == "finishing" or fields.get("progress") == 100
        if state in _UNDER_WAY:
            said = fields.get("progress")
            progress = said if number(said, 0, 100) else self._progress
            # Progress never falls within a job: if it did, the next one began between two reads.
            if not self._running or progress < self._progress:
                self._turn(True, now if seen else None)
            self._progress, self._done = progress, self._done or complete
            self._material = self._material if length is None else length
            return None
        ended = self._running and state == "idle" and (self._done or complete)
        # Unless it still stands at 100 %, another file may have been selected since: its length is not this job's.
        used = length if complete and length is not None else self._material
        found = {"job_start": self._start, "job_finish": now, "job_material": used}
        self._turn(False, None)
        return {name: value for name, value in found.items() if ended and value is not None} or None
