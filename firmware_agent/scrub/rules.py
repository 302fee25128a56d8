r"""What identifies, and how it is recognised in a line: one table for all runtimes.

A row: (kind, anchors, pattern, check). The pattern is searched in the line with A-Z folded to a-z, only if one of the
anchors is in it; its first plain group is the value. check: a function of checks.py or naming.py that may still say no.
"""

from firmware_agent.scrub import checks, naming
from firmware_agent.scrub.services import SERVICES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_agent.scrub.services import Rows

_KEY_END = r"['\"]?\s*[:=]\s*[\[(]?\s*(?:[bu]?['\"])?"
_WORD = r"[^\s'\"<>,;&()\[\]{}|]"
_NAME = r"[a-z0-9_.-]"
_H = "[0-9a-f]"
_OCTET = "[0-9]{1,3}"
_DOMAINS = r"(?:local|lan|home|fritz|internal|ddns|duckdns|dyndns)"
_DONE = "(?:logged|added|removed|created|deleted|authenticated|connected)"
_FORGES = r"(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)"

_HOSTS: "Rows" = [
    ("ipv4", (".",), r"(%s(?:\.%s)(?:\.%s)(?:\.%s))" % ((_OCTET,) * 4), checks.ipv4),
    ("mac", (":", "-"), r"(%s{2}(?::%s{2})(?::%s{2})(?::%s{2})(?::%s{2})(?::%s{2}))" % ((_H,) * 6), checks.mac),
    ("mac", ("-",), r"(%s{2}(?:-%s{2})(?:-%s{2})(?:-%s{2})(?:-%s{2})(?:-%s{2}))" % ((_H,) * 6), checks.mac),
    ("ipv6", (":",), r"([0-9a-f:]{2,4}:[0-9a-f:]*[0-9a-f:])", checks.ipv6),
    ("uuid", ("-",), r"(%s{8}-%s{4}-%s{4}-%s{4}-%s{12})" % ((_H,) * 5), checks.alone),
    ("email", ("@", "%40"), r"([a-z0-9_.+-]+(?:@|%40)[a-z0-9-]+(?:\.[a-z0-9-]+)+)", naming.email),
    ("email", ("linux version",), r"linux version [^ ]+ \(([a-z0-9_.+-]+@[a-z0-9_.-]+)\)", naming.builder),
    ("user", ("@",), r"([a-z0-9_-]+)@[a-z0-9-]+:[~/]", checks.alone),
    ("hostname", ("@",), r"[a-z0-9_-]+@([a-z0-9-]+):[~/]", checks.always),
    ("token", ("://",), r"://[^/\s:@]*:([^/\s@]+)@", checks.always),
    ("user", ("://",), r"://([^/\s:@]+):?[^/\s@]*@", checks.always),
]
_HOMES: "Rows" = [
    (
        "home_user",
        ("home/", "users/", "/media/", "users\\"),
        r"(?:home|users|media)[/\\]+([^\s/'\":;,<>|\\(){}\]\[*$%&?]+)",
        naming.home,
    ),
    (
        "home_user",
        ("users", "settings"),
        r":[\\/]+(?:users|documents and settings)[\\/]+([^\\/'\":;,<>|]+)[\\/]",
        naming.home,
    ),
]
_SERIALS: "Rows" = [
    ("usb_serial", ("usb-",), r"_([0-9a-z]{4,}(?:-[0-9a-f]{6,})?)-(?:if|video|port|event|mouse|audio)", checks.usb),
    ("usb_serial", ("iserial", "serialnumber"), r"(?:iserial|serialnumber)[^0-9a-z]+([0-9a-z_-]{4,})", checks.serial),
    ("canbus_uuid", ("uuid", "canbus"), r"(?:canbus_uuid|uuid)['\"]?\s*[:= ]\s*['\"]?(%s{12})" % _H, checks.alone),
    ("hw_serial", ("serial",), r"serial\s*:\s*(%s{8,})" % _H, checks.serial),
    ("filename", (".thumbs/",), r"\.thumbs/([^\"']{1,})-[0-9]{2,4}x[0-9]{2,4}\.(?:png|jpg|qoi)", checks.always),
    (
        "instance_uuid",
        ("uuid", "instance", "uid"),
        r"(?:uuid|instance_id|uid|guid)%s(%s{16,})" % (_KEY_END, _H),
        checks.alone,
    ),
    ("device_name", ("moonraker-",), r"moonraker-([^:\s]+):%s{32}" % _H, checks.always),
    ("instance_uuid", ("moonraker-",), r"moonraker-[^:\s]+:(%s{32})" % _H, checks.always),
    ("token", ("bearer ", "basic "), r"(?:bearer|basic) ([a-z0-9+/=._-]{8,})", checks.opaque),
    ("token", ("eyj",), r"(eyj[a-z0-9_-]{6,}\.[a-z0-9_-]{6,}(?:\.[a-z0-9_-]+)?)", checks.alone),
    ("session_id", ("session",), r"session(?:[ _]?id)?%s([0-9a-z]{16,})" % _KEY_END, checks.opaque),
]
_NETWORKS: "Rows" = [
    ("ssid", ("ssid",), r"e?ssid\s*[:=]?\s*\"([^\"]{1,})\"", naming.named),
    ("ssid", ("ssid",), r"e?ssid\s*[:=]?\s*'([^']{1,})'", naming.named),
    ("ssid", ("ssid",), r"[^b]ssid\s*[:=]\s*([^\s'\",\])][^\",\])]{0,})", naming.named),
    ("hostname", ("host",), r"host[ _-]?name%s(%s{1,})" % (_KEY_END, _NAME), naming.host),
    ("hostname", ("hostname:http",), r"hostname:https?://(%s{1,})" % _NAME, naming.host),
    (
        "hostname",
        (".local", ".lan", ".home", ".fritz.box", ".internal", ".ddns", ".duckdns", ".dyndns"),
        r"([a-z0-9][a-z0-9-]{0,})\." + _DOMAINS,
        naming.local,
    ),
    (
        "hostname",
        ("instance ",),
        r"instance (?:on )?['\"]?([a-z0-9][a-z0-9_-]{0,})(?:\._[a-z_.]+)?['\"]? for ",
        naming.host,
    ),
    ("device_name", ('instance "',), r"instance \"([^\"]{1,})\"", naming.named),
    ("hostname", ("linux ",), r"linux ([a-z0-9][a-z0-9-]{0,}) [0-9]+\.[0-9]+\.[0-9]+", naming.host),
]
_PEOPLE: "Rows" = [
    ("user", ("user",), r"user(?:name)?[_ ]?(?:name)?%s(%s{2,})" % (_KEY_END, _WORD), naming.user),
    (
        "user",
        ("user ",),
        r"(?:logg(?:ing|ed) (?:in|out)|login|logout|logon)[a-z ]{0,} user:? ['\"]?(%s{2,})" % _WORD,
        naming.user,
    ),
    ("user", ("user ",), r"user ['\"]?(%s{2,})['\"]? %s" % (_WORD, _DONE), naming.user),
    ("user", ("for user ", "by user ", "of user "), r"(?:for|by|of) user:? ['\"]?(%s{2,})" % _WORD, naming.told),
    ("user", ("logged ",), r"logg(?:ed|ing) (?:in|out)(?: user)?: ['\"]?(%s{2,})" % _WORD, naming.user),
    ("user", ("user=",), r"user=(%s{2,})" % _WORD, naming.user),
    ("session_id", ("session ",), r"session ([0-9a-f]{16,})", checks.alone),
    ("user", ("uid=",), r"uid=[0-9]+\(([a-z0-9_.-]+)\)", naming.user),
    ("author", ("-by: ",), r"[a-z]-by: ([^<>\\\"]{2,}[^<>\\\"\s])", checks.always),
    ("home_user", ("%2fhome%2f",), r"%2fhome%2f([a-z0-9_.-]+)", checks.always),
    ("device_name", ("[printer ",), r"\[printer ([^\]]{1,})\]", naming.named),
    (
        "account",
        ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org"),
        _FORGES + r"[/:]([a-z0-9_.-]+)",
        naming.private,
    ),
    (
        "account",
        ("t.me/", "com/@", "com/u/", "com/user/", "com/c/"),
        r"(?:t\.me/|\.com/@|\.com/u/|\.com/user/|\.com/c/)([a-z0-9_.-]{3,})",
        checks.always,
    ),
    ("object_name", ("exclude_object",), r"exclude_object[a-z_]*\s+name=[\\'\"]*([^\s\\'\"]+)", naming.named),
    ("object_name", ("exclude_object",), r"exclude_object[a-z_]*\s+name=\\?['\"]([^\\'\"]+)", naming.named),
    ("object_name", ("m486 ",), r"m486 (?:[st][0-9-]+ )?a[\\'\"]*([^\s\\'\"]+)", naming.named),
    ("gps", ("lat", "lon"), r"(?:latitude|longitude|lat|lon|lng)%s(-?[0-9]{1,3}\.[0-9]{3,})" % _KEY_END, checks.always),
]

