r"""What identifies, and how it is recognised in a line: one table for all runtimes.

A row: (kind, anchors, pattern, check). The pattern is searched in the line with A-Z folded to a-z, only if one of the
anchors is in it; its first plain group is the value. check: a function of checks.py that may still say no.
"""

from firmware_agent.scrub import checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Check = Callable[[str, int, int], bool]

_KEY_END = r"['\"]?\s*[:=]\s*[\[(]?\s*(?:[bu]?['\"])?"
_WORD = r"[^\s'\"<>,;&()\[\]{}|]"
_NAME = r"[a-z0-9_.-]"
_H = "[0-9a-f]"
_OCTET = "[0-9]{1,3}"

# What ends a job's file.
JOBS = ("gcode", "gco", "gc", "g", "3mf", "stl", "obj", "step", "stp", "ufp", "nc", "tap", "ngc", "lbrn", "lbrn2", "svg", "dxf")
JOBS += ("amf", "bgcode", "ctb", "goo")

RULES: "list[tuple[str, tuple[str, ...], str, Check]]" = [
    ("ipv4", (".",), r"(%s(?:\.%s)(?:\.%s)(?:\.%s))" % (_OCTET, _OCTET, _OCTET, _OCTET), checks.ipv4),
    ("mac", (":", "-"), r"(%s{2}(?::%s{2})(?::%s{2})(?::%s{2})(?::%s{2})(?::%s{2}))" % ((_H,) * 6), checks.mac),
    ("mac", ("-",), r"(%s{2}(?:-%s{2})(?:-%s{2})(?:-%s{2})(?:-%s{2})(?:-%s{2}))" % ((_H,) * 6), checks.mac),
    ("ipv6", (":",), r"([0-9a-f:]{2,4}:[0-9a-f:]*[0-9a-f:])", checks.ipv6),
    ("uuid", ("-",), r"(%s{8}-%s{4}-%s{4}-%s{4}-%s{12})" % ((_H,) * 5), checks.alone),
    ("email", ("@",), r"([a-z0-9_.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+)", checks.email),
    ("email", ("linux version",), r"linux version [^ ]+ \(([a-z0-9_.+-]+@[a-z0-9_.-]+)\)", checks.always),
    ("user", ("@",), r"([a-z0-9_-]+)@[a-z0-9-]+:[~/]", checks.alone),
    ("hostname", ("@",), r"[a-z0-9_-]+@([a-z0-9-]+):[~/]", checks.always),
    ("token", ("://",), r"://[^/\s:@]*:([^/\s@]+)@", checks.always),
    ("user", ("://",), r"://([^/\s:@]+):?[^/\s@]*@", checks.always),
    ("home_user", ("home/", "users/", "/media/", "users\\"), r"(?:home|users|media)[/\\]+([^\s/'\":;,<>|\\(){}\]\[*$%&?]+)", checks.home),
    ("home_user", ("users", "settings"), r":[\\/]+(?:users|documents and settings)[\\/]+([^\\/'\":;,<>|]+)[\\/]", checks.home),
    ("usb_serial", ("usb-",), r"usb-[^\s/'\"]*_([0-9a-z]{4,64})-(?:if|video|port|event|mouse|audio)", checks.serial),
    ("usb_serial", ("iserial", "serialnumber"), r"(?:iserial|serialnumber)[^0-9a-z]+([0-9a-z_-]{4,64})", checks.serial),
    ("canbus_uuid", ("uuid", "canbus"), r"(?:canbus_uuid|uuid)['\"]?\s*[:= ]\s*['\"]?(%s{12})" % _H, checks.alone),
    ("hw_serial", ("serial",), r"serial\s*:\s*(%s{8,32})" % _H, checks.serial),
    ("filename", (".thumbs/",), r"\.thumbs/([^\"']{1,200})-[0-9]{2,4}x[0-9]{2,4}\.(?:png|jpg|qoi)", checks.always),
    ("instance_uuid", ("uuid", "instance", "uid"), r"(?:uuid|instance_id|uid|guid)%s(%s{16,64})" % (_KEY_END, _H), checks.alone),
    ("device_name", ("moonraker-",), r"moonraker-([^:\s]+):%s{32}" % _H, checks.always),
    ("instance_uuid", ("moonraker-",), r"moonraker-[^:\s]+:(%s{32})" % _H, checks.always),
    (
        "token",
        ("token", "apikey", "api_key", "api-key", "secret", "passw", "psk", "auth", "credential", "access_code", "cookie"),
        r"(?:[a-z_-]*token|x-api-key|api[_-]?key|[a-z_]*secret|[a-z_]*passw(?:or)?d|psk|passphrase|access_code|auth_key|credentials?|cookie)"
        + _KEY_END
        + r"(?:bearer |basic )?(%s{4,2000})" % r"[^\s'\"<>,;&()\[\]{}|]",
        checks.secret,
    ),
    ("token", ("bearer ", "basic "), r"(?:bearer|basic) ([a-z0-9+/=._-]{8,2000})", checks.opaque),
    ("token", ("eyj",), r"(eyj[a-z0-9_-]{6,2000}\.[a-z0-9_-]{6,2000}(?:\.[a-z0-9_-]+)?)", checks.alone),
    ("session_id", ("session",), r"session(?:[ _]?id)?%s([0-9a-z]{16,64})" % _KEY_END, checks.opaque),
    ("printer_id", ("id",), r"(?:printer|print|machine|device|bot|robot|client|install(?:ation)?|unique)[ _-]?id(?: [a-z]+){0,1}%s([0-9a-z_-]{8,128})" % _KEY_END, checks.opaque),
    ("printer_id", (" id ",), r" id (?:created|is|set)%s([0-9a-z_-]{8,128})" % _KEY_END, checks.opaque),
    ("ssid", ("ssid",), r"e?ssid\s*[:=]?\s*\"([^\"]{1,32})\"", checks.ssid),
    ("ssid", ("ssid",), r"e?ssid\s*[:=]?\s*'([^']{1,32})'", checks.ssid),
    ("ssid", ("ssid",), r"[^b]ssid\s*[:=]\s*([^\s'\",\])][^\",\])]{0,31})", checks.ssid),
    (
        "ssid",
        ("wifi", "wlan", "wpa", "nmcli", "wi-fi"),
        r"(?:wifi|wi-fi|wlan|wpa|nmcli).*(?:connect(?:ing|ed)? (?:to|with)|disconnected from|network|profile|access point):? ['\"]?([^\s'\",:][^'\",]{0,31})",
        checks.ssid,
    ),
    ("hostname", ("host",), r"host[ _-]?name%s(%s{1,63})" % (_KEY_END, _NAME), checks.host),
    ("hostname", ("hostname:http",), r"hostname:https?://(%s{1,63})" % _NAME, checks.host),
    (
        "hostname",
        (".local", ".lan", ".home", ".fritz.box", ".internal", ".ddns", ".duckdns", ".dyndns"),
        r"([a-z0-9][a-z0-9-]{0,62})\.(?:local|lan|home|fritz\.box|internal|localdomain|home\.arpa|ddns\.net|duckdns\.org|dyndns\.org)",
        checks.local,
    ),
    ("hostname", ("instance ",), r"instance (?:on )?['\"]?([a-z0-9][a-z0-9_-]{0,62})['\"]? for ", checks.host),
    ("hostname", ("linux ",), r"linux ([a-z0-9][a-z0-9-]{0,62}) [0-9]+\.[0-9]+\.[0-9]+", checks.host),
    ("user", ("user",), r"user(?:name)?[_ ]?(?:name)?%s(%s{2,64})" % (_KEY_END, _WORD), checks.user),
    ("user", ("user ",), r"(?:logg(?:ing|ed) (?:in|out)|login|logout|logon)[a-z ]{0,8} user:? ['\"]?(%s{2,64})" % _WORD, checks.user),
    ("user", ("user ",), r"user ['\"]?(%s{2,64})['\"]? (?:logged|added|removed|created|deleted|authenticated|connected)" % _WORD, checks.user),
    ("user", ("for user ", "by user ", "of user "), r"(?:for|by|of) user:? ['\"]?(%s{2,64})" % _WORD, checks.told),
    ("user", ("logged ",), r"logg(?:ed|ing) (?:in|out)(?: user)?: ['\"]?(%s{2,64})" % _WORD, checks.user),
    ("user", ("user=",), r"user=(%s{2,64})" % _WORD, checks.user),
    ("session_id", ("session ",), r"session ([0-9a-f]{16,64})", checks.alone),
    ("user", ("uid=",), r"uid=[0-9]+\(([a-z0-9_.-]+)\)", checks.user),
    ("home_user", ("%2fhome%2f",), r"%2fhome%2f([a-z0-9_.-]+)", checks.always),
    ("device_name", ("[printer ",), r"\[printer ([^\]]{1,64})\]", checks.named),
    ("account", ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org"), r"(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)[/:]([a-z0-9_.-]+)", checks.private),
    ("account", ("t.me/", "com/@", "com/u/", "com/user/", "com/c/"), r"(?:t\.me/|\.com/@|\.com/u/|\.com/user/|\.com/c/)([a-z0-9_.-]{3,64})", checks.always),
    ("gps", ("lat", "lon"), r"(?:latitude|longitude|lat|lon|lng)%s(-?[0-9]{1,3}\.[0-9]{3,12})" % _KEY_END, checks.always),
]
