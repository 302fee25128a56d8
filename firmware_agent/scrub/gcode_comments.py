"""What of one comment may stay: by the slicers' table, as a setting, or as a sentence of known words.

A comment that is neither is emptied and its sign stays: previewers and front ends read layers, features, settings and
figures, all of which are known; a sentence of which every second word is masked tells a developer nothing more, and
tells others how long its words were.
"""

import re

from firmware_agent.scrub.gcode_settings import object_kind, objects, setting
from firmware_agent.scrub.gcode_text import DROP, PLAIN, TOKEN, Edit, known, looks_like
from firmware_agent.scrub.slicers import RESCUE, ROW, ROWS

_SETTING = re.compile(rb"[ ]?[a-z][a-z0-9_]*+ = ")
_LONGEST = 65_536  # bytes: the start and end code of a large machine; no comment beyond this is read


def comment(body: bytes) -> "tuple[Edit, ...]":
    """What goes from a comment's text after its ";", offsets within it. body: without the line's end."""
    if not body.strip():
        return ()
    if len(body) > _LONGEST:
        return (Edit(0, len(body), looks_like(body[:_LONGEST]), DROP),)
    if _SETTING.match(body):
        edits = setting(body)
        if edits is not None:
            return edits
    said = body.rstrip()
    if ROW.fullmatch(said):
        match = next(found for _, row in ROWS if (found := row.fullmatch(said)))
        return tuple(_groups(match))
    text = body.lstrip(b"; \t")
    if text[:7] in (b"object:", b"plater:"):
        brace = body.find(b"{")
        return tuple(objects(said, brace, len(said))) if brace >= 0 else (_all(body),)
    edits = setting(body)
    if edits is not None:
        return edits
    if known(body):
        return ()
    for _, row in RESCUE:
        rescued = row.fullmatch(said)
        if rescued is not None:
            return tuple(_groups(rescued))
    return (_all(body),)


def _all(body: bytes) -> Edit:
    return Edit(0, len(body), looks_like(body), DROP)


def _groups(match: "re.Match[bytes]") -> "list[Edit]":
    found = []
    for group, value in match.groupdict().items():
        if not value:
            continue
        start, end = match.span(group)
        end -= len(value) - len(value.rstrip())
        if group == "object":
            found.append(Edit(start, end, object_kind(value), PLAIN))
        elif group in ("opaque", "thumbnail"):
            found.append(Edit(start, end, group, DROP))
        else:
            found.append(Edit(start, end, group, TOKEN))
    return sorted(found)
