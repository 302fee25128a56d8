"""What of generated identifiers survives the scrubber, and what of lines that only look as if they held any (L6, L9).

Of each kind: in lines of our own, written by somebody who knew the rules; and, where the corpus of real files is there,
in the surroundings of its labels, taken by program from the half that was set aside at random before the rules were
written (the first byte of SHA-256 of "h" + name is odd). Nobody opened the logs, configuration and G-code of that half
while writing the rules; its JSON files were looked at. Only counts come out.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from firmware_agent.scrub.report import Report
from host_tests.rigs.identifiers import KINDS, alike, made, said

CORPUS = Path(__file__).resolve().parents[3] / "shared/corpus"
IDENTIFIERS = 1_000_000
ALIKE = 100_000
SEED = 7
LIMIT = 1e-4  # of identifiers, that may survive
KEPT = 0.999  # of lines that hold none, that must stay as they are
_REPORT = 200  # lines
_BEFORE, _AFTER = 300, 200  # code points of a label's line that are taken over
_JOBS = (".gcode", ".gco", ".3mf", ".stl", ".gc", ".g", ".nc")

Made = tuple[str, str, str]  # kind, line, identifier


def prove(
    progress: Callable[[str], object] = lambda line: None,
    identifiers: int = IDENTIFIERS,
    lines: int = ALIKE,
    corpus: Path = CORPUS,
) -> dict[str, Any]:
    """Counts by kind, in both sorts of lines, and the failures of the bounds."""
    begun = time.monotonic()
    found = {"own lines": _own(Random(SEED))}
    there = templates(corpus) if corpus.exists() else {}
    if there:
        found["lines of set-aside files"] = _taken(Random(SEED), there)
    results: dict[str, Any] = {}
    failures = []
    for name, source in found.items():
        progress(name)
        tried, survived = survivors(source, identifiers // len(found))
        results[name] = {kind: {"tried": tried[kind], "survived": survived[kind]} for kind in sorted(tried)}
        share = sum(survived.values()) / sum(tried.values())
        if share > LIMIT:
            failures.append(f"{name}: {share:.6f} survive, at most {LIMIT} may: {dict(survived)}")
    progress("what only looks like it")
    changed = sum(_scrubbed([line]) != [line] for line in _alike(Random(SEED), lines))
    if changed > lines * (1 - KEPT):
        failures.append(f"{changed} of {lines} lines that hold nothing were changed")
    noticed = control(Random(SEED))
    if noticed["survived"] != noticed["tried"]:
        failures.append("control: without its masks the scrubber was believed to mask")
    return {
        "counts": {"identifiers": identifiers // len(found) * len(found), "alike": lines},
        "limits": {"survive": LIMIT, "kept": KEPT},
        "corpus": "used" if there else "absent: own lines only",
        "survivors": results,
        "alike": {"tried": lines, "changed": changed},
        "control": noticed,
        "failures": failures,
        "seconds": round(time.monotonic() - begun, 1),
        "seed": SEED,
    }


def survivors(source: Iterator[Made], count: int) -> tuple[Counter[str], Counter[str]]:
    """(tried, survived), by kind; in reports of _REPORT lines."""
    tried, survived = Counter[str](), Counter[str]()
    while (done := sum(tried.values())) < count:
        rows = [next(source) for _ in range(min(_REPORT, count - done))]
        for (kind, _, value), out in zip(rows, _scrubbed([line for _, line, _ in rows]), strict=True):
            tried[kind] += 1
            survived[kind] += value.lower() in out.lower()
    return tried, survived


def control(chance: Random) -> dict[str, int]:
    """The same count of what was not scrubbed: all of it survives."""
    rows = [next(_own(chance)) for _ in range(1000)]
    return {"tried": len(rows), "survived": sum(value.lower() in line.lower() for _, line, value in rows)}


def templates(corpus: Path) -> dict[str, list[tuple[str, str, str]]]:
    """kind -> (before, after, what stood there) of strong labels of texts in the half that was set aside."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    texts: dict[str, str] = {}
    for row in (corpus / "labels.jsonl").read_text("utf-8").splitlines():
        label = json.loads(row)
        name, kind, start, end = (label[key] for key in ("file", "kind", "start", "end"))
        aside = hashlib.sha256(b"h" + name.encode()).digest()[0] & 1
        if label["strength"] != "strong" or kind not in KINDS or not aside or "gcode-" in name:
            continue
        if name not in texts:
            texts[name] = (corpus / "files" / name).read_bytes().decode()
        text = texts[name]
        begin = max(text.rfind("\n", 0, start) + 1, start - _BEFORE)
        stop = text.find("\n", end)
        stop = min(len(text) if stop < 0 else stop, end + _AFTER)
        found.setdefault(kind, []).append((text[begin:start], text[end:stop], text[start:end]))
    return found


def _own(chance: Random) -> Iterator[Made]:
    kinds = sorted(KINDS)
    while True:
        kind = chance.choice(kinds)
        yield (kind, *said(chance, kind))


def _taken(chance: Random, there: dict[str, list[tuple[str, str, str]]]) -> Iterator[Made]:
    kinds = sorted(there)
    while True:
        kind = chance.choice(kinds)
        before, after, stood = chance.choice(there[kind])
        value = made(chance, kind)
        if kind == "filename" and not stood.lower().endswith(_JOBS):
            value = value.rpartition(".")[0]
        yield kind, before.replace(stood, value) + value + after.replace(stood, value), value


def _alike(chance: Random, count: int) -> Iterator[str]:
    return (alike(chance) for _ in range(count))


def _scrubbed(lines: list[str]) -> list[str]:
    report, text = Report(), "\n".join(lines)
    report.learn(text)
    return report.masked(text).split("\n")
