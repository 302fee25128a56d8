"""The scrubber's rules, line by line, as each runtime runs them."""

from firmware_agent.scrub.checks import fold
from firmware_agent.scrub.forms import written_out
from firmware_agent.scrub.lines import Lines

_LINES = Lines()  # one for all: a small heap has room for one

FOUND = (
    ("peer 192.168.4.17 gone", "ipv4", "192.168.4.17"),
    ("GET http%3A%2F%2F10.4.4.17%2Fx", "ipv4", "10.4.4.17"),
    ("ether B8:27:eb:01:a2:03 txqueuelen", "mac", "B8:27:eb:01:a2:03"),
    ("listening on [fe80::1:2a3:4f]:80", "ipv6", "fe80::1:2a3:4f"),
    ("id 0f8a3b1c-77aa-4bcd-9e01-2233445566ff", "uuid", "0f8a3b1c-77aa-4bcd-9e01-2233445566ff"),
    ("mail Orun.Kefa@example.org now", "email", "Orun.Kefa@example.org"),
    ("/home/orun/printer_data", "home_user", "orun"),
    ("C:\\Users\\Orun Kefa\\Desktop", "home_user", "Orun Kefa"),
    ("/dev/serial/by-id/usb-Klipper_stm32_2A0041-if00", "usb_serial", "2A0041"),
    ("canbus_uuid: 0d1e2f3a4b5c", "canbus_uuid", "0d1e2f3a4b5c"),
    ("Authorization: Bearer aa11bb22cc33", "token", "Bearer aa11bb22cc33"),
    ("api_key = 'QWERT12345'", "token", "QWERT12345"),
    ('ESSID:"Orun\'s net"', "ssid", "Orun's net"),
    ("Linux kefabox 6.1.21-v8+ #1642 SMP", "hostname", "kefabox"),
    ("http://kefabox.local/", "hostname", "kefabox"),
    ("User orun logged in", "user", "orun"),
    ('{"task_id": 135440576}', "cloud_id", "135440576"),
    ('"ip": 135440576,', "ipv4_int", "135440576"),
    ("Signed-off-by: Orun Kefa <>", "author", "Orun Kefa"),
    ("printing file: Orun kefa lamp v3.gcode", "filename", "Orun kefa lamp v3.gcode"),
    ("user: J\u00f6r\u00e9n", "user", "J\u00f6r\u00e9n"),
    ("lon=12.48231", "gps", "12.48231"),
    ("Read 1.2: 'EXCLUDE_OBJECT_START NAME=cube_0\\n'", "object_name", "cube_0"),
    ("EXCLUDE_OBJECT_DEFINE NAME='big lamp' CENTER=1,2", "object_name", "big lamp"),
    ("Recv: M486 S3 Ahandle", "object_name", "handle"),
)
CLEAN = (
    "Stats 12.3: gcodein=0 mcu: mcu_awake=0.003 freq=180000012 sysload=0.42",
    "firmware version 1.7.96.83",
    "Chrome/131.0.0.0 Safari",
    "at 127.0.0.1 of 255.255.255.0",
    "T:210.0 /210.0 B:60.1 /60.0 @:127 B@:0",
    "sha256:" + "0f8a3b1c" * 8,
    "12:34:56 done",
    "user: root",
    "password: none",
    "EXCLUDE_OBJECT_DEFINE RESET=1, M486 S-1 T4",
    "https://github.com/Klipper3d/klipper.git",
)


def found(line):
    return [(kind, line[start:end]) for start, end, kind in _LINES.spans(line, fold(line), True)]


def test_ok__what_identifies_is_found_whole():
    for line, kind, value in FOUND:
        assert (kind, value) in found(line), (line, found(line))


def test_ok__what_only_looks_like_it_stays():
    for line in CLEAN:
        assert found(line) == [], (line, found(line))


def test_ok__what_is_found_stands_apart_and_in_order():
    for line, _, _ in FOUND:
        spans = _LINES.spans(line, fold(line), True)
        assert all([spans[at][1] <= spans[at + 1][0] for at in range(len(spans) - 1)])


def test_ok__a_pattern_is_written_out_for_boards():
    assert written_out("x(?:ab)([0-9]{1,3})") == ("(x(ab))([0-9][0-9]?[0-9]?)", 3)
    assert written_out("([a-z]{2,})y") == ("()([a-z][a-z][a-z]*)y", 2)


def test_ok__folding_moves_nothing():
    text = "\u0130A\u00dfz\ud7ff"
    assert fold(text) == "\x7fa\x7fz\x7f" and len(fold(text)) == len(text)
