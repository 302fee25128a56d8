"""Our scrubber, as `firmware-agent scrub --spans` runs it, but without what this machine knows of itself.

Of a text it is finding alone, as of the others: what recognises models and refuses them is in the rows of scrub_shapes.
"""

import io
from collections.abc import Iterable

from timed import main

from firmware_agent import __version__
from firmware_agent.scrub.given import Text, given
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.spans import Span


def find(text: str, family: str) -> Iterable[tuple[int, int, str]]:
    data = text.encode()
    file = given(io.BytesIO(data).read, "", "gcode") if family == "G-code" else Text(data, "", family == "JSON")
    report, spans = Report(), list[Span]()
    file.learn(report)
    file.spans(report, spans.append)
    return spans


if __name__ == "__main__":
    main(__version__, find)
