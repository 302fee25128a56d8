"""What of one command may not stay: names of objects and files, messages, and any other text that is not a number.

A command passes as it is but for these arguments: no letter with a number is ever touched, so the machine moves the
same. Dialects: Marlin, RepRapFirmware, Klipper, Prusa, Bambu, GRBL and its children, LinuxCNC.
"""

import re

from firmware_agent.scrub.gcode_dialects import bracket, dollar, gone, macro, parens
from firmware_agent.scrub.gcode_settings import object_kind
from firmware_agent.scrub.gcode_text import PLAIN, TOKEN, Edit, known, looks_like

_WORD = re.compile(rb"[ \t\xef\xbb\xbf]*/?[ \t]*(?:[Nn]\d+[ \t]*)?([GMTDgmtd])[ \t]*(\d{1,6})(?:\.\d{1,3})?")
_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)"
_FITS = re.compile(
    rb"(?:[ \t]*(?:[A-Za-z]{1,2}[ \t]*(?:"
    + _NUMBER
    + rb")?|"
    + _NUMBER
    + rb"|[:,](?=[ \t]*[-+.\d])|\*[ \t]*\d{1,3}|=))*[ \t]*"
)
_ARGUMENT = re.compile(rb"([A-Za-z]?)\"((?:[^\"]|\"\")*)\"?|[^ \t]+")
_PACKED = re.compile(rb"(?:[A-Za-z](?:" + _NUMBER + rb")?|" + _NUMBER + rb")*|\*\d{1,3}|[:=,]|[{\[#<>(].*", re.DOTALL)
# Commands whose argument is a text to the end of the line, comments and all, and what the text is.
_TEXTS = {
    b"M": {
        "message": frozenset((0, 1, 16, 117, 118, 291, 292, 300, 413)) - {300, 413},
        "filename": frozenset((23, 28, 30, 32, 33, 36, 38, 470, 471, 472, 928)),
        "hostname": frozenset((550, 552, 553, 554)),
        "token": frozenset((551, 587, 588, 589)),
        "mac": frozenset((540,)),
        "object_name": frozenset((486,)),
    }
}
_KINDS = {number: kind for kind, numbers in _TEXTS[b"M"].items() for number in numbers}
_WHOLE = frozenset((16, 23, 28, 30, 32, 33, 36, 38, 117, 118, 470, 471, 472, 928))  # the others have numbers before it
_LEADING = re.compile(rb"(?:[ \t]*[SPRTQ][ \t]*-?\d+(?:\.\d*)?(?![^ \t;*]))*")
_LABEL = re.compile(rb"[ \t]*(?:[PSTUC][ \t]*-?\d*[ \t]*)*A[ \t]*(.*)", re.DOTALL)
_BITS = re.compile(rb"[ \t]*[A-Za-z0-9+/]{11}=[ \t]*")
_MACRO = re.compile(rb"[ \t]*([A-Z_][A-Z0-9_]*|[A-Za-z0-9]+(?:_[A-Za-z0-9]*)+)(?=[ \t]|\Z)")
_PLAIN_CODE = re.compile(rb"[ \t]*(?:[#%!~?/^\x18]|T[xc?]|[oO](?:\d|<)|\{|\}|[XYZABCEFIJKSPRNHLQUVW][ \t]*[-+.\d\[#])")


def command(code: bytes, tail: bytes = b"") -> "tuple[tuple[Edit, ...], bool]":
    """(what goes from a line's code, whether its comment went with it).

    code: up to the first ";"; tail: the rest of the line, which some messages take for theirs. Offsets within both.
    """
    match = _WORD.match(code)
    if match is not None:
        return _numbered(match, code, tail)
    text = code.lstrip()
    if not text:
        return (), False
    first = text[:1]
    if first == b"$":
        return tuple(dollar(code)), False
    if first == b"[":
        return tuple(bracket(code)), False
    if first == b"(":
        return tuple(parens(code, 0)), False
    if _PLAIN_CODE.match(code):
        return tuple(parens(code, 0)), False
    if first == b"@":
        name = text.split(None, 1)
        if len(name) > 1 and known(name[0][1:]):
            start = code.index(name[1])
            return (Edit(start, len(code.rstrip()), "message", TOKEN),), False
        return ((), False) if known(text[1:]) else ((gone(code),), False)
    match = _MACRO.match(code)
    if match is not None:
        return tuple(macro(code, match)), False
    if known(code):
        return (), False
    return (gone(code),), False


def _numbered(match: "re.Match[bytes]", code: bytes, tail: bytes) -> "tuple[tuple[Edit, ...], bool]":
    """G, M and T."""
    letter, number, at = match[1].upper(), int(match[2]), match.end()
    end = len(code.rstrip())
    kind = _KINDS.get(number) if letter == b"M" else None
    if kind == "object_name":
        label = _LABEL.match(code, at, end)
        if label is not None and label[1].strip(b"\"' \t"):
            start, stop = label.span(1)
            while start < stop and code[start] in b"\"'":
                start += 1
            while stop > start and code[stop - 1] in b"\"' \t":
                stop -= 1
            return (Edit(start, stop, object_kind(code[start:stop]), PLAIN),), False
    elif kind == "message" or (number in _WHOLE and kind):
        start = at
        if number not in _WHOLE:
            leading = _LEADING.match(code, at, end)
            start = leading.end() if leading else at
        line = code + tail
        while start < len(line) and line[start] in b" \t":
            start += 1
        stop = len(line.rstrip())
        if start >= len(code):  # nothing but a comment
            return (), False
        if number not in _WHOLE and (line[start : start + 1] == b"(" or line[start:end].strip() == b""):
            return tuple(parens(code, at)), False
        return (Edit(start, stop, kind or "note", TOKEN),), bool(tail)
    elif kind:
        rest = code[at:end]
        start = at + len(rest) - len(rest.lstrip())
        return ((Edit(start, end, kind, TOKEN),) if rest.strip() else ()), False
    if _FITS.fullmatch(code, at, end):
        return (), False
    if letter == b"M" and number in (624, 625) and _BITS.fullmatch(code, at, len(code)):
        return (), False
    found = parens(code, at) if b"(" in code[at:] else []
    for argument in _ARGUMENT.finditer(code, at, end):
        start, stop = argument.span()
        if any(edit.start <= stop and start <= edit.end for edit in found) or _inside(code, start):
            continue
        if argument[2] is not None:
            start, stop = argument.span(2)
            if argument[2] and not known(argument[2]):
                found.append(Edit(start, stop, looks_like(argument[2], "message"), TOKEN))
        elif not _PACKED.fullmatch(argument[0]) and not known(argument[0]):
            found.append(Edit(start, stop, looks_like(argument[0], "message"), TOKEN))
    return tuple(sorted(found)), False


def _inside(code: bytes, at: int) -> bool:
    """Whether a place is within a comment in parentheses."""
    return code.rfind(b"(", 0, at) > code.rfind(b")", 0, at)
