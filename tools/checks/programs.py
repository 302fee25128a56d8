"""The checks that other programs make: ruff, mypy for both runtimes, mpy-cross. Each returns findings."""

import re
import subprocess
import tempfile
from pathlib import Path

from checks.core import BOARD, CORE

# Where MicroPython's stubs are wrong: (file, what mypy says there, why we are right). Patterns are matched whole.
SUPPRESSED = (
    (
        r"firmware_agent/(model|catalogue|gate|consent/slots|egress/ledger|device/board/hmac)\.py",
        r'Returning Any from function declared to return "bytes"  \[no-any-return\]',
        "the stub's sha256.digest() returns Incomplete; it returns bytes",
    ),
    (
        r"firmware_agent/device/micropython\.py",
        r'Returning Any from function declared to return "bytes \| None"  \[no-any-return\]',
        "the stub's open() returns Incomplete for a mode; a file opened with rb reads bytes",
    ),
)
# Board files use what only boards have (time.ticks_ms): the second mypy run sees them, the first does not.
_BOARD_ONLY = r"^firmware_agent/device/(micropython\.py|board/)"
_HAS_PLACE = re.compile(r"^[^:\s]+:\d+:")


def _run(root: Path, *command: str) -> tuple[int, list[str]]:
    """Exit code and the lines that the program wrote."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - our own tools
    return done.returncode, (done.stdout + done.stderr).splitlines()


def python_tools(root: Path) -> list[str]:
    """Executable Python tools without an extension: ruff does not find them by itself."""
    found = []
    for path in sorted((root / "tools").iterdir()):
        if path.is_file() and not path.suffix:
            with path.open("rb") as file:
                if b"python" in file.readline(80):
                    found.append(path.relative_to(root).as_posix())
    return found


def ruff(root: Path) -> list[str]:
    """Lint and format of the package, its tests and its tools."""
    ruff = str(root / ".venv/bin/ruff")
    what = ["firmware_agent", "host_tests", "tools", *python_tools(root)]
    failed, lines = _run(root, ruff, "check", "--output-format", "concise", *what)
    findings = [line for line in lines if failed and _HAS_PLACE.match(line)] or (lines if failed else [])
    failed, lines = _run(root, ruff, "format", "--check", "--output-format", "concise", *what)
    places = [line.split(" ")[0] for line in lines if failed and _HAS_PLACE.match(line)]
    if failed:
        findings += [f"{place} not formatted; run ruff format" for place in places] or lines
    return findings


def mypy(root: Path) -> list[str]:
    """Strict types as CPython sees them."""
    failed, lines = _run(root, str(root / ".venv/bin/mypy"), "--exclude", _BOARD_ONLY, "--no-error-summary")
    return lines if failed else []


def mypy_board(root: Path) -> list[str]:
    """Strict types of the core files as MicroPython sees them, less SUPPRESSED."""
    stubs = root / ".venv/stubs_mp"
    if not (stubs / "stdlib").is_dir():
        python = str(root / ".venv/bin/python")
        failed, lines = _run(root, python, "-m", "pip", "install", "-q", "--target", str(stubs), "--group", "stubs")
        if failed:
            return [f"pyproject.toml:1: the stubs of MicroPython cannot be installed: {lines[-1] if lines else '?'}"]
    command = [str(root / ".venv/bin/mypy"), "--config-file", "tools/checks/board.ini", "--no-error-summary"]
    failed, lines = _run(root, *command, *CORE, *BOARD)
    return judged(lines) if failed else []


def judged(lines: list[str]) -> list[str]:
    """What remains of mypy's lines after SUPPRESSED, and each suppression that no longer suppresses anything."""
    rest, used = [], set()
    for line in lines:
        path, _, what = line.partition(":")
        said = what.partition(": error: ")[2]
        for row in SUPPRESSED:
            if re.fullmatch(row[0], path) and re.fullmatch(row[1], said):
                used.add(row)
                break
        else:
            rest.append(line)
    stale = [row for row in SUPPRESSED if row not in used]
    return rest + [
        f"tools/checks/programs.py:1: SUPPRESSED {row[1]!r} is not needed any more; remove it" for row in stale
    ]


def mpy_cross(root: Path) -> list[str]:
    """Every core file compiles for a board."""
    findings = []
    with tempfile.TemporaryDirectory() as directory:
        for path in CORE + BOARD:
            out = Path(directory) / "out.mpy"
            failed, lines = _run(root, str(root / ".venv/bin/mpy-cross"), "-o", str(out), path)
            if failed:
                numbers = [re.search(r"line (\d+)", line) for line in lines]
                at = next((number[1] for number in numbers if number), "1")
                findings.append(
                    f"{path}:{at}: mpy-cross: {lines[-1] if lines else 'failed'}; write what MicroPython knows"
                )
    return findings
