"""The scrubber beside Presidio, scrubadub, detect-secrets and a plain list of patterns: speed, recall and precision.

All are run by scripts of one form (scrubbers/), each in a Python of its own, on one core, on the same texts. Recall and
precision are of whole material; speed is CPU time for finding, the median of RUNS runs. The corpus of real files is no
part of the project: where it is absent, the rows are of generated material alone. Only numbers leave this module.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benches import peers
from benches.rows import Row, row
from benches.scrub_shapes import shapes

HERE = Path(__file__).resolve().parent / "scrubbers"
CORPUS = peers.ROOT.parent / "shared/corpus"
RUNS = 5
LIMIT = 600.0  # s, for one tool
FAMILIES = ("logs", "configuration", "JSON", "G-code")
TEXTS = 24  # generated, of each family
SIZE = 32_000  # characters of each
MEGA = 1_000_000


class Tool(NamedTuple):
    """packages: of its environment, None: the project's. speed: bytes of the generated text that are timed, by family."""

    name: str
    script: str
    packages: "tuple[str, ...] | None"
    speed: "tuple[int, int, int, int]"
    runs: int = RUNS


OURS = Tool("ours", "run_ours.py", None, (16 * MEGA, 8 * MEGA, 8 * MEGA, 64 * MEGA))
# Pinned: a figure belongs to a version. The slow ones get less of the same text: their time is a line in its length.
PEERS = (
    Tool("plain patterns", "run_plain.py", None, (2 * MEGA, 2 * MEGA, 2 * MEGA, 2 * MEGA)),
    Tool(
        "Presidio",
        "run_presidio.py",
        ("presidio-analyzer==2.2.366", "spacy==3.8.18", "regex==2026.11.15", "tldextract==5.4.0"),
        (MEGA // 2, MEGA // 4, MEGA // 4, MEGA // 2),
        3,
    ),
    Tool(
        "scrubadub",
        "run_scrubadub.py",
        ("scrubadub==2.0.1", "phonenumbers==9.0.43", "textblob==0.15.3", "scikit-learn==1.9.1"),
        (MEGA, MEGA, MEGA, MEGA),
        3,
    ),
    Tool("detect-secrets", "run_detect_secrets.py", ("detect-secrets==1.5.0",), (MEGA, MEGA // 2, MEGA // 2, MEGA), 3),
)
UNSURE = "unsure"  # the kind of what Presidio itself believes little


class Material:
    """Texts with labels, and one long text of each family to be timed, as files in a directory of this run."""

    def __init__(self, directory: Path, quick: bool, corpus: Path) -> None:
        from host_tests.rigs.printer_texts import written
        from host_tests.rigs.span_score import corpus as read

        self.labelled: dict[str, tuple[str, str, str, list]] = {}  # path -> source, family, text, labels
        self.timed: dict[str, tuple[str, str]] = {}  # path -> source, family
        if corpus.exists():
            joined: dict[str, list[str]] = {}
            for family, path, text, labels in read(corpus):
                self.labelled[str(path)] = "corpus", family, text, labels
                joined.setdefault(family, []).append(text)
            for family, texts in joined.items():
                self._time(directory / f"corpus-{family}", "corpus", family, "\n".join(texts))
        for at, family in enumerate(FAMILIES):
            for seed in range(2 if quick else TEXTS):
                text, labels = written(family, seed, SIZE, SIZE)
                path = directory / f"{family}-{seed}"
                path.write_text(text, "utf-8", newline="")
                self.labelled[str(path)] = "generated", family, text, labels
            long, _ = written(family, 1000, MEGA // 4 if quick else OURS.speed[at])
            self._time(directory / f"long-{family}", "generated", family, long)

    def _time(self, path: Path, source: str, family: str, text: str) -> None:
        path.write_text(text, "utf-8", newline="")
        self.timed[str(path)] = source, family

    def task(self, tool: Tool, quick: bool) -> dict:
        """What timed.py reads. Of the corpus each is timed on all."""
        most = MEGA // 8 if quick and tool is not OURS else 0
        sizes = {path: tool.speed[FAMILIES.index(family)] for path, (_, family) in self.timed.items()}
        sizes |= {path: 0 for path, (source, _) in self.timed.items() if source == "corpus"}
        return {
            "found": [[path, family] for path, (_, family, _, _) in self.labelled.items()],
            "timed": [[path, family, most or sizes[path]] for path, (_, family) in self.timed.items()],
            "runs": 1 if quick else tool.runs,
        }


class Measured:
    """One tool: `speed` in megabytes a second and `size` in megabytes by (source, family), `tallies` likewise."""

    def __init__(self, tool: Tool, answer: dict, material: Material) -> None:
        from host_tests.rigs.span_score import Tally

        self.name = f"{tool.name} {answer['version']}"
        self.speed, self.size = {}, {}
        for path, key in material.timed.items():
            self.size[key] = answer["sizes"][path] / MEGA
            self.speed[key] = self.size[key] / statistics.median(answer["seconds"][path])
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.all: dict[tuple[str, str], Tally] = {}  # also with what it is unsure of
        for path, (source, family, text, labels) in material.labelled.items():
            spans = [tuple(one) for one in answer["found"][path]]
            sure = [one for one in spans if one[2] != UNSURE]
            self.tallies.setdefault((source, family), Tally()).add(text, labels, sure)
            if tool.name == "Presidio":
                self.all.setdefault((source, family), Tally()).add(text, labels, spans)


def scrub(quick: bool = False, corpus: Path = CORPUS) -> Iterator[Row]:
    """Megabytes a second, recall and precision of the scrubber beside four others; time on adversarial texts."""
    if not corpus.exists():
        print("corpus: absent, generated material only", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        material = Material(Path(name), quick, corpus)
        ours = measured(OURS, material, quick)
        others = [measured(tool, material, quick) for tool in PEERS]
        yield from compared(ours, others)
    say("in and out")
    yield from shapes(quick, say)


def compared(ours: Measured, others: "list[Measured]") -> Iterator[Row]:
    """Rows of speed, of recall and precision, and of each kind."""
    for key, speed in ours.speed.items():
        for one in others:
            name = f"{one.name}, on {one.size[key]:.2g} MB"
            yield row(f"speed, {key[1]}, {key[0]}", speed, f"MB/s, on {ours.size[key]:.2g} MB", (name, one.speed[key]))
    for key, mine in ours.tallies.items():
        for what in ("recall", "precision"):
            count = f"{mine.strong.total()} labels" if what == "recall" else f"{mine.detections} findings"
            for name, theirs in _tallies(others, key):
                yield share(f"{what}, {key[1]}, {key[0]}", _of(mine, what), f"% of {count}", name, _of(theirs, what))
    for key, mine in ours.tallies.items():
        for kind in sorted(mine.strong):
            for name, theirs in _tallies(others, key):
                counts = mine.found[kind], theirs.found[kind]
                yield share(
                    f"found, {key[1]}, {key[0]}, {kind}", counts[0], f"of {mine.strong[kind]}", name, counts[1]
                )


def _tallies(others: "list[Measured]", key: "tuple[str, str]") -> Iterator[tuple]:
    for one in others:
        yield one.name, one.tallies[key]
        if one.all:
            yield f"{one.name}, also what it is unsure of", one.all[key]


def _of(tally: object, what: str) -> "float | None":
    value = getattr(tally, what)()
    return None if value is None else round(100 * value, 2)


def share(name: str, value: "float | None", unit: str, peer: str, theirs: "float | None") -> Row:
    """As rows.row, but exact, and where something is None (nothing to find, nothing found) or 0 there is no ratio."""
    ratio = float(f"{value / theirs:.3g}") if value is not None and theirs else None
    return {"name": name, "value": value, "unit": unit, "peer": peer, "peer_value": theirs, "ratio": ratio}


def measured(tool: Tool, material: Material, quick: bool) -> Measured:
    """Runs its script. PeerError: its environment cannot be made, or the script fails or takes longer than LIMIT."""
    say(tool.name)
    python: Path | str = sys.executable
    if tool.packages is not None:
        python = peers.environment(peers.ROOT / ".peers" / tool.name.lower(), tool.packages)
    with tempfile.TemporaryDirectory() as name:
        task = Path(name) / "task.json"
        task.write_text(json.dumps(material.task(tool, quick)))
        command = (str(python), str(HERE / tool.script), str(task))
        environment = {"PATH": os.defpath, "HOME": name}  # what a peer keeps between runs is not wanted here
        if tool.packages is None:
            environment["PYTHONPATH"] = str(peers.ROOT)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise peers.PeerError(f"{tool.name}: not done after {LIMIT:.0f} s; try again when the machine is less busy")
    if done.returncode:
        raise peers.PeerError(f"{tool.name}: exit {done.returncode}; repair what it says:\n{done.stderr[-2000:]}")
    return Measured(tool, json.loads(done.stdout), material)


def say(what: str) -> None:
    """Where it is, if a person waits."""
    if sys.stderr.isatty():
        print(f"scrub: {what}", file=sys.stderr, flush=True)
