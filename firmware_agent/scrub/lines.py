"""The rules applied to one line; the same on every runtime."""

from firmware_agent.scrub.files import ENDINGS, files
from firmware_agent.scrub.forms import Small
from firmware_agent.scrub.keyed import keyed
from firmware_agent.scrub.rules import RULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable

    from firmware_agent.scrub.forms import Form

    Found = tuple[int, int, str]  # start, end, kind

_FILE = "filename"


class Lines:
    """form: what makes a pattern ready, forms.Small or, where CPython runs, quick.Quick."""

    def __init__(self, form: "Callable[[str], Form]" = Small) -> None:
        self._rules = [(kind, anchors, form(pattern), check) for kind, anchors, pattern, check in RULES]

    def spans(self, line: str, low: str, config: bool = False) -> "list[Found]":
        """(start, end, kind) of what identifies in `line`, in code points, left to right, none in another.

        low: the line as checks.fold has it. config: a line of configuration.
        """
        return self.chosen(line, low, range(len(self._rules)), True, any([one in low for one in ENDINGS]), config)

    def chosen(
        self, line: str, low: str, numbers: "Iterable[int]", keys: bool, jobs: bool, config: bool
    ) -> "list[Found]":
        """The same, where somebody knows which rules may find anything, and whether keys and names of jobs may."""
        found = []
        for number in numbers:
            kind, anchors, form, check = self._rules[number]
            for anchor in anchors:
                if anchor in low:
                    found += [(one, end, kind) for one, end in form.found(low) if end > one and check(line, one, end)]
                    break
        if keys:
            found += keyed(line, low, config)
        if jobs:
            found += [(start, end, _FILE) for start, end in files(line, low)]
        return apart(found) if len(found) > 1 else found


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
