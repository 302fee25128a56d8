"""The support bundle: one text, scrubbed as one report, in which a person removes more; files are read with care."""

import os
import socket
from pathlib import Path

import pytest

from firmware_agent.bundle import form
from firmware_agent.bundle.bundle import MOST_REMOVALS, Bundle
from firmware_agent.bundle.parts import CHOICES, CONFIG, GCODE, KINDS, LARGEST, LOG, ROOM, UNTICKED, Part
from firmware_agent.bundle.places import Place, Places
from firmware_agent.bundle.reading import LeftOut, gathered, read, serial, surveyed
from firmware_agent.bundle.text import Removal, readable, slices
from firmware_agent.config import BundleConfig
from firmware_agent.errors import AgentError
from firmware_agent.owner import panel
from firmware_agent.scrub.aliases import _SHORT
from firmware_agent.scrub.keys import KEYS
from firmware_agent.scrub.rules import RULES
from host_tests.rigs.bundled import CANARIES, MOONRAKER, NAME, SERIAL
from host_tests.rigs.bundled import CONFIG as SETTINGS
from host_tests.rigs.bundled import GCODE as COMMANDS
from host_tests.rigs.bundled import LOG as LINES

PARTS = (
    Part(LOG, "klippy.log", "the last 192 KiB of 400", LINES.encode()),
    Part(LOG, "moonraker.log", "", MOONRAKER.encode()),
    Part(CONFIG, "printer.cfg", "", SETTINGS.encode()),
    Part(GCODE, "newest job", "", COMMANDS.encode()),
)


def made(*parts, **more):
    bundle = Bundle("9.9", parts or PARTS, **{"known": [("printer_sn", SERIAL)], **more})
    done = list(bundle.scrub())
    assert done == sorted(done) and all(0 <= one <= 1 for one in done)
    return bundle


def put(bundle, *texts, whole=False):
    list(bundle.remove([Removal(text, whole) for text in texts]))


def again(bundle):
    """What comes after, made of what came before and of the marks alone."""
    before, after = bundle.before.split("\n"), bundle.after.split("\n")
    assert len(before) == len(after)
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        at = end = 0
        for line, start, stop, begins, ends, _ in bundle.rows:
            if line == number:
                assert at <= start <= stop and old[at:start] == new[end:begins]
                at, end = stop, ends
        assert old[at:] == new[end:]
    return True


@pytest.mark.clause("L9", "L10", "L22", "C3")
@pytest.mark.attack(14, 16)
def test_ok__nothing_that_identifies_is_in_it_and_the_rest_is():
    bundle = made()
    for canary in (*CANARIES, SERIAL):
        assert canary.lower() not in bundle.after.lower(), canary
        assert canary in bundle.before or canary == "3A0027001851383239343133"
    assert bundle.data == bundle.after.encode() and form.NO_SERIAL in bundle.after
    for stays in (
        "Stats 1.0: mcu: mcu_awake=0.002",
        "Düse 0.4 mm, 温度 210 °C",
        "G1 X10.5 Y20.25 E0.0314",
        "22.6789511",
    ):
        assert stays in bundle.after, stays
    assert "iVBOR" not in bundle.after and NAME in bundle.after  # of a sentence, no rule knows
    assert bundle.unfinished is None and again(bundle)
    form.check(bundle.data)


def test_ok__the_same_value_is_called_the_same_in_all_files_and_something_else_in_the_next_bundle():
    (name,) = {line.rpartition(" ")[2] for line in made().after.split("\n") if "metadata of" in line}
    assert f"Starting SD card print (position 0) of {name}" in made().after
    assert "<file-1>" in name
    turned = made(Part(LOG, "klippy.log", "", b"metadata of first_one_here.gcode\n"), *PARTS)
    assert "metadata of <file-2>" in turned.after


@pytest.mark.clause("L10")
def test_ok__a_serial_number_that_is_told_stands_in_its_line_alone():
    bundle = made(serial=SERIAL)
    assert bundle.after.split("\n")[1] == form.SERIAL + SERIAL
    assert bundle.after.count(SERIAL) == 1 and SERIAL in bundle.before
    form.check(bundle.data)
    for wrong in ("a b", "x" * 41):
        with pytest.raises(AgentError) as caught:
            made(serial=wrong)
        assert wrong not in str(caught.value)


