"""What an owner can put into a bundle. A closed list: any other file stays."""

from typing import NamedTuple

LOG, CONFIG, GCODE, FACTS = "log", "config", "gcode", "facts"
AGENT = "agent"
JOB = "gcode"

# What is ticked and what is not -> its kind, in the order in which they stand in the bundle.
CHOICES = {AGENT: FACTS, "klippy": LOG, "moonraker": LOG, "octoprint": LOG, "config": CONFIG, JOB: GCODE}
UNTICKED = (JOB,)  # L9; the serial number, a tick box beside these, is unticked, too (L10)
# kind -> bytes of one file that go in: of a log the last, of all others the first
ROOM = {LOG: 192 * 1024, CONFIG: 64 * 1024, GCODE: 128 * 1024, FACTS: 16 * 1024}

# What can be masked: the kinds of the scrubber, and what a person removed.
# fmt: off
KINDS = (
    "account", "author", "canbus_uuid", "cloud_id", "device_name", "email", "filename", "gcode", "gps",
    "home_user", "hostname", "hw_serial", "instance_uuid", "ipv4", "ipv4_int", "ipv6", "mac", "message", "note",
    "object_name", "opaque", "printer_id", "printer_sn", "profile_name", "removed", "rfid_uid", "session_id",
    "ssid", "thumbnail", "timezone", "token", "usb_serial", "user", "uuid",
)
# fmt: on


LARGEST = 1 << 20  # bytes of a bundle: what leaves as one message


class Part(NamedTuple):
    """One file. kind: of ROOM. name: what it is called in the bundle, from a closed list: the name of a file may tell
    something. note: what of it is in the bundle, where that is not all. data: that part of it."""

    kind: str
    name: str
    note: str
    data: bytes
