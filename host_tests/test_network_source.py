"""What this device tells of its link: a kind and a signal, out of files that hold no name of a network (P1)."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from firmware_agent.telemetry.sources.network import NetworkSource, default, kind, signal

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
WIRELESS = (
    "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
    " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"
)
CANARY = "canary-anns-network"


def route(name, metric=0, flags="0003", destination="00000000", mask="00000000"):
    return f"{name}\t{destination}\t0101A8C0\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"


def level(name, text):
    return f"{WIRELESS} {name}: 0000   54.  {text}  -256        0      0      0      0      0        0\n"


class Machine:
    """A device's files: those that are looked at, and beside them some with names and addresses."""

    def __init__(self, directory):
        self.proc, self.sys = directory / "proc", directory / "sys"
        self.proc.mkdir()
        for name in ("arp", "fib_trie", "dev"):
            (self.proc / name).write_text(CANARY)
        self.link("wlan0", "1", "INTERFACE=wlan0\nIFINDEX=3\nDEVTYPE=wlan\n", "phy80211", "device")
        self.link("eth0", "1", "INTERFACE=eth0\nIFINDEX=2\n", "device")
        self.link("wwan0", "519", "DEVTYPE=wwan\nINTERFACE=wwan0\n", "device")
        self.link("br0", "1", "DEVTYPE=bridge\nINTERFACE=br0\n")
        self.link("tun0", "65534", "INTERFACE=tun0\n")
        self.link("ppp0", "512", "INTERFACE=ppp0\n")

    def link(self, name, hardware, uevent, *folders):
        place = self.sys / name
        for folder in ("", *folders):
            (place / folder).mkdir(parents=True)
        for file, text in (("type", hardware + "\n"), ("uevent", uevent), ("address", CANARY), ("carrier", CANARY)):
            (place / file).write_text(text)

    def read(self, table, wireless=WIRELESS):
        (self.proc / "route").write_bytes(table if isinstance(table, bytes) else (HEAD + table).encode())
        (self.proc / "wireless").write_bytes(wireless if isinstance(wireless, bytes) else wireless.encode())
        return [one.fields for one in asyncio.run(NetworkSource(self.proc, self.sys).read())]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.clause("P1")
def test_ok__each_kind_of_link_is_told_by_the_interface_of_the_default_route(machine):
    kinds = {"eth0": "cable", "wlan0": "wifi", "wwan0": "mobile", "br0": "other", "tun0": "other", "gone0": "other"}
    for name, told in {**kinds, "ppp0": "other"}.items():
        assert machine.read(route(name)) == [{"link_type": told}], name
    assert machine.read(route("wlan0"), level("wlan0", "-56.")) == [{"link_type": "wifi", "link_signal": -56}]
    assert machine.read(route("eth0"), level("wlan0", "-56.")) == [{"link_type": "cable"}]


def test_ok__the_lowest_metric_counts_and_only_a_default_route_that_is_up():
    table = HEAD + route("wlan0", 600) + route("eth0", 100) + route("tun0", 50, flags="0203")
    assert default(table) == "eth0"
    assert default(table + route("down0", 1, flags="0002")) == "eth0"
    assert default(table + route("near0", 1, destination="0001A8C0", mask="00FFFFFF")) == "eth0"
    assert default(table + route("half0", 1, mask="00000080")) == "eth0"  # of a VPN: half of all addresses
    assert default(HEAD) is None and default("") is None


def test_ok__without_a_route_or_without_the_files_there_is_nothing(machine, tmp_path):
    assert machine.read("") == []
    assert asyncio.run(NetworkSource(tmp_path / "no", tmp_path / "no").read()) == []


def test_ok__only_a_signal_in_dbm_is_one():
    values = {"-56.": -56, "-56": -56, "-1.": -1, "-120.": -120, "200.": -56, "136.": -120}
    other = {
        "0.": None,
        "54.": None,
        "-121.": None,
        "-256.": None,
        "256.": None,
        "x": None,
        "-5e1": None,
        "\u0663.": None,
    }
    for text, told in {**values, **other}.items():
        assert signal(level("wlan0", text), "wlan0") == told, text
    assert signal(level("wlan0", "-56."), "wlan1") is None and signal("", "wlan0") is None


def test_ok__a_radio_counts_before_a_name():
    assert kind("", "1", True, True) == "wifi" and kind("DEVTYPE=wlan", "1", False, False) == "wifi"
    assert kind("INTERFACE=wlan7", "1", False, True) == "cable" and kind("", "", False, False) == "other"


@pytest.mark.clause("P1")
def test_fail__no_file_with_a_name_or_an_address_is_opened(machine, monkeypatch):
    opened = []
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *rest, **more: opened.append(self.name) or real(self, *rest, **more))
    for name in ("eth0", "wlan0", "wwan0", "br0"):
        assert CANARY not in str(machine.read(route(name), level(name, "-60.")))
    asked = [name for name in opened if name not in ("route", "wireless")]
    assert set(asked) == {"uevent", "type"} and opened.count("route") > 0
    assert CANARY in (machine.sys / "eth0/address").read_text()  # the control: there would be something to find


@pytest.mark.attack(13)
@pytest.mark.parametrize("name", ["..", "../../etc", "/etc", "a/b", "", ".", "x" * 300, "wlan0\0", "\u017f", "-" * 99])
def test_fail__a_name_that_is_none_leads_nowhere(machine, name):
    (machine.sys.parent / "type").write_text("1")
    assert machine.read(route(name)) in ([{"link_type": "other"}], [])


@pytest.mark.attack(13)
def test_fail__whatever_stands_in_these_files_nothing_else_comes_out(machine):
    rng = Random(7)
    good = (HEAD + route("wlan0", 100) + route("eth0", 600)).encode()
    strength = level("wlan0", "-56.").encode()
    seen = set()
    for _ in range(1000):
        table, wireless = bytearray(good), bytearray(strength)
        for data in (table, wireless):
            for _ in range(rng.choice((0, 1, 1, 3, 30))):
                at = rng.randrange(len(data))
                data[at : at + rng.choice((0, 1, 5))] = rng.choice(
                    (b"", b"\n", b"\t", b"\0", b"\xff", b"9" * 5000, b"-", b"wlan0", rng.randbytes(3))
                )
        for fields in machine.read(bytes(table), bytes(wireless)):
            assert set(fields) <= {"link_type", "link_signal"}
            assert fields["link_type"] in ("cable", "wifi", "mobile", "other")
            assert type(fields.get("link_signal", -1)) is int and -120 <= fields.get("link_signal", -1) < 0
            seen.add((fields["link_type"], "link_signal" in fields))
    assert {("wifi", True), ("wifi", False), ("cable", False)} <= seen  # some were whole, some were not


def test_ok__a_file_without_end_is_read_to_a_bound(machine):
    assert machine.read((HEAD + route("wlan0")).encode() + bytes(3_000_000)) == [{"link_type": "wifi"}]
