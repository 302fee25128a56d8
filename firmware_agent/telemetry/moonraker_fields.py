"""What Klipper says through Moonraker, as fields; pure, and never raises, whatever the shapes."""

from itertools import islice
from typing import Any

from firmware_agent.telemetry.flat import LEAVES, leaves, number, shortened
from firmware_agent.telemetry.following import TEXT

# What is asked for, by object of Klipper and its parts. File names, M117 texts and positions are not.
WANTED: dict[str, list[str]] = {
    "webhooks": ["state", "state_message"],
    "print_stats": ["state", "message", "print_duration", "filament_used"],
    "virtual_sdcard": ["progress"],
    "display_status": ["progress"],
    "extruder": ["temperature", "target"],
    "heater_bed": ["temperature", "target"],
}
KLIPPY = ("ready", "startup", "shutdown", "error", "disconnected")  # webhooks.state, and Moonraker's klippy_state
_PRINT = {  # print_stats.state
    "standby": "idle",
    "printing": "printing",
    "paused": "paused",
    "complete": "idle",
    "cancelled": "idle",
    "error": "error",
}
_NUMBERS = {  # part: (field, lowest, highest, factor); outside of that a number is no measurement
    ("print_stats", "print_duration"): ("elapsed", 0, 10**9, 1),
    ("extruder", "temperature"): ("nozzle_temperature", -274, 10**4, 1),
    ("extruder", "target"): ("nozzle_target", -274, 10**4, 1),
    ("heater_bed", "temperature"): ("bed_temperature", -274, 10**4, 1),
    ("heater_bed", "target"): ("bed_target", -274, 10**4, 1),
}
_PROGRESS = ("display_status", "virtual_sdcard")  # what the slicer says goes before how much of the file was read
_MESSAGES = (("print_stats", "message"), ("webhooks", "state_message"))
OFFERS = ("state", "progress", *(row[0] for row in _NUMBERS.values()), "job_start", "job_finish", "job_material")
_TIME = 10**11  # s since 1970


class Printer:
    """How the printer stands, from change to change.

    klippy: of KLIPPY. length: mm of filament of the job, None: unknown. complete: whether it says that the job is.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.klippy = "disconnected"
        self.length: float | None = None
        self.complete = False
        self._print: str | None = None
        self._progress: dict[str, float] = {}
        self._texts: dict[str, str] = {}

    def is_now(self, klippy: Any) -> dict[str, Any]:
        """The state of Klipper itself; the fields that this changes. All is unknown of one that is not there."""
        if klippy not in KLIPPY:
            return {}
        if klippy != "disconnected":
            self.klippy = klippy
            return {"state": self._state()}
        self._forget()
        return {**dict.fromkeys(("progress", "message", *(row[0] for row in _NUMBERS.values()))), "state": "offline"}

    def changed(self, objects: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What changed, as objects with their parts: (fields, all parts that are no field, as they came)."""
        rest = {name: dict(parts) if isinstance(parts, dict) else parts for name, parts in objects.items()}
        fields: dict[str, Any] = {}
        for (name, part), (field, low, high, factor) in _NUMBERS.items():
            if _has(rest, name, part):
                fields[field] = _number(rest, name, part, low, high, factor)
        if _has(rest, "print_stats", "filament_used"):
            self.length = _number(rest, "print_stats", "filament_used", 0, 10**9)
        fields.update(self._changed_progress(rest))
        fields.update(self._changed_texts(rest))
        fields.update(self._changed_state(rest))
        return fields, rest

    def _changed_progress(self, rest: dict[str, Any]) -> dict[str, Any]:
        there = [name for name in _PROGRESS if _has(rest, name, "progress")]
        for name in there:
            self._progress.pop(name, None)
            found = _number(rest, name, "progress", 0, 1, 100)
            if found is not None:
                self._progress[name] = found
        known = [self._progress[name] for name in _PROGRESS if name in self._progress]
        return {"progress": known[0] if known else None} if there else {}

    def _changed_texts(self, rest: dict[str, Any]) -> dict[str, Any]:
        there = False
        for name, part in _MESSAGES:
            if _has(rest, name, part) and isinstance(rest[name][part], str):
                self._texts[name] = shortened(rest[name].pop(part), TEXT)
                there = True
        texts = [self._texts[name] for name, _ in _MESSAGES if self._texts.get(name)]
        return {"message": shortened("; ".join(texts), TEXT) or None} if there else {}

    def _changed_state(self, rest: dict[str, Any]) -> dict[str, Any]:
        there = False
        if _has(rest, "webhooks", "state") and rest["webhooks"]["state"] in KLIPPY[:4]:
            self.klippy, there = rest["webhooks"].pop("state"), True
        if _has(rest, "print_stats", "state"):
            state = rest["print_stats"]["state"]
            self.complete, there = state == "complete", True
            self._print = _PRINT.get(state) if isinstance(state, str) else None
            if self._print is not None:
                del rest["print_stats"]["state"]
        return {"state": self._state()} if there else {}

    def _state(self) -> str | None:
        if self.klippy in ("shutdown", "error"):
            return "error"
        return self._print if self.klippy == "ready" else "offline"


def job(params: Any) -> dict[str, Any] | None:
    """What notify_history_changed says, as a record of its own; None if it is none.

    job_start, job_finish (epoch s) and job_material (mm) only of a job that was completed.
    """
    said = params[0] if isinstance(params, list) and params else None
    done = said.get("job") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(done, dict):
        return None
    rest, fields = dict(done), dict[str, Any]()
    for part, field in ("filename", "job_file"), ("user", "job_user"):
        if isinstance(rest.get(part), str):
            fields[field] = rest.pop(part)
    if said.get("action") == "finished" and done.get("status") == "completed":
        for part, field in ("start_time", "job_start"), ("end_time", "job_finish"):
            if number(rest.get(part), 0, _TIME):
                fields[field] = int(rest.pop(part))
        if number(rest.get("filament_used"), 0, 10**9):
            fields["job_material"] = rest.pop("filament_used")
    others = leaves({**said, "job": rest})
    return {**fields, **{"moonraker.history." + path: value for path, value in islice(others, LEAVES)}}


def _has(rest: dict[str, Any], name: str, part: str) -> bool:
    return isinstance(rest.get(name), dict) and part in rest[name]


def _number(rest: dict[str, Any], name: str, part: str, low: float, high: float, factor: float = 1) -> float | None:
    """Takes it out of `rest` if it is one."""
    value = rest[name][part]
    if not number(value, low, high):
        return None
    del rest[name][part]
    return value if factor == 1 else value * factor
