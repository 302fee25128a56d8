"""Identifiers that nobody has, of all kinds, and the lines in which programs of printers write them. Seeded."""

import json
import string
from collections.abc import Callable
from random import Random
from urllib.parse import quote

_HEX = "0123456789abcdef"
_BIG = string.ascii_uppercase + string.digits


def _hex(chance: Random, size: int) -> str:
    return "".join(chance.choice(_HEX) for _ in range(size))


def word(chance: Random, least: int = 5, most: int = 9) -> str:
    """A word that no language has, as a person's name."""
    return "".join(chance.choice("bdfgklmnprstvwz" if at % 2 else "aeiou") for at in range(chance.randint(least, most)))


def _any(*makers: Callable[[Random], str]) -> Callable[[Random], str]:
    return lambda chance: chance.choice(makers)(chance)


def _octets(chance: Random, *first: int) -> str:
    return ".".join(str(one) for one in (*first, *(chance.randint(2, 254) for _ in range(4 - len(first)))))


def _file(chance: Random) -> str:
    parts = [chance.choice((word(chance), word(chance).title(), _hex(chance, 4), f"{chance.randint(1, 99)}mm"))]
    parts += [word(chance) for _ in range(chance.randint(1, 3))]
    return chance.choice("_- .").join(parts) + chance.choice((".gcode", ".gcode", ".gco", ".3mf", ".stl", ".GCODE"))


def _groups(chance: Random, count: int) -> str:
    return ":".join(f"{chance.randint(1, 0xFFFF):x}" for _ in range(count))


