"""OctoPrint, read over its REST API: raw status records, and one more when a job has ended."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeGuard

from firmware_agent.model import Record
from firmware_agent.telemetry.http import StatusError, get_json

# The first flag that is set wins: OctoPrint keeps `printing` set while finishing, pausing, resuming and cancelling.
_STATES = (
    ("error", "error"),
    ("closedOrError", "offline"),
    ("finishing", "finishing"),
    ("paused", "paused"),
    ("printing", "printing"),
    ("operational", "idle"),
)
# field: (path in OctoPrint's answers, lowest, highest); outside of it a number is no measurement.
_NUMBERS = {
    "progress": ("progress.completion", 0, 100),
    "elapsed": ("progress.printTime", 0, 10**9),
    "remaining": ("progress.printTimeLeft", 0, 10**9),
    "nozzle_temperature": ("temperature.tool0.actual", -274, 10**4),
    "nozzle_target": ("temperature.tool0.target", -274, 10**4),
    "bed_temperature": ("temperature.bed.actual", -274, 10**4),
    "bed_target": ("temperature.bed.target", -274, 10**4),
}
_TEXTS = {"job_file": "job.file.name", "job_path": "job.file.path", "job_user": "job.user"}
_MESSAGES = ("state", "error", "state.text", "state.error")
_LEAVES, _DEPTH = 200, 6


def _number(value: Any, low: float, high: float) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high  # NaN compares False


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        if depth:
            for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
                yield from _leaves(inner, "%s.%s" % (path, name) if path else str(name), depth - 1)
    elif value is not None:
        yield path, value


def _state(flat: dict[str, Any], connected: bool) -> str | None:
    if not connected:  # only /api/job is left to tell a printer that failed from one that is switched off
        return "error" if isinstance(flat.get("error"), str) and flat["error"] else "offline"
    return next((state for flag, state in _STATES if flat.get("state.flags." + flag) is True), None)


def normalise(job: dict[str, Any], printer: dict[str, Any] | None) -> dict[str, Any]:
    """All that OctoPrint said, as the fields of one status record; never raises, whatever the shapes.

    job: the answer of /api/job. printer: of /api/printer, None when the printer is not connected. Known parts go by the
    catalogue's names (state, percent, s, degrees C) or as job_file, job_path, job_user and message (texts); every other
    leaf that is not null as "octoprint.<dotted path>", 200 at most, 6 levels deep. A part of the wrong type or out of
    range stays among those others. Such a name comes from OctoPrint too, and may identify as much as its value does.
    """
    flat: dict[str, Any] = {}
    for document in (job, printer):
        for path, value in islice(_leaves(document, "", _DEPTH), 10 * _LEAVES):
            flat[path if path not in flat else "%s#%d" % (path, len(flat))] = value  # two of one name: both are kept
    state = _state(flat, printer is not None)
    fields: dict[str, Any] = {} if state is None else {"state": state}
    for field, (path, low, high) in _NUMBERS.items():
        if _number(flat.get(path), low, high):
            fields[field] = flat.pop(path)
    fields.update((field, flat.pop(path)) for field, path in _TEXTS.items() if isinstance(flat.get(path), str))
    texts = [flat.pop(path) for path in _MESSAGES if isinstance(flat.get(path), str)]
    if any(texts):
        fields["message"] = "; ".join(text for text in dict.fromkeys(texts) if text)
    fields.update(("octoprint." + path, value) for path, value in islice(flat.items(), _LEAVES))
    return fields


def material(job: dict[str, Any]) -> float | None:
    """The filament of the selected job in mm, all tools together; None while OctoPrint does not know it."""
    leaves = ((path.split("."), value) for path, value in _leaves(job.get("job"), "", 3))
    found = [value for path, value in leaves if path[0] == "filament" and path[2:] == ["length"]]
    known: list[float] = [value for value in found if _number(value, 0, 10**9)]
    return sum(known) if known else None


class _Watch:
    """Follows the job from one status to the next. Forgetting it is throwing the object away."""

    def __init__(self) -> None:
        self._seen = False  # until a first status, nobody knows when a running job began
        self._turn(False, None)

    def _turn(self, running: bool, start: int | None) -> None:
        self._running, self._start, self._done, self._progress = running, start, False, 0.0
        self._material: float | None = None

    def see(self, fields: dict[str, Any], length: float | None, now: int | None) -> dict[str, Any] | None:
        """Fields of a job that has just ended complete, else None. fields: of `normalise`. now: epoch s."""
        state, seen = fields.get("state"), self._seen
        if state is None:
            return None
        self._seen = True
        complete = state == "finishing" or fields.get("progress") == 100
        if state in ("printing", "paused", "finishing"):
            progress = fields.get("progress", self._progress)
            # Progress never falls within a job: if it did, the next one began between two reads.
            if not self._running or progress < self._progress:
                self._turn(True, now if seen else None)
            self._progress, self._done = progress, self._done or complete
            self._material = self._material if length is None else length
            return None
        ended = self._running and state == "idle" and (self._done or complete)
        # Unless it still stands at 100 %, another file may have been selected since: its length is not this job's.
        used = length if complete and length is not None else self._material
        fields = {"job_start": self._start, "job_finish": now, "job_material": used}
        self._turn(False, None)
        return {name: value for name, value in fields.items() if ended and value is not None} or None


class OctoPrintSource:
    """Reads one OctoPrint with GET requests only. url: its base address. key: an application key. now: epoch s."""

    name = "octoprint"
    pair: tuple[str, str] | None = None
    offers = ("state", *_NUMBERS, "job_start", "job_finish", "job_material")
    pace = 5.0  # the start and end of a job are known to so many seconds; policies round them to minutes

    def __init__(self, url: str, key: str, now: Callable[[], int | None]) -> None:
        self._url = url.rstrip("/")
        self._headers = {"X-Api-Key": key}
        self._now = now
        self._watch = _Watch()

    async def read(self) -> list[Record]:
        """One status record; after it one of the job's start, finish (epoch s) and material (mm) if it just ended."""
        watch, printer = self._watch, None  # a rest() during this read replaces the watch: this one is then forgotten
        try:
            # Before the job, so that an idle printer's job already stands at its final progress.
            printer = await get_json(self._url + "/api/printer?exclude=sd", self._headers)
        except StatusError as answer:
            if answer.status != 409:  # 409: no printer is connected to OctoPrint
                raise
        job = await get_json(self._url + "/api/job", self._headers)
        fields = normalise(job, printer)
        ended = watch.see(fields, material(job), self._now())
        return [Record(fields)] if ended is None else [Record(fields), Record(ended)]

    async def rest(self) -> None:
        """No connection is ever held open; forget the job that was being watched."""
        self._watch = _Watch()
