"""The score is taken as the corpus says; where the corpus is absent, on labels of our own."""

import json
from pathlib import Path

from host_tests.rigs.gcode_score import score


def _corpus(directory: Path, text: str, labels: "list[tuple[str, str, str]]") -> Path:
    (directory / "files").mkdir()
    (directory / "files" / "gcode-01.gcode").write_text(text, "utf-8")
    rows = [
        {
            "file": "gcode-01.gcode",
            "start": text.index(said),
            "end": text.index(said) + len(said),
            "kind": kind,
            "strength": strength,
            "text": said,
        }
        for said, kind, strength in labels
    ]
    (directory / "labels.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n", "utf-8")
    return directory


def test_ok__what_is_labelled_and_found_counts(tmp_path: Path) -> None:
    text = "; 20 \u00b0C\n;MESH:Zuumi \u00e9.stl\nM117 hi\n; printer_notes = Koiba\n"
    labels = [("Zuumi \u00e9.stl", "filename", "strong"), ("hi", "message", "weak")]
    figures = score(_corpus(tmp_path, text, labels))
    assert (figures["recall"], figures["weak_recall"], figures["precision"], figures["missed"]) == (1.0, 1.0, 1.0, [])


def test_fail__what_is_labelled_and_not_found_is_missed_and_what_is_found_and_not_labelled_an_alarm(
    tmp_path: Path,
) -> None:
    text = "G1 X77\n;MESH:Zuumi.stl\n"
    figures = score(_corpus(tmp_path, text, [("77", "user", "strong")]))
    assert (figures["recall"], figures["precision"], figures["missed"]) == (0.0, 0.0, [("gcode-01.gcode", "user")])
