"""firmware-agent export FILE.zip: everything that this device keeps, for its owner."""

import contextlib
import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from firmware_agent import __version__
from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.stores import register
from firmware_agent.errors import AgentError
from firmware_agent.owner.stores import Row, instant


def export(made: Parts, options: Namespace) -> int:
    """Write the file; 1 if a part could not be read. Works while the agent runs."""
    from firmware_agent.owner.export import export as write_all  # here: the agent itself needs no ZIP and no CSV

    with fresh(made, options.file) as out:
        done = write_all(register(made), about(made), out)
    print(f"Written: {options.file}. Rows of each kind:")
    for name, count in done.rows.items():
        print(f"  {name:<9} {count:,}")
    print(words.wrap("It tells what your printer did and when: keep it to yourself. Start with README.txt in it."))
    for line in done.troubles:
        print(words.wrap(f"Could not be read in full: {line}"))
    return 1 if done.troubles else 0


def about(made: Parts) -> Row:
    """What the manifest says besides its files."""
    return {
        "agent": __version__,
        "profile": made.catalogue.profile,
        "version": made.catalogue.version,
        "time": instant(made.clock.now()),
    }


@contextlib.contextmanager
def fresh(made: Parts, path: Path) -> Iterator[BinaryIO]:
    """A new file, mode 0600, outside of the state directory; taken away again if writing it fails. AgentError."""
    if path.resolve().is_relative_to(made.config.state.resolve()):
        raise AgentError(f"{path}: is inside the state directory, where only the agent's own files stand; name another")
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
