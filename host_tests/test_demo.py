"""`firmware-agent demo`, as a newcomer runs it: I granted, it left, I withdrew, it stopped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from host_tests.rigs.broker import wait_for

CONFIG = ("--config", ".demo/agent.toml")
BIN = Path(sys.executable).parent


@pytest.mark.clause("L1", "L12")
@pytest.mark.parametrize("which", ["mosquitto", "amqtt"])
def test_ok__granted_it_left_withdrew_it_stopped(tmp_path, which):
    if which == "amqtt":  # hide mosquitto, as on a machine that has none
        start = "import shutil; shutil.which = lambda *a, **k: None; from firmware_agent.cli.main import main; main()"
        command = [sys.executable, "-c", start, "demo"]
    else:
        command = [str(BIN / "firmware-agent"), "demo"]
    shown = tmp_path / "shown.txt"
    with open(shown, "wb") as out:
        demo = subprocess.Popen(command, stdout=out, stderr=out, cwd=tmp_path, start_new_session=True)
    try:
        wait_for(lambda: "nobody has decided yet" in shown.read_text(), 60)
        wait_for(lambda: f"a broker ({which})" in shown.read_text())
        assert "Nothing is allowed: no connection is opened." in shown.read_text()
        assert "at the maker" not in shown.read_text()
        for purpose in ("improvement_program", "snapshot"):
            grant(tmp_path, purpose)
            wait_for(lambda purpose=purpose: f"at the maker   {purpose}: " in shown.read_text(), 60)
        assert re.search(r"snapshot: picture = a picture, sealed: [0-9]+ bytes", shown.read_text())
        done = subprocess.run([BIN / "firmware-agent", "consent", "withdraw", "--all", *CONFIG], cwd=tmp_path)
        assert done.returncode == 0
        wait_for(lambda: re.search(r"stays +snapshot -> lightmake: the owner withdrew consent", shown.read_text()))
        wait_for(lambda: shown.read_text().count(" withdrawn ") == 2)  # the agent may be faster than the command
        text = shown.read_text()
        after = text[text.index("withdrawn ") :]
        assert "leaves" not in after and "Traceback" not in text
        for blurted in ("anns_", "192.168", "LM-2209"):
            assert blurted not in text
    finally:
        left = children(demo.pid)
        demo.send_signal(2)
        assert demo.wait(30) == 0
    assert "Stopped. Your decisions stay in .demo" in shown.read_text()
    assert len(left) == 2 and not any(running(pid) for pid in left)


def test_ok__killed_hard_it_leaves_no_process(tmp_path):
    with open(tmp_path / "shown.txt", "wb") as out:
        demo = subprocess.Popen([BIN / "firmware-agent", "demo"], stdout=out, stderr=out, cwd=tmp_path)
    wait_for(lambda: "nobody has decided yet" in (tmp_path / "shown.txt").read_text(), 60)
    left = children(demo.pid)
    assert len(left) == 2  # the broker and the maker
    second = subprocess.run([BIN / "firmware-agent", "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2 and "another agent runs on it" in second.stderr
    demo.kill()
    demo.wait()
    wait_for(lambda: not any(running(pid) for pid in left))


def grant(directory, purpose):
    child = pexpect.spawn(
        str(BIN / "firmware-agent"),
        ["consent", "grant", purpose, "--recipient", "lightmake", *CONFIG],
        cwd=str(directory),
        encoding="utf-8",
        timeout=30,
    )
    child.expect(r"type ([0-9]{4}) and press Enter")
    child.sendline(child.match[1])
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def children(parent):
    """The processes that `parent` started."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                status = Path("/proc", name, "status").read_text()
            except OSError:
                continue
            if f"PPid:\t{parent}\n" in status:
                found.append(int(name))
    return found


def running(pid):
    try:
        return "State:\tZ" not in Path("/proc", str(pid), "status").read_text()
    except OSError:
        return False
