"""JSON of known interfaces: what identifies goes by its place, what never does stays, and the rules judge the rest."""

import json
from random import Random
from typing import Any

import pytest

from firmware_agent.scrub.content import documents as is_json
from firmware_agent.scrub.interfaces import INTERFACES
from firmware_agent.scrub.nested import documents
from firmware_agent.scrub.report import Report, find

NOISE = "{}[]\"':,\\ \n0a-\u00e9\u2028"
BAMBU = {
    "print": {
        "command": "push_status",
        "sequence_id": "192168",
        "subtask_name": "Orun und Kefa",
        "gcode_file": "Kefas Lampe",
        "task_id": "81",
        "net": {"conf": 1677721, "info": [{"ip": 521, "mask": 16777215}]},
        "ams": {"ams": [{"tray": [{"tag_uid": "A1B2", "tray_sub_brands": "PLA Basic"}]}]},
        "upgrade_state": {"ota_new_version_number": "1.7.96.83"},
    },
    "info": {"module": [{"name": "ams/0", "sn": "Q9Q7Q5", "sw_ver": "10.12.13.14", "hw_ver": "AP05"}]},
}
MOONRAKER = {
    "jsonrpc": "2.0",
    "result": {
        "hostname": "kefabox",
        "software_version": "10.12.13.14",
        "status": {
            "exclude_object": {"objects": [{"name": "KEFA_OBEN"}], "current_object": "KEFA_UNTEN"},
            "print_stats": {"filename": "orun/lampe", "state": "printing"},
        },
        "jobs": [{"job_id": "135792", "user": "orunkefa"}],
        "usb_devices": [{"serial": "9F", "usb_location": "1:4"}, {"serial": "3f980000.usb"}],
    },
    "id": 123456789,
}
OCTOPRINT = {
    "current": {
        "state": {"text": "Operational", "flags": {"closedOrError": False, "operational": True}},
        "job": {"file": {"name": "kefa", "display": "Kefa \u00fcber Orun", "path": "lampen/kefa"}, "user": "oru"},
        "serverTime": 1700000000.5,
    }
}


def gone(data: Any, indent: "int | None" = None) -> "set[str]":
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return {text[one.start : one.end] for one in find(text)}


@pytest.mark.clause("L6")
@pytest.mark.clause("L10")
@pytest.mark.attack(13)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("data", "names"),
    [
        (BAMBU, {"Orun und Kefa", "Kefas Lampe", "81", "521", "A1B2", "Q9Q7Q5"}),
        (MOONRAKER, {"kefabox", "KEFA_OBEN", "KEFA_UNTEN", "orun/lampe", "orunkefa", "9F"}),
        (OCTOPRINT, {"kefa", "Kefa \u00fcber Orun", "lampen/kefa", "oru"}),
    ],
)
def test_ok__what_identifies_by_its_place_goes_whatever_it_looks_like(
    data: Any, names: "set[str]", indent: "int | None"
) -> None:
    assert gone(data, indent) == names  # and nothing else: versions, numbers and what says nothing stay


def test_ok__the_same_values_without_their_interface_are_the_rules_to_judge() -> None:
    """The control: a version of four parts is an address to them, and a name without a shape is nothing."""
    assert gone({"software": "10.12.13.14", "display": "Kefa \u00fcber Orun"}) == {"10.12.13.14"}


def test_ok__what_the_table_does_not_know_is_the_rules_to_judge() -> None:
    assert gone({**MOONRAKER, "peer": "10.2.7.31", "n": 1}) == gone(MOONRAKER) | {"10.2.7.31"}


def test_ok__a_harmless_place_protects_only_what_looks_as_it_should() -> None:
    data = {"jsonrpc": "2.0", "result": {"software_version": "v1 of orun@kefa.de"}}
    assert gone(data) == {"orun@kefa.de"}


def test_ok__a_name_that_is_known_goes_from_harmless_places_too() -> None:
    data = {"jsonrpc": "2.0", "result": {"hostname": "Kefabox", "cpu_info": {"model": "Kefabox"}}}
    report = Report()
    report.learn(json.dumps(data))
    assert "efabox" not in report.masked(json.dumps(data), True)


