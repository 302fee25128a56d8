"""What OctoPrint says of its printer, as fields; pure, and never raises, whatever the shapes."""

from itertools import islice
from typing import Any

from firmware_agent.telemetry.flat import LEAVES, leaves, number, shortened
from firmware_agent.telemetry.following import TEXT

# The first flag that is set wins: OctoPrint keeps `printing` set while finishing, pausing, resuming and cancelling.
_STATES = (
    ("error", "error"),
    ("closedOrError", "offline"),
    ("finishing", "finishing"),
    ("paused", "paused"),
    ("printing", "printing"),
    ("operational", "idle"),
)
# field: (path in what OctoPrint says, lowest, highest); outside of it a number is no measurement.
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
_MESSAGES = ("state.text", "state.error")
_HEAPS = ("temps", "logs", "messages")  # lists of what was before: none of it is kept but the last temperatures
OFFERS = ("state", *_NUMBERS, "job_start", "job_finish", "job_material")


class Status:
    """How the printer stands, from message to message of one connection.

    OctoPrint says all of it each time but the temperatures, which it says when they are measured. length: mm of
    filament of the job, None: unknown. aside: what was said beside, by path; it is told with the next status.
    """

    def __init__(self) -> None:
        self.length: float | None = None
        self._temperature: Any = None
        self._told: set[str] = set()
        self._aside: dict[str, Any] = {}

    def said(self, message: dict[str, Any]) -> dict[str, Any]:
        """The payload of `current` or `history`; the fields that it makes, None for those that are unknown by now."""
        rest = {name: value for name, value in message.items() if name not in _HEAPS and name != "temperature"}
        last = message["temps"][-1:] if isinstance(message.get("temps"), list) else []
        if last and isinstance(last[0], dict):
            self._temperature = {name: value for name, value in last[0].items() if name != "time"}
        fields = normalise({**rest, "temperature": self._temperature})
        if fields.get("octoprint.state.flags.operational") is False:  # what was measured before is no news any more
            self._temperature = None
            fields = normalise(rest)
        self.length = material(rest)
        fields = {**self._aside, **fields}
        gone, self._told = self._told.difference(fields), set(fields)
        return {**dict.fromkeys(gone), **fields}

    def beside(self, kind: str, payload: Any) -> None:
        """Any other message: of each kind the newest, LEAVES leaves of all together. `connected` lists what OctoPrint's
        users may do: that is counted only.
        """
        if isinstance(payload, dict) and isinstance(payload.get("permissions"), list):
            payload = {**payload, "permissions": len(payload["permissions"])}
        path = "octoprint." + kind
        kept = {name: value for name, value in self._aside.items() if name != path and not name.startswith(path + ".")}
        found = islice(leaves(payload, path), LEAVES - len(kept))
        self._aside = {**kept, **{name: value for name, value in found if len(name) <= TEXT}}


def _state(flat: dict[str, Any]) -> str | None:
    state = next((state for flag, state in _STATES if flat.get("state.flags." + flag) is True), None)
    if state is None and flat.get("state.flags.operational") is False:
        state = "offline"  # it is still being looked for
    # A printer that failed has no connection any more, as one that is switched off: only its error is left to tell.
    failed = isinstance(flat.get("state.error"), str) and flat["state.error"]
    return "error" if state == "offline" and failed else state


def normalise(said: dict[str, Any]) -> dict[str, Any]:
    """All that OctoPrint said, as the fields of one status record; never raises, whatever the shapes.

    said: `state`, `job`, `progress` and so on, as its push socket has them, and `temperature`, by heater. Known parts
    go by the catalogue's names (state, percent, s, degrees C) or as job_file, job_path, job_user and message (texts);
    every other leaf that is not null as "octoprint.<dotted path>", 200 at most, 6 levels deep. A part of the wrong type
    or out of range stays among those others. Such a name comes from OctoPrint too, and may identify as much as its
    value does.
    """
    flat: dict[str, Any] = {}
    for path, value in islice(leaves(said), 10 * LEAVES):
        flat[path if path not in flat else "%s#%d" % (path, len(flat))] = value  # two of one name: both are kept
    state = _state(flat)
    fields: dict[str, Any] = {} if state is None else {"state": state}
    for field, (path, low, high) in _NUMBERS.items():
        if number(flat.get(path), low, high):
            fields[field] = flat.pop(path)
    fields.update((field, flat.pop(path)) for field, path in _TEXTS.items() if isinstance(flat.get(path), str))
    texts = [flat.pop(path) for path in _MESSAGES if isinstance(flat.get(path), str)]
    if any(texts):
        fields["message"] = shortened("; ".join(text for text in dict.fromkeys(texts) if text), TEXT)
    fields.update(("octoprint." + path, value) for path, value in islice(flat.items(), LEAVES))
    return fields


def material(said: dict[str, Any]) -> float | None:
    """The filament of the selected job in mm, all tools together; None while OctoPrint does not know it."""
    split = ((path.split("."), value) for path, value in leaves(said.get("job"), "", 3))
    found = [value for path, value in split if path[0] == "filament" and path[2:] == ["length"]]
    known: list[float] = [value for value in found if number(value, 0, 10**9)]
    return sum(known) if known else None
