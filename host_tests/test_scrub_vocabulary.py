"""The vocabulary gate: words that no firmware knows go, those of firmware stay."""

import json
import re
import subprocess
import sys
import tracemalloc
import zlib
from itertools import pairwise, product
from pathlib import Path
from random import Random

import pytest

from firmware_agent.scrub.report import Report, find
from firmware_agent.scrub.vocabulary import NOT, PACKED, Vocabulary, packed, unpacked
from host_tests.rigs.identifiers import word

ROOT = Path(__file__).resolve().parents[1]
SURNAMES = (ROOT / "host_tests/rigs/surnames.txt").read_text().split("\n", 1)[1].split()
# Surnames that are words of programs, colours, languages and materials as well.
WORDS_TOO = """
best bond branch bridges brown bright case chan cherry colon craft cross english fields french glass good grant gray
green head holder lang little long marks pace page park powers rich short singleton small strong wall walls white wood
black
""".split()  # noqa: SIM905
# Lines as these programs write them, made up.
FIRMWARE = """
Starting Klippy...
Loaded MCU 'mcu' 112 commands (v0.12.0-85-gd785b396 / gcc: 12.2.0 binutils: 2.40)
MCU 'toolhead' config: ADC_MAX=4095 BUS_PINS_spi1=PA6,PA7,PA5 CLOCK_FREQ=64000000 MCU=stm32g0b1xx
Stats 2175.6: gcodein=0 mcu: mcu_awake=0.011 mcu_task_avg=0.000019 bytes_retransmit=9 heater_bed: target=60
Unable to read tmc uart 'stepper_x' register IFCNT
Heater extruder not heating at expected rate; check the thermistor and the heater cartridge
Timer too close. MCU 'mcu' shutdown: Missed scheduling of next digital out event
Option 'rotation_distance' in section 'stepper_z' must be specified
probe at 117.500,117.500 is z=-0.020000; bed_mesh: generated points, bicubic interpolation
[gcode_macro PRINT_START]
max_accel_to_decel: 3000 ; square_corner_velocity: 5.0 ; microsteps: 16 ; sense_resistor: 0.110
pressure_advance_smooth_time: 0.040 sensor_type: Generic 3950 endstop_pin: tmc2209_stepper_x:virtual_endstop
Websocket Opened: Client: moonraker component update_manager loaded; database namespace; authorization; octoprint_compat
Changed state from 'Offline' to 'Opening serial connection'; octoprint.util.comm - INFO - Changing monitoring state
Traceback (most recent call last): File "klippy.py", in _connect raise ConfigError; ValueError: could not convert string
Lost communication with MCU 'EBBCan'; CAN bus: bus_state active, tx_retries rx_error queue filled
usb 1-1.2: new full-speed USB device number 4 using dwc_otg; cdc_acm ttyACM0: USB ACM device; xhci_hcd reset
wlan0: authenticate with access point; carrier acquired; systemd: Started network manager dispatcher service
PrusaSlicer layer height, filament retraction, infill density, thumbnail, nozzle diameter, perimeter speed
"""
PEOPLE = "hostile Kowalczyk Przybylski Takahashi kowalski Oyelaran SMITH Thorvaldsen \u738b\u4f1f J\u00fcrgen"


def strange(text: str) -> list[str]:
    return [text[one.start : one.end] for one in Vocabulary().unknown(text)]


@pytest.mark.clause("L6")
@pytest.mark.attack(13)
def test_ok__a_name_in_a_free_sentence_goes_and_only_with_the_gate() -> None:
    text = "the printer of Kowalczyk in Oberpfaffing stands beside the door\n"
    gated, plain = Report(words=Vocabulary()), Report()
    assert plain.masked(text) == text
    assert gated.masked(text) == "the printer of <word-1> in <word-2> stands beside the door\n"


@pytest.mark.attack(13)
def test_ok__made_up_names_go_in_any_case_and_within_other_words() -> None:
    chance = Random(7)
    for _ in range(300):
        name = word(chance, 6, 10)
        for form in (
            name,
            name.title(),
            name.upper(),
            f"my_{name}",
            f"{name}s-printer",
            f"{name}2",
            f"net{name.title()}",
        ):
            found = strange(f"joined {form} at layer 4")
            assert len(found) == 1 and name.lower() in found[0].lower(), form


@pytest.mark.attack(13)
def test_ok__names_of_people_are_no_words_of_firmware() -> None:
    assert len(strange(PEOPLE)) == len(PEOPLE.split()) - 1
    long = [name for name in SURNAMES if len(name) > 3]
    kept = {name for name in long if not strange(name.title())}
    assert len(SURNAMES) == 1000 and kept <= set(WORDS_TOO)
    assert {name for name in unpacked(PACKED.read_bytes()) if name in long} <= set(WORDS_TOO)


