"""The emulated machine itself: what it promises to whoever runs something in it, and the needles of its pictures."""

import random

import pytest

from host_tests.rigs.machine import frames, machine
from host_tests.rigs.machine.bus import Event, events
from host_tests.rigs.machine.machine import MachineError, run


def test_ok__a_command_sees_this_computer_and_changes_nothing_of_it(tmp_path):
    mark = tmp_path / "mark"
    mark.write_text("here\n")
    script = f"cat {mark}; echo changed > {mark}; cat {mark}; echo kept > /out/kept; uname -s; exit 7"
    done = run(["sh", "-c", script], tmp_path)
    assert done.status == 7 and done.output.split() == ["here", "changed", "Linux"], done
    assert mark.read_text() == "here\n" and (tmp_path / "kept").read_text() == "kept\n"


def test_ok__its_kernel_has_landlock_or_not(tmp_path):
    for wanted in (True, False):
        done = run(["cat", "/sys/kernel/security/lsm"], tmp_path, landlock=wanted)
        assert done.status == 0 and ("landlock" in done.output) is wanted, done


def test_fail__a_machine_that_is_not_there(tmp_path, mocker):
    with pytest.raises(MachineError, match="run tools/setup test"):
        machine.require(tmp_path)
    with pytest.raises(MachineError, match="no set of modules is called sound"):
        run(["true"], tmp_path, sets=["sound"])
    mocker.patch("shutil.which", return_value=None)
    with pytest.raises(MachineError, match="qemu-system-x86_64 is missing; run tools/setup test"):
        machine.require()
    mocker.patch("os.uname", return_value=mocker.Mock(machine="aarch64"))
    with pytest.raises(MachineError, match="x86-64 only"):
        machine.require()


def test_fail__a_command_that_never_ends(tmp_path):
    with pytest.raises(MachineError, match="not at its end after 6 s"):
        run(["sh", "-c", "echo begun; sleep 1000"], tmp_path, seconds=6)


def test_ok__each_picture_can_be_told_from_all_others(tmp_path):
    frames.make(tmp_path / "frames", 30)
    pictures = frames.read(tmp_path / "frames")
    index = frames.index(pictures)
    assert len(pictures) == 30 == len(set(map(frames.digest, pictures))) == len(set(index.values()))
    assert all(len(needle) >= 24 and needle in frames.scan(pictures[number]) for needle, number in index.items())
    assert all(frames.METADATA in picture and frames.METADATA not in frames.scan(picture) for picture in pictures)
    with pytest.raises(ValueError, match="picture 1 cannot be told"):
        frames.index([pictures[0], pictures[0]])


def test_ok__a_needle_is_found_wherever_it_lies(tmp_path, monkeypatch):
    """At the ends of what is read at a time as well; beside a search that looks for each alone."""
    monkeypatch.setattr(frames, "_PIECE", 4096)
    draw = random.Random("needles")
    wanted = [draw.randbytes(frames.NEEDLE) for _ in range(200)]
    for round_ in range(20):
        data = bytearray(draw.randbytes(40_003 + round_))
        for needle in draw.sample(wanted, 60):
            at = draw.choice([0, 4096, 8192, 12288, len(data)]) - draw.randrange(-40, 72)
            at = min(max(at, 0), len(data) - len(needle))
            data[at : at + len(needle)] = needle
        (tmp_path / "image").write_bytes(data)
        expected = {needle: data.count(needle) for needle in wanted if needle in data}
        assert frames.search(tmp_path / "image", wanted) == expected and expected


def test_fail__half_a_needle_is_none(tmp_path):
    needle = bytes(range(1, frames.NEEDLE + 1))
    (tmp_path / "image").write_bytes(bytes(100) + needle[:-1] + bytes(100) + needle[1:])
    assert frames.search(tmp_path / "image", [needle]) == {}


def test_ok__the_log_of_the_bus_is_read_up_to_its_last_whole_line(tmp_path):
    (tmp_path / "bus").write_text("1.500000 COMMIT\n2.000000 ALL_URBS_UNLINKED 7\n2.1")
    assert events(tmp_path / "bus") == [Event(1.5, "COMMIT", 0), Event(2.0, "ALL_URBS_UNLINKED", 7)]
