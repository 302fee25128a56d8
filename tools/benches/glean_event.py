"""Glean: the CPU and bytes of one event; run by peers.py in the environment of Glean, with a directory. Prints JSON.

Measured: `record()` of an event declared as its documentation says (load_metrics), from the extras object that each
call needs, through its worker thread, to the line in its events file. Each line is flushed to the kernel, none is
synced. Chosen in its favour: a ping of our own without client id and info sections, no wall clock in each event, no
built-in pings, no ping submitted (the program would do that; it comes on top). No test mode: `settle` only waits until
the worker thread has nothing left to do.

Denied: collection is off, and the program records all the same, as Glean asks of programs. Most of the cost is handing
the extras from Python to its Rust core, which comes before the core asks whether collection is on.
"""

import json
import sys
import time
from pathlib import Path

import glean
from glean.testing import ErrorType
from peers import EVENT, measured, nothing, one_core, stored

DECLARED = {  # what every declaration must have
    "description": "what LightMake's improvement program takes",
    "bugs": ["https://bugzilla.mozilla.org/1"],
    "data_reviews": ["https://bugzilla.mozilla.org/1"],
    "notification_emails": ["nobody@example.com"],
}
PINGS = {
    "$schema": "moz://mozilla.org/schemas/glean/pings/2-0-0",
    "telemetry": DECLARED | {"include_client_id": False, "metadata": {"include_info_sections": False}},
}
EXTRAS = {
    name: {"description": name, "type": "string" if isinstance(value, str) else "quantity"}
    for name, value in EVENT.items()
}
PROGRAM = {"type": "event", "expires": "never", "send_in_pings": ["telemetry"], "extra_keys": EXTRAS}
METRICS = {
    "$schema": "moz://mozilla.org/schemas/glean/metrics/2-0-0",
    "lightmake": {"improvement_program": DECLARED | PROGRAM},
}
READY = 20.0  # seconds to start; 0.1 are usual


def main() -> None:
    one_core()
    directory = Path(sys.argv[1])
    data = directory / "data"
    # JSON is YAML too; under the name .json its parser breaks.
    (directory / "pings.yaml").write_text(json.dumps(PINGS))
    (directory / "metrics.yaml").write_text(json.dumps(METRICS))
    glean.load_pings(directory / "pings.yaml")
    declared = glean.load_metrics(directory / "metrics.yaml").lightmake
    event, extra = declared.improvement_program, declared.ImprovementProgramExtra
    initialize(data)

    def record() -> None:
        event.record(extra(**EVENT))

    def settle() -> int:
        return event.test_get_num_recorded_errors(ErrorType.INVALID_OVERFLOW)

    denied = nothing(measured("denied: collection off, recorded all the same", record, settle), data)
    glean.Glean.set_collection_enabled(True)
    recorded = measured("own ping, events file", record, settle)
    file = data / "events/telemetry"
    recorded = stored(recorded, file, [plain(json.loads(line)) for line in file.read_text().splitlines()])
    print(json.dumps({"version": glean.__version__, "recorded": recorded, "denied": denied, "others": []}))


def initialize(data: Path) -> None:
    """Start Glean with collection off (withdrawing later would make a deletion request) and no way to send anything."""
    configuration = glean.Configuration(
        server_endpoint="http://127.0.0.1:9",  # discard: nothing listens there
        enable_event_timestamps=False,
        enable_internal_pings=False,
    )
    glean.Glean.initialize("bench", "1", upload_enabled=False, data_dir=data, configuration=configuration)
    until = time.monotonic() + READY
    while not glean.Glean._init_finished:  # there is no public name for it
        if time.monotonic() > until:
            sys.exit(f"Glean has not started in {data} after {READY:.0f} s; try again when the machine is less busy")
        time.sleep(0.01)
    time.sleep(1)  # what it does once, after its start, is not the cost of an event


def plain(line: dict) -> dict[str, object]:
    """The event as it went in: Glean stores every extra as text."""
    return {name: value if isinstance(EVENT[name], str) else int(value) for name, value in line["extra"].items()}


if __name__ == "__main__":
    main()
