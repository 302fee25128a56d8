"""One pattern as CPython's `re` runs it, which is faster: it knows where a match stands."""

import re
from collections.abc import Iterator


class Quick:
    """The same matches as forms.Small."""

    def __init__(self, pattern: str) -> None:
        self._compiled = re.compile(pattern, re.ASCII)

    def found(self, line: str) -> Iterator[tuple[int, int]]:
        """(start, end) of the value of each match, left to right."""
        for match in self._compiled.finditer(line):
            yield match.span(1)