_HIDDEN = r"(?:bearer |basic )?([^\s'\"<>,;&()\[\]{}|]{4,})"
_BEFORE_SECRETS = (  # what must be in the line, and the key: short patterns, for boards
    ("token", "token"),
    ("api", "api[_-]?key"),
    ("secret", "secret(?:[_-]?key)?"),
    ("passw", "passw(?:or)?d"),
    ("passphrase", "passphrase"),
    ("psk", "psk"),
    ("access_code", "access_code"),
    ("auth", "auth_?key"),
    ("credential", "credentials?"),
    ("cookie", "cookie"),
)
_OPAQUE = "([0-9a-z_-]{8,})"
_THINGS = ("printer", "print", "machine", "device", "board", "bot", "client", "install", "installation", "unique")
_CONNECTING = ("connect[a-z]* (?:to|with)", "disconnected from", "network", "profile", "access point")
_NETWORK = (
    r":? (?:the )?(?:wireless |wifi |wi-fi )?(?:network:? |access point:? )?(?:ssid:? )?['\"]?([^\s'\",:][^'\",]*)"
)

RULES: "Rows" = _HOSTS + _HOMES + _SERIALS + _NETWORKS + _PEOPLE + SERVICES
RULES += [("token", (word,), name + _KEY_END + _HIDDEN, naming.secret) for word, name in _BEFORE_SECRETS]
RULES += [("printer_id", (word,), word + "[ _-]?id" + _KEY_END + _OPAQUE, checks.opaque) for word in _THINGS]
RULES += [("printer_id", (word,), word + " id [a-z]+" + _KEY_END + _OPAQUE, checks.opaque) for word in _THINGS]
RULES += [("ssid", naming.RADIO, doing + _NETWORK, naming.on_air) for doing in _CONNECTING]
