"""`firmware-agent scrub`: alone, with files or standard input, and never half."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from firmware_agent.errors import AgentError
from firmware_agent.scrub import given
from host_tests.rigs.gcode_files import job, names
from host_tests.rigs.gcode_moves import moves

LOG = b"Linux kefabox 6.1.21-v8+ #1642\r\npeer 10.2.7.31 \xff\xfe\r\nkefabox: printing Orun_lamp.gcode"
CLEAN = b"Linux <host-1> 6.1.21-v8+ #1642\r\npeer <ip-1> \xff\xfe\r\n<host-1>: printing <file-1>"
COMMAND = [sys.executable, "-m", "firmware_agent", "scrub"]
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def scrub(where: Path, *arguments: str, **given: Any) -> "subprocess.CompletedProcess[bytes]":
    """In an empty environment: no configuration, no home."""
    command = [*COMMAND, *arguments]
    return subprocess.run(command, cwd=where, env=ENVIRONMENT, capture_output=True, timeout=120, **given)


@pytest.mark.clause("L6")
def test_ok__it_needs_no_configuration_and_no_agent(tmp_path: Path) -> None:
    done = scrub(tmp_path, input=LOG)
    assert (done.stdout, done.stderr, done.returncode) == (CLEAN, b"", 0)
    assert list(tmp_path.iterdir()) == []


def test_ok__a_file_gives_the_same_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "klippy.log").write_bytes(LOG)
    assert scrub(tmp_path, "klippy.log").stdout == CLEAN
    assert (tmp_path / "klippy.log").read_bytes() == LOG


def test_ok__spans_are_code_points_of_the_text(tmp_path: Path) -> None:
    text = "\u00e9\U0001f600 peer 10.2.7.31\nuser: orunkefa\n"
    done = scrub(tmp_path, "--spans", input=text.encode())
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["file"], text[row["start"] : row["end"]], row["kind"]) for row in rows] == [
        ("-", "10.2.7.31", "ipv4"),
        ("-", "orunkefa", "user"),
    ]
    assert [sorted(row) for row in rows] == [["end", "file", "kind", "start"]] * 2


@pytest.mark.attack(16)
def test_ok__several_files_are_one_report(tmp_path: Path) -> None:
    (tmp_path / "klippy.log").write_bytes(LOG)
    (tmp_path / "notes.txt").write_bytes(b"of kefabox\n")
    (tmp_path / "Orun_lamp.gcode").write_bytes(b"; kefabox\n;MESH:x\nG28\nG1 X1\n")
    done = scrub(tmp_path, "--to", "out", "klippy.log", "notes.txt", "Orun_lamp.gcode")
    assert done.returncode == 0, done.stderr
    out = {place.name: place.read_bytes() for place in (tmp_path / "out").iterdir()}
    assert out["klippy.log"] == CLEAN and out["notes.txt"] == b"of <host-1>\n"
    assert sorted(out) == ["file-1.gcode", "klippy.log", "notes.txt"]
    assert b"kefabox" not in out["file-1.gcode"] and b"G28\nG1 X1\n" in out["file-1.gcode"]
    assert b"Orun_lamp.gcode: is written as out/file-1.gcode" in done.stderr


@pytest.mark.clause("C3")
def test_ok__gcode_moves_the_same_and_pictures_stay_if_asked(tmp_path: Path) -> None:
    data = job("PrusaSlicer", names(3))
    (tmp_path / "x.gcode").write_bytes(data)
    plain, pictures = scrub(tmp_path, "x.gcode").stdout, scrub(tmp_path, "--thumbnails", "x.gcode").stdout
    assert moves(plain) == moves(pictures) == moves(data)
    assert b"thumbnail begin" in data and b"thumbnail begin" in pictures and b"thumbnail begin" not in plain


def test_ok__what_a_file_is_can_be_said(tmp_path: Path) -> None:
    data = b"just a sentence of kefa\nG28\n"
    assert scrub(tmp_path, input=data).stdout == data
    assert b"sentence" not in scrub(tmp_path, "--kind", "gcode", input=data).stdout


def test_ok__json_stays_json(tmp_path: Path) -> None:
    done = scrub(tmp_path, input=b'{"task_id": 135440576, "n": 135440576}')
    assert json.loads(done.stdout) == {"task_id": "<id-1>", "n": "<id-1>"}


@pytest.mark.clause("L9")
@pytest.mark.attack(14)
def test_fail__of_files_with_a_model_none_is_written(tmp_path: Path) -> None:
    (tmp_path / "klippy.log").write_bytes(LOG)
    (tmp_path / "notes.log").write_bytes(b"ISO-10303-21;\n")
    done = scrub(tmp_path, "--to", "out", "klippy.log", "notes.log")
    assert done.returncode == 3 and done.stdout == b"" and not (tmp_path / "out").exists()
    assert done.stderr.startswith(b"notes.log: this is a STEP model")


def test_fail__several_files_without_a_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LOG)
    done = scrub(tmp_path, "a", "a")
    assert done.returncode == 1 and b"--to DIRECTORY" in done.stderr


@pytest.mark.parametrize("there", ["klippy.log", "notes.txt"])
def test_fail__nothing_is_overwritten_and_nothing_is_half_there(tmp_path: Path, there: str) -> None:
    for name in ("klippy.log", "notes.txt"):
        (tmp_path / name).write_bytes(LOG)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / there).write_bytes(b"mine")
    done = scrub(tmp_path, "--to", "out", "klippy.log", "notes.txt")
    assert done.returncode == 1 and b"not overwritten" in done.stderr
    assert {one.name: one.read_bytes() for one in (tmp_path / "out").iterdir()} == {there: b"mine"}


def test_fail__a_disk_that_is_full_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"ok\n")
    (tmp_path / "b.log").write_bytes(b"ok\n" * 100_000)
    full = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))}
    done = scrub(tmp_path, "--to", "out", "a.log", "b.log", **full)
    assert done.returncode == 1 and b"nothing was written" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_fail__a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    done = scrub(tmp_path, "nowhere")
    assert (done.returncode, done.stderr) == (1, b"nowhere: cannot be read (No such file or directory)\n")


def test_fail__a_directory_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    done = scrub(tmp_path, "logs")
    assert (done.returncode, done.stderr) == (1, b"logs: is a directory; give the files in it, as logs/*\n")


@pytest.mark.parametrize("option", [[], ["--spans"]])
def test_fail__an_output_that_takes_no_more_is_said_in_a_line(tmp_path: Path, option: "list[str]") -> None:
    (tmp_path / "a.log").write_bytes(LOG)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *option, "a.log"], cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1 and done.stderr.startswith(b"standard output: No space left on device; ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("option", [[], ["--spans"]])
def test_ok__who_reads_only_the_beginning_is_told_nothing_more(tmp_path: Path, option: "list[str]") -> None:
    (tmp_path / "a.log").write_bytes((LOG + b"\n") * 5000)
    ours, theirs = os.pipe()
    command = [*COMMAND, *option, "a.log"]
    running = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    assert os.read(ours, 10)
    os.close(ours)
    assert (running.communicate(timeout=120)[1], running.returncode) == (b"", 0)


@pytest.mark.parametrize("mode", ["ab", "r+b"])
def test_fail__a_file_is_not_written_onto_itself(tmp_path: Path, mode: str) -> None:
    (tmp_path / "a.log").write_bytes(LOG)
    with open(tmp_path / "a.log", mode) as same:
        done = subprocess.run([*COMMAND, "a.log"], cwd=tmp_path, env=ENVIRONMENT, stdout=same, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"a.log: is also where the output goes" in done.stderr
    assert (tmp_path / "a.log").read_bytes() == LOG


def test_fail__two_files_of_one_name_are_told_apart_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a.log", "b/a.log"):
        (tmp_path / name).write_bytes(LOG)
    done = scrub(tmp_path, "--to", "out", "a.log", "b/a.log")
    assert done.returncode == 1 and b"b/a.log: would be written as out/a.log, as a.log is" in done.stderr
    assert not (tmp_path / "out").exists()


def test_fail__spans_and_a_directory_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LOG)
    done = scrub(tmp_path, "--spans", "--to", "out", "a.log")
    assert done.returncode == 1 and b"leave out one" in done.stderr and done.stdout == b""


def test_fail__who_stops_it_is_left_no_file(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    command = [*COMMAND, "--to", "out", "-"]
    running = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=ours,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what runs in the background ignores it
    )
    os.close(ours)
    os.write(theirs, b"x" * 70_000)
    os.write(theirs, b"x" * 65_000)  # more than a pipe holds: so it is reading
    running.send_signal(signal.SIGINT)
    assert b"scrub: stopped" in running.communicate(timeout=120)[1] and running.returncode == 130
    os.close(theirs)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("old.log", b"PK\x03\x04" + bytes(60), b"archive"),
        ("part.log", b"solid kefa\n facet normal 0 0 1\n  outer loop\n", b"this is an STL model"),
    ],
)
def test_fail__what_is_no_log_is_refused_whatever_its_name(tmp_path: Path, name: str, data: bytes, said: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    done = scrub(tmp_path, name)
    assert done.returncode == 3 and done.stdout == b"" and said in done.stderr and done.stderr.count(b"\n") == 1


def test_ok__nothing_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"")
    for done in (scrub(tmp_path, "a.log"), scrub(tmp_path, input=b""), scrub(tmp_path, "--spans", "a.log")):
        assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_ok__a_bar_on_a_terminal_only(tmp_path: Path) -> None:
    (tmp_path / "x.gcode").write_bytes(b"G28\n" + b"G1 X1 Y1\n" * 200_000)
    assert scrub(tmp_path, "x.gcode").stderr == b""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "x.gcode"], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=theirs
    )
    assert done.returncode == 0
    os.close(theirs)
    assert b"x.gcode [" in (shown := os.read(ours, 1 << 16)) and b" 100 %" in shown
    os.close(ours)


@pytest.mark.clause("L6")
@pytest.mark.attack(13)
def test_ok__the_name_of_a_written_file_ends_in_nothing_that_identifies(tmp_path: Path) -> None:
    (tmp_path / "moonraker.log").write_bytes(b"user: orunkefa\n")
    for name in ("klippy.log.orunkefa", "10.2.7.31", "orunkefa.log", "Orun_lamp.gcode", "klippy.log.1"):
        (tmp_path / name).write_bytes(b"ready\n")
    files = sorted(one.name for one in tmp_path.iterdir())
    assert scrub(tmp_path, "--to", "shared", *files).returncode == 0
    shared = {one.name for one in (tmp_path / "shared").iterdir()}
    assert shared == {"moonraker.log", "klippy.log.user-1", "ip-1", "user-1.log", "file-1.gcode", "klippy.log.1"}


def test_fail__a_text_that_never_ends_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "LARGEST", 3 * given.HEAD)
    with pytest.raises(AgentError, match="tail -c"):
        given.given(lambda size: b"y\n" * (size // 2), "endless", "log")
    assert given.given(BytesIO(b"y\n" * given.HEAD).read, "as much as may be", "log")
