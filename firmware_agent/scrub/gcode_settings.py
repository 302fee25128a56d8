"""Comments of the form "key = value": what stays is a setting of slicers with a value that settings have.

A key is on the allow-list if each of its words is: slicers make their hundreds of keys of a few hundred words, and get
new ones with every version. A key that names things (NAMING) keeps its key and loses its value.
"""

import re
from functools import lru_cache

from firmware_agent.scrub.gcode_text import DROP, PLAIN, TOKEN, Edit, all_known, known, looks_like

# Words of keys whose values name something, and what.
NAMING = {
    "note": b"note notes description title subject remark remarks text message date created saved modified built "
    b"timestamp",
    "profile_name": b"id ids name names inherits profile profiles preset presets nickname definition",
    "filename": b"file files filename path paths folder directory dir output script scripts url link href texture",
    "hostname": b"host hosts hostname printhost server address ip domain",
    "author": b"author authors owner designer creator customer client operator company organization organisation "
    b"copyright license licence maker artist",
    "user": b"user users username login account",
    "email": b"email mail",
    "token": b"apikey key token password passwd passphrase secret psk pin cookie auth authorization",
    "hw_serial": b"serial sn serialnumber",
    "uuid": b"uuid guid uid hash md5 sha sha1 sha256",
    "ssid": b"ssid wifi wlan",
    "object_name": b"model models project object objects part parts design job jobs group stl mesh",
    "timezone": b"timezone tz locale language country region city",
}
_KIND = {word: kind for kind, words in NAMING.items() for word in words.split()}
_NAMING = frozenset(_KIND)
# Which of them a key has that has words of several.
_ORDER = ["token", "email", "user", "author", "hw_serial", "uuid", "ssid", "hostname", "filename", "note"]
_ORDER += ["object_name", "timezone", "profile_name"]
# Words of NAMING that only name something when nothing but the words beside them stands in the key.
_WEAK = frozenset(b"object objects part parts mesh model models group output region hash key pin text message".split())
_BESIDE = frozenset(b"name names id ids title current active this the print printed printing".split())
# Keys that a word of NAMING makes look like names, and that are settings.
_SETTINGS = frozenset(
    b"host_type printhost_authorization_type serial_speed output_filename_format_version message_type"
    b" printer_model printer_variant printer_technology".split()
)
_TRIVIAL = re.compile(
    rb"[^A-Za-z0-9\x80-\xff]*|[\"';, ]*(?:(?:null|none|nil|unknown|undefined|default|true|false|0|1|\(unknown\)|n/a)"
    rb"(?:[\"';, ]+|\Z))*",
    re.IGNORECASE,
)
_LABELS = re.compile(rb"-?\d{1,6}(?:[, ]+-?\d{1,6})*[ ]*")
_NUMBERED = frozenset(
    b"object objects label layer printing tool extruder part parts mesh file files paths path model models".split()
)
_PLACE = re.compile(rb"\[[A-Za-z0-9_]*\]|\{[A-Za-z0-9_\[\]]*\}")
_ENDING = re.compile(rb"\.(?:gcode|bgcode|gco|g|nc)$")
_RUN = re.compile(rb"[A-Za-z0-9\x80-\xff]{3}")
_SIGN = re.compile(rb"[=:]")
_FIGURE = rb"-?\d{1,6}(?:\.\d{1,9})?%?"
_FIGURES = re.compile(_FIGURE + rb"(?:[,;x]" + _FIGURE + rb")*")
_TIMES = frozenset(b"time eta duration elapsed remaining".split())
_DURATION = re.compile(rb"\d{1,4}:\d\d(?::\d\d)?(?:\.\d+)?")
_LETTERS = re.compile(rb"[A-Za-z][A-Z]*[a-z]*|[0-9]+")
_KEY = re.compile(rb"[A-Za-z#][A-Za-z0-9_ .()\[\]#%/*,+^-]*")
_CODE = frozenset(b"gcode code".split())
_SEGMENTS = re.compile(rb"(?:\\{1,2}[nr])+|\"[;,]\"|^\"|\"$")
_MESSAGE = re.compile(
    rb"[ \t]*(?:M0*[01](?!\d)|M16(?!\d)|M11[78]|M2[38]|M3[0236]|M486|M55\d|M58\d|M928|RESPOND|SET_DISPLAY_TEXT|"
    rb"SET_PRINT_STATS_INFO|EXCLUDE_OBJECT\w*|RUN_SHELL_COMMAND|ACTION_CALL_REMOTE_METHOD|@)",
    re.IGNORECASE,
)
_STRING = re.compile(rb"\"((?:[^\"\\]|\\.)*)(\"?)(\s*:)?")
_COPY = re.compile(rb"(?: id:\d+)?(?: copy \d+)?$")
_LONGEST_KEY = 80


