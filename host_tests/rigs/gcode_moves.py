"""What a previewer draws of G-code: where each move goes, in the firmware's own reading of a line."""

import re

_WORD = re.compile(r"([A-Za-z])\s*([-+]?(?:\d+\.?\d*|\.\d+))")
_PAREN = re.compile(r"\([^()\n\r]*\)?")
_DRAWN = frozenset(("G0", "G1", "G2", "G3", "G28", "G90", "G91", "G92", "M82", "M83"))


def moves(data: bytes) -> "list[tuple[str, tuple[tuple[str, float], ...]]]":
    """(command, its letters and numbers) of all that moves, in order."""
    found = []
    for line in re.split(r"[\r\n]", data.decode("latin-1")):
        code = _PAREN.sub("", line.partition(";")[0]).strip()
        words = [(letter.upper(), float(number)) for letter, number in _WORD.findall(code)]
        while words and words[0][0] == "N":
            del words[0]
        if words and f"{words[0][0]}{words[0][1]:g}" in _DRAWN:
            found.append((f"{words[0][0]}{words[0][1]:g}", tuple(words[1:])))
    return found


def commands(data: bytes) -> "list[str]":
    """The commands with their numbers, line by line, without comments and without what names or says something."""
    found = []
    for line in re.split(r"[\r\n]", data.decode("latin-1")):
        code = _PAREN.sub("", line.partition(";")[0]).strip()
        match = re.match(r"(?:N\d+\s*)?([GMT]\d+(?:\.\d+)?|[A-Z][A-Z_0-9]{2,})(?=\s|$|[A-Z])", code)
        if match and not re.match(r"M(?:0|1|23|32|98|117|118|486|55\d|587)$", match[1]):
            found.append(re.sub(r"(NAME|MSG|FILE|OWNER)=('[^']*'|\"[^\"]*\"|\S+)", r"\1=", code))
        elif match:
            found.append(match[1])
    return found