def test_ok__what_firmware_says_stays() -> None:
    assert strange(FIRMWARE) == []


def test_ok__the_control__a_vocabulary_of_nothing_knows_none_of_it() -> None:
    assert len(Vocabulary(frozenset()).unknown(FIRMWARE)) > 100


def test_ok__hex_versions_units_and_names_of_chips_stay() -> None:
    text = "deadbeef01 0x7ffede6302 gd785b396 v0.12.0-85 stm32f407xx rp2040 atsam4e8e 250000bps 25\u00b0C 3\u00b5m"
    assert strange(text) == [] and strange("=" * 60) == []


def test_ok__a_block_that_nobody_can_read_is_one_word() -> None:
    block = "eNrtWltv2zYUfjX6K/jWFks9SbabtoZf1iV5aYECybA2ayHQEmVxkUiBpOJckP"
    assert strange(f"data {block} end") == [block]
    path = "extras/display/config/kinematics/extruder/heater"
    assert strange(path) == []


def test_ok__the_same_word_has_the_same_alias_in_all_files() -> None:
    report = Report(words=Vocabulary())
    assert (
        report.masked("by Kowalczyk") == "by <word-1>"
        and report.masked("KOWALCZYK and Oyelaran") == "<word-1> and <word-2>"
    )


def test_ok__what_the_rules_find_keeps_its_kind() -> None:
    text = "Linux kefabox 6.1.21-v8+ #1642\nkefabox is Oyelaran's\n"
    report = Report(words=Vocabulary())
    report.learn(text)
    assert report.masked(text) == "Linux <host-1> 6.1.21-v8+ #1642\n<host-1> is <word-1>'s\n"
    spans = report.spans(text)
    assert [one for one in spans if one.kind != "word"] == find(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))


def test_ok__json_stays_json_and_its_keys_stay() -> None:
    document = {"zubrowkakey": "says Zubrowka\nOyelaran", "n": [1.5, True, None], "u": "J\u00fcrgensen \u738b\u4f1f"}
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=1)):
        out = json.loads(Report(words=Vocabulary()).masked(text, json=True))
        assert out == {"zubrowkakey": "says <word-1>\n<word-2>", "n": [1.5, True, None], "u": "<word-3> <word-4>"}


def test_ok__spans_do_not_depend_on_where_a_text_is_cut() -> None:
    line = "moved 12.5 mm by Kowalczyk\n"
    text = line * 20_000  # more than is looked at together
    found = Vocabulary().unknown(text)
    assert [one.start for one in found] == [at * len(line) + 17 for at in range(20_000)]
    assert {text[one.start : one.end] for one in found} == {"Kowalczyk"}


def test_ok__memory_does_not_grow_with_new_words() -> None:
    """And the control: it does if nothing is forgotten."""
    new = ["q" + "".join(three) + "q" for three in product("bdfgklmnprstvwxz", repeat=3)]

    def held(remembered: int) -> list[int]:
        known, sizes = Vocabulary(frozenset(), remembered), list[int]()
        tracemalloc.start()
        for last in "bdfgkl":
            assert len(known.unknown(" ".join(one + last for one in new))) == len(new)
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        return sizes

    few, all_of = held(1000), held(1_000_000)
    assert few[-1] < 2 * few[0] and all_of[-1] > 4 * all_of[0]


def test_ok__the_command_has_a_switch_for_it(tmp_path: Path) -> None:
    text = b"the printer of Kowalczyk stands still\n"
    command = [sys.executable, "-m", "firmware_agent", "scrub"]
    out = [
        subprocess.run([*command, *more], cwd=ROOT, input=text, capture_output=True).stdout
        for more in ([], ["--words"])
    ]
    assert out == [text, b"the printer of <word-1> stands still\n"]


def test_ok__it_holds_single_small_words_only() -> None:
    assert [one for one in unpacked(PACKED.read_bytes()) if not re.fullmatch(rf"{NOT}?[a-z]{{4,24}}", one)] == []


def test_fail__a_damaged_list_is_refused() -> None:
    data = packed({"layer", "nozzle"})
    assert unpacked(data) == {"layer", "nozzle"}
    for broken in (data[:-6], b"\0" + data[1:], zlib.compress(b"0a" * (3 << 20))):
        with pytest.raises(ValueError, match="install the package again"):
            unpacked(broken)
