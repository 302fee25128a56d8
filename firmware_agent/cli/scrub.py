"""firmware-agent scrub: takes out of files what names a person, a machine or a file. Needs no agent, no root, no network."""

import json
import sys
from argparse import Namespace
from pathlib import Path

from firmware_agent.errors import AgentError
from firmware_agent.scrub.known import known
from firmware_agent.scrub.models import refuse
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.texts import decoded, encoded

STDIN = "-"


def scrub(options: Namespace) -> int:
    """Standard input or one file to standard output; several into a directory; or, with --spans, where what stands."""
    names: list[str] = options.file or [STDIN]
    if len(names) > 1 and not options.spans and options.to is None:
        raise AgentError("scrub: of several files, --to DIRECTORY is needed: that is where they are written")
    texts = {name: decoded(_read(name)) for name in names}
    report = Report(known())
    for text, _ in texts.values():
        report.learn(text)
    for name, (text, encoding) in texts.items():
        if options.spans:
            for one in report.spans(text):
                print(json.dumps({"file": name, "start": one.start, "end": one.end, "kind": one.kind}))
        else:
            _write(options.to, name, encoded(report.masked(text), encoding))
    return 0


def _read(name: str) -> bytes:
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise AgentError(f"{name}: cannot be read ({error.strerror})") from None
    refuse(data, name)
    return data


def _write(directory: Path | None, name: str, data: bytes) -> None:
    if directory is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    place = directory / (Path(name).name if name != STDIN else "stdin")
    try:
        directory.mkdir(exist_ok=True)
        with place.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise AgentError(f"{place}: cannot be written ({error.strerror}); name a directory without it") from None