@pytest.mark.parametrize("words", ["", "null", "**REDACTED**", "MOCK-1", "<serial-1>", "000000", "unknown"])
def test_ok__what_says_nothing_stays(words: str) -> None:
    assert gone({"info": {"module": [{"sn": words, "sw_ver": "01.02.03.04"}]}}) == set()


def test_ok__an_answer_that_is_nothing_but_a_token_goes() -> None:
    token = "5H5L2KU2Q6DLTLNPDRC2MRXXB2QCA5RY"
    assert gone({"jsonrpc": "2.0", "result": token, "id": 1}) == {token}
    assert gone({"jsonrpc": "2.0", "result": "ok", "id": 1}) == set()


@pytest.mark.parametrize(
    "around",
    [
        "12:01:02 [moonraker] sent {}",
        "# A manual\n\n```json\n{}\n```\nand more, {{% if x %}}",
        "{{% macro %}} {{ {} }}",
        "[{{}}, {}",
        "{} and {{",
    ],
)
@pytest.mark.parametrize("form", ["json", "python", "cut"])
def test_ok__documents_are_found_in_any_text(around: str, form: str) -> None:
    data = {"print": {"gcode_state": "RUNNING", "subtask_name": "Orun und Kefa", "z": [1, {"y": None}]}}
    said = json.dumps(data) if form == "json" else str(data)
    text = around.format(said[:-12] if form == "cut" else said)
    assert [text[one.start : one.end] for one in find(text)] == ["Orun und Kefa"]


def test_ok__it_stays_json() -> None:
    report, texts = Report(), [json.dumps(data) for data in (BAMBU, MOONRAKER, OCTOPRINT)]
    for text in texts:
        report.learn(text)
    shared = [report.masked(text, True) for text in texts]
    assert all(is_json(text) for text in shared)
    assert json.loads(shared[0])["print"]["net"] == {"conf": 1677721, "info": [{"ip": "<ip-1>", "mask": 16777215}]}


def test_ok__each_row_of_the_table_is_reached() -> None:
    """So no row is there in vain: a document made of it loses its value, or keeps it."""
    for interface in INTERFACES:
        marks = dict.fromkeys(sorted(interface.marks)[:2], True)
        for path, kind in interface.identifies.items():
            value: Any = "q7Wz41kefa"
            for key in path.replace("^", "").split(".")[::-1]:
                value = [{"kefa" if key == "*" else key: value}]
            document = {**marks, **value[0]} if path.startswith("^") else {**marks, "x": value}
            assert (path, kind, gone(document)) == (path, kind, {"q7Wz41kefa"})


@pytest.mark.parametrize("seed", range(8))
def test_ok__whatever_is_read_values_stand_in_order_where_they_are_said_to(seed: int) -> None:
    chance = Random(seed)
    read = 0
    for _ in range(400):
        pieces = [json.dumps(BAMBU)[: chance.randint(0, 200)], "".join(chance.choices(NOISE, k=chance.randint(0, 40)))]
        chance.shuffle(pieces)
        text, at = "".join(pieces), 0
        for document in documents(text, {"print"}, {"command", "a", ""}):
            for value in document.values:
                assert at <= value.start <= value.end <= len(text)
                at, read = value.end, read + 1
        assert find(text) == sorted(find(text))
    assert read > 100


def test_ok__what_is_nested_deep_is_read_to_its_end() -> None:
    deep = '{"a":' * 5000 + json.dumps(BAMBU)
    assert "Orun und Kefa" in {deep[one.start : one.end] for one in find(deep)}


@pytest.mark.attack(14)
def test_ok__what_stands_before_a_name_in_its_place_goes_too():
    text = '{"print": {"command": "push_status", "gcode_file": "/home/orunkefa/lamps/kefa lamp.gcode", "ams": {}}}'
    report = Report()
    report.learn(text)
    masked = report.masked(text, json=True)
    assert "orunkefa" not in masked and "lamp.gcode" not in masked, masked


def test_ok__whoever_trusts_the_rules_alone_masks_what_the_catalogue_knows_as_harmless():
    text = '{"result": {"software_version": "1.7.96.83", "klipper_path": "/opt/k", "state_message": "ready"}}'
    for harmless, stays in ((True, True), (False, False)):
        report = Report(harmless=harmless)
        report.learn(text)
        assert ("1.7.96.83" in report.masked(text, json=True)) == stays
