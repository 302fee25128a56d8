"""The static files of the page. Anybody sees those of the pairing page; a session sees all of them."""

import hashlib
import re
from pathlib import Path

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_PUBLIC = re.compile(r"pair\.(?:html|js|css)|panel\.css|shared\.js|icon\.(?:svg|png)|words\.[A-Za-z-]+\.txt")
_WORDS = re.compile(r"words\.([A-Za-z-]{2,12})\.txt")
_PREFIX = "/pages/"
LARGEST = 512 * 1024  # bytes of one file


def is_public(path: str) -> bool:
    """Whether a path names a file that anybody may see."""
    return path.startswith(_PREFIX) and bool(_PUBLIC.fullmatch(path[len(_PREFIX) :]))


class Pages:
    """The files of one directory, read when they are asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> tuple[bytes, str, str] | None:
        """(bytes, content type, tag that changes with the bytes), or None if there is no such page."""
        kind = _KINDS.get(name.rpartition(".")[2])
        if kind is None or not _NAME.fullmatch(name):
            return None
        try:
            with open(self._directory / name, "rb") as file:
                data = file.read(LARGEST)
        except OSError:
            return None
        return data, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"'

    def languages(self) -> list[str]:
        """Those that there are words for, sorted."""
        try:
            names = [path.name for path in self._directory.iterdir()]
        except OSError:
            return []
        return sorted(found[1] for found in map(_WORDS.fullmatch, names) if found)
