"""G-code that is shared: what names somebody goes, what a printer and a previewer need stays."""

import base64
import io
import re
from typing import Any

import pytest

from firmware_agent.scrub.gcode import Result, scrub
from firmware_agent.scrub.spans import Span
from host_tests.rigs.gcode_files import SLICERS, STAYS, Names, job, names
from host_tests.rigs.gcode_moves import commands, moves

SEEDS = range(8)


def scrubbed(data: bytes, **options: Any) -> "tuple[bytes, list[Span], Result]":
    spans: list[Span] = []
    out = io.BytesIO()
    result = scrub(io.BytesIO(data).read, out.write, spans=spans.append, **options)
    return out.getvalue(), spans, result


def pieces(name: str) -> "list[str]":
    """The words of a name that are long enough to tell something."""
    return [piece for piece in re.findall(r"[A-Za-z]+", name.rpartition(".")[0] or name) if len(piece) > 3]


def left(out: bytes, owner: Names) -> "list[str]":
    """What of an owner's names is still there."""
    low = out.lower()
    said = [piece for name in owner[:-1] for piece in pieces(name) if piece.lower().encode() in low]
    said += [
        owner.hidden[at : at + 12]
        for at in range(0, len(owner.hidden) - 12, 12)
        if owner.hidden[at : at + 12].encode() in out
    ]
    return said + [owner.person for hexed in (owner.person.encode().hex().encode(),) if hexed in low]


@pytest.mark.clause("L9")
@pytest.mark.clause("C3")
@pytest.mark.attack(14)
@pytest.mark.attack(13)
@pytest.mark.parametrize("slicer", SLICERS)
def test_ok__nothing_that_names_the_owner_or_the_part_comes_out(slicer: str) -> None:
    for seed in SEEDS:
        owner = names(seed)
        data = job(slicer, owner, seed)
        assert left(data, owner)
        out, _, result = scrubbed(data)
        assert left(out, owner) == []
        assert result.generator == {"": "", "Cura": "Cura_SteamEngine"}.get(slicer, slicer)
        assert not re.search(rb"2023-11-02|18:09|6:09|10:24:43|10\.0\.13|192\.168", out)


@pytest.mark.parametrize("slicer", SLICERS)
def test_ok__the_machine_gets_the_same_commands_and_a_previewer_the_same_moves(slicer: str) -> None:
    owner = names(1)
    data = job(slicer, owner)
    out, _, _ = scrubbed(data)
    assert len(moves(data)) >= 40
    assert moves(out) == moves(data)
    assert commands(out) == commands(data)
    assert out.count(b"\n") == data.count(b"\n")


def test_fail__a_move_that_was_changed_is_seen() -> None:
    data = job("Cura", names(1))
    other = data.replace(b"G1 X", b"G1 X1", 1)
    assert moves(other) != moves(data) and commands(other) != commands(data)


@pytest.mark.parametrize("slicer", SLICERS)
def test_ok__what_front_ends_and_developers_read_stays(slicer: str) -> None:
    text = scrubbed(job(slicer, names(2)))[0].decode()
    assert [kept for kept in STAYS[slicer] if kept not in text] == []


@pytest.mark.attack(14)
def test_ok__objects_are_renamed_alike_so_that_one_can_still_be_cancelled() -> None:
    data = b"".join(
        b"EXCLUDE_OBJECT_%s NAME=%s\n" % (step, name)
        for step in (b"DEFINE", b"START", b"END")
        for name in (b"Zuumi_1", b"'Koiba 2'")
    )
    out, spans, _ = scrubbed(data + b"M486 S3 AZuumi_1\nM486 S3\nM486 S-1\n")
    assert re.findall(rb"NAME='?(\w+)", out) == [b"object_1", b"object_2"] * 3
    assert b"M486 S3 Aobject_1\nM486 S3\nM486 S-1\n" in out
    assert {span.kind for span in spans} == {"object_name"}


