r"""What identifies in what services print beside the printer's own programs: journals, brokers, messengers, clouds.

Rows as in rules.py.
"""

from firmware_agent.scrub import checks, naming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Check = Callable[[str, int, int], bool]
    Rows = list[tuple[str, tuple[str, ...], str, Check]]

_H = "[0-9a-f]"
_CLOCK = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_PROGRAM = r"[a-z(][^ :=\[\]]{0,}(?:\[[0-9]+\])?: "
_LOGS = ("]:", "kernel:", "sudo:")
_MESSENGERS = ("tgram", "discord", "slack", "pover", "pbul", "ntfy", "ntfys", "gotify", "gotifys", "mailto", "mailtos")
_SCHEMES = r"(?:https?|wss?|rtsps?|rtmp|mqtts?|ftps?|sftp|ssh|tcp|smb|nfs)"


def _of_linked(line: str, start: int, end: int) -> bool:
    return naming.near(line, start, ("linked printer",)) and naming.named(line, start, end)


def _number(line: str, start: int, end: int) -> bool:
    text = line[start:end]
    return checks.serial(line, start, end) and checks.opaque(line, start, end) and not text.startswith("0x")


def _credited(line: str, start: int, end: int) -> bool:
    return naming.named(line, start, end) and naming.private(line, start, end)


def _author(line: str, start: int, end: int) -> bool:
    """Of a commit: a date or an address of mail follows."""
    return checks.fold(line[end : end + 7]).startswith((", date:", " <")) and _credited(line, start, end)


SERVICES: "Rows" = [
    ("hostname", _LOGS, r"[a-z]{3} [ 0-9][0-9] %s ([a-z0-9][a-z0-9_.-]{0,}) %s" % (_CLOCK, _PROGRAM), naming.host),
    ("hostname", _LOGS, r"t%s[0-9.:+z-]* ([a-z0-9][a-z0-9_.-]{0,}) %s" % (_CLOCK, _PROGRAM), naming.host),
    ("hostname", ("://",), _SCHEMES + r"://([a-z0-9][a-z0-9-]{0,})", naming.at_home),
    ("hostname", ("%3a%2f%2f",), r"%3a%2f%2f([a-z][a-z0-9-]{0,})(?:%3a|%2f)", naming.host),
    (
        "user",
        ("sshd",),
        r"(?:accepted|failed) [a-z/-]+ for (?:invalid user )?([a-z0-9_.-]{2,}) from",
        naming.user,
    ),
    ("user", ("sudo",), r"sudo(?:\[[0-9]+\])?:\s+([a-z0-9_.-]{2,}) : ", naming.user),
    ("user", ("log_request",), r"\) \[([^\]\[\s]{2,})\] [0-9.]+ ?ms", naming.user),
    ("user", ("-rw", "drw", "lrw"), r"[d-]rw[rwxst-]{7}[+.@]? +[0-9]+ +([a-z][a-z0-9_.-]{0,}) ", naming.user),
    ("printer_id", ("id",), r"[^0-9a-z]id['\"]?[ :=]+['\"]?(%s{32})" % _H, checks.alone),
    ("printer_id", ("printer/public/",), r"printer/public/[0-9]+/(%s{32})" % _H, checks.alone),
    ("token", ("simplyprint.io/",), r"simplyprint\.io/[0-9.]+/p/([0-9a-z/]{6,})", checks.always),
    ("instance_uuid", ("@",), r"@(%s{32})" % _H, checks.alone),
    ("uuid", ("partuuid",), r"partuuid=(%s{8}-%s{2})" % (_H, _H), checks.alone),
    ("printer_sn", ("device/",), r"device/([0-9a-z]{11,})/(?:report|request)", checks.opaque),
    ("printer_sn", ("sn:", "sn="), r"[^0-9a-z]sn[:=] ?([0-9a-z]{8,})", _number),
    (
        "hw_serial",
        ("serial n",),
        r"serial n(?:umber|o\.?|um)['\"]?\s?[:=#]?\s?['\"]?([0-9a-z][0-9a-z-]{5,})",
        _number,
    ),
    ("hw_serial", ("board id",), r"board id: ([0-9a-z]{5}(?:-[0-9a-z]{5})(?:-[0-9a-z]{5})[0-9a-z-]*)", checks.serial),
    (
        "mac",
        ("mac:", "mac=", 'mac"', "mac'", "mac_addr", "macaddr"),
        r"mac(?:[ _-]?addr(?:ess)?)?['\"]?\s?[:=]\s?['\"]?(%s{12})" % _H,
        checks.alone,
    ),
    ("token", (":aa",), r"([0-9]{8,12}:aa[0-9a-z_-]{30,})", checks.alone),
    ("token", ("/bot",), r"/bot([0-9]{8,12}:[0-9a-z_-]{30,})", checks.always),
    ("token", ("/webhook", "slack.com/services/"), r"/(?:webhooks?|services)/([0-9a-z_/-]{12,})", checks.opaque),
    ("token", ("ghp_", "gho_", "github_pat_"), r"((?:gh[po]_|github_pat_)[0-9a-z_]{16,})", checks.alone),
    ("token", ("key:", "key=", 'key"', "key'"), r"[^0-9a-z_]key['\"]?\s?[:=]\s?['\"]?(%s{32})" % _H, checks.alone),
    ("account", ("chat",), r"chat(?:[_ ]?id)?['\"]?[ :=]+['\"]?(-?[0-9]{7,})", checks.alone),
    ("device_name", ("linked printer",), r"'name': '([^']{1,})'", _of_linked),
    ("cloud_id", ("linked printer",), r"'id': ([0-9]{3,})", _of_linked),
    ("filename", ("unrendered ",), r"unrendered timelapse:? ([^:,;]{3,})", checks.always),
    ("author", ("author: ",), r"author: ?\(([^,()]{2,})", _credited),
    ("author", ("author: ",), r"author: ([^<>,()\"\\]{2,}[^<>,()\"\\\s])", _author),
]
SERVICES += [("token", (one + "://",), one + r"://([^\s'\"<>]{6,})", naming.secret) for one in _MESSENGERS]
