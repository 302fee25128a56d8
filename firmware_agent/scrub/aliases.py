"""What stands where an identifier stood: typed, the same for the same value within one report, and new in the next."""

import re

_SHORT = {
    "home_user": "user",
    "account": "user",
    "author": "user",
    "hostname": "host",
    "device_name": "device",
    "ipv4": "ip",
    "ipv6": "ip",
    "ipv4_int": "ip",
    "usb_serial": "serial",
    "hw_serial": "serial",
    "printer_sn": "serial",
    "canbus_uuid": "can",
    "instance_uuid": "id",
    "uuid": "id",
    "printer_id": "id",
    "cloud_id": "id",
    "session_id": "token",
    "rfid_uid": "tag",
    "filename": "file",
    "ssid": "network",
    "object_name": "object",
    "profile_name": "profile",
}
_KINDS = {*_SHORT.values(), "mac", "email", "word", "message", "note", "opaque"}
_OURS = re.compile(r"<([a-z]{2,8})-(\d{1,6})>")
_MOST = 100_000  # values that are told apart: memory has an end, and hostile files have none


class Aliases:
    """One report's."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def taken(self, text: str) -> None:
        """What stands in `text` as if it was ours, of a file that was scrubbed before, is not said again."""
        for match in _OURS.finditer(text):
            short, number = match[1], int(match[2])
            if short in _KINDS:
                self._counts[short] = max(self._counts.get(short, 0), number)

    def of(self, kind: str, value: str) -> str:
        """What to write in place of `value`, as "<host-2>"."""
        short = _SHORT.get(kind, kind)
        key = (short, value)
        if key not in self._names:
            if len(self._names) >= _MOST:
                return f"<{short}-more>"
            self._counts[short] = self._counts.get(short, 0) + 1
            self._names[key] = f"<{short}-{self._counts[short]}>"
        return self._names[key]