KINDS: dict[str, Callable[[Random], str]] = {
    "ipv4": _any(lambda one: _octets(one, 192, 168), lambda one: _octets(one, 10), lambda one: _octets(one, 93)),
    "ipv6": _any(
        lambda one: f"{one.choice((0x2001, 0x2A02, 0xFD17)):x}:" + _groups(one, 7),
        lambda one: "fe80::" + _groups(one, 3) + ":" + _hex(one, 4),
    ),
    "mac": lambda one: ":".join("%02x" % one.randrange(256) for _ in range(6)),
    "uuid": lambda one: "-".join(_hex(one, size) for size in (8, 4, 4, 4, 12)),
    "email": lambda one: f"{word(one)}.{word(one)}@{word(one)}.{one.choice(('com', 'de', 'co.uk'))}",
    "filename": _file,
    "home_user": _any(word, lambda one: word(one) + str(one.randint(1, 99)), lambda one: f"{word(one)}_{word(one)}"),
    "hostname": _any(lambda one: f"{word(one)}-{word(one)}", lambda one: word(one) + str(one.randint(1, 9))),
    "user": _any(lambda one: word(one).title(), word, lambda one: f"{word(one)}_{word(one)}"),
    "author": lambda one: f"{word(one).title()} {word(one).title()}",
    "account": lambda one: word(one).title() + word(one).title(),
    "device_name": lambda one: word(one).title(),
    "ssid": _any(lambda one: f"{word(one)}-5G", lambda one: f"{word(one).title()} {word(one).title()}"),
    "token": _any(
        lambda one: "".join(one.choice(_BIG) for _ in range(32)),
        lambda one: "".join(one.choice(string.ascii_letters + string.digits) for _ in range(22)),
    ),
    "session_id": lambda one: _hex(one, 32),
    "usb_serial": _any(lambda one: _hex(one, 24).upper(), lambda one: "5" + _hex(one, 11).upper()),
    "canbus_uuid": lambda one: _hex(one, 12),
    "hw_serial": _any(lambda one: "1" + _hex(one, 15), lambda one: "1" + _hex(one, 7)),
    "instance_uuid": lambda one: _hex(one, 32),
    "printer_id": lambda one: "".join(one.choice(_BIG) for _ in range(60)),
    "printer_sn": lambda one: one.choice(("00M", "01S", "03W")) + _hex(one, 12).upper(),
    "cloud_id": lambda one: str(one.randint(10**6, 10**9)),
    "rfid_uid": lambda one: _hex(one, 16).upper(),
    "ipv4_int": lambda one: str(one.randint(2**24, 2**32 - 1)),
    "gps": lambda one: f"{one.uniform(10, 80):.5f}",
}
# kind: lines, with {} where it stands. They were written by somebody who knew the rules.
LINES: dict[str, tuple[str, ...]] = {
    "ipv4": (
        "connection from {} refused",
        "http://{}:7125/server/info",
        '{{"remote_ip": "{}"}}',
        "  trusted_clients: {}",
        "('{}', 52114)",
        "Websocket Opened: ID: 1403, Proxied: False, User Agent: x, IP: {}",
        "GET http%3A%2F%2F{}%2Fprinter",
    ),
    "ipv6": ("listening on [{}]:80", '"addr": "{}"', "peer {} closed"),
    "mac": ("wlan0: authenticate with {}", '"mac": "{}"', "ether {}  txqueuelen 1000", "link/ether {} brd"),
    "uuid": ("machine {} seen", '"id": "{}"', "/dev/disk/by-uuid/{}", "id={}&x=1"),
    "email": ("mail to {} failed", '"email": "{}"', "<{}>", "mailto:{}?subject=x"),
    "filename": (
        "Starting SD card print (position 0): '{}'",
        "/home/pi/printer_data/gcodes/{}",
        '{{"filename": "{}", "size": 3}}',
        "current_file: {}",
        '"job": {{"file": {{"name": "{}"}}}}',
        "job_state.py:_send_job_event()] - Job Started: {}",
    ),
    "home_user": ("/home/{}/printer_data/logs", "C:\\Users\\{}\\Desktop\\x", "path=%2Fhome%2F{}%2Fx", '"/Users/{}/a"'),
    "hostname": (
        "Hostname: {}",
        '"hostname": "{}"',
        "http://{}.local/",
        "Linux {} 6.1.21-v8+ #1642 SMP",
        "http://{}:7912/x",
    ),
    "user": ("user: {}", '"username": "{}"', "User {} logged in", "uid=1000({}) gid=1000", "'user': u'{}'"),
    "author": ("Signed-off-by: {} <>", '"author": "{}"', "author: {}"),
    "account": ("https://github.com/{}/config.git", '"account": "{}"', "git@github.com:{}/x.git"),
    "device_name": ("printer_name: {}", '"device_name": "{}"', "[printer {}]"),
    "ssid": ('ESSID:"{}"', '"ssid": "{}"', "wlan0: connected to '{}'", "ssid = {}"),
    "token": (
        "api_key: {}",
        '"token": "{}"',
        "X-Api-Key: {}",
        "Authorization: Bearer {}",
        "/websocket?token={}",
        "url: tgram://{}/chat",
        "'password': '{}'",
    ),
    "session_id": ("session_id={}", '"session": "{}"', "session {} closed"),
    "usb_serial": (
        "serial: /dev/serial/by-id/usb-Klipper_stm32f446xx_{}-if00",
        "SerialNumber: {}",
        "/dev/v4l/by-id/usb-046d_C270_HD_WEBCAM_{}-video-index0",
    ),
    "canbus_uuid": ("canbus_uuid: {}", "Found canbus_uuid={}, Application: Klipper", '"canbus_uuid": "{}"'),
    "hw_serial": ("Serial\t\t: {}", '"serial_number": "{}"'),
    "instance_uuid": ('"instance_id": "{}"', "uuid: {}", "moonraker-x:{}"),
    "printer_id": ("printer_id: {}", '"device_id": "{}"', "client-id: {}"),
    "printer_sn": ('"sn": "{}"', "serial_number: {}", '"dev_id":"{}"', "topic device/{}/report"),
    "cloud_id": ('"task_id": "{}"', '"project_id": {},', "'subtask_id': '{}'"),
    "rfid_uid": ('"tag_uid": "{}"', '"tray_uuid":"{}"'),
    "ipv4_int": ('"ip": {},', '{{"net": {{"info": [{{"ip": {}}}]}}}}'),
    "gps": ('"latitude": {}', "lon={}", '"lng":"{}"'),
}
_CASED = set(KINDS) - {"cloud_id", "ipv4_int", "gps"}
_ENCODED = {"filename": quote, "ssid": lambda text: json.dumps(text)[1:-1]}

