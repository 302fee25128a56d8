"""Real MicroPython with a board's memory: the core and its tests, compiled to .mpy as they ship."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.checks.core import CORE

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HEAP = "256k"


def build(directory: Path) -> Path:
    """Lay out `directory` as a board's flash: the core, the modules that boards lack, the core's tests."""
    names = [name for name in CORE if not name.startswith("firmware_agent/device/board/")]
    for name in names:
        compile_to(ROOT / name, directory / name)
    shutil.copytree(
        ROOT / "firmware_agent/profiles",
        directory / "firmware_agent/profiles",
        ignore=shutil.ignore_patterns("*.py", "__pycache__"),
    )
    compile_to(ROOT / "firmware_agent/device/board/hmac.py", directory / "lib/hmac.py")
    for path in (ROOT / "host_tests/board").glob("*.py"):
        compile_to(path, directory / "lib" / path.name)
    for path in (ROOT / "host_tests/core").glob("test_*.py"):
        compile_to(path, directory / "lib" / path.name)
    compile_to(ROOT / "host_tests/fakes.py", directory / "host_tests/fakes.py")
    return directory


def compile_to(source: Path, target: Path) -> None:
    """mpy-cross one file; `target` gets the suffix .mpy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [BIN / "mpy-cross", "-s", source.name, "-o", target.with_suffix(".mpy"), source]
    subprocess.run(command, check=True)


def run(directory: Path, *arguments: str, heap: str = HEAP, script: str = "run") -> "subprocess.CompletedProcess[str]":
    """Run lib/SCRIPT with `arguments` in a heap of `heap`."""
    start = f"import sys; sys.path[:] = ['.', 'lib', '.frozen']; sys.argv[:] = {list(arguments)!r}; "
    start += "sys.argv.insert(0, ''); import " + script
    command = [str(BIN / "micropython"), "-X", f"heapsize={heap}", "-c", start]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=600)
