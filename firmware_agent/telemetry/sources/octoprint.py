"""OctoPrint, read over its REST API: raw status records, and one more when a job has ended."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from firmware_agent.model import Record
from firmware_agent.telemetry.flat import LEAVES, leaves, number
from firmware_agent.telemetry.http import StatusError, get_json
from firmware_agent.telemetry.jobs import JobWatch

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
        for path, value in islice(leaves(document), 10 * LEAVES):
            flat[path if path not in flat else "%s#%d" % (path, len(flat))] = value  # two of one name: both are kept
    state = _state(flat, printer is not None)
    fields: dict[str, Any] = {} if state is None else {"state": state}
    for field, (path, low, high) in _NUMBERS.items():
        if number(flat.get(path), low, high):
            fields[field] = flat.pop(path)
    fields.update((field, flat.pop(path)) for field, path in _TEXTS.items() if isinstance(flat.get(path), str))
    texts = [flat.pop(path) for path in _MESSAGES if isinstance(flat.get(path), str)]
    if any(texts):
        fields["message"] = "; ".join(text for text in dict.fromkeys(texts) if text)
    fields.update(("octoprint." + path, value) for path, value in islice(flat.items(), LEAVES))
    return fields


def material(job: dict[str, Any]) -> float | None:
    """The filament of the selected job in mm, all tools together; None while OctoPrint does not know it."""
    split = ((path.split("."), value) for path, value in leaves(job.get("job"), "", 3))
    found = [value for path, value in split if path[0] == "filament" and path[2:] == ["length"]]
    known: list[float] = [value for value in found if number(value, 0, 10**9)]
    return sum(known) if known else None


class OctoPrintSource:
    """Reads one OctoPrint with GET requests only. url: its base address. key: an application key. now: epoch s."""

    name = "octoprint"
    pair: tuple[str, str] | None = None
    exclusive = False
    offers = ("state", *_NUMBERS, "job_start", "job_finish", "job_material")
    pace = 5.0  # the start and end of a job are known to so many seconds; policies round them to minutes

    def __init__(self, url: str, key: str, now: Callable[[], int | None]) -> None:
        self._url = url.rstrip("/")
        self._headers = {"X-Api-Key": key}
        self._now = now
        self._watch = JobWatch()

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
        self._watch = JobWatch()
