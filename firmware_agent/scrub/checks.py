"""What may still say that a match is no identifier, by its shape. Each: (line, start, end) -> bool; pure."""

WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
DIGITS = "0123456789"
SPACES = " \t\r\n\v\f"
_HEX_LETTERS = "abcdefABCDEF"
_SERIAL_WORDS = (
    "serial",
    "uart",
    "usb",
    "cdc",
    "none",
    "null",
    "unknown",
    "number",
    "converter",
    "controller",
    "camera",
)
_VERSIONS = ("version", "ver", "release", "firmware", "python", "build", "bundled", "rev", "revision", "_v")
_LONGEST_NAME = 255  # characters of the name of a file
_ADDRESSED = ("ip", "addr", "address", "host", "from", "peer", "inet", "server")
_SMALL = 60
_RESOLVERS = ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "1.2.3.4")


_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FOLDED = {one: chr(ord(one) + 32) for one in _CAPITALS}


def fold(text: str) -> str:
    """A-Z as a-z, and what is no ASCII as one sign: so all runtimes read a pattern alike. Nothing moves."""
    return "".join([_FOLDED.get(one, one) if one < "\x7f" else "\x7f" for one in text])


def digits(text: str) -> bool:
    """Whether it is 0-9 and nothing else."""
    return text != "" and not text.strip(DIGITS)


def always(line: str, start: int, end: int) -> bool:
    """The pattern says enough."""
    return True


def alone(line: str, start: int, end: int) -> bool:
    """No letter, digit or _ touches it, and it is not all one character."""
    return not touched(line, start, end) and len(set(line[start:end])) > 2


def ipv4(line: str, start: int, end: int) -> bool:
    """An address of a host: not a version, a mask, a network or this device itself.

    Four small numbers are a version: of the addresses that begin with less than 10, 1 in 75 is so.
    """
    before = line[start - 1 : start]
    if touched(line, start, end) or before in (".", "-"):
        return False
    if line[end : end + 1] == "." and digits(line[end + 1 : end + 2]):
        return False
    if before == "/" and line[start - 2 : start - 1] not in ("/", "", " ", ":"):  # Chrome/131.0.0.0
        return False
    parts = line[start:end].split(".")
    if not all([_octet(part) for part in parts]):
        return False
    if parts[0] in ("0", "127", "255") or parts[1:] == ["0", "0", "0"] or line[start:end] in _RESOLVERS:
        return False
    if parts[3] == "0" and line[end : end + 1] == "/" and digits(line[end + 1 : end + 2]):
        return False  # a network, as configurations trust them
    if parts[0] in ("192", "169"):
        return True
    word = _word_before(line, start)
    if word.endswith(_ADDRESSED):
        return True
    few = int(parts[0]) < 10 and max([int(part) for part in parts]) < _SMALL and line[end : end + 1] not in (":", "/")
    return not few and not word.endswith(_VERSIONS)


def _octet(part: str) -> bool:
    return digits(part) and not (len(part) > 1 and part[0] == "0") and int(part) < 256


def ipv6(line: str, start: int, end: int) -> bool:
    """Whole, or shortened and no time of day: RFC 4291, section 2.2."""
    text = line[start:end]
    if fold(text).startswith("::ffff") or touched(line, start, end) or line[end : end + 1] in (".", "-"):
        return False
    halves = text.split("::")
    groups = [group for half in halves for group in half.split(":") if group]
    if len(halves) > 2 or any([len(group) > 4 for group in groups]):
        return False
    if len(halves) == 1:
        return len(groups) == 8 and ":" not in (text[0], text[-1])
    letters = [one for one in text if one in _HEX_LETTERS]
    return 2 <= len(groups) < 8 and (len(letters) > 0 or len(groups) > 3) and any([len(group) > 2 for group in groups])


def mac(line: str, start: int, end: int) -> bool:
    """Six bytes, not a part of more, and not all alike."""
    if touched(line, start, end) or line[start - 1 : start] in (":", "-") or line[end : end + 1] in (":", "-"):
        return False
    return len(set(line[start:end])) > 2


def serial(line: str, start: int, end: int) -> bool:
    """A serial number has a digit, and is no path and no word."""
    text = line[start:end]
    if (end < len(line) and line[end] in WORDS) or fold(text) in _SERIAL_WORDS or text == "12345":
        return False
    if line[start - 1 : start] == "/" or line[end : end + 1] in ("/", "."):
        return False
    if line[start - 1 : start] == "<" and text.startswith("serial-"):  # an alias of ours
        return False
    return len(set(text)) > 2 and any([one in DIGITS for one in text])


def usb(line: str, start: int, end: int) -> bool:
    """A serial number in the name of a device, as usb-Klipper_stm32_2A0041-if00."""
    before = line[max(0, start - _LONGEST_NAME) : start]
    name = before[max([before.rfind(one) for one in " \t\r\v\f/'\""]) + 1 :]
    return "usb-" in fold(name) and serial(line, start, end)


def opaque(line: str, start: int, end: int) -> bool:
    """Letters with digits, or long and mixed: nothing that a person would read."""
    text = line[start:end]
    digits = [one for one in text if one in DIGITS]
    return not touched(line, start, end) and len(set(text)) > 4 and (len(digits) > 1 or len(text) > 31)


def touched(line: str, start: int, end: int) -> bool:
    """Whether it is a part of a longer word. What an address writes as %2F is no letter."""
    before = start > 0 and line[start - 1] in WORDS and not _escape(line[max(0, start - 3) : start])
    return before or (end < len(line) and line[end] in WORDS)


def _escape(text: str) -> bool:
    return len(text) == 3 and text[0] == "%" and text[1] in "234567" and text[2] in DIGITS + _HEX_LETTERS


def _word_before(line: str, start: int) -> str:
    end = start
    while end > 0 and line[end - 1] not in WORDS:
        end -= 1
        if start - end > 3:
            return ""
    begin = end
    while begin > 0 and line[begin - 1] in WORDS:
        begin -= 1
    return fold(line[begin:end])