@pytest.mark.clause("L10")
@pytest.mark.parametrize("told", ["", SERIAL])
def test_ok__the_serial_number_goes_as_other_programs_write_it_too(told):
    parts = SERIAL.split("-")
    forms = [*(sign.join(parts) for sign in ("", *"-_.: /")), SERIAL.encode().hex()]
    forms += [one.lower() for one in forms] + [one.upper() for one in forms]
    text = "".join(f"device {one} said so, {len(parts)}\n" for one in forms)
    bundle = made(Part(LOG, "klippy.log", "", text.encode()), serial=told)
    assert bundle.after.count("device <serial-") == len(forms) and "said so, 3" in bundle.after
    assert bundle.after.count(SERIAL) == bool(told)


@pytest.mark.parametrize("written", [NAME, NAME.lower(), f" {NAME} "])
def test_ok__what_a_person_removes_goes_everywhere_and_comes_back(written):
    bundle = made()
    shown = bundle.after
    assert shown.lower().count(NAME.lower()) == 2
    put(bundle, written)
    assert NAME.lower() not in bundle.after.lower() and bundle.after.count("<removed-1>") == 2
    assert bundle.counts["removed"] == 2 and again(bundle) and bundle.unfinished is None
    put(bundle, "mcu_task_avg", "temperature of no place", whole=True)
    assert "mcu_task_avg" not in bundle.after and len(bundle.removals) == 3
    list(bundle.undo())  # all that was removed with one touch
    assert "mcu_task_avg" in bundle.after and len(bundle.removals) == 1
    list(bundle.undo([Removal(written.strip(), False)]))
    assert bundle.after == shown and again(bundle)
    list(bundle.undo())
    assert bundle.after == shown


def test_ok__a_removed_word_stays_inside_of_longer_ones_if_it_was_selected_whole():
    text = Part(LOG, "klippy.log", "", b"ann and Anna, channel, ANN_1\n")
    whole, anywhere = made(text), made(text)
    put(whole, "ann", whole=True)
    put(anywhere, "ann")
    assert "<removed-1> and Anna, channel, <removed-1>_1\n" in whole.after
    assert "<removed-1> and <removed-1>a, ch<removed-1>el, <removed-1>_1\n" in anywhere.after


@pytest.mark.clause("L9")
def test_ok__what_is_removed_goes_from_what_stayed_of_a_command_too():
    bundle = made(Part(GCODE, "newest job", "", b"; layer_height = 0.2 ; note of x\nG1 X1 Y2\nG1 X2 Y3 ; wall\n"))
    put(bundle, "layer_height")
    assert "layer_height" not in bundle.after and "G1 X1 Y2\n" in bundle.after and again(bundle)


def test_fail__what_cannot_be_removed_changes_nothing():
    bundle = made()
    shown = bundle.data
    for text in ("x", "", "y" * 401, "two\nlines", "nowhere in it", "192.168.77.13", form.FIRST):
        with pytest.raises(AgentError) as caught:
            put(bundle, text)
        assert len(text) < 3 or text not in str(caught.value)
        assert (bundle.data, bundle.removals) == (shown, [])
    with pytest.raises(AgentError):
        put(bundle, *(f"{NAME}{number}" for number in range(MOST_REMOVALS + 1)))
    assert bundle.data == shown


