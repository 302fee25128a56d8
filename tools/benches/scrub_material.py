"""Who is compared, and on what: the tools with their packages, the texts with their labels."""

from pathlib import Path
from typing import NamedTuple

RUNS = 5
FAMILIES = ("logs", "configuration", "JSON", "G-code")
LONG = {  # what is timed of each, and as what it is scrubbed
    "klippy.log": "logs",
    "moonraker.log": "logs",
    "configuration": "configuration",
    "JSON": "JSON",
    "G-code": "G-code",
}
SESSION = 2_000_000  # characters until another owner's begins; of a log from one start to the next, half an hour
TEXTS = 24  # generated, of each family
SIZE = 32_000  # characters of each
MEGA = 1_000_000


class Tool(NamedTuple):
    """packages: of its environment, None: the project's. speed: bytes of each family of LONG that it is timed on."""

    name: str
    script: str
    packages: "tuple[str, ...] | None"
    speed: "dict[str, int]"
    runs: int = RUNS
    scored: bool = True  # otherwise it is timed alone, on generated text
    place: str = ""  # of its environment under .peers; its name, if it shares none


OURS = Tool(
    "ours", "run_ours.py", None, {"logs": 8 * MEGA, "configuration": 4 * MEGA, "JSON": 4 * MEGA, "G-code": 64 * MEGA}
)
# Pinned: a figure belongs to a version. The slow ones get less of the same text: their time is a line in its length.
PRESIDIO = ("presidio-analyzer==2.2.366", "spacy==3.8.18", "regex==2026.11.15", "tldextract==5.4.0")
PEERS = (
    Tool("plain patterns", "run_plain.py", None, dict.fromkeys(FAMILIES, 2 * MEGA)),
    Tool("Presidio", "run_presidio.py", PRESIDIO, dict.fromkeys(FAMILIES, MEGA // 2), 3),
    Tool(
        "AnalyzerEngine of Presidio",
        "run_presidio_engine.py",
        PRESIDIO,
        dict.fromkeys(FAMILIES, 32_000),
        3,
        scored=False,
        place="presidio",
    ),
    Tool(
        "scrubadub",
        "run_scrubadub.py",
        ("scrubadub==2.0.1", "phonenumbers==9.0.43", "textblob==0.15.3", "scikit-learn==1.9.1"),
        dict.fromkeys(FAMILIES, MEGA),
        3,
    ),
    Tool("detect-secrets", "run_detect_secrets.py", ("detect-secrets==1.5.0",), dict.fromkeys(FAMILIES, MEGA // 2), 3),
)


class Material:
    """Texts with labels, and one long text of each family to be timed, as files in a directory of this run."""

    def __init__(self, directory: Path, quick: bool, corpus: Path) -> None:
        from host_tests.rigs.printer_texts import written
        from host_tests.rigs.span_score import corpus as read

        self.labelled: dict[str, tuple[str, str, str, list]] = {}  # path -> source, family, text, labels
        self.timed: dict[str, tuple[str, str, str]] = {}  # path -> source, what, family
        if corpus.exists():
            joined: dict[str, list[str]] = {}
            for family, path, text, labels in read(corpus):
                self.labelled[str(path)] = "corpus", family, text, labels
                joined.setdefault(family, []).append(text)
            for family, texts in joined.items():
                self._time(directory / f"corpus-{family}", "corpus", family, family, "\n".join(texts))
        for family in FAMILIES:
            for seed in range(2 if quick else TEXTS):
                text, labels = written(family, seed, SIZE, SIZE // 4)
                path = directory / f"{family}-{seed}"
                path.write_text(text, "utf-8", newline="")
                self.labelled[str(path)] = "generated", family, text, labels
        for what, family in LONG.items():
            long, _ = written(what, 0, MEGA // 4 if quick else OURS.speed[family], MEGA // 5 if quick else SESSION)
            self._time(directory / f"long-{what}", "generated", what, family, long)

    def _time(self, path: Path, source: str, what: str, family: str, text: str) -> None:
        path.write_text(text, "utf-8", newline="")
        self.timed[str(path)] = source, what, family

    def task(self, tool: Tool, quick: bool) -> dict:
        """What timed.py reads. Of the corpus each is timed on all."""
        most = 8000 if quick and not tool.scored else MEGA // 8 if quick and tool is not OURS else 0
        sizes = {
            path: tool.speed[family] if source == "generated" else 0
            for path, (source, _, family) in self.timed.items()
            if tool.scored or source == "generated"
        }
        return {
            "found": [[path, family] for path, (_, family, _, _) in self.labelled.items() if tool.scored],
            "timed": [[path, self.timed[path][2], most or size] for path, size in sizes.items()],
            "runs": 1 if quick else tool.runs,
        }
