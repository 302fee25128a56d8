"""Where something stands that identifies."""

from typing import NamedTuple


class Span(NamedTuple):
    """start, end: in Unicode code points of the text; kind: what it is, as "ipv4" or "filename"."""

    start: int
    end: int
    kind: str
