"""What may still say that a match is no identifier. Each: (line, start, end) -> bool; pure, on every runtime."""

_WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_HEX = "0123456789abcdefABCDEF"
_DIGITS = "0123456789"
NOBODY = (
    "origin upstream master main none disable disabled enable enabled redacted false none null true false localhost unknown undefined default auto user users name root unset empty undefined in for from the is was "
    "not and or to of a an id on at by has with no yes off anonymous admin guest host any all file path string self".split()
)
# Names that images and boards come with: they tell no one apart.
DEFAULTS = (
    "pi biqu mks octopi fluiddpi mainsailos mainsail raspberrypi raspberry octoprint klipper fluidd orangepi ubuntu debian armbian "
    "creality sonic pad makerbase linaro rock bananapi fluidnc voron localhost printer octopios dietpi sovol qidi elegoo"
).split()
_SERIAL_WORDS = ("serial", "uart", "usb", "cdc", "none", "null", "unknown", "number", "converter", "controller", "camera")
_VERSIONS = ("version", "ver", "release", "firmware", "python", "build", "bundled", "rev", "revision", "_v")


def always(line: str, start: int, end: int) -> bool:
    return True


def alone(line: str, start: int, end: int) -> bool:
    """No letter, digit or _ touches it, and it is not all one character."""
    return not _touched(line, start, end) and len(set(line[start:end])) > 2


_RESOLVERS = ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "1.2.3.4")


def ipv4(line: str, start: int, end: int) -> bool:
    """An address of a host: not a version, a mask, a network or this device itself."""
    before = line[start - 1 : start]
    if _touched(line, start, end) or before in (".", "-") or line[end : end + 1] == "." and line[end + 1 : end + 2].isdigit():
        return False
    if before == "/" and line[start - 2 : start - 1] not in ("/", "", " ", ":"):  # Chrome/131.0.0.0
        return False
    parts = line[start:end].split(".")
    if not all([part.isdigit() for part in parts]):
        return False
    if any([len(part) > 1 and part[0] == "0" or int(part) > 255 for part in parts]):
        return False
    if parts[0] in ("0", "127", "255") or parts[1:] == ["0", "0", "0"] or line[start:end] in _RESOLVERS:
        return False
    if parts[3] == "0" and line[end : end + 1] == "/" and line[end + 1 : end + 2].isdigit():
        return False  # a network, as configurations trust them
    if parts[0] in ("192", "169"):
        return True
    return not _word_before(line, start).endswith(_VERSIONS)


def ipv6(line: str, start: int, end: int) -> bool:
    if line[start:end].lower().startswith("::ffff") or _touched(line, start, end) or line[end : end + 1] in (".", "-"):
        return False
    text = line[start:end]
    halves = text.split("::")
    groups = [group for half in halves for group in half.split(":") if group]
    if len(halves) > 2 or any([len(group) > 4 for group in groups]) or ":" in (text[0], text[-1]) and "::" not in text:
        return False
    if len(halves) == 1:
        return len(groups) == 8
    letters = [one for one in text if one in "abcdefABCDEF"]
    return 2 <= len(groups) < 8 and (len(letters) > 0 or len(groups) > 3) and any([len(group) > 2 for group in groups])


def mac(line: str, start: int, end: int) -> bool:
    text = line[start:end]
    if _touched(line, start, end) or line[start - 1 : start] in (":", "-") or line[end : end + 1] in (":", "-"):
        return False
    return len(set(text)) > 2


def email(line: str, start: int, end: int) -> bool:
    last = line[start:end].split(".")[-1]
    if len(last) < 2 or any([one in _DIGITS for one in last]):
        return False
    return line[start:end].lower() != "git@github.com" and line[end - 1] not in "-."


def home(line: str, start: int, end: int) -> bool:
    begin = start
    while begin and line[begin - 1] in "/\\":
        begin -= 1
    root = max(line.rfind(one, 0, begin) for one in ("home", "Users", "users", "media"))
    before = line[root - 1 : root]
    if line[root:begin] == "home" and line[begin] == "/" and before != "/":  # home/kitchen is a topic of MQTT
        return False
    if before and before in _WORDS + ".-" or line[root:begin] == "users" and line[begin] == "/":  # a part of an address in the web
        return False
    return line[start:end] not in (".", "..", "~", "user", "username", "$user", "public", "shared", "default")


