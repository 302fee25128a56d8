"""Names of jobs in a line: they may hold spaces, so where one begins is a matter of what stands before it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

# What ends the name of a job's file.
ENDINGS = tuple(
    ".gcode .gco .gc .g .3mf .stl .obj .step .stp .ufp .nc .tap .ngc .lbrn .lbrn2 .svg .dxf .amf .bgcode .ctb .goo .cfg.gcode".split()
)
_STOPS = "'\"[(:=<>|,;/\\\t{}`"
_LONGEST = 200
# Folders that every printer has.
_ROOTS = frozenset(
    (
        "gcodes gcode_files uploads sdcard local data metadata .thumbs cache model tmp home users usb sd printer_data files media "
        "mnt server thumbnails gcode .octoprint image video timelapse config logs"
    ).split()
)
# A name does not begin with these: they are what a program says before it.
_SAID = frozenset(
    (
        "a an the file files job jobs print printing printed started start selected select selecting open opened opening loading "
        "loaded load finished finish done deleted deleting delete removed removing remove moved moving move renamed rename uploaded "
        "uploading upload downloading downloaded download added adding add created creating create analyzing analysing analysis "
        "processing processed process slicing sliced from to of for in on at with by and is was not no found new old gcode path "
        "name filename model source target destination metadata streaming stream sending sent queued queue writing reading read "
        "write current updated update updating saved save saving failed fail error cancelled canceled cancel completed complete "
        "resumed resume resuming paused pause pausing reprint reprinting info warn warning debug user cached cache cleared has "
        "have been begin begins ending ended end local sdcard sd card item row entry pending already exists missing none"
    ).split()
)


def files(line: str, low: str) -> "Iterator[tuple[int, int]]":
    """(start, end) of each name of a job's file; low: the line with A-Z folded."""
    at = low.find(".")
    past = 0
    while at >= 0:
        for ending in ENDINGS:
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
    return one.isalpha() or one.isdigit() or one == "_"


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


def _begin(line: str, low: str, at: int, past: int) -> int:
    start = _stop(line, at, past)
    if start == at:
        return at
    begin = start
    while line[begin - 1 : begin] in ("/", "\\"):  # folders of the owner's belong to the name
        above = _stop(line, begin - 1, past)
        if low[above : begin - 1].strip() in _ROOTS or above == begin - 1:
            break
        begin = above
    if line[begin - 1 : begin] not in ("/", "\\") or low[_stop(line, begin - 1, past) : begin - 1] in _ROOTS:
        start = begin
    for stop in (" - ", "- ", "  "):  # as loggers part their columns
        found = low.rfind(stop, start, at)
        if found >= 0 and (stop != "- " or found == start):
            start = found + len(stop)
    while start < at and line[start] == " ":
        start += 1
    words = low[start:at].split(" ")
    if len(words) > 1:
        keep = start
        for word in words[:-1]:
            keep += len(word) + 1
            if word.strip(".:") in _SAID or word.startswith("http"):
                start = keep
    return start
