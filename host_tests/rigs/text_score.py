"""How much of what is labelled in a corpus of logs, configuration and JSON is found, and how much that is not labelled.

The corpus is not part of the project; see gcode_score.py for its form. Punctuation at the ends of a label does
not count.
"""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from firmware_agent.scrub.report import find
from host_tests.rigs.gcode_score import WEAK

_PUNCTUATION = " \t\"'.,;:()[]{}<>!?-_/\\"
JSON = ("bambu_json-", "moonraker_json-")
TEXTS = (
    "aux_log-", "history_csv-", "issue_text-", "klippy_log-", "marlin_serial-", "moonraker_log-", "octoprint_log-",
    "printer_cfg-",
)  # fmt: skip


def score(directory: Path, prefixes: "tuple[str, ...]") -> "dict[str, Any]":
    """{files, strong, strong_found, recall, detections, false_alarms, precision, megabytes_a_second, missed: {kind: n},
    alarms: {kind: n}}. Figures of nothing are 1.0."""
    labels: dict[str, list[dict[str, Any]]] = {}
    for line in (directory / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        labels.setdefault(label["file"], []).append(label)
    counts, missed, alarms = Counter[str](), Counter[str](), Counter[str]()
    seconds, size = 0.0, 0
    for path in sorted((directory / "files").iterdir()):
        if not path.name.startswith(prefixes):
            continue
        text = path.read_bytes().decode()
        begin = time.process_time()
        spans = find(text)
        seconds += time.process_time() - begin
        size += len(text)
        counts["files"] += 1
        mine = labels.get(path.name, [])
        for label in mine:
            if label["strength"] == "strong":
                hit = _covered(text, label["start"], label["end"], spans)
                counts["strong"] += 1
                counts["strong_found"] += hit
                missed[label["kind"]] += not hit
        for span in spans:
            if span.kind not in WEAK:
                hit = any(one["start"] < span.end and span.start < one["end"] for one in mine)
                counts["detections"] += 1
                counts["false_alarms"] += not hit
                alarms[span.kind] += not hit
    return {
        **{name: counts[name] for name in ("files", "strong", "strong_found", "detections", "false_alarms")},
        "recall": counts["strong_found"] / counts["strong"] if counts["strong"] else 1.0,
        "precision": 1.0 - counts["false_alarms"] / counts["detections"] if counts["detections"] else 1.0,
        "megabytes_a_second": size / 1e6 / seconds if seconds else 0.0,
        "missed": dict(+missed),
        "alarms": dict(+alarms),
    }


def _covered(text: str, start: int, end: int, spans: "list[Any]") -> bool:
    while start < end and text[start] in _PUNCTUATION:
        start += 1
    while start < end and text[end - 1] in _PUNCTUATION:
        end -= 1
    for one in spans:
        if one.start <= start < one.end:
            start = one.end
    return start >= end
