"""Only a terminal of the device itself counts, and the code goes nowhere else (attack 1)."""

import os
import pty
import subprocess
import sys

import pytest

from firmware_agent.owner.presence import is_console


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "name", ["/dev/pts/0", "/dev/ttyUSB0", "/dev/ttyACM0", "/dev/ttyGS0", "/dev/ttyS1", "/dev/tty"]
)
def test_fail__remote_logins_and_serial_lines_are_no_console(name, tmp_path):
    (tmp_path / "active").write_text("tty0 ttyS0\n")
    assert not is_console(name, tmp_path / "active")
    assert not is_console(name, tmp_path / "missing")


def test_ok__virtual_terminals_and_the_kernels_consoles(tmp_path):
    (tmp_path / "active").write_text("tty0 ttyS0\n")
    assert is_console("/dev/tty1", tmp_path / "missing") and is_console("/dev/ttyS0", tmp_path / "active")


@pytest.mark.attack(1)
def test_fail__the_code_is_shown_on_the_terminal_that_was_looked_at_and_nowhere_else():
    ours, theirs = pty.openpty()
    script = "from firmware_agent.owner.presence import confirmed; print(confirmed())"
    command = [sys.executable, "-c", script]
    child = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    shown = os.read(ours, 200)
    assert b"type " in shown
    code = shown.split(b"type ")[1][:4]
    os.write(ours, code + b"\n")
    out, errors = child.communicate(timeout=30)
    assert out == b"True\n" and code not in out + errors
    os.close(ours)
    os.close(theirs)