def test_ok__a_span_is_where_the_name_stood_in_code_points_of_the_input() -> None:
    text = "\ufeff; 20 \u00b0C\n;MESH:Zuumi \u65e5\u672c.stl\r\n; \u00e9\nM117 hi Koiba\nG1 X1\n"
    data = text.encode() + b"; \xff\xfe broken\n;MESH:Foirun.stl"
    _, spans, _ = scrubbed(data)
    text = data.decode("utf-8", "surrogateescape")
    said = [(text[span.start : span.end], span.kind) for span in spans]
    assert said[0] == ("Zuumi \u65e5\u672c.stl", "filename")
    assert ("hi Koiba", "message") in said
    assert said[-1] == ("Foirun.stl", "filename")


@pytest.mark.parametrize("kind", ["thumbnail", "thumbnail_JPG", "thumbnail_QOI", "png"])
def test_ok__a_picture_goes_and_stays_only_when_it_is_asked_for(kind: str) -> None:
    row = base64.b64encode(bytes(range(57))).decode()
    data = f"; {kind} begin 32x32 76\n; {row}\n; {row}\n; {kind} end\nG28\n; layer_height = 0.2\n".encode()
    assert scrubbed(data)[0] == b";\n;\n;\n;\nG28\n; layer_height = 0.2\n"
    assert scrubbed(data, thumbnails=True)[0] == data


def test_ok__a_picture_without_an_end_ends_where_a_command_stands() -> None:
    out, _, _ = scrubbed(b"; thumbnail begin 32x32 76\n; AAAA\nG28 ; home\n; layer_height = 0.2\n")
    assert out == b";\n;\nG28 ; home\n; layer_height = 0.2\n"


def test_ok__a_block_stays_only_when_it_is_asked_for() -> None:
    data = b";CURA_PROFILE_STRING:" + base64.b64encode(bytes(range(90))) + b"\nG28\n"
    assert scrubbed(data)[0] == b";\nG28\n"
    assert scrubbed(data, opaque=True)[0] == data


@pytest.mark.attack(14)
def test_ok__what_is_known_to_be_the_owners_goes_though_its_words_are_common() -> None:
    data = b"; bed nozzle tower\n; wall height\n"
    assert scrubbed(data)[0] == data
    out, spans, _ = scrubbed(data, known=[("hostname", "Nozzle Tower")])
    assert out == b";\n; wall height\n" and spans == [Span(1, 18, "hostname")]


def test_ok__tokens_may_come_from_the_report_of_which_the_file_is_a_part() -> None:
    out, _, _ = scrubbed(b"; printer_settings_id = Zuumi\n", alias=lambda kind, value: f"<{kind}-{len(value)}>")
    assert out == b"; printer_settings_id = <profile_name-5>\n"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"; filament_type = PLA", True),
        (b"; filament_type = Koiba", False),
        (b"; koiba_zuumi = 5", False),
        (b"; temperature = 210,215", True),
        (b"; version 2.5.1", True),
        (b"; fan at 192.168.1.7", False),
        (b"; started 2023-11-02", False),
        (b"; layer 12 of 40 done, wait for the bed to cool", True),
        (b"; nozzle_fan.stl", False),
        (b"; Mesh: fan grid", False),
        (b"; board serial 48813022", False),
        (b"; board 00:1A:2B:3C:4D:5E", False),
        (b"; fan 0171 22 33 44", False),
        (b"G1 X5 Y5 (rapid move)", True),
        (b"G1 X5 Y5 (for Koiba)", False),
        (b"G28 W", True),
        (b"G28 Koiba", False),
        (b"M104 S200 T0 ; wait", True),
        (b'M862.3 P "MK3S"', True),
        (b"M115 U3.13.2", True),
        (b"SET_VELOCITY_LIMIT ACCEL=3000 ACCEL_TO_DECEL=1500", True),
        (b"SET_FAN_SPEED FAN=Koibas SPEED=0.5", False),
        (b"$H", True),
        (b"$J=G91 X10 F1000", True),
        (b"$110=5000.0", True),
        (b"o100 if [#<koiba> GT 5]", True),
        (b"Tx", True),
    ],
)
def test_ok__known_words_numbers_and_commands_stay_and_others_do_not(line: bytes, kept: bool) -> None:
    assert (scrubbed(line + b"\n")[0] == line + b"\n") is kept
