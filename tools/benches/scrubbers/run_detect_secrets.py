"""detect-secrets with all its plugins and default filters. It reads files, and says on which line which secret is."""

import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings
from timed import main

_SUFFIX = {"logs": ".log", "configuration": ".cfg", "JSON": ".json", "G-code": ".gcode"}


def find(text: str, family: str) -> Iterable[tuple[int, int, str]]:
    """Where it says the value is, all of it on that line counts as found."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"a{_SUFFIX[family]}"
        path.write_text(text, newline="")
        found = [(one.line_number, one.secret_value, one.type) for one in scan_file(str(path))]
    lines, starts = text.split("\n"), [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for number, value, kind in found:
        at = lines[number - 1].find(value) if value else -1
        while at >= 0:
            yield starts[number - 1] + at, starts[number - 1] + at + len(value), kind
            at = lines[number - 1].find(value, at + 1)


if __name__ == "__main__":
    with default_settings():
        main(version("detect-secrets"), find)
