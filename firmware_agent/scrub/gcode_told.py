"""What a piece of G-code tells of names that logs may say too: of objects, files, people, profiles."""

import re
from collections.abc import Iterator

from firmware_agent.scrub.distinct import distinct, uncommon
from firmware_agent.scrub.files import ENDINGS
from firmware_agent.scrub.gcode_lines import Change, Pieces
from firmware_agent.scrub.gcode_names import Names
from firmware_agent.scrub.report import found, values

_SAYS_NO_NAME = ("message", "note", "opaque", "timezone")
_PERSONAL = ("filename", "user", "home_user", "author", "hostname", "device_name", "ssid", "account")
_OBJECT = re.compile(rb"object_(?:\d+|more)")  # as gcode_names.py calls it
_COPY = re.compile(r"_id_\d+_copy_\d+\Z")  # what slicers add to an object's name
_PART = re.compile(r"[^/\\]*\Z")
_END = re.compile("(?:%s)(?![a-z0-9])" % "|".join(re.escape(ending) for ending in ENDINGS), re.IGNORECASE)
_MOST = 2000
_LONGEST = 200  # bytes of a name, or of a comment that is searched for names


def told(piece: bytes) -> Iterator[tuple[str, str]]:
    """(kind, value) of what the scrubber would take out of it and what is distinct enough, each once, no more than
    _MOST. piece: whole lines."""
    view, seen = piece.replace(b"\r", b"\n"), set[tuple[str, str]]()
    for change in Pieces(Names()).changes(view):
        if change.kind == "opaque" or change.end - change.start > _LONGEST:
            continue
        text = view[change.start : change.end].decode("utf-8", "surrogateescape")
        for one in _of(change, text):
            kind, value = one
            if one not in seen and (uncommon(value) if kind in _PERSONAL else distinct(value)):
                seen.add(one)
                yield one
        if len(seen) >= _MOST:
            return


def _of(change: Change, text: str) -> Iterator[tuple[str, str]]:
    if change.new in (b"", b";") or change.kind in _SAYS_NO_NAME:  # a sentence: what the rules find in it
        for value, kind in values(text, found(text)).items():
            yield kind, value
    elif _OBJECT.fullmatch(change.new):
        yield "object_name", text
        copy = _COPY.search(text)
        if copy is not None:
            yield "object_name", text[: copy.start()]
        if _END.search(text):
            yield from _file(text)
    elif change.kind == "filename":
        yield from _file(text)
    else:
        for one in text.split(";"):  # as slicers write a list, a value for each extruder
            yield change.kind, one.strip(" \"'")


def _file(path: str) -> Iterator[tuple[str, str]]:
    """The name of a file without its folders, and without its ending; of an object that is called like one, too."""
    match = _PART.search(path.strip().strip("\"'"))
    name = match[0] if match else ""
    end = None if "{" in name else _END.search(name)  # else it is how files are to be called
    if end is not None:
        yield "filename", name[: end.end()]
        yield "filename", name[: end.start()]
