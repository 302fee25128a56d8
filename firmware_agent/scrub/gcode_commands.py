"""What of one command may not stay: names of objects and files, messages, and any other text that is not a number.

A command passes as it is but for these arguments: no letter with a number is ever touched, so the machine moves the
same. Dialects: Marlin, RepRapFirmware, Klipper, Prusa, Bambu, GRBL and its children, LinuxCNC.
"""

import re

from firmware_agent.scrub.gcode_dialects import blanked, bracket, dollar, gone, macro, parens
from firmware_agent.scrub.gcode_settings import object_kind
from firmware_agent.scrub.gcode_text import PLAIN, TOKEN, Edit, known, looks_like

_WORD = re.compile(rb"[ \t]*/?[ \t]*(?:[Nn]\d+[ \t]*)?([GMTDgmtd])[ \t]*(\d{1,6})(?:\.\d{1,3})?")
_NUMBER = rb"[-+]?(?:\d++\.?+\d*+|\.\d++)(?!\.)"  # and no address
# A letter with its number, or a letter or two alone; possessive, as all that may be tried on long lines.
_LETTER = rb"[A-Za-z]{1,2}+(?:[ \t]*+" + _NUMBER + rb"|(?![A-Za-z]))|[A-Za-z]" + _NUMBER
_FITS = re.compile(rb"(?>[ \t]+|" + _LETTER + rb"|" + _NUMBER + rb"|[:,](?=[ \t]*[-+.\d])|\*[ \t]*\d{1,3}|=)*")
_ARGUMENT = re.compile(rb"([A-Za-z]?)\"([^\"]*+(?:\"\"[^\"]*+)*)\"?|[^ \t]+")
_PACKED = re.compile(rb"(?>" + _LETTER + rb"|" + _NUMBER + rb"|\*\d{1,3}|[:=,])*")
_VARIABLE = re.compile(rb"#(?:\d+|<[A-Za-z0-9_]{1,64}>)")
_LONGEST = 4096  # bytes of a line; no machine of these reads more, and of more nothing is taken apart
# Commands whose argument is a text to the end of the line, comments and all, and what the text is.
_TEXTS = {
    "message": (0, 1, 16, 117, 118, 291, 292),
    "filename": (23, 28, 30, 32, 33, 36, 38, 470, 471, 472, 928),
    "hostname": (550, 552, 553, 554),
    "token": (551, 587, 588, 589),
    "mac": (540,),
    "object_name": (486,),
}
_KINDS = {number: kind for kind, numbers in _TEXTS.items() for number in numbers}
_WHOLE = frozenset((16, 23, 28, 30, 32, 33, 36, 38, 117, 118, 470, 471, 472, 928))  # the others have numbers before it
_LEADING = re.compile(rb"(?>[ \t]*+[SPRTQ][ \t]*+-?\d++(?:\.\d*+)?(?![^ \t;*]))*")
_LABEL = re.compile(rb"[ \t]*(?:[PSTUC][ \t]*+-?\d*+[ \t]*+)*A[ \t]*+(.*)", re.DOTALL)
_SWITCH = re.compile(rb"-?\d{1,2}")
_ASKED = re.compile(rb"[ \t]*U\d+(?:\.\d+){1,3}(?:-[A-Za-z0-9]{1,8})?[ \t]*")  # Prusa: the version that is wanted
_BITS = re.compile(rb"[ \t]*[A-Za-z0-9+/]{11}=[ \t]*")
_MACRO = re.compile(rb"[ \t]*([A-Z_][A-Z0-9_]*|[A-Za-z0-9]+(?:_[A-Za-z0-9]*)+)(?=[ \t]|\Z)")
_PLAIN_CODE = re.compile(rb"[ \t]*(?:[%!~?/^\x18]|T[xc?]|[XYZABCEFIJKSPRNHLQUVW][ \t]*[-+.\d\[#])")
_PROGRAM = re.compile(rb"[ \t]*(?:#[ \t]*[\d<]|[oO](?:\d|<))")  # LinuxCNC: variables and branches
_AT = re.compile(rb"[ \t]*@[A-Za-z][A-Za-z0-9_]*(?:[ \t]+|\Z)")  # OctoPrint's own commands


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
    if first == b"(" or _PLAIN_CODE.match(code):
        return tuple(_arguments(code, 0, len(code.rstrip()))), False
    if _PROGRAM.match(code):
        return tuple(parens(code, 0)), False
    match = _AT.match(code)
    if match is not None:
        start, stop = match.end(), len(code.rstrip())
        return ((Edit(start, stop, "message", TOKEN),) if start < stop else ()), False
    match = _MACRO.match(code)
    if match is not None:
        return tuple(macro(code, match.end())), False
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
        if line[start : start + 1] == b"(" and code[:end].endswith(b")"):  # M0 and M30 of a mill, with a remark
            return tuple(parens(code, at)), False
        return (Edit(start, stop, kind or "note", TOKEN),), bool(tail)
    elif kind and end - at <= _LONGEST:
        return tuple(_network(code, at, end, kind)), False
    if _FITS.fullmatch(code, at, end):
        return (), False
    if letter == b"M" and number in (624, 625) and _BITS.fullmatch(code, at, len(code)):
        return (), False
    if letter == b"M" and number == 115 and _ASKED.fullmatch(code, at, end):
        return (), False
    return tuple(_arguments(code, at, end)), False


def _network(code: bytes, at: int, end: int, kind: str) -> "list[Edit]":
    """RepRapFirmware's names, addresses and passwords: only switches stay."""
    found = []
    for argument in _ARGUMENT.finditer(code, at, end):
        quoted = argument[2] is not None
        start, stop = argument.span(2) if quoted else argument.span()
        if not quoted and argument[0][:1].isalpha():
            start += 1
        if start < stop and (quoted or not _SWITCH.fullmatch(code, start, stop)):
            found.append(Edit(start, stop, "ssid" if quoted and argument[1] in b"Ss" else kind, TOKEN))
    return found


def _arguments(code: bytes, at: int, end: int) -> "list[Edit]":
    """What goes from letters with numbers, texts in quotes, and remarks in parentheses."""
    if end - at > _LONGEST:
        return [Edit(at, end, looks_like(code[at : at + _LONGEST]), TOKEN)]
    found = []
    if b"(" in code[at:]:
        found = parens(code, at)
        code = blanked(code, at)
    for argument in _ARGUMENT.finditer(code, at, end):
        start, stop = argument.span()
        if argument[2] is not None:
            start, stop = argument.span(2)
            if argument[2] and not known(argument[2]):
                found.append(Edit(start, stop, looks_like(argument[2], "message"), TOKEN))
        elif not _PACKED.fullmatch(argument[0]) and not known(_VARIABLE.sub(b"", argument[0])):
            found.append(Edit(start, stop, looks_like(argument[0], "message"), TOKEN))
    return _apart(found)


def _apart(found: "list[Edit]") -> "list[Edit]":
    """Left to right; what begins within another goes with it."""
    kept: list[Edit] = []
    for edit in sorted(found):
        if kept and edit.start < kept[-1].end:
            kept[-1] = kept[-1]._replace(end=max(kept[-1].end, edit.end))
        else:
            kept.append(edit)
    return kept
