"""The rules applied to one line; the same on every runtime."""

from firmware_agent.scrub.files import ENDINGS, files
from firmware_agent.scrub.forms import Small
from firmware_agent.scrub.keyed import keyed
from firmware_agent.scrub.rules import RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware_agent.scrub.forms import Form

    Found = tuple[int, int, str]  # start, end, kind

_FILE = "filename"


class Lines:
    """form: what makes a pattern ready, forms.Small or, where CPython runs, quick.Quick."""

    def __init__(self, form: "Callable[[str], Form]" = Small) -> None:
        self._rules = [(kind, form(pattern), check) for kind, _, pattern, check in RULES]
        by_anchor: "dict[str, list[int]]" = {}
        for number, row in enumerate(RULES):
            for anchor in row[1]:
                by_anchor.setdefault(anchor, []).append(number)
        self._anchored: "list[tuple[str, list[int]]]" = sorted(by_anchor.items())

    def spans(self, line: str, low: str, config: bool = False) -> "list[Found]":
        """(start, end, kind) of what identifies in `line`, in code points, left to right, none in another.

        low: the line as checks.fold has it. config: a line of configuration.
        """
        found = []
        numbers: "set[int]" = set()
        for anchor, of in self._anchored:
            if anchor in low:
                numbers.update(of)
        for number in sorted(numbers):
            kind, form, check = self._rules[number]
            for start, end in form.found(low):
                if end > start and check(line, start, end):
                    found.append((start, end, kind))
        found += keyed(line, low, config)
        if any([ending in low for ending in ENDINGS]):
            found += [(start, end, _FILE) for start, end in files(line, low)]
        return apart(found)


def apart(found: "list[Found]") -> "list[Found]":
    """Left to right; of two that overlap the longer stays, of two alike the first."""
    kept: "list[Found]" = []
    for _, _, number in sorted([(one[0], -one[1], number) for number, one in enumerate(found)]):
        one = found[number]
        if kept and one[0] < kept[-1][1]:
            if one[1] - one[0] > kept[-1][1] - kept[-1][0]:
                kept[-1] = one
            continue
        kept.append(one)
    return kept