# Lines that hold nothing of anybody, and look as if they did; each piece is made anew. {v}: a version, {h}: hex digits,
# {H}: the same of 40, {n}: a number, {f}: one with a point, {t}: a time of day.
ALIKE = (
    "Stats {f}: gcodein=0 mcu: mcu_awake=0.0{n} mcu_task_avg=0.0000{n} bytes_write={n} freq={n} sysload={f}",
    "Git version: 'v0.{n}.0-{n}-g{h}'",
    "mcu 'mcu': Loaded MCU 'mcu' 122 commands (v0.{n}.0-{n}-g{h} / gcc: (15:8-2019-q3-1+b1) 8.3.1 binutils: 2.{n})",
    "firmware_version: {v}",
    '"ota_version": "{v}", "sw_ver": "00.0{d}.{n}.{n}"',
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/1{d}1.0.0.0 Safari/537.36",
    "version {v}.{d} of the software",
    "checksum: {H}",
    "sha256:{H}{h}{h}",
    "commit {H}",
    "firmware hash {h}{h}",
    "G1 X{f} Y{f} E0.{n} F{n}",
    "T:{f} /{f} B:{f} /{f} @:{n} B@:{n}",
    "X:{f} Y:{f} Z:{f} E:0.00 Count X:{n} Y:{n} Z:{n}",
    "{t}.{n} [INFO] server.py:serve():{n} - done in {f} s",
    "20{n}-0{d}-1{d} {t},{n} - octoprint.util.comm - INFO - Changing monitoring state from 'Opening' to 'Idle'",
    "position_endstop: {f}",
    "step_distance = 0.0{n}",
    "pin: PE{d}",
    "rotation_distance: {f}",
    "max_accel = {n}",
    "PureIO version 1.{d}.{n}.{n}, bundled version 2.{d}.{n}.{n}",
    '"progress": 0.{n}, "print_duration": {f}, "layer": {n}',
    "ok P{d} B{d} N{n}",
    "0x{h}: 0x{h}",
    "Load average: {f} {f} {f}",
    "nozzle at {f} of {f} degrees, fan {d}0 %",
    "Reading {n} bytes at 127.0.0.1 of 255.255.255.0 and 0.0.0.0",
    "bed_mesh: points 0.{n}, -0.{n}, 0.{n}",
    "exception at line {n} of /usr/lib/python3.{d}/asyncio/events.py",
)


def alike(chance: Random) -> str:
    """One of ALIKE, filled."""
    makers: dict[str, Callable[[], str]] = {
        "{v}": lambda: f"{chance.randint(0, 9)}.{chance.randint(0, 30)}.{chance.randint(0, 99)}",
        "{h}": lambda: _hex(chance, 8),
        "{H}": lambda: _hex(chance, 40),
        "{n}": lambda: str(chance.randint(10, 99)),
        "{d}": lambda: str(chance.randint(1, 9)),
        "{f}": lambda: f"{chance.uniform(0, 300):.3f}",
        "{t}": lambda: f"{chance.randint(10, 23)}:{chance.randint(10, 59)}:{chance.randint(10, 59)}",
    }
    line = chance.choice(ALIKE)
    for mark, made in makers.items():
        while mark in line:
            line = line.replace(mark, made(), 1)
    return line


def made(chance: Random, kind: str) -> str:
    """An identifier of a kind, sometimes in other letters."""
    value = KINDS[kind](chance)
    if kind in _CASED and chance.random() < 0.15:
        value = chance.choice((value.upper(), value.lower()))
    return value


def said(chance: Random, kind: str) -> tuple[str, str]:
    """(a line, the identifier as it stands there): some in the way of addresses or of JSON."""
    value, line = made(chance, kind), chance.choice(LINES[kind])
    if kind == "hw_serial" and line.startswith("Serial\t"):
        value = value.lower()
    if kind in _ENCODED and ("/" in line or '"' in line) and chance.random() < 0.3:
        value = _ENCODED[kind](value)
    return line.format(value), value
