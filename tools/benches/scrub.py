"""The scrubber beside Presidio, scrubadub, detect-secrets and a plain list of patterns: speed, recall and precision.

All are run by scripts of one form (scrubbers/), each in a Python of its own, on one core, on the same texts. Recall and
precision are of whole material; speed is CPU time for finding, the median of RUNS runs. The corpus of real files is no
part of the project: where it is absent, the rows are of generated material alone. Only numbers leave this module.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benches import peers
from benches.rows import Row, row
from benches.scrub_material import FAMILIES, MEGA, OURS, PEERS, Material, Tool
from benches.scrub_shapes import shapes, whole

if TYPE_CHECKING:
    from host_tests.rigs.span_score import Tally

HERE = Path(__file__).resolve().parent / "scrubbers"
CORPUS = peers.ROOT.parent / "shared/corpus"
LIMIT = 1200.0  # s, for one tool
BOTH = " and "  # two families as one: the goals are for them together
UNSURE = "unsure"  # the kind of what Presidio itself believes little


class Measured:
    """One tool: `speed` in megabytes a second and `size` in megabytes by (source, family), `tallies` likewise."""

    def __init__(self, tool: Tool, answer: dict, material: Material) -> None:
        from host_tests.rigs.span_score import Tally

        self.name = f"{tool.name} {answer['version']}"
        self.speed, self.size = {}, {}
        for path in answer["sizes"]:
            key = material.timed[path][:2]
            self.size[key] = answer["sizes"][path] / MEGA
            self.speed[key] = self.size[key] / statistics.median(answer["seconds"][path])
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.all: dict[tuple[str, str], Tally] = {}  # also with what it is unsure of; empty if there is no such thing
        for path in answer["found"]:
            source, family, text, labels = material.labelled[path]
            spans = [tuple(one) for one in answer["found"][path]]
            sure = [one for one in spans if one[2] != UNSURE]
            self.tallies.setdefault((source, family), Tally()).add(text, labels, sure)
            if tool.name == "Presidio":
                self.all.setdefault((source, family), Tally()).add(text, labels, spans)

    def scores(self, key: "tuple[str, str]") -> "Iterator[tuple[str, Tally]]":
        """(name, tally)."""
        for name, tallies in ((self.name, self.tallies), (f"{self.name}, also what it is unsure of", self.all)):
            if tallies:
                source, family = key
                parts = [tallies[source, one] for one in family.split(BOTH)]
                yield name, parts[0] if len(parts) == 1 else parts[0].plus(parts[1])


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
    yield from whole(quick)
    yield from shapes(quick, say)


def compared(ours: Measured, others: "list[Measured]") -> Iterator[Row]:
    """Rows of speed, of recall and precision, and of each kind."""
    for key, speed in ours.speed.items():
        for one in (other for other in others if key in other.speed):
            name = f"{one.name}, on {one.size[key]:.2g} MB"
            yield row(
                f"speed, {key[1]}, {key[0]}",
                speed,
                f"MB/s, on {ours.size[key]:.2g} MB",
                (name, round(one.speed[key], 4)),
            )
    others = [one for one in others if one.tallies]
    sources = list(dict.fromkeys(source for source, _ in ours.tallies))
    for source, family in itertools.product(sources, (f"logs{BOTH}configuration", *FAMILIES)):
        ((_, mine),) = ours.scores((source, family))
        theirs = [one for other in others for one in other.scores((source, family))]
        for what, unit in (("recall", f"{mine.strong.total()} labels"), ("precision", f"{mine.detections} findings")):
            for name, tally in theirs:
                yield share(f"{what}, {family}, {source}", _of(mine, what), f"% of {unit}", name, _of(tally, what))
    for source, family in itertools.product(sources, FAMILIES):
        mine = ours.tallies[source, family]
        for kind, one in itertools.product(sorted(mine.strong), others):
            found = mine.found[kind], one.tallies[source, family].found[kind]
            name = f"found, {family}, {source}, {kind}"
            yield share(name, found[0], f"of {mine.strong[kind]}", one.name, found[1])


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
        python = peers.environment(peers.ROOT / ".peers" / (tool.place or tool.name.lower()), tool.packages)
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
