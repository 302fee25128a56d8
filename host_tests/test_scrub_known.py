"""What a device knows of itself is masked first; what cannot be read is left out."""

import os
from pathlib import Path

import pytest

from firmware_agent.scrub.known import known
from firmware_agent.scrub.report import Report

FILES = {
    "etc/hostname": "kefabox\n",
    "etc/machine-id": "0f8a3b1c77aa4bcd9e012233445566ff\n",
    "sys/firmware/devicetree/base/serial-number": "10000000deadb123\0",
    "proc/cpuinfo": "processor\t: 0\nSerial\t\t: 10000000deadb123\n",
    "sys/class/net/wlan0/address": "b8:27:eb:01:a2:03\n",
    "sys/class/net/lo/address": "00:00:00:00:00:00\n",
    "sys/bus/usb/devices/1-1/serial": "31FFD6054D42\n",
    "sys/block/mmcblk0/device/serial": "0x7c11e0a4\n",
    "sys/block/mmcblk0/device/cid": "1b534d4542314d54307c11e0a4\n",
    "etc/NetworkManager/system-connections/Kefa Loft.nmconnection": "",
    "home/orunkefa/printer_data/config/moonraker.conf": "[notifier x]\napi_key: QX81MMNZ04TT\n",
    "home/orunkefa/printer_data/gcodes/lamp of ema.gcode": "",
    "home/lost+found/x": "",
}
VALUES = {
    "hostname": {"kefabox"},
    "instance_uuid": {"0f8a3b1c77aa4bcd9e012233445566ff"},
    "hw_serial": {"10000000deadb123", "7c11e0a4", "1b534d4542314d54307c11e0a4"},
    "mac": {"b8:27:eb:01:a2:03"},
    "usb_serial": {"31FFD6054D42"},
    "ssid": {"Kefa Loft"},
    "home_user": {"orunkefa"},
    "token": {"QX81MMNZ04TT"},
    "filename": {"lamp of ema.gcode", "lamp of ema"},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_ok__all_that_names_the_device_is_known(root: Path) -> None:
    found: dict[str, set[str]] = {}
    for kind, value in known(root):
        found.setdefault(kind, set()).add(value)
    assert found == VALUES


@pytest.mark.clause("L10")
@pytest.mark.attack(16)
def test_ok__it_goes_where_nothing_tells_what_it_is(root: Path) -> None:
    values = sorted(value for several in VALUES.values() for value in several)
    text = "\n".join(f"xx {value} yy {value.upper()}" for value in values)
    out = Report(known(root)).masked(text)
    assert [value for value in values if value.lower() in out.lower()] == []
    assert "xx kefabox yy" in Report().masked(text) and "31FFD6054D42" in Report().masked(text)  # the control


def test_ok__a_device_that_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_bytes(b"\xff\xfe")
    assert list(known(tmp_path)) == []


def test_fail__a_pipe_or_a_device_among_the_settings_holds_nothing_up(tmp_path: Path) -> None:
    config = tmp_path / "home/orunkefa/printer_data/config"
    config.mkdir(parents=True)
    os.mkfifo(config / "a.cfg")
    (config / "b.cfg").symlink_to("/dev/zero")
    (config / "c.cfg").write_text("[mqtt_user]\nusername: orunkefa7\n")
    assert ("user", "orunkefa7") in list(known(tmp_path))
