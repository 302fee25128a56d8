"""A plain list of patterns, as an engineer writes it in an hour for these files: the least that a scrubber must beat.

Each is run over the whole text. The group "v" is what would be masked, where there is one. Standard library only.
"""

import re

_NUMBER = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_HEX4 = r"[0-9a-fA-F]{1,4}"
_FILE = r"(?:gcode|gco|3mf|stl|nc)"

PATTERNS: "tuple[tuple[str, str], ...]" = (
    ("ipv4", rf"\b{_NUMBER}(?:\.{_NUMBER}){{3}}\b"),
    ("ipv6", rf"\b(?:{_HEX4}:){{7}}{_HEX4}\b"),
    ("ipv6", rf"\b(?:fe80|fd[0-9a-f]{{2}}|2[0-9a-f]{{3}})(?::{_HEX4}){{0,5}}::(?:{_HEX4}(?::{_HEX4}){{0,5}})?"),
    ("mac", r"\b[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}\b"),
    ("uuid", r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"),
    ("email", r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    ("home_user", r"(?:/home/|/Users/|[\\/]Users[\\/]+)(?!pi\b|root\b)(?P<v>[\w.-]+)"),
    ("filename", rf"(?P<v>[^\s/\\\"'<>=:,\[\]()]+\.{_FILE})\b"),
    ("filename", rf"[\"'/](?P<v>[^\"'/\\\n<>]+\.{_FILE})[\"']"),
    ("usb_serial", r"/dev/serial/by-id/usb-[\w.-]+?_(?P<v>[0-9A-Za-z]{6,})-if\d\d"),
    ("usb_serial", r"SerialNumber: *(?P<v>\S+)"),
    ("canbus_uuid", r"canbus_uuid[\"']? *[:=] *[\"']?(?P<v>[0-9a-fA-F]{12})"),
    ("hw_serial", r"(?i)serial(?:_number)?[\"'\t ]*[:=][\"' ]*(?P<v>[0-9a-z]{8,})"),
    ("hostname", r"(?i)host_?name[\"']? *[:=] *[\"']?(?P<v>[\w.-]+)"),
    ("hostname", r"\b(?P<v>[\w-]+)\.(?:local|lan|home)\b"),
    ("ssid", r"(?i)ssid[\"']? *[:=]? *[\"'](?P<v>[^\"'\n]+)[\"']"),
    ("user", r"(?i)\b(?:user|user_?name|login|owner)[\"']? *[:=] *u?[\"']?(?P<v>[\w.@-]+)"),
    ("author", r"(?i)\bauthor[\"']? *[:=] *[\"']?(?P<v>[^\"'\n,]+)"),
    (
        "token",
        r"(?i)\b(?:api_?key|x-api-key|token|password|passwd|secret|apikey)[\"']? *[:=] *[\"']?(?P<v>[^\s\"',&]+)",
    ),
    ("token", r"(?i)\bbearer +(?P<v>[\w.~+/=-]+)"),
    ("token", r"\btgram://(?P<v>[\w:-]+)"),
    ("account", r"github\.com[:/](?P<v>[\w-]+)/"),
    ("printer_sn", r"(?i)\"(?:sn|dev_id|device_id|printer_id)\" *: *\"(?P<v>[^\"]+)\""),
    ("cloud_id", r"(?i)[\"'](?:task|subtask|project|profile)_id[\"'] *: *[\"']?(?P<v>\d{4,})"),
    ("rfid_uid", r"(?i)\"(?:tag_uid|tray_uuid)\" *: *\"(?P<v>[0-9a-f]{8,})\""),
    ("instance_uuid", r"(?i)(?:instance_id|uuid)[\"']? *[:=] *[\"']?(?P<v>[0-9a-f]{32})\b"),
    ("session_id", r"(?i)\bsession(?:_?id)?[\"']? *[:=] *[\"']?(?P<v>[0-9a-f]{16,})"),
    ("gps", r"(?i)\b(?:lat|latitude|lon|lng|longitude)[\"']? *[:=] *[\"']?(?P<v>-?\d{1,3}\.\d{3,})"),
    ("object_name", r"(?i)EXCLUDE_OBJECT\w* NAME=(?P<v>\S+)|; *(?:stop )?printing object (?P<w>[^\n]+)"),
    ("message", r"(?m)^M11[78] (?P<v>[^\n]+)"),
)
_COMPILED = tuple((kind, re.compile(pattern)) for kind, pattern in PATTERNS)


def find(text: str, family: str = "") -> "list[tuple[int, int, str]]":
    """(start, end, kind) of all that they match, by pattern; some may lie in others."""
    found = []
    for kind, pattern in _COMPILED:
        for hit in pattern.finditer(text):
            found.append((*hit.span(hit.lastindex or 0), kind))
    return found
