"""A file that was not there, and that stays only if it was written whole."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from firmware_agent.errors import AgentError


@contextlib.contextmanager
def new(path: Path) -> Iterator[BinaryIO]:
    """A new file, mode 0600; taken away again if writing it fails. AgentError: it is there already, or cannot be."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise AgentError(f"{path}: is there already and is not overwritten; name another file") from None
    except OSError as error:
        raise AgentError(f"{path}: {error.strerror}; name a file that you may write") from None
    try:
        with open(fd, "wb") as out:
            yield out
            out.flush()
            os.fsync(fd)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise AgentError(f"{path}: {error.strerror}; nothing was written, make room or name another") from None
        raise
