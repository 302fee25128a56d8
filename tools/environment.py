"""Importing this puts a tool into the project's environment: it starts the same command again with .venv's Python."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PYTHON = ROOT / ".venv/bin/python"

if Path(sys.prefix) != ROOT / ".venv":
    if not _PYTHON.exists():
        sys.exit(f"{sys.argv[0]}: there is no .venv yet; `make setup` makes it")
    os.execv(_PYTHON, [str(_PYTHON), *sys.argv])  # noqa: S606 - the same command
sys.path.insert(0, str(ROOT))
