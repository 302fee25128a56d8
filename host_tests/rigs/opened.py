"""The half of a corpus that may be looked at; the other was set aside before the rules were written."""

from hashlib import sha256
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[3] / "shared/corpus"


def opened(directory: Path, *prefixes: str) -> "list[Path]":
    """Its files whose names begin so; none where the corpus is absent."""
    if not (directory / "files").is_dir():
        return []
    return [
        place
        for place in sorted((directory / "files").iterdir())
        if place.name.startswith(prefixes) and sha256(b"h" + place.name.encode()).digest()[0] % 2 == 0
    ]
