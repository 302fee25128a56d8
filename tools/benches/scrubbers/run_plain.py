"""The plain list of patterns."""

import platform

from patterns import PATTERNS, find
from timed import main

if __name__ == "__main__":
    main(f"({len(PATTERNS)}, CPython {platform.python_version()})", find)
