"""Names of jobs in a line: they may hold spaces, so where one begins is a matter of what stands before it."""

from firmware_agent.scrub.checks import SPACES, WORDS
from firmware_agent.scrub.words import ROOTS, SAID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

# What ends the name of a job's file.
_ENDINGS = """
.gcode .gco .gc .g .3mf .stl .obj .step .stp .ufp .nc .tap .ngc .lbrn .lbrn2 .svg .dxf .amf .bgcode .ctb .goo .cfg.gcode
"""
ENDINGS = tuple(_ENDINGS.split())
_AFTER_DOT = "".join([ending[1] for ending in ENDINGS])
_STOPS = "'\"[(:=<>|,;/\\\t{}`"
_LONGEST = 200


def files(line: str, low: str) -> "Iterator[tuple[int, int]]":
    """(start, end) of each name of a job's file; low: the line with A-Z folded."""
    at = low.find(".")
    past = 0
    while at >= 0:
        for ending in ENDINGS if low[at + 1 : at + 2] in _AFTER_DOT else ():
            end = at + len(ending)
            if low.startswith(ending, at) and not _goes_on(low, end) and not (ending == ".svg" and "http" in low):
                start = _begin(line, low, at, past)
                if start < at:
                    yield start, end
                    past = end
                break
        at = low.find(".", at + 1)


def _goes_on(low: str, end: int) -> bool:
    """Whether what looked like an ending is the middle of a word, or of a dotted name."""
    if low[end : end + 1] == ".":
        end += 1
    one = low[end : end + 1]
    return one != "" and (one in WORDS or one > "~")


def _begin(line: str, low: str, at: int, past: int) -> int:
    """Where the name begins whose ending stands at `at`."""
    start = _stop(line, at, past)
    if start == at:
        return at
    begin = start
    while line[begin - 1 : begin] in ("/", "\\"):  # folders of the owner's belong to the name
        above = _stop(line, begin - 1, past)
        if low[above : begin - 1].strip(SPACES) in ROOTS or above == begin - 1:
            break
        begin = above
    if line[begin - 1 : begin] not in ("/", "\\") or low[_stop(line, begin - 1, past) : begin - 1] in ROOTS:
        start = begin
    return _after_what_is_said(low, _after_columns(low, start, at), at)


def _stop(line: str, at: int, past: int) -> int:
    """Where the part of a path that ends at `at` begins; brackets that were closed are passed over."""
    least, deep, start = max(past, at - _LONGEST), 0, at
    while start > least:
        one = line[start - 1]
        if one in ")]}":
            deep += 1
        elif one in "([{" and deep:
            deep -= 1
        elif one in _STOPS:
            break
        start -= 1
    return start


def _after_columns(low: str, start: int, at: int) -> int:
    """Past what loggers write in columns before a message, and past spaces."""
    for stop in (" - ", "- ", "  "):
        found = low.rfind(stop, start, at)
        if found >= 0 and (stop != "- " or found == start):
            start = found + len(stop)
    while start < at and low[start] == " ":
        start += 1
    return start


def _after_what_is_said(low: str, start: int, at: int) -> int:
    """Past the last word that is a program's and not the owner's."""
    past = start
    for word in low[start:at].split(" ")[:-1]:
        past += len(word) + 1
        if word.strip(".:") in SAID or word.startswith("http"):
            start = past
    return start
