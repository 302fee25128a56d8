"""Public packages that the vocabulary is made from, by version and digest."""

import hashlib
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("sources.txt")


class Source(NamedTuple):
    """One row of sources.txt. use: "programs", "english" or "names"."""

    registry: str
    name: str
    version: str
    use: str
    licence: str
    sha256: str


def sources(table: str) -> list[Source]:
    rows = [line for line in table.splitlines() if line and not line.startswith("#")]
    return [Source(*(cell.strip() for cell in row.split("|"))) for row in rows]


def fetch(rows: list[Source], directory: Path) -> None:
    """Those that are missing, by pip and apt-get, into `directory`. CalledProcessError: a registry has it no more."""
    directory.mkdir(parents=True, exist_ok=True)
    there = _digests(directory)
    for one in (row for row in rows if row.sha256 not in there):
        exact = f"{one.name}=={one.version}" if one.registry == "pypi" else f"{one.name}={one.version}"
        pip = ["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--dest", ".", exact]
        command = pip if one.registry == "pypi" else ["apt-get", "download", "--quiet=2", exact]
        subprocess.run(command, cwd=directory, check=True)  # noqa: S603 - two programs, and rows of this repository


def archives(rows: list[Source], directory: Path) -> list[tuple[Source, Path]]:
    """Each with its file, by digest. LookupError: it is not there, or is another."""
    there = _digests(directory)
    missing = [one.name for one in rows if one.sha256 not in there]
    if missing:
        raise LookupError(f"{directory}: {', '.join(missing)} not there as sources.txt has it; fetch it")
    return [(one, there[one.sha256]) for one in rows]


def _digests(directory: Path) -> dict[str, Path]:
    files = [place for place in sorted(directory.iterdir()) if re.search(r"\.(whl|tar\.gz|deb)$", place.name)]
    return {hashlib.sha256(place.read_bytes()).hexdigest(): place for place in files}