def serial(line: str, start: int, end: int) -> bool:
    """A serial number has a digit, and is no path and no word."""
    text = line[start:end]
    if end < len(line) and line[end] in _WORDS or text.lower() in _SERIAL_WORDS or len(set(text)) < 3 or text == "12345":
        return False
    return any([one in _DIGITS for one in text]) and line[start - 1 : start] != "/" and line[end : end + 1] not in ("/", ".")


def secret(line: str, start: int, end: int) -> bool:
    text = line[start:end].lower().strip("*.")
    return len(text) > 3 and text not in NOBODY and not text.startswith(("http:", "https:", "<")) and len(set(text)) > 2


def opaque(line: str, start: int, end: int) -> bool:
    """Letters with digits, or long and mixed: nothing that a person would read."""
    text = line[start:end]
    digits = [one for one in text if one in _DIGITS]
    return not _touched(line, start, end) and len(set(text)) > 4 and (len(digits) > 1 or len(text) > 31)


def ssid(line: str, start: int, end: int) -> bool:
    return line[start:end].strip().lower() not in NOBODY and end > start


def host(line: str, start: int, end: int) -> bool:
    text = line[start:end].lower().rstrip(".")
    if text in ("version", "http", "https") or _touched(line, start, end):
        return False
    return text not in NOBODY and not all([one in "0123456789.:" for one in text]) and text[:1] in _WORDS


_LOCAL = ("local", "lan", "home", "fritz.box", "internal", "localdomain", "home.arpa", "ddns.net", "duckdns.org", "dyndns.org")


def local(line: str, start: int, end: int) -> bool:
    """A name in a zone of homes: not the middle of a dotted name of a program."""
    past = end + 1
    while past < len(line) and (line[past] in _WORDS or line[past] in "-."):
        past += 1
    if line[end + 1 : past].lower().rstrip(".") not in _LOCAL or line[past : past + 1] == "(":
        return False
    before = line[start - 1 : start]
    return line[start:end].lower() not in ("localhost", "usr", "www", "self") and (before not in (".", "/", "_", "-") or line[start - 2 : start] == "//")


def told(line: str, start: int, end: int) -> bool:
    """A user that a sentence speaks of, at its end or before "from" and the like."""
    rest = line[end : end + 6]
    ends = not rest.strip() or rest[0] in "',;:)\"." or rest.startswith((" from", " at ", " via", " on th"))
    return ends and user(line, start, end)


def user(line: str, start: int, end: int) -> bool:
    text = line[start:end].strip(".:")
    return text.lower() not in NOBODY and not text.isdigit() and not (text[:1] == text[-1:] == "_") and text[:1] not in ("/", "$", "-", "%", "=") and "/" not in text


# Whose programs printers run: their addresses tell no one apart.
PUBLIC = frozenset(
    (
        "arksine mainsail-crew fluidd-core klipper3d kevinoconnor octoprint moonraker-obico thespaghettidetective octoeverywhere "
        "quinndamerell clon1998 crysxd jneilliii prusa3d marlinfirmware bdring gnea synthetos jordanrfernandes th33xitus dw-0 "
        "kyleisah moggieuk nlef julianschill 0xd34d staubgeborener guysoft jacksonliam pikvm ayufan cryd-s protoloft "
        "frix-x donkie mjonuschat voron-design vorondesign bigtreetech makerbase-mks creality bambulab softfever orcaslicer "
        "supermerill slic3r ultimaker mcu raspberrypi torvalds python pypa pallets tornadoweb jedisct1 rogerlz zellneralex jschuh "
        "eddycurrent cartographer3d e3d bondtech sineos worksasintended danielkucera sdahl fdev31 theophile sovol3d qiditech "
        "anycubic elegoo3d flashforge artillery3d flsun vezwork snapmaker makermods alexz openssl systemd linux libcamera"
    ).split()
)


def private(line: str, start: int, end: int) -> bool:
    """An account that is none of the projects that printers run."""
    return line[start:end].lower() not in PUBLIC and end - start > 2



def named(line: str, start: int, end: int) -> bool:
    return line[start:end].strip().lower() not in NOBODY


def _touched(line: str, start: int, end: int) -> bool:
    return start > 0 and line[start - 1] in _WORDS or end < len(line) and line[end] in _WORDS


def _word_before(line: str, start: int) -> str:
    end = start
    while end > 0 and line[end - 1] not in _WORDS:
        end -= 1
        if start - end > 3:
            return ""
    begin = end
    while begin > 0 and line[begin - 1] in _WORDS:
        begin -= 1
    return line[begin:end].lower()
