"""Whether the kernel may write memory to a disk."""

from pathlib import Path

_TABLE = Path("/proc/swaps")


def swaps(table: Path = _TABLE) -> bool:
    """Whether there is swap. What cannot be read counts as yes."""
    try:
        return len(table.read_text("ascii", "replace").splitlines()) > 1  # the first line names the columns
    except OSError:
        return True
