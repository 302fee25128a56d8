"""Names of jobs in a line: they may hold spaces, so where one begins is a matter of what stands before it."""

from firmware_agent.scrub.checks import DIGITS, SPACES, WORDS, digits
from firmware_agent.scrub.words import NO_FILE, ROOTS, SAID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

# What ends the name of a job's file.
_ENDINGS = """
.gcode .gco .gc .g .3mf .stl .obj .step .stp .ufp .nc .tap .ngc .lbrn .lbrn2 .svg .dxf .amf .bgcode .ctb .goo .cfg.gcode
.sl1 .x3g .makerbot .f3d .scad .fcstd .mp4
"""
ENDINGS = tuple(_ENDINGS.split())
_CLOSE = {"[": "]", "(": ")", "<": ">"}
_AFTER_DOT = "".join([ending[1] for ending in ENDINGS])
_STOPS = "'\"[(:=<>|,;/\\\t{}`"
_LONGEST = 200
_CODE = (".g", ".obj", ".step", ".stp", ".nc", ".tap", ".svg", ".amf", ".goo")  # programs name parts of things so, too
_SAID_BEFORE = ("file", "filename", "path", "job", "gcode", "name", "local", "model", "opened", "selected")
_COMMANDS = ("m23 ", "m28 ", "m30 ", "m32 ", "m36 ")
_LETTERS_OF_CODE = "burf"  # what Python prints before a quote


def files(line: str, low: str) -> "Iterator[tuple[int, int]]":
    """(start, end) of each name of a job's file; low: the line with A-Z folded."""
    at = low.find(".")
    past = 0
    while at >= 0:
        for ending in ENDINGS if low[at + 1 : at + 2] in _AFTER_DOT else ():
            end = at + len(ending)
            if low.startswith(ending, at) and not _goes_on(low, end) and not (ending == ".svg" and "http" in low):
                start = _begin(line, low, at, past)
                if start < at and not _no_name(low, start, at, ending):
                    yield start, end
                    past = end
                break
        at = low.find(".", at + 1)


def _no_name(low: str, start: int, at: int, ending: str) -> bool:
    """Whether what stands before the ending names no file, as in "a .gcode", "*.gcode" or "params.step"."""
    name = low[start:at]
    if name[-1] in " *" and (name == "*" or low[start - 1 : start] not in ("'", '"', "/", "\\")):
        return True
    if not any([_letter(one) or one in DIGITS for one in name]):
        return True
    last = name.split(" ")[-1].split("/")[-1].rstrip(DIGITS)
    if last.endswith(("}", "%s", "%d")) or (ending == ".g" and last in ("e", "i.e")):
        return True  # what a macro fills in; "e.g."
    past = low[at + len(ending) : at + len(ending) + 1]
    return ending in _CODE and (last.split(".")[-1] in NO_FILE or past in ("|", "(", "[", "="))


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
    if _exact(low, start, at):
        return start
    start = _after_columns(low, start, at)
    for command in _COMMANDS:
        found = low.find(command, max(0, start - 1), at)
        if found >= 0:
            return found + len(command)
    before = low[max(0, start - _LONGEST) : start].rstrip(SPACES)
    if before[-1:] == ":" and before[:-1].split(" ")[-1] in _SAID_BEFORE:
        return start
    return _after_what_is_said(low, start, at)


def _exact(low: str, start: int, at: int) -> bool:
    """Whether the name must begin right there: after a / or a sign that also stands after it."""
    before = low[start - 1 : start]
    tail = low[at : at + _LONGEST].split(" ")[0]
    if before == "/":
        return low[start - 2 : start - 1] != " " and low[start : start + 1] != " "
    return (before in ("'", '"', "`") and before in tail) or (
        before in "[(<" and before != "" and _CLOSE[before] in tail
    )


def _stop(line: str, at: int, past: int) -> int:
    """Where the part of a path that ends at `at` begins; brackets that were closed are passed over."""
    least, deep, start = max(past, at - _LONGEST), 0, at
    while start > least:
        one = line[start - 1]
        if one in ")]}":
            deep += 1
        elif one in "([{" and deep:
            deep -= 1
        elif one in _STOPS and not _within(line, start - 1):
            break
        start -= 1
    return start


def _within(line: str, at: int) -> bool:
    """Whether the sign that stands there is a part of a name: Ann's, or 0,2mm; and no quote or list of a program's."""
    before, after = line[at - 1 : at] if at else "", line[at + 1 : at + 2]
    if line[at] == ",":
        return digits(before) and digits(after)
    if line[at] != "'" or not (_letter(before) and _letter(after)):
        return False
    return before not in _LETTERS_OF_CODE or (at > 1 and _letter(line[at - 2]))


def _letter(one: str) -> bool:
    return one > "~" or (one != "" and one in WORDS and one != "_" and one not in DIGITS)


def _after_columns(low: str, start: int, at: int) -> int:
    """Past what loggers write in columns before a message, and past spaces."""
    for stop in (" - ", "- ", "  "):
        found = low.rfind(stop, start, at)
        if found >= 0 and (stop != "- " or found == start):
            start = found + len(stop)
    while start < at and low[start] in " #":
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
