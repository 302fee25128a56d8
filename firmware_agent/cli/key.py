"""firmware-agent key octoprint: have OctoPrint make the key that the agent reads it with."""

import asyncio
import contextlib
import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts, typed
from firmware_agent.errors import AgentError, ConfigError
from firmware_agent.telemetry.octoprint_key import LONGEST, key

KINDS = ("octoprint",)
_MINUTE = 60.0


def ask(made: Parts, options: Namespace) -> int:
    """Ask, wait for the person at OctoPrint's page, store the key; nothing is left if there is none."""
    row = made.config.sources.get(options.kind)
    if row is None:
        raise ConfigError(f"{made.config.file}: source.{options.kind}: there is none; add that section first")
    path = Path(row["key_file"])
    try:
        with _kept(made, path) as file:
            os.write(file, asyncio.run(key(row["url"], _Progress(row["url"]))).encode() + b"\n")
    except KeyboardInterrupt:
        print("\nStopped. Nothing changed; OctoPrint takes its question back by itself.")
        return 1
    print(words.wrap(f"Confirmed. The key is in {path}, mode 0600; a running agent takes it by itself."))
    print(f"To see whether all is well: {typed(made, 'doctor')}")
    return 0


class _Progress:
    """Says what to do, and each minute that it still waits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._next = 0.0

    def __call__(self, since: float) -> None:
        if since < self._next:
            return
        left = round((LONGEST - since) / _MINUTE)
        if not self._next:
            print(
                words.wrap(
                    f"Now confirm it on OctoPrint's page: open {self._url}, log in, and allow access for "
                    f'"firmware_agent". The key may do what that user may; the agent only looks. Waiting, '
                    f"{left} minutes at most ..."
                ),
                flush=True,
            )
        else:
            print(f"Still waiting, {left} minutes left ...", flush=True)
        self._next += _MINUTE


@contextlib.contextmanager
def _kept(made: Parts, path: Path) -> Iterator[int]:
    """A new file, mode 0600, that takes the place of `path` when all went well, and is gone otherwise.

    It belongs to whom the state directory belongs to: root may have typed the command. AgentError: it cannot be made,
    before anybody was asked.
    """
    if path.is_dir() or not path.name:
        raise AgentError(f"{path}: that is a directory; name a file as `key_file`")
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)  # of a time when the power went
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise AgentError(
            f"{path}: {error.strerror}; type this as root, or name a `key_file` where we may write"
        ) from None
    try:
        if os.geteuid() == 0:
            owner = made.config.state.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
        yield file
        os.fsync(file)
        os.replace(new, path)
    except OSError as error:
        raise AgentError(f"{path}: {error.strerror}; nothing changed, make room or name another `key_file`") from None
    finally:
        os.close(file)
        new.unlink(missing_ok=True)