def test_fail__a_bundle_that_is_larger_than_a_message():
    line = b"Stats 1.0: nothing to mask in here, for a hundred characters and not one more of them, as it is said\n"
    parts = [Part(LOG, "klippy.log", "", line * (LARGEST // len(line) + 1))]
    with pytest.raises(AgentError, match="leave a file out"):
        made(*parts)


def test_ok__what_nobody_would_see_is_seen():
    data = b"\xef\xbb\xbfone\r\ntwo\rthree\x1b[31m \xe2\x80\xae txt\x00\xff\n"
    assert readable(data) == "one\ntwo\nthree\ufffd[31m \ufffd txt\ufffd\ufffd\n"
    bundle = made(Part(LOG, "klippy.log", "", data))
    assert "\r" not in bundle.after and bundle.after == bundle.data.decode()
    form.check(bundle.data)


def test_ok__work_is_done_in_pieces_of_whole_lines():
    text = "".join(f"line {number} of a text\n" for number in range(5000)) + "no end"
    pieces = list(slices(text, 1000))
    assert "".join(piece for _, piece in pieces) == text and len(pieces) > 90
    assert all(text[at : at + len(piece)] == piece for at, piece in pieces)
    assert all(piece.endswith("\n") for _, piece in pieces[:-1])
    bundle = Bundle("9.9", [Part(LOG, "klippy.log", "", (LINES * 300).encode())])
    assert len(list(bundle.scrub())) > 50  # others have their turn as often


def test_ok__every_kind_has_words():
    kinds = {row[0] for row in RULES} | set(KEYS.values()) | {kind for kind in _SHORT if kind != "instance_uuid"}
    assert kinds <= set(KINDS), kinds - set(KINDS)


# --- files


def place(path, kind=LOG, name="klippy.log"):
    return Place(kind, name, path.parent, path.name)


def why(where):
    with pytest.raises(LeftOut) as caught:
        read(where)
    assert "/" not in str(caught.value)
    return str(caught.value)


def test_ok__of_a_long_log_the_end_goes_in_from_a_whole_line_on(tmp_path):
    path = tmp_path / "klippy.log"
    lines = [f"{number:09} {'x' * 80}\n" for number in range(9000)]
    path.write_text("".join(lines))
    part = read(place(path))
    assert part.note == f"the last {ROOM[LOG] // 1024} KiB of {path.stat().st_size // 1024}"
    assert len(part.data) <= ROOM[LOG] and part.data.decode().split("\n")[0] + "\n" in lines
    assert part.data.decode().endswith(lines[-1])
    whole = tmp_path / "short.log"
    whole.write_text("a\nb")
    assert read(place(whole)) == Part(LOG, "klippy.log", "", b"a\nb")
    whole.write_text("x" * 2 * ROOM[LOG])
    assert why(place(whole)) == f"one line of more than {ROOM[LOG] // 1024} KiB"  # and not: the last of it
    config = read(place(path, CONFIG, "printer.cfg"))
    assert config.note.startswith("the first 64 KiB") and config.data.decode().startswith(lines[0])


@pytest.mark.clause("P4")
@pytest.mark.attack(14)
def test_fail__no_link_no_way_out_of_the_folder_and_nothing_but_files(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary\n")
    base = tmp_path / "home"
    (base / "logs").mkdir(parents=True)
    (base / "logs/link.log").symlink_to(secret)
    (base / "out").symlink_to(tmp_path)
    os.mkfifo(base / "logs/pipe.log")
    (base / "logs/folder.log").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(base / "logs/socket.log"))
        for path, said in {
            "logs/link.log": "a link",
            "out/secret": "link",
            "../secret": "not there",
            "logs/../../secret": "not there",
            "logs/none.log": "not there",
            "logs/pipe.log": "no file",
            "logs/folder.log": "no file",
            "logs/socket.log": "cannot be opened",
            "": "not there",
        }.items():
            assert said in why(Place(LOG, "klippy.log", base, path)), path
    secret.rename(base / "logs/plain.log")
    assert read(Place(LOG, "klippy.log", base, "logs/plain.log")).data == b"canary\n"  # the control


@pytest.mark.clause("L9", "C3")
def test_fail__models_archives_and_binary_data_under_the_name_of_a_log(tmp_path):
    solid = "solid x\n facet normal 0 0 1\n  outer loop\n   vertex 0 0 0\n"
    for data, said in {
        solid.encode(): "an STL model",
        b"PK\x03\x04xxxx": "an archive",
        b"a\0b\n": "binary data",
    }.items():
        path = tmp_path / "klippy.log"
        path.write_bytes(data)
        assert said in why(place(path))
    path.write_text("just a text\n")
    assert "no G-code" in why(place(path, GCODE))
    path.write_text("G28\nG1 X1\nG1 X2 ; for canary\n")
    assert read(place(path)).kind == GCODE  # of which less stays


def home(directory, *paths):
    for path in paths:
        one = directory / path
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_text("G28\nG1 X1\nG1 X2\n" if one.suffix == ".gcode" else f"# {path}\n")
    return Places(BundleConfig(), directory)


def test_ok__files_are_found_where_programs_put_them(tmp_path):
    logs = ("pi/printer_data/logs/klippy.log", "pi/klipper_logs/moonraker.log", "pi/.octoprint/logs/octoprint.log")
    config = ("pi/printer_data/config/printer.cfg", "pi/.octoprint/config.yaml")
    jobs = ("pi/printer_data/gcodes/old.gcode", "pi/printer_data/gcodes/new.gcode", "pi/printer_data/gcodes/x.txt")
    places = home(tmp_path, *logs, *config, *jobs)
    os.utime(tmp_path / jobs[0], (1, 1))
    assert surveyed(places) == [(name, "") for name in CHOICES]
    found = list(gathered(places, list(CHOICES), "facts"))
    assert [one.name for one in found] == [
        *("agent", "klippy.log", "moonraker.log", "octoprint.log", "printer.cfg", "config.yaml", "newest job")
    ]
    assert places.of("gcode")[0].path == "printer_data/gcodes/new.gcode"
    assert not [one for one in gathered(places, ["agent"], "facts") if one.name != "agent"]
    empty = Places(BundleConfig(), tmp_path / "none")
    assert dict(surveyed(empty)) == {name: "" if name == "agent" else "not there" for name in CHOICES}
    assert UNTICKED == ("gcode",)


@pytest.mark.clause("P4")
@pytest.mark.attack(14)
def test_fail__a_home_whose_folder_is_a_link_to_what_is_somebody_elses(tmp_path):
    files = ("logs/klippy.log", "config/printer.cfg", "gcodes/a.gcode")
    places = home(tmp_path / "homes", *(f"ann/printer_data/{one}" for one in files))
    choices = ["klippy", "config", "gcode"]
    assert [one.name for one in gathered(places, choices, "")] == ["klippy.log", "printer.cfg", "newest job"]
    (tmp_path / "homes/ann/printer_data").rename(tmp_path / "theirs")
    (tmp_path / "homes/ann/printer_data").mkdir()
    for one in ("logs", "config", "gcodes"):
        (tmp_path / "homes/ann/printer_data" / one).symlink_to(tmp_path / "theirs" / one)
    found = list(gathered(places, choices, ""))
    assert [one[1] for one in found] == ["not there, or behind a link"] * 3


def test_ok__the_configuration_says_where_they_are(tmp_path):
    home(tmp_path, "k/some.log", "c/printer.cfg", "j/a.gcode", "serial")
    (tmp_path / "serial").write_text(f" {SERIAL}\n")
    rows = BundleConfig(
        klippy=f"{tmp_path}/k/some.log", config=f"{tmp_path}/c", jobs=f"{tmp_path}/j", serial_file=f"{tmp_path}/serial"
    )
    found = dict(surveyed(Places(rows, tmp_path / "none")))
    assert [name for name, missing in found.items() if not missing] == ["agent", "klippy", "config", "gcode"]
    assert serial(rows.serial_file) == SERIAL and serial("") == serial(f"{tmp_path}/none") == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_ok__the_page_says_how_much_of_a_file_goes_in(language):
    words = (Path(panel.__file__).parent / f"pages/words.{language}.txt").read_text("utf-8")
    found = dict(line.split(" = ", 1) for line in words.splitlines() if line.startswith("support.about."))
    for choice, kind in CHOICES.items():
        room = f"{ROOM[kind] // 1024} KiB"
        assert (room in found[f"support.about.{choice}"]) == (kind != "facts"), choice


def test_ok__nothing_that_the_gate_would_refuse_stays_because_a_catalogue_knows_it():
    data = b'{"result": {"software_version": "1.7.96.83", "klipper_path": "/opt/k", "state_message": "ready"}}\n'
    bundle = Bundle("1", [Part("klippy", "klippy.log", "", data)])
    for _ in bundle.scrub():
        pass
    assert bundle.unfinished is None and b"1.7.96.83" not in bundle.data
