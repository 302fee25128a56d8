"""firmware-agent export FILE.zip: everything that this device keeps, for its owner."""

import contextlib
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from firmware_agent import __version__
from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.newfile import new
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
    with new(path) as out:
        yield out
