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
    ("Sep 23 13:09:56 orunbox wpa_supplicant[485]: wlan0: up", "hostname", "orunbox"),
    ("2024-05-01T10:00:00.123+02:00 orunbox kernel: usb 1-1", "hostname", "orunbox"),
    ("server: http://kefanas:7912", "hostname", "kefanas"),
    ("Registered 'OctoPrint instance on orunbox._http._tcp.local.' for _http._tcp.", "hostname", "orunbox"),
    ('wifi: Connected to wireless network "Orun net"', "ssid", "Orun net"),
    ("sshd[12]: Accepted password for orunkefa from 10.2.7.31 port 4", "user", "orunkefa"),
    ("sudo: orunkefa : TTY=pts/0 ; PWD=/", "user", "orunkefa"),
    ("-rw-r--r-- 1 orunkefa orunkefa 57 Feb 23 17:26 x", "user", "orunkefa"),
    ("log_request() - 200 POST /x (10.2.7.31) [orunkefa] 98.1ms", "user", "orunkefa"),
    ("moonraker@0123456789abcdef0123456789abcdef", "instance_uuid", "0123456789abcdef0123456789abcdef"),
    ("subscribed to device/01P00C451300217/report", "printer_sn", "01P00C451300217"),
    ("Machine SN: CB0200F19D21A7", "printer_sn", "CB0200F19D21A7"),
    ("Board ID: 08DJM-9P63L-DJ3T8-6JKD4", "hw_serial", "08DJM-9P63L-DJ3T8-6JKD4"),
    ("SOC serial number a1b2c3d4e5f6", "hw_serial", "a1b2c3d4e5f6"),
    ("usb-carto_carto_1D001300-0443303639323320-if00", "usb_serial", "1D001300-0443303639323320"),
    ("mac: FCEE9281A0B7, model", "mac", "FCEE9281A0B7"),
    ("mqtt: up, deviceKey=1 unionId=f9a3c2d1b0e84756 x", "uuid", "f9a3c2d1b0e84756"),
    ("url: tgram://812345679:AAHkT2y9Zq8/-100123456", "token", "812345679:AAHkT2y9Zq8/-100123456"),
    ("POST https://x.example/api/webhooks/1122/AbCdEf09Gh", "token", "1122/AbCdEf09Gh"),
    ("got a message from chat -1001234567", "account", "-1001234567"),
    ("Linked printer: {'id': 177784, 'name': 'Orun one'}", "device_name", "Orun one"),
    ("Deleted old unrendered timelapse orun_20160831012932", "filename", "orun_20160831012932"),
    ("Last Updated: 2023 | Author: (Orun Kefa, Ender-3)", "author", "Orun Kefa"),
    ("mailto orun%40kefa.org", "email", "orun%40kefa.org"),
    ("Job Started: Cover_6m_0,20mm_PLA.gcode", "filename", "Cover_6m_0,20mm_PLA.gcode"),
    ("path: 'Box for the Tools.gcode'", "filename", "Box for the Tools.gcode"),
    ('loading "Orun\'s lamp.gcode"', "filename", "Orun's lamp.gcode"),
    ("Send: N1 M23 orun/new lamp.gco*12", "filename", "orun/new lamp.gco"),
    ("git clone https://github.com/orunkefa/klipper_config", "account", "orunkefa"),
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
    "origin: https://github.com/orunkefa/klipper_filament_scale.git",
    "Slicer 2.7.4.0, Browser 5.59.1.8",
    "hostname = connect.prusa3d.com",
    "Only .gcode, (_.gcode) and *.gcode are taken",
    "{% set at = params.STEP|default(1) %} and self.g = homeall.g",
    "wifi: connected to the network, access point: not available",
    "moonraker@1.service of user@1000.service",
    "username: my_user, password: your_password",
    "ip_addr=one.ip_addr, user=one.user_info))",
    "bssid=00:00:00:00:00:00",
    "wlan0: connected to ssid=",
    "101 GET /websocket?token= (127.0.0.1) [_TRUSTED_USER_] 5.71ms",
    "Websocket Opened: ID: 548214596432, Proxied: True",
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
