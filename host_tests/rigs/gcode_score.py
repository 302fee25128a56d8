"""How much of what is labelled in a corpus of G-code is found, and how much is found that is not labelled.

The corpus is not part of the project: `files/` and `labels.jsonl` as written by its collectors (file, start, end in
Unicode code points, kind, strength, text). Where it is absent there is nothing to score.
"""

import io
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from firmware_agent.scrub.gcode import scrub
from firmware_agent.scrub.spans import Span

WEAK = frozenset(("message", "note", "profile_name", "opaque", "timezone"))
_PUNCTUATION = " \t\r\n'\"<>()[]{}.,;:!?*/\\"


def score(directory: Path, prefixes: "tuple[str, ...]" = ("gcode-", "laser_gcode-")) -> "dict[str, Any]":
    """{files, strong, strong_found, recall, weak, weak_found, weak_recall, detections, false_alarms, precision,
    megabytes_a_second, missed: [(file, kind)]}. Figures of nothing are 1.0."""
    labels: dict[str, list[dict[str, Any]]] = {}
    for line in (directory / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        labels.setdefault(label["file"], []).append(label)
    counts: Counter[str] = Counter()
    missed = []
    seconds, size = 0.0, 0
    for path in sorted((directory / "files").iterdir()):
        if not path.name.startswith(prefixes):
            continue
        data = path.read_bytes()
        spans: list[Span] = []
        begin = time.process_time()
        scrub(_reader(data), lambda _: None, spans=spans.append)
        seconds += time.process_time() - begin
        size += len(data)
        counts["files"] += 1
        text = data.decode("utf-8", "surrogateescape")
        mine = labels.get(path.name, [])
        for label in mine:
            counts[label["strength"]] += 1
            if _covered(text, label["start"], label["end"], spans):
                counts[label["strength"] + "_found"] += 1
            else:
                missed.append((path.name, label["kind"]))
        for span in spans:
            if span.kind not in WEAK:
                counts["detections"] += 1
                counts["false_alarms"] += not any(one["start"] < span.end and span.start < one["end"] for one in mine)
    return {
        **{
            name: counts[name]
            for name in ("files", "strong", "strong_found", "weak", "weak_found", "detections", "false_alarms")
        },
        "recall": _share(counts["strong_found"], counts["strong"]),
        "weak_recall": _share(counts["weak_found"], counts["weak"]),
        "precision": 1.0 - _share(counts["false_alarms"], counts["detections"]) if counts["detections"] else 1.0,
        "megabytes_a_second": size / 1e6 / seconds if seconds else 0.0,
        "missed": missed,
    }


def _reader(data: bytes) -> Any:

    return io.BytesIO(data).read


def _covered(text: str, start: int, end: int, spans: "list[Span]") -> bool:
    """Whether spans cover all of it that is not punctuation."""
    left = {at for at in range(start, end) if text[at] not in _PUNCTUATION}
    for span in spans:
        if span.start < end and start < span.end:
            left.difference_update(range(span.start, span.end))
    return not left


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
