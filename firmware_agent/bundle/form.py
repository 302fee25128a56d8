"""The one form of a bundle that may leave: looked through again by the gate, whoever made it (L9, L10).

A bundle is one text in UTF-8. Its first line is FIRST, its second tells the serial number of the printer or NO_SERIAL,
and everything after that is what the rules of scrub/ find nothing in.
"""

from firmware_agent.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

FIRST = "firmware-agent support bundle 1"
SERIAL = "Serial number of the printer: "
NO_SERIAL = "not in this bundle"
LONGEST_SERIAL = 40
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
_TYPES = "abcdefghijklmnopqrstuvwxyz_"
_NUMBERS = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
# From and to, both with: what nobody sees, or what turns the direction of what stands beside it. A line feed is none.
_UNSEEN = (
    (0x00, 0x08),
    (0x0B, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)


class Unfinished(FormatError):
    """A text that is no bundle, or from which something has still to go. line: from 1. kind: what stands there."""

    def __init__(self, line: int, kind: str) -> None:
        super().__init__("the bundle, line %d: %s; take it out of the bundle and try again" % (line, kind))
        self.line = line
        self.kind = kind


_AT_ONCE = 100  # lines


def check(data: bytes) -> None:
    """Return if `data` is a bundle in which nothing is found; Unfinished says where something is."""
    for _ in looked_through(data):
        pass


def looked_through(data: bytes) -> "Iterator[int]":
    """The same in small steps; yields how many lines were looked at."""
    try:
        text = data.decode("utf-8")
    except ValueError:  # CPython's is one of them, MicroPython has that alone
        raise Unfinished(1, "not UTF-8")
    for one in set(text):
        if unseen(one):
            raise Unfinished(1 + text[: text.find(one)].count("\n"), "a sign that nobody sees")
    lines = text.split("\n")
    if lines[0] != FIRST or lines[-1] != "":
        raise Unfinished(1, "not the form of a bundle")
    if len(lines) < 3 or not lines[1].startswith(SERIAL) or not _serial(lines[1][len(SERIAL) :]):
        raise Unfinished(2, "not the form of a bundle")
    from firmware_agent.scrub.checks import fold  # here: a small heap has no room for the rules beside all else
    from firmware_agent.scrub.forms import Small
    from firmware_agent.scrub.lines import Lines

    rules = Lines(Small)
    for number in range(2, len(lines)):
        if number % _AT_ONCE == 0:
            yield number
        line = lines[number]
        for start, end, kind in rules.spans(line, fold(line), True):
            if not placed(line[start:end]):
                raise Unfinished(number + 1, kind)


def unseen(one: str) -> bool:
    """Whether this character is no part of a text that is shown as it is."""
    number = ord(one)
    return any([low <= number <= high for low, high in _UNSEEN])


def is_serial(text: str) -> bool:
    """Whether it can stand in a bundle as a serial number: at most 40 letters, digits and -_."""
    return 0 < len(text) <= LONGEST_SERIAL and all([one in _SIGNS for one in text])


def placed(value: str) -> bool:
    """Whether it is what stands in place of something already, as "<host-2>"."""
    if value[:1] != "<" or value[-1:] != ">":
        return False
    kind, sign, number = value[1:-1].partition("-")
    if sign == "" or kind == "" or not all([one in _TYPES for one in kind]):
        return False
    return number == "more" or (0 < len(number) < 8 and all([one in _NUMBERS for one in number]))


def _serial(text: str) -> bool:
    return text == NO_SERIAL or is_serial(text)
