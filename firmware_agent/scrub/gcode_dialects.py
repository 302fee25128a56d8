"""Commands that are no letter with a number: of GRBL ("$"), ESP3D ("[ESP]"), Klipper (NAME KEY=value); "(comments)"."""

import re

from firmware_agent.scrub.gcode_settings import object_kind
from firmware_agent.scrub.gcode_text import DROP, PLAIN, REMARK, TOKEN, Edit, known, looks_like

_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)"
_PAREN = re.compile(rb"\(([^()]*)\)?")
_MSG = re.compile(rb"[ \t]*(?:MSG|PRINT|DEBUG|LOG|PROBEOPEN|LOGOPEN|LOGAPPEND)[ \t]*,[ \t]*", re.IGNORECASE)
_DOLLAR = re.compile(rb"[ \t]*\$[ \t]*([A-Za-z0-9_/.]*)[ \t]*(=?)[ \t]*(.*)", re.DOTALL)
_ESP = re.compile(rb"[ \t]*\[[ \t]*(ESP|esp)(\d{1,4})[ \t]*\][ \t]*(.*)", re.DOTALL)
_JOG = re.compile(rb"[ \t]*(?:G\d+(?:\.\d)?|[XYZABCFS]" + _NUMBER + rb"|[ \t])*")
_KEY = re.compile(rb"(?<=[ \t])([A-Za-z_][A-Za-z0-9_]*+)[ \t]{0,8}+=[ \t]{0,8}+")
_DOLLARS = {b"ssid": "ssid", b"pass": "token", b"host": "hostname", b"run": "filename", b"name": "device_name"}
_VALUE = re.compile(rb"[-+0-9.,eE\[\](){}: \t]*|[A-Za-z]?-?\d*\.?\d*|\{[^{}\"']*\}")
_OBJECTS = re.compile(rb"EXCLUDE_OBJECT|DEFINE_OBJECT|CURRENT_OBJECT|CANCEL_OBJECT", re.IGNORECASE)
_KEYS = {
    "message": b"msg message text title m prompt label description",
    "filename": b"filename file path name_of_file gcode script cmd",
    "profile_name": b"name profile",
    "user": b"user username owner author",
    "token": b"token password key secret apikey",
    "note": b"note params comment value",
}
_KEY_KIND = {word: kind for kind, words in _KEYS.items() for word in words.split()}


def gone(code: bytes) -> Edit:
    """A line that is no command: its text goes, and a ";" stands in its place (see gcode_lines.py)."""
    start = len(code) - len(code.lstrip())
    return Edit(start, len(code.rstrip()), looks_like(code), REMARK)


def parens(code: bytes, at: int) -> "list[Edit]":
    """Comments in parentheses, as laser and milling programs have them."""
    found = []
    for match in _PAREN.finditer(code, at):
        start, stop = match.span(1)
        message = _MSG.match(code, start, stop)
        if message is not None:
            if message.end() < stop:
                found.append(Edit(message.end(), stop, "message", TOKEN))
        elif match[1].strip() and not known(match[1]):
            found.append(Edit(start, stop, looks_like(match[1]), DROP))
    return found


def blanked(code: bytes, at: int) -> bytes:
    """The same with blanks for comments in parentheses."""
    plain = bytearray(code)
    for match in _PAREN.finditer(code, at):
        plain[match.start() : match.end()] = b" " * len(match[0])
    return bytes(plain)


def dollar(code: bytes) -> "list[Edit]":
    """GRBL's and FluidNC's settings: numbers stay, texts (networks, names, files) go."""
    match = _DOLLAR.fullmatch(code.rstrip())
    if match is None:
        return [gone(code)]
    name, start, stop = match[1].lower(), *match.span(3)
    if not match[2]:
        rest = match[3]
        return [] if not rest or known(rest) or rest in (b"$", b"#") else [Edit(start, stop, looks_like(rest), TOKEN)]
    if not match[3] or ((name == b"j" or name[:1] == b"n") and _JOG.fullmatch(match[3])):
        return []
    for word, kind in (
        (b"ssid", "ssid"),
        (b"pass", "token"),
        (b"hostname", "hostname"),
        (b"run", "filename"),
        (b"name", "device_name"),
    ):
        if word in name:
            return [Edit(start, stop, kind, TOKEN)]
    return [] if known(match[3]) else [Edit(start, stop, looks_like(match[3]), TOKEN)]


def bracket(code: bytes) -> "list[Edit]":
    """ESP3D's commands, whose arguments are networks, names and passwords; and what GRBL answers."""
    match = _ESP.fullmatch(code.rstrip())
    if match is not None:
        start, stop = match.span(3)
        kind = {"100": "ssid", "101": "token", "105": "ssid", "106": "token", "110": "hostname", "112": "hostname"}
        return [Edit(start, stop, kind.get(match[2].decode(), "token"), TOKEN)] if match[3] else []
    return [] if known(code) else [gone(code)]


def macro(code: bytes, at: int) -> "list[Edit]":
    """Klipper's commands and macros: NAME KEY=value ... at: where the name ends."""
    found = []
    objects = bool(_OBJECTS.search(code, 0, at))
    end = len(code.rstrip())
    key, begin, quoted = b"", at, at
    for match in _KEY.finditer(code, at, end):
        if match.start() < quoted:
            continue
        found += _value(code, key, begin, match.start(), objects)
        key, begin = match[1].lower(), match.end()
        quote = code[begin : begin + 1]
        if quote in (b'"', b"'") and quote:
            close = code.find(quote, begin + 1, end)
            quoted = close if close >= 0 else end
    return found + _value(code, key, begin, end, objects)


def _value(code: bytes, key: bytes, start: int, stop: int, objects: bool) -> "list[Edit]":
    """What goes from one argument; key b"": what stands before the first of them."""
    start, stop = stop - len(code[start:stop].lstrip()), start + len(code[start:stop].rstrip())
    if start >= stop:
        return []
    quote = code[start : start + 1]
    if quote in (b'"', b"'"):
        start += 1
        stop -= stop > start and code[stop - 1 : stop] == quote
    value = code[start:stop]
    if not value:
        return []
    if objects and key in (b"name", b"parent", b"object"):
        return [Edit(start, stop, object_kind(value), PLAIN)]
    if _VALUE.fullmatch(value):
        return []
    kind = _KEY_KIND.get(key)
    if kind in (None, "profile_name") and known(value):
        return []
    return [Edit(start, stop, looks_like(value, kind or "note"), TOKEN)]
