"""What may still say that a match names nobody: people, hosts, networks. Each: (line, start, end) -> bool; pure."""

from firmware_agent.scrub.checks import DIGITS, SPACES, WORDS, digits, fold, touched
from firmware_agent.scrub.words import NOBODY, PUBLIC

_ZONES = (
    "local",
    "lan",
    "home",
    "fritz.box",
    "internal",
    "localdomain",
    "home.arpa",
    "ddns.net",
    "duckdns.org",
    "dyndns.org",
)
RADIO = ("wifi", "wi-fi", "wlan", "wpa", "nmcli")
_NEAR = 300  # characters: so far a word tells what is spoken of
_ROOT = 5  # characters of the longest name of a folder that holds homes
_LONGEST = 64  # characters of a zone that is looked at
_NO_HOME = (".", "..", "~", "user", "username", "$user", "public", "shared", "default")


def email(line: str, start: int, end: int) -> bool:
    """An address of mail: its last part has no digit, as in a version."""
    last = line[start:end].split(".")[-1]
    if len(last) < 2 or any([one in DIGITS for one in last]):
        return False
    return fold(line[start:end]) != "git@github.com" and line[end - 1] not in "-."


def home(line: str, start: int, end: int) -> bool:
    """A folder of a person's: not a topic of MQTT, and no part of an address in the web."""
    begin = start
    while begin and line[begin - 1] in "/\\":
        begin -= 1
    root = max([line.rfind(one, max(0, begin - _ROOT), begin) for one in ("home", "Users", "users", "media")])
    before = line[root - 1 : root] if root > 0 else ""
    if line[root:begin] == "home" and line[begin] == "/" and before != "/":  # home/kitchen
        return False
    if (before and before in WORDS + ".-") or (line[root:begin] == "users" and line[begin] == "/"):
        return False
    return line[start:end] not in _NO_HOME


def secret(line: str, start: int, end: int) -> bool:
    """Long enough to be one, and no word of a program."""
    text = fold(line[start:end]).strip("*.")
    return len(text) > 3 and text not in NOBODY and not text.startswith(("http:", "https:", "<")) and len(set(text)) > 2


def named(line: str, start: int, end: int) -> bool:
    """Anything but a word that names nobody."""
    return fold(line[start:end].strip(SPACES)) not in NOBODY and end > start


def on_air(line: str, start: int, end: int) -> bool:
    """The name of a network, in a sentence that speaks of radio."""
    before = fold(line[max(0, start - _NEAR) : start])
    return any([word in before for word in RADIO]) and named(line, start, end)


def host(line: str, start: int, end: int) -> bool:
    """The name of a host, not its address."""
    text = fold(line[start:end]).rstrip(".")
    if text in ("version", "http", "https") or touched(line, start, end):
        return False
    return text not in NOBODY and not all([one in "0123456789.:" for one in text]) and text[:1] in WORDS


def local(line: str, start: int, end: int) -> bool:
    """A name in a zone of homes: not the middle of a dotted name of a program."""
    past = end + 1
    while past < min(len(line), end + _LONGEST) and (line[past] in WORDS or line[past] in "-."):
        past += 1
    if fold(line[end + 1 : past]).rstrip(".") not in _ZONES or line[past : past + 1] == "(":
        return False
    if fold(line[start:end]) in ("localhost", "usr", "www", "self"):
        return False
    return line[start - 1 : start] not in (".", "/", "_", "-") or line[start - 2 : start] == "//"


def user(line: str, start: int, end: int) -> bool:
    """A user's name: no number, no path, no variable."""
    text = line[start:end].strip(".:")
    if fold(text) in NOBODY or digits(text) or text[:1] == text[-1:] == "_":
        return False
    return text[:1] not in ("/", "$", "-", "%", "=") and "/" not in text


def told(line: str, start: int, end: int) -> bool:
    """A user that a sentence speaks of, at its end or before "from" and the like."""
    rest = line[end : end + 6]
    ends = not rest.strip(SPACES) or rest[0] in "',;:)\"." or rest.startswith((" from", " at ", " via", " on th"))
    return ends and user(line, start, end)


def private(line: str, start: int, end: int) -> bool:
    """An account that is none of the projects whose programs printers run."""
    return fold(line[start:end]) not in PUBLIC and end - start > 2
