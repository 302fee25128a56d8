"""What a Bambu printer reports: whatever is in it, it is bounded, and only known names get the catalogue's."""

import json
import math
import random

import pytest

from firmware_agent.telemetry.following import FIELDS, TEXT, Heard
from firmware_agent.telemetry.sources.bambu import OFFERS, Reports, normalise
from host_tests.rigs.bambu import SERIAL
from host_tests.rigs.bambu_source import IDLE

NUMBERS = (math.nan, math.inf, -1, 10**400, 1e308, True, "7", None, [], {}, "NaN", 135440576)


def hostile(rng):
    """A report in which anything may be anything."""

    def value(depth):
        kind = rng.randrange(9 if depth else 7)
        if kind < 3:
            return rng.choice(NUMBERS)
        if kind < 6:
            return rng.choice(("RUNNING", "canary", "x" * 2000, "\ud800", "", "a.b", "print"))
        if kind == 6:
            return rng.random()
        if kind == 7:
            return [value(depth - 1) for _ in range(rng.randrange(6))]
        return {rng.choice(PARTS): value(depth - 1) for _ in range(rng.randrange(8))}

    status = {rng.choice(PARTS): value(4) for _ in range(rng.randrange(20))}
    return rng.choice(({"print": status}, status, {"print": value(3)}, {"info": value(5), "print": status}))


PARTS = ("gcode_state", "mc_percent", "mc_remaining_time", "nozzle_temper", "print_error", "hms", "command", "attr")
PARTS += ("code", "net", "info", "ip", "subtask_name", "gcode_file", "x" * 1500, "", "\n", "sn")


@pytest.mark.attack(13)
def test_fail__generated_hostile_reports_never_raise_and_stay_in_bounds():
    rng = random.Random(60_801)
    heard = Heard(lambda: 1000)
    reports = Reports(heard, SERIAL)
    for turn in range(3000):
        text = json.dumps(hostile(rng)).encode("utf-8", "surrogatepass")
        if turn % 3 == 0:
            text = bytearray(text)
            for _ in range(rng.randrange(1, 4)):
                text[rng.randrange(len(text))] = rng.randrange(256)
            text = bytes(text[: rng.randrange(1, len(text) + 1)])
        reports.tell(text)
        for record in heard.take():
            assert len(record.fields) <= FIELDS
            for name, found in record.fields.items():
                assert len(name) <= TEXT and isinstance(found, (str, bool, int, float)) and len(str(found)) <= TEXT
                if name in OFFERS and name != "state":
                    assert type(found) in (int, float) and -300 < found < 2**33
            assert record.fields.get("state") in (None, "printing")
    assert heard.dropped > 100
    reports.tell(json.dumps(IDLE).encode())  # the control: it still hears
    assert heard.take()[0].fields["state"] == "idle"


@pytest.mark.parametrize(
    "report",
    [b"", b"[]", b"{", b'{"print": NaN}', b"\xff\xfe", b'{"print": ' + b"[" * 50_000, b'{"a": ' + b"9" * 5000 + b"}"],
    ids=range(7),
)
def test_fail__what_is_no_report_is_counted_and_tells_nothing(report):
    heard = Heard(lambda: 1000)
    assert not Reports(heard, SERIAL).tell(report) and not heard and heard.dropped == 1


def test_ok__names_that_only_the_printer_knows_leave_room_for_the_known_ones():
    heard = Heard(lambda: 1000)
    reports = Reports(heard, SERIAL)
    for turn in range(10):
        reports.tell(json.dumps({"print": {f"n{turn}.{one}": one for one in range(300)}}).encode())
    reports.tell(json.dumps(IDLE).encode())
    fields = heard.take()[0].fields
    assert fields["state"] == "idle" and fields["serial"] == SERIAL and len(fields) < FIELDS


def test_ok__codes_of_the_health_system_are_numbers_that_go_when_they_are_gone():
    heard = Heard(lambda: 1000)
    reports = Reports(heard, SERIAL)
    two = [{"attr": 50335744, "code": 65543}, {"attr": "canary", "code": 131074}]
    reports.tell(json.dumps({"print": {"hms": two}}).encode())
    fields = heard.take()[0].fields
    assert fields["bambu.print.hms.0.attr"] == 50335744 and fields["bambu.print.hms.1.code"] == 131074
    reports.tell(json.dumps({"print": {"hms": []}}).encode())
    assert heard.take()[0].fields == {"serial": SERIAL}


def test_ok__what_others_ask_of_the_printer_is_no_status():
    said = {"print": {"command": "project_file", "gcode_state": "RUNNING", "mc_percent": 5, "print_error": 1}}
    assert not set(OFFERS) & set(normalise(said))
    assert normalise(said)["bambu.print.mc_percent"] == 5
