"""One report: files that are shared together."""

from firmware_agent.scrub.lines import Lines, Span

_LINES = Lines()
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def find(text: str, name: str = "") -> "list[Span]":
    """What identifies in `text`, in code points."""
    found, at = [], 0
    for line in text.split("\n"):
        low = line.translate(_FOLD)
        found += [Span(at + one.start, at + one.end, one.kind) for one in _LINES.spans(line, low, True)]
        at += len(line) + 1
    return found
