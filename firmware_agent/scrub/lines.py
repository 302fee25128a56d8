"""The rules applied to one line; the same on every runtime."""

from firmware_agent.scrub.files import ENDINGS, files
from firmware_agent.scrub.forms import Form
from firmware_agent.scrub.keys import keyed
from firmware_agent.scrub.rules import RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Span(NamedTuple):
        """Where, in code points, and what."""

        start: int
        end: int
        kind: str

else:
    from collections import namedtuple

    Span = namedtuple("Span", ("start", "end", "kind"))

_FILE = "filename"


class Lines:
    """small: as MicroPython would run it."""

    def __init__(self, small: bool = False) -> None:
        self._rules = [(kind, Form(pattern, True) if small else Form(pattern), check) for kind, _, pattern, check in RULES]
        by_anchor: "dict[str, list[int]]" = {}
        for number, row in enumerate(RULES):
            for anchor in row[1]:
                by_anchor.setdefault(anchor, []).append(number)
        self._anchored: "list[tuple[str, list[int]]]" = sorted(by_anchor.items())

    def spans(self, line: str, low: str, config: bool = False) -> "list[Span]":
        """What identifies in `line`, left to right, none in another. low: the line with A-Z folded to a-z. config: a line
        of configuration."""
        found = []
        numbers = set()
        for anchor, of in self._anchored:
            if anchor in low:
                numbers.update(of)
        for number in sorted(numbers):
            kind, form, check = self._rules[number]
            for start, end in form.found(low):
                if end > start and check(line, start, end):
                    found.append(Span(start, end, kind))
        for start, end, kind in keyed(line, low, config):
            found.append(Span(start, end, kind))
        if any([ending in low for ending in ENDINGS]):
            for start, end in files(line, low):
                found.append(Span(start, end, _FILE))
        return apart(found)


def apart(found: "list[Span]") -> "list[Span]":
    """Left to right; of two that overlap the longer stays, of two alike the first."""
    kept: "list[Span]" = []
    for _, _, number in sorted([(one.start, -one.end, number) for number, one in enumerate(found)]):
        one = found[number]
        if kept and one.start < kept[-1].end:
            if one.end - one.start > kept[-1].end - kept[-1].start:
                kept[-1] = one
            continue
        kept.append(one)
    return kept
