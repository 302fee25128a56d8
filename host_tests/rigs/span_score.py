"""What of labelled identifiers is found, and what is found that is none: of any scrubber's spans, by kind.

One rule for all that are compared: found is a strong label of which each letter and digit lies in a span; a false
alarm is a span in which no label lies, not even in part. Spans that overlap are one. Spans of a kind in WEAK say of
themselves that they may be none, and are no alarms.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from host_tests.rigs.gcode_score import WEAK
from host_tests.rigs.sheet import Label

Spans = Iterable["tuple[int, int, str]"]  # start, end in code points; kind
# The corpus is not part of the project; its form is in gcode_score.py. family: how its files' names begin.
PREFIXES = {
    "logs": (
        "aux_log-", "history_csv-", "issue_text-", "klippy_log-", "marlin_serial-", "moonraker_log-", "octoprint_log-",
    ),
    "configuration": ("printer_cfg-",),
    "JSON": ("bambu_json-", "moonraker_json-"),
    "G-code": ("gcode-", "laser_gcode-"),
}  # fmt: skip


class Tally:
    """Counts of many texts: strong and found by kind of label, detections and alarms of all."""

    def __init__(self) -> None:
        self.strong, self.found = Counter[str](), Counter[str]()
        self.detections = self.alarms = 0

    def add(self, text: str, labels: "list[Label]", spans: Spans) -> None:
        spans = list(spans)
        covered = _marks(len(text), spans)
        for label in labels:
            if label.strong:
                self.strong[label.kind] += 1
                rest = (at for at in range(label.start, label.end) if not covered[at])
                self.found[label.kind] += not any(text[at].isalnum() for at in rest)
        named = _marks(len(text), [(one.start, one.end, one.kind) for one in labels])
        for start, end in _apart(one for one in spans if one[2] not in WEAK):
            self.detections += 1
            self.alarms += not any(named[start:end])

    def plus(self, other: "Tally") -> "Tally":
        both = Tally()
        both.strong, both.found = self.strong + other.strong, self.found + other.found
        both.detections, both.alarms = self.detections + other.detections, self.alarms + other.alarms
        return both

    def recall(self) -> "float | None":
        """None: there was nothing to find."""
        return self.found.total() / self.strong.total() if self.strong.total() else None

    def precision(self) -> "float | None":
        """None: nothing was found."""
        return 1 - self.alarms / self.detections if self.detections else None


def corpus(directory: Path) -> "Iterator[tuple[str, Path, str, list[Label]]]":
    """(family, file, text, labels) of each file."""
    labels: dict[str, list[Label]] = {}
    for line in (directory / "labels.jsonl").read_text("utf-8").splitlines():
        one = json.loads(line)
        label = Label(one["start"], one["end"], one["kind"], one["strength"] == "strong")
        labels.setdefault(one["file"], []).append(label)
    for path in sorted((directory / "files").iterdir()):
        family = next((name for name, begins in PREFIXES.items() if path.name.startswith(begins)), None)
        if family is not None:
            yield family, path, path.read_bytes().decode(), labels.get(path.name, [])


def _marks(size: int, spans: Spans) -> bytearray:
    marks = bytearray(size)
    for start, end, _ in spans:
        marks[start:end] = b"\1" * (end - start)
    return marks


def _apart(spans: Spans) -> "Iterator[tuple[int, int]]":
    """The same places, those that overlap as one."""
    last: tuple[int, int] | None = None
    for start, end, _ in sorted(spans):
        if last is not None and start < last[1]:
            last = last[0], max(last[1], end)
        else:
            if last is not None:
                yield last
            last = start, end
    if last is not None:
        yield last
