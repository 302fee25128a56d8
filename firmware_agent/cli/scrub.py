"""firmware-agent scrub: takes what names a person, a machine or a file out of files. No agent, no root, no network."""

import contextlib
import json
import os
import stat
import sys
from argparse import Namespace
from io import FileIO
from pathlib import Path

from firmware_agent.cli.newfile import new
from firmware_agent.errors import AgentError
from firmware_agent.scrub.given import Gcode, Text, given
from firmware_agent.scrub.known import known
from firmware_agent.scrub.models import NeverShared
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.vocabulary import Vocabulary

STDIN = "-"
_WIDTH = 30  # of the bar, in characters


def scrub(options: Namespace) -> int:
    """Standard input or one file to standard output; several into a directory; or, with --spans, where what stands.

    3: one of them is refused whole, and nothing was written.
    """
    names: list[str] = options.file or [STDIN]
    if len(names) > 1 and not options.spans and options.to is None:
        raise AgentError("scrub: of several files, --to DIRECTORY is needed: that is where they are written")
    with contextlib.ExitStack() as stack:
        try:
            files = {name: _given(name, options, stack) for name in names}
        except NeverShared as refused:
            print(refused, file=sys.stderr)
            return 3
        report = Report(known(), words=Vocabulary() if options.words else None)
        for name, file in files.items():
            if name != STDIN:
                report.learn(Path(name).name)
            file.learn(report)
        if options.spans:
            for name, file in files.items():
                file.spans(report, _Row(name))
        elif options.to is None:
            sys.stdout.flush()
            files[names[0]].share(report, sys.stdout.buffer.write)
            sys.stdout.buffer.flush()
        else:
            _into(options.to, files, report)
    return 0


def _given(name: str, options: Namespace, stack: contextlib.ExitStack) -> "Text | Gcode":
    try:
        stream = stack.enter_context(FileIO(0 if name == STDIN else name, closefd=name != STDIN))
        size = os.fstat(stream.fileno())
        file = given(stream.read, name, options.kind, options.thumbnails, options.opaque)
    except OSError as error:
        raise AgentError(f"{name}: cannot be read ({error.strerror})") from None
    if isinstance(file, Gcode) and sys.stderr.isatty():
        file.progress = _Bar(name, size.st_size if stat.S_ISREG(size.st_mode) else 0)
    return file


def _into(directory: Path, files: "dict[str, Text | Gcode]", report: Report) -> None:
    """Each under its own name, or, where that tells something, under another. All or none is written."""
    places: dict[Path, str] = {}
    for name in files:
        place = directory / _shared_name(name, report)
        if place in places or os.path.lexists(place):
            raise AgentError(f"{place}: is there already and is not overwritten; name another directory")
        places[place] = name
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise AgentError(f"{directory}: {error.strerror}; name a directory that you may write") from None
    written: list[Path] = []
    try:
        for place, name in places.items():
            with new(place) as file:
                files[name].share(report, file.write)
            written.append(place)
            if place.name != Path(name).name:
                print(f"{name}: is written as {place}", file=sys.stderr)
    except BaseException:
        for place in written:
            place.unlink(missing_ok=True)
        raise


def _shared_name(name: str, report: Report) -> str:
    own = "stdin" if name == STDIN else Path(name).name
    masked = report.masked(own).replace("<", "").replace(">", "")
    return own if masked == own else masked.removesuffix(Path(own).suffix) + Path(own).suffix


class _Row:
    """Prints each span of one file as a line of JSON."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, one: Span) -> None:
        print(json.dumps({"file": self._name, "start": one.start, "end": one.end, "kind": one.kind}))


class _Bar:
    """How far it is, on a terminal. size: in bytes, 0 if nobody knows."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size, self._shown = name, size, -1

    def __call__(self, done: int) -> None:
        now = done * 100 // self._size if self._size else done >> 20
        if now == self._shown:
            return
        self._shown = now
        full = min(now, 100) * _WIDTH // 100
        drawn = f"[{'#' * full}{' ' * (_WIDTH - full)}] {min(now, 100)} %" if self._size else f"{now} MiB"
        ends = "\n" if self._size and done >= self._size else ""
        print(f"\r{self._name} {drawn}", end=ends, file=sys.stderr, flush=True)
