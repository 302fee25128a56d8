"""`firmware-agent demo`, as a newcomer runs it: I granted, it left, I withdrew, it stopped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from host_tests.rigs.broker import wait_for

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
        done = subprocess.run([BIN / "firmware-agent", "consent", "withdraw", "--all"], cwd=tmp_path)
        assert done.returncode == 0
        wait_for(lambda: re.search(r"stays +snapshot -> lightmake: the owner withdrew consent", shown.read_text()))
        text = shown.read_text()
        after = text[text.index("withdrawn ") :]
        assert "leaves" not in after and "Traceback" not in text
        for blurted in ("anns_", "192.168", "LM-2209"):
            assert blurted not in text
    finally:
        demo.send_signal(2)
        assert demo.wait(30) == 0
    assert not any("mosquitto.conf" in line and str(tmp_path) in line for line in processes())


def grant(directory, purpose):
    child = pexpect.spawn(
        str(BIN / "firmware-agent"), ["consent", "grant", purpose], cwd=str(directory), encoding="utf-8", timeout=30
    )
    child.expect(r"type ([0-9]{4}) and press Enter")
    child.sendline(child.match[1])
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def processes():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                yield Path("/proc", name, "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