def setting(body: bytes) -> "tuple[Edit, ...] | None":
    """What goes from a comment (after its ";"); empty if it may stay, None if it is not a setting that is known."""
    at = _separator(body)
    if at < 0:
        return None
    judged = _judge(body[:at].strip())
    if judged is None:
        return None
    kind, form = judged
    start = at + 1
    end = len(body.rstrip())
    while start < end and body[start] in b" \t":
        start += 1
    value = body[start:end]
    if kind:
        if _TRIVIAL.fullmatch(value) or (form == "label" and _LABELS.fullmatch(value)) or _template(value):
            return ()
        return (Edit(start, end, kind, TOKEN),)
    if _FIGURES.fullmatch(value):
        return ()
    if form == "code":
        return tuple(_code(body, start, end))
    if _TRIVIAL.fullmatch(value) or known(value) or (form == "time" and _DURATION.fullmatch(value)):
        return ()
    if value[:1] in b"{[" and b'"' in value:
        return tuple(objects(body, start, end))
    return (Edit(start, end, looks_like(value, "profile_name" if form == "settings" else "note"), TOKEN),)


@lru_cache(maxsize=4096)
def _judge(key: bytes) -> "tuple[str, str] | None":
    """(the kind of what a key names or "", what its values are written like or ""); None if it is not known."""
    if not _KEY.fullmatch(key) or not known(key, _NAMING):
        return None
    words = {word.lower() for word in _LETTERS.findall(key)}
    kind = _names(key, words)
    if kind:
        return kind, "label" if words & _NUMBERED else ""
    if words & _CODE or {b"g", b"code"} <= words:
        return "", "code"
    return "", "time" if words & _TIMES else "settings" if b"settings" in words else ""


def _separator(body: bytes) -> int:
    """Where the key ends: at the first "=" or ":"; in Simplify3D's summary ("   layerHeight,0.2") at the first ","."""
    if body[:3] == b"   " and body[3:4].islower():
        return body.find(b",", 0, _LONGEST_KEY)
    match = _SIGN.search(body, 0, _LONGEST_KEY)
    return match.start() if match else -1


def _names(key: bytes, words: "set[bytes]") -> str:
    """The kind of what a key names, "" if nothing."""
    low = key.lower()
    if low in _SETTINGS:
        return ""
    if {b"post", b"process"} <= words or {b"filename", b"format"} <= words:
        return "filename"
    if b"custom" in words and (b"model" in words or b"texture" in words):
        return "filename"
    found = [word for word in words & _NAMING if word not in _WEAK or words <= _BESIDE | {word}]
    if not found:
        return ""
    kinds = {_KIND[word] for word in found}
    return next(kind for kind in _ORDER if kind in kinds)


def _template(value: bytes) -> bool:
    """Whether it is but places that are filled in, as of a file's name to be: b"[input_filename_base].gcode"."""
    outside = _PLACE.sub(b"", value)
    return all_known(value, _NAMING) and not _RUN.search(_ENDING.sub(b"", outside))


def _code(body: bytes, start: int, end: int) -> "list[Edit]":
    """Start and end code as a setting: lines joined by a written-out "\\n". A line with a word of the owner's goes."""
    found = []
    at = start
    for mark in _SEGMENTS.finditer(body, start, end):
        found += _segment(body, at, mark.start())
        at = mark.end()
    found += _segment(body, at, end)
    return found


def _segment(body: bytes, start: int, end: int) -> "list[Edit]":
    line = body[start:end]
    code, mark, comment = line.partition(b";")
    found = []
    if code.strip() and (_MESSAGE.match(code) or not known(code)):
        kind = "message" if _MESSAGE.match(code) else looks_like(code)
        found.append(Edit(start, start + len(code.rstrip()), kind, TOKEN))
    if mark and comment.strip() and not known(comment):
        found.append(Edit(start + len(code) + 1, end, looks_like(comment), DROP))
    return found


def objects(body: bytes, start: int, end: int) -> "list[Edit]":
    """JSON within a comment: numbers and what is known stay, names become objects; all goes if it is not JSON."""
    found: list[Edit] = []
    outside = []
    at, key = start, b""
    while at < end:
        mark = _STRING.search(body, at, end)
        if mark is None:
            break
        outside.append(body[at : mark.start()])
        at = mark.end()
        if not mark[2]:
            return [Edit(start, end, looks_like(body[start:end]), DROP)]
        if mark[3] is not None:
            key = mark[1].lower()
            if not all_known(key, _NAMING):
                return [Edit(start, end, looks_like(body[start:end]), DROP)]
        elif mark[1] and (key in _NAMING or not known(mark[1])):
            cut = _COPY.search(mark[1])
            close = mark.end(1) - (len(cut[0]) if cut else 0)
            if close > mark.start(1):
                found.append(Edit(mark.start(1), close, object_kind(mark[1]), PLAIN))
    if not known(b"".join(outside) + body[at:end]):
        return [Edit(start, end, looks_like(body[start:end]), DROP)]
    return found


def object_kind(name: bytes) -> str:
    """An object that is called like its file is a file's name."""
    return "filename" if looks_like(name) == "filename" else "object_name"
