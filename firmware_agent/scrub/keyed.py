"""The values of keys that identify: strings and numbers of JSON, of what Python prints, and of configuration."""

from firmware_agent.scrub.checks import DIGITS, SPACES, WORDS, digits, fold, ipv4
from firmware_agent.scrub.keys import KEYS
from firmware_agent.scrub.naming import site
from firmware_agent.scrub.words import NOBODY, PUBLIC, made_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

_ENDS = SPACES + "'\"<>,;&)]}|"
_LONGEST = 40  # characters of a key
_OWN_FILES = (".conf", ".cfg", ".log", ".ini", ".json", ".py", ".png", ".txt")
_PARTS_OF_LINUX = ("tty", "video", "mmcblk", "wlan", "eth", "can", "0000:")
_NUMBERED = ("printer_sn", "uuid", "rfid_uid", "session_id")  # all of them hold a digit
# Of key=value in the midst of a line: what is long and holds a digit, for programs write so, too.
ASSIGNED = ("printer_sn", "uuid", "rfid_uid", "session_id", "token", "mac", "canbus_uuid", "cloud_id", "device_name")
_SHORTEST = 6  # characters of it
_NO_PATHS = ("printer_sn", "device_name", "hostname", "token", "uuid")


def keyed(line: str, low: str, starts: bool) -> "Iterator[tuple[int, int, str]]":
    """(start, end, kind) of each value whose key stands in the table. starts: also of a line that begins with a key."""
    at = low.find(":")
    while at >= 0:
        quote = low[at - 1 : at]
        if quote in ("'", '"'):
            begin = low.rfind(quote, max(0, at - _LONGEST), at - 1)
            kind = KEYS.get(_bare(low[begin + 1 : at - 1]), "") if begin >= 0 and at - begin < _LONGEST else ""
            if kind:
                yield from _value(line, at + 1, kind)
        at = low.find(":", at + 1)
    at = low.find("=")
    while at >= 0:
        begin = at
        while begin > 0 and at - begin < _LONGEST and (low[begin - 1] in WORDS or low[begin - 1] == "-"):
            begin -= 1
        kind = KEYS.get(_bare(low[begin:at]), "") if begin < at else ""
        end = at + 1
        if kind in ASSIGNED:
            while end < len(line) and line[end] not in _ENDS:
                end += 1
            if _assigned(line[at + 1 : end], line[end : end + 1]):
                yield from _span(line, at + 1, end, kind)
        at = low.find("=", end)
    if starts:
        end = _separator(low)
        kind = KEYS.get(_bare(low[:end]), "") if 0 < end < _LONGEST else ""
        if kind:
            yield from _rest(line, end + 1, kind)


def _assigned(value: str, after: str) -> bool:
    """Whether what follows a = and no space may be one: long, with a digit, and no code."""
    return len(value) >= _SHORTEST and "(" not in value + after and any([one in DIGITS for one in value])


def _separator(low: str) -> int:
    found = [at for at in (low.find(":"), low.find("=")) if at > 0]
    return min(found) if found else -1


def _bare(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(" ", "").strip("\t#;")


def _value(line: str, at: int, kind: str) -> "Iterator[tuple[int, int, str]]":
    """What stands in quotes from there, or the number."""
    while line[at : at + 1] == " ":
        at += 1
    if line[at : at + 1] in ("u", "b") and line[at + 1 : at + 2] in ("'", '"'):
        at += 1
    quote = line[at : at + 1]
    if quote in ("'", '"'):
        end = at + 1
        while end < len(line) and line[end] != quote:
            end += 2 if line[end] == "\\" else 1
        yield from _span(line, at + 1, min(end, len(line)), kind)
        return
    end = at
    while end < len(line) and line[end] in "0123456789-.":
        end += 1
    if end > at and line[end : end + 1] in ("", ",", "}", "]", " ", "\r"):
        yield from _span(line, at, end, "ipv4_int" if kind == "ipv4" else kind)


def _rest(line: str, at: int, kind: str) -> "Iterator[tuple[int, int, str]]":
    """The rest of a line of configuration, without its comment and quotes."""
    end = len(line.rstrip(SPACES))
    for mark in (" #", "\t#", " ;", "\t;"):
        found = line.find(mark, at)
        if 0 <= found < end:
            end = found
    while at < end and line[at] in " \t'\"":
        at += 1
    while end > at and line[end - 1] in " \t'\"":
        end -= 1
    yield from _span(line, at, end, kind)


def _span(line: str, start: int, end: int, kind: str) -> "Iterator[tuple[int, int, str]]":
    text = line[start:end]
    bare = text.strip(SPACES)
    if bare and not _says_nothing(bare) and _fits(bare, kind):
        yield start + (text.rfind("/") + 1 if kind == "filename" else 0), end, kind


def _says_nothing(bare: str) -> bool:
    low = fold(bare)
    if len(set(bare)) < 2 or low in NOBODY or made_up(low) or "redacted" in low or "mock" in low:
        return True
    return bare[0] in "{<$[" or bare[0] == bare[-1] == "_"


def _fits(bare: str, kind: str) -> bool:
    """Whether a value can be of the kind that its key says."""
    low = fold(bare)
    number = digits(bare)
    if kind in _NUMBERED and (len(bare) < 6 or not any([one in DIGITS for one in bare])):
        return False
    if kind in _NO_PATHS and (bare[0] in "/~" or low.startswith(_PARTS_OF_LINUX) or bare.endswith(".usb")):
        return False
    if kind in ("printer_sn", "rfid_uid"):
        return len(set(bare)) > 3
    if kind in ("cloud_id", "ipv4_int"):
        if len(bare) < 3 or (not number and len(bare) < 8) or set(bare[:2]) == {"0"}:
            return False
        of_linux = kind == "cloud_id" and len(bare) < 6 and bare[-3:] in ("000", "001")  # a user's or a group's number
        return not (number and of_linux)
    if kind == "account":
        return low not in PUBLIC
    if kind == "filename":
        return not low.endswith(_OWN_FILES)
    if kind == "mac" and len(bare) == 12 and all([one in "0123456789abcdef" for one in low]):
        return True
    if kind in ("mac", "gps"):
        return any([one in ".:" for one in bare]) and len(set(bare)) > 2
    if kind == "hostname":
        return not site(low)
    if kind == "ipv4":
        return bare.count(".") == 3 and ipv4(bare, 0, len(bare))
    return not (number and kind in ("user", "author"))
