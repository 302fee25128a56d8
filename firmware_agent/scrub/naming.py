"""What may still say that a match names nobody: people, hosts, networks. Each: (line, start, end) -> bool; pure."""

from firmware_agent.scrub.checks import DIGITS, SPACES, WORDS, digits, fold, touched
from firmware_agent.scrub.words import (
    BUILDERS,
    DEFAULTS,
    NO_DOMAIN,
    NO_MAILBOX,
    NO_NETWORK,
    NOBODY,
    OWN,
    PUBLIC,
    SITES,
    made_up,
)

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
    last = fold(line[start:end].split(".")[-1])
    if len(last) < 2 or any([one in DIGITS for one in last]) or last in NO_DOMAIN:
        return False
    return not fold(line[start:end]).startswith(NO_MAILBOX) and line[end - 1] not in "-."


def builder(line: str, start: int, end: int) -> bool:
    """Who built a kernel, and where: no machine of a distribution."""
    return not fold(line[start:end]).startswith(BUILDERS)


def _figures(text: str) -> bool:
    """Digits and points: an address or a version."""
    return "." in text and not text.strip("0123456789.")


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
    return fold(line[start:end]) not in _NO_HOME


def secret(line: str, start: int, end: int) -> bool:
    """Long enough to be one, and no word of a program."""
    text = fold(line[start:end]).strip("*.")
    if made_up(text) or _figures(text):
        return False  # "token= (127.0.0.1)"
    return len(text) > 3 and text not in NOBODY and not text.startswith(("http:", "https:", "<")) and len(set(text)) > 2


def named(line: str, start: int, end: int) -> bool:
    """Anything but a word that names nobody."""
    return fold(line[start:end].strip(SPACES)) not in NOBODY and end > start


def on_air(line: str, start: int, end: int) -> bool:
    """The name of a network, in a sentence that speaks of radio."""
    said = fold(line[start:end].replace(".", " ")).split()
    if (
        not said or said[0] in NO_NETWORK or said[0].startswith(("ssid", "essid", "bssid"))
    ):  # a key: its value has a rule
        return False
    return near(line, start, RADIO) and named(line, start, end)


def near(line: str, start: int, words: "tuple[str, ...]") -> bool:
    """Whether one of the words stands shortly before."""
    before = fold(line[max(0, start - _NEAR) : start])
    return any([word in before for word in words])


def host(line: str, start: int, end: int) -> bool:
    """The name of a host, not its address."""
    text = fold(line[start:end]).rstrip(".")
    if text in ("version", "http", "https") or touched(line, start, end) or site(text):
        return False
    return text not in NOBODY and not all([one in "0123456789.:" for one in text]) and text[:1] in WORDS


def site(low: str) -> bool:
    """Whether it is a host of a service that all use. low: A-Z folded."""
    return ".".join(low.split(".")[-2:]) in SITES


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


def at_home(line: str, start: int, end: int) -> bool:
    """A name without a dot, as the host of an address: only a network at home knows it."""
    rest = line[end : end + 2]
    if rest[:1] in ("-", "_", ".", "@", "%", "{", "$", "*", "<") or (rest[:1] == ":" and not digits(rest[1:])):
        return False
    return fold(line[start:end]) not in DEFAULTS and end - start > 2 and host(line, start, end)


def user(line: str, start: int, end: int) -> bool:
    """A user's name: no number, no path, no variable."""
    text = line[start:end].strip(".:")
    low = fold(text)
    if "." in low and any(["user" in part or part in ("self", "config", "args") for part in low.split(".")]):
        return False  # code: user=connection.user_info
    if low in NOBODY or made_up(low) or digits(text) or _figures(text) or text[:1] == text[-1:] == "_":
        return False
    return text[:1] not in ("/", "$", "-", "%", "=") and "/" not in text


def told(line: str, start: int, end: int) -> bool:
    """A user that a sentence speaks of, at its end or before "from" and the like."""
    rest = line[end : end + 6]
    ends = not rest.strip(SPACES) or rest[0] in "',;:)(\"." or rest.startswith((" from", " at ", " via", " on th"))
    return ends and user(line, start, end)


def private(line: str, start: int, end: int) -> bool:
    """An account that is none of a program's: its own page, what it keeps of its own, or what only it may write."""
    if fold(line[start:end]) in PUBLIC or end - start < 3:
        return False
    past = end + 1
    while past < len(line) and (line[past] in WORDS or line[past] in "-."):
        past += 1
    kept = fold(line[end + 1 : past]) if line[end : end + 1] == "/" else ""
    return kept in ("", ".git") or line[start - 1 : start] == ":" or any([part in kept for part in OWN])
