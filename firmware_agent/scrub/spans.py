"""Where something stands that identifies."""

from collections.abc import Iterable, Iterator
from heapq import merge
from typing import NamedTuple


class Span(NamedTuple):
    """start, end: in Unicode code points of the text; kind: what it is, as "ipv4" or "filename"."""

    start: int
    end: int
    kind: str


def joined(one: Iterable[Span], other: Iterable[Span]) -> Iterator[Span]:
    """Left to right, none in another, as lines.apart does, but in constant memory. Both come from left to right."""
    kept: Span | None = None
    for span in merge(one, other, key=lambda span: (span.start, -span.end)):
        if kept is not None and span.start < kept.end:
            kept = span if span.end - span.start > kept.end - kept.start else kept
            continue
        if kept is not None:
            yield kept
        kept = span
    if kept is not None:
        yield kept
