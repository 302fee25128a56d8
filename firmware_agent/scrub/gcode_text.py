"""Whether a text says nothing but what slicers and firmware say, and what it looks like if not."""

import re
from typing import NamedTuple

from firmware_agent.scrub.gcode_words import WORDS

# What comes instead: nothing, b"<file-1>", b"object_1", b";".
DROP, TOKEN, PLAIN, REMARK = "drop", "token", "plain", "remark"

# Endings of files: of what is printed or cut, and of others that a path may end in.
_JOBS = rb"gcode|gco|gc|g|bgcode|3mf|stl|obj|step|stp|iges|igs|amf|ply|ufp|nc|ngc|tap|lbrn2?|svg|dxf"
_FILES = rb"ai|pdf|png|jpe?g|bmp|cfg|conf|ini|json|py|sh|exe|bat|txt|log|xml|zip"


class Edit(NamedTuple):
    """What is replaced: byte offsets, the kind of what stood there, and what comes instead."""

    start: int
    end: int
    kind: str
    form: str


# Degrees, squares, micro, plus or minus, times; colours.
_SIGNS = re.compile(
    rb"\xc2[\xb0\xb2\xb3\xb5\xb7\xb1]|\xc3\x97|\xce\xbc|#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?(?![0-9A-Za-z])"
)
_RUNS = re.compile(rb"[A-Za-z]+")
_CAMEL = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_JOB = re.compile(rb"[^\s\"'=:,;]\.(?:" + _JOBS + rb")(?![A-Za-z0-9_])", re.IGNORECASE)
_FILE = re.compile(rb"[^\s\"'=:,;]\.(?:" + _JOBS + rb"|" + _FILES + rb")(?![A-Za-z0-9_])", re.IGNORECASE)
_DATE = re.compile(rb"\d[-/]\d{1,2}[-/]\d|\d:\d\d:\d\d|(?<!\d)(?:19|20)\d\d(?:0\d|1[012])[0-3]\d(?!\d)")
# What is no sign that slicers write; the like of addresses, of serial and telephone numbers; letters and digits mixed.
_ODD = re.compile(
    rb"[^\t -\[\]-~]|@(?! )|~|://|(?<![\d.])(?:\d{6}|0\d\d)|\d{13}|\d\.\d+\.\d|[A-Za-z][0-9]+[A-Za-z]+[0-9]"
    rb"|[0-9][A-Za-z]+[0-9]+[A-Za-z]|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){3}"
)
_MAIL = re.compile(rb"[A-Za-z0-9_.+-]@[A-Za-z0-9-]+\.[A-Za-z]")
_ADDRESS = re.compile(rb"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_USER = re.compile(rb"[/\\](?:home|[Uu]sers)[/\\]")
_OPAQUE = re.compile(rb"[A-Za-z0-9+/=]{32}")


def known(text: bytes, more: "frozenset[bytes]" = frozenset()) -> bool:
    """Whether every word and number of it may stay. more: words that may, beside the common ones."""
    text = _SIGNS.sub(b"", text)
    if _ODD.search(text) or _DATE.search(text) or _FILE.search(text):
        return False
    return all_known(text, more)


def all_known(text: bytes, more: "frozenset[bytes]" = frozenset()) -> bool:
    """Whether each of its words is one that slicers write, or one of `more`; written together in CamelCase too."""
    for run in _RUNS.findall(text):
        low = run.lower()
        if len(low) == 1 or low in WORDS or low in more:
            continue
        parts = _CAMEL.findall(run)
        if len(parts) < 2 or not all(len(part) > 1 for part in parts):
            return False
        if not all(part.lower() in WORDS or part.lower() in more for part in parts):
            return False
    return True


def looks_like(text: bytes, else_: str = "note") -> str:
    """The kind of a text that may not stay."""
    if _MAIL.search(text):
        return "email"
    if _OPAQUE.search(text):
        return "opaque"
    if _JOB.search(text):
        return "filename"
    if _USER.search(text):
        return "home_user"
    if _ADDRESS.search(text):
        return "ipv4"
    return else_
