"""firmware-agent scrub: takes what names a person, a machine or a file out of files. No agent, no root, no network."""

import contextlib
import json
import os
import stat
import sys
from argparse import Namespace
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from firmware_agent.cli.newfile import new
from firmware_agent.errors import AgentError
from firmware_agent.scrub.files import ENDINGS
from firmware_agent.scrub.given import HEAD, Gcode, Text, given
from firmware_agent.scrub.known import known
from firmware_agent.scrub.models import NeverShared
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.vocabulary import Vocabulary

STDIN = "-"
_WIDTH = 30  # of the bar, in characters
_AT_ONCE = 1000  # lines


def scrub(options: Namespace) -> int:
    """Standard input or one file to standard output; several into a directory; or, with --spans, where what stands.

    3: one of them is refused whole, and nothing was written. 130: somebody stopped it.
    """
    names: list[str] = options.file or [STDIN]
    if len(names) > 1 and not options.spans and options.to is None:
        raise AgentError("scrub: of several files, --to DIRECTORY is needed: that is where they are written")
    if options.spans and options.to is not None:
        raise AgentError("scrub: --spans prints and writes no files; leave out one of --spans and --to")
    if options.to is None and sys.stdout is None:
        raise AgentError("scrub: standard output is closed; open it, or say --to DIRECTORY")
    try:
        return _scrub(names, options)
    except KeyboardInterrupt:
        print("\nscrub: stopped; what was printed is not whole, and no file was left", file=sys.stderr)
        return 130


def _scrub(names: list[str], options: Namespace) -> int:
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
            rows = _Rows()
            for name, file in files.items():
                file.spans(report, rows.of(name))
            rows.end()
        elif options.to is None:
            files[names[0]].share(report, _print)
        else:
            _into(options.to, files, report)
    return 0


def _print(data: bytes) -> None:
    """To standard output, all of it, and at once: what cannot be written must not be tried again at the end."""
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(sys.stdout.fileno(), rest) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AgentError(f"standard output: {error.strerror}; what was written is not whole: do not use it") from None


def _given(name: str, options: Namespace, stack: contextlib.ExitStack) -> "Text | Gcode":
    try:
        if name == STDIN and sys.stdin is not None and sys.stdin.isatty():
            print("scrub: reading what is typed here; Ctrl-D ends it, Ctrl-C stops", file=sys.stderr)
        stream = stack.enter_context(FileIO(0 if name == STDIN else name, closefd=name != STDIN))
        size = os.fstat(stream.fileno())
        if options.to is None and stat.S_ISREG(size.st_mode) and os.path.samestat(size, os.fstat(sys.stdout.fileno())):
            raise AgentError(f"{name}: is also where the output goes; write it to another file")
        tail = _tail(stream.fileno(), size.st_size) if stat.S_ISREG(size.st_mode) else None
        file = given(stream.read, name, options.kind, options.thumbnails, options.opaque, tail)
    except IsADirectoryError:
        raise AgentError(f"{name}: is a directory; give the files in it, as {os.path.join(name, '*')}") from None
    except OSError as error:
        said = "standard input" if name == STDIN else name
        raise AgentError(f"{said}: cannot be read ({error.strerror})") from None
    if isinstance(file, Gcode) and sys.stderr.isatty():
        file.progress = _Bar(name, size.st_size if stat.S_ISREG(size.st_mode) else 0)
    return file


def _tail(number: int, size: int) -> "Callable[[], bytes]":
    """Reads the end of a file without moving its place; of a short file nothing that its beginning has."""

    def tail() -> bytes:
        data = os.pread(number, HEAD, max(HEAD, size - HEAD)) if size > HEAD else b""
        return data[data.find(b"\n") + 1 :]

    return tail


def _into(directory: Path, files: "dict[str, Text | Gcode]", report: Report) -> None:
    """Each under its own name, or, where that tells something, under another. All or none is written."""
    places: dict[Path, str] = {}
    for name in files:
        place = directory / _shared_name(name, report)
        if place in places:
            raise AgentError(f"{name}: would be written as {place}, as {places[place]} is; scrub one of them apart")
        if os.path.lexists(place):
            raise AgentError(f"{place}: is there already and is not overwritten; name another directory")
        places[place] = name
    try:
        directory.mkdir(exist_ok=True)
    except FileExistsError:
        raise AgentError(f"{directory}: is a file; name a directory, or one that is to be") from None
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
    """Its own, masked. Of a job's the ending is given back: it was masked with the name, and says what it is."""
    own = "stdin" if name == STDIN else Path(name).name
    masked = report.masked(own).replace("<", "").replace(">", "")
    ending = Path(own).suffix if Path(own).suffix.lower() in ENDINGS else ""
    return own if masked == own else masked.removesuffix(ending) + ending


class _Rows:
    """Prints spans as lines of JSON, many at a time."""

    def __init__(self) -> None:
        self._rows: list[str] = []

    def of(self, name: str) -> "Callable[[Span], None]":
        """Takes those of one file."""

        def row(one: Span) -> None:
            self._rows.append(json.dumps({"file": name, "start": one.start, "end": one.end, "kind": one.kind}) + "\n")
            if len(self._rows) >= _AT_ONCE:
                self.end()

        return row

    def end(self) -> None:
        """Prints what is left."""
        _print("".join(self._rows).encode())
        self._rows.clear()


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
