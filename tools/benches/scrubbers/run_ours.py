"""Our scrubber, as `firmware-agent scrub --spans` runs it, but without what this machine knows of itself."""

import io
from collections.abc import Iterable

from timed import main

from firmware_agent import __version__
from firmware_agent.scrub.given import given
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.spans import Span

KINDS = {"logs": "log", "configuration": "config", "JSON": "json", "G-code": "gcode"}


def find(text: str, family: str) -> Iterable[tuple[int, int, str]]:
    file = given(io.BytesIO(text.encode()).read, "a file", KINDS[family])
    report, spans = Report(), list[Span]()
    file.learn(report)
    file.spans(report, spans.append)
    return spans


if __name__ == "__main__":
    main(__version__, find)
