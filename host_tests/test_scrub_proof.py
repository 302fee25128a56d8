"""What survives the scrubber. `tools/prove scrub` does it with 1,000,000 identifiers."""

from pathlib import Path
from random import Random

import pytest

from host_tests.proofs import scrub


@pytest.mark.clause("L6")
@pytest.mark.clause("L9")
@pytest.mark.attack(13)
def test_ok__generated_identifiers_do_not_survive(tmp_path: Path) -> None:
    found = scrub.prove(identifiers=20_000, lines=1000, corpus=tmp_path / "absent")
    assert found["failures"] == [] and found["counts"]["identifiers"] == 20_000
    assert set(found["survivors"]) == {"own lines"} and found["corpus"].startswith("absent")


def test_fail__without_masks_all_of_them_survive() -> None:
    found = scrub.control(Random(1))
    assert found["tried"] == found["survived"] > 0


def test_fail__survivors_are_counted_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The control: a scrubber that masks nothing, and one that masks all."""
    monkeypatch.setattr(scrub, "_scrubbed", lambda lines: lines)
    assert len(scrub.prove(identifiers=200, lines=10, corpus=tmp_path / "absent")["failures"]) == 1
    monkeypatch.setattr(scrub, "_scrubbed", lambda lines: ["" for _ in lines])
    assert len(scrub.prove(identifiers=200, lines=10, corpus=tmp_path / "absent")["failures"]) == 1


def test_ok__surroundings_are_taken_from_the_half_that_was_set_aside(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    rows, names = [], [f"klippy_log-{one:02}.log" for one in range(20)]
    for name in names:
        (tmp_path / "files" / name).write_text("x\npeer 10.2.7.31 of 10.2.7.31\n")
        rows.append(f'{{"file": "{name}", "start": 7, "end": 16, "kind": "ipv4", "strength": "strong"}}\n')
    (tmp_path / "labels.jsonl").write_text("".join(rows))
    found = scrub.templates(tmp_path)
    assert set(found) == {"ipv4"} and set(found["ipv4"]) == {("peer ", " of 10.2.7.31", "10.2.7.31")}
    assert 0 < len(found["ipv4"]) < 20
    result = scrub.prove(identifiers=400, lines=10, corpus=tmp_path)
    assert result["failures"] == [] and result["survivors"]["lines of set-aside files"]["ipv4"]["tried"] == 200
