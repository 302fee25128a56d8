"""firmware-agent bundle: without an agent, and by the running one; what is written is what leaves."""

import os
import pty
import stat
import subprocess

import pytest

from firmware_agent.bundle import form
from firmware_agent.model import GIVEN
from host_tests.rigs.broker import wait_for
from host_tests.rigs.bundled import CANARIES, NAME, SERIAL, files
from host_tests.rigs.lived import PROGRAM
from host_tests.rigs.page import Arrived, Page

CONFIG = 'profile = "lightmake"\nstate = "state"\npresence = "terminal"\n[source.demo]\n'


def command(directory, *arguments, said=""):
    """(exit code, what it said, to either)."""
    done = subprocess.run([PROGRAM, "bundle", *arguments], cwd=directory, capture_output=True, text=True, input=said)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def typed(directory, *arguments, answer):
    """The same at a terminal, where somebody types `answer`."""
    ours, theirs = pty.openpty()
    with open(ours, "wb", buffering=0) as keys, open(theirs, "rb", buffering=0) as terminal:
        keys.write(answer.encode() + b"\n")
        done = subprocess.run(
            [PROGRAM, "bundle", *arguments], cwd=directory, capture_output=True, text=True, stdin=terminal
        )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path):
    (tmp_path / "agent.toml").write_text(CONFIG + files(tmp_path / "home"))
    return tmp_path


@pytest.mark.clause("L9", "L10", "L22", "C3")
@pytest.mark.attack(14, 16)
def test_ok__one_file_without_what_identifies_and_what_was_masked_is_said(place):
    code, said = command(
        place, "--to", "mine.txt", "--remove", NAME, "--with", "agent,klippy,moonraker,octoprint,gcode"
    )
    text = (place / "mine.txt").read_text("utf-8")
    assert code == 0 and "mine.txt" in said and "2 removed" in said and "octoprint.log, not there" in said
    assert stat.S_IMODE((place / "mine.txt").stat().st_mode) == 0o600
    for canary in (*CANARIES, SERIAL, NAME):
        assert canary.lower() not in (text + said).lower(), canary
    form.check(text.encode())
    assert "ok: consent store: 0 decisions" in text  # doctor's lines
    assert "G1 X10.5 Y20.25 E0.0314" in text and "iVBOR" not in text
    code, said = command(place, "--to", "mine.txt")
    assert code == 1 and "not overwritten" in said and (place / "mine.txt").read_text("utf-8") == text


@pytest.mark.clause("L9", "L10")
def test_ok__the_serial_number_and_commands_only_if_they_are_asked_for(place):
    assert command(place)[0] == 0
    text = (place / "support-bundle.txt").read_text("utf-8")
    assert SERIAL not in text and form.NO_SERIAL in text and "G1 X10.5" not in text
    assert command(place, "--serial", "--to", "told.txt")[0] == 0
    assert (place / "told.txt").read_text("utf-8").count(SERIAL) == 1


def test_ok__without_any_configuration(tmp_path):
    code, said = command(tmp_path, "--with", "agent")
    assert code == 0, said
    text = (tmp_path / "support-bundle.txt").read_text("utf-8")
    assert "no configuration of an agent" in text


def test_fail__what_is_not_possible_is_said_and_nothing_is_written(place):
    for arguments, word in (
        (("--with", "agent,etc"), "octoprint"),
        (("--remove", "stands nowhere"), "no file of the bundle"),
        (("--send",), "[socket]"),
    ):
        code, said = command(place, *arguments)
        assert code == 1 and word in said, said
    (place / "home/serial").unlink()
    assert "serial_file" in command(place, "--serial")[1]
    assert not [name for name in os.listdir(place) if name.endswith(".txt")]


@pytest.mark.clause("L9", "L10", "L12")
def test_ok__by_the_running_agent_after_a_yes_the_very_bytes_of_the_file(tmp_path):
    with Page(tmp_path, sources=f"[source.demo]\n\n{files(tmp_path / 'home')}") as page:
        sent = ("--send", "--remove", NAME, "--config", "agent.toml")
        code, said = command(tmp_path, *sent)
        assert code == 1 and "not allowed" in said and "consent grant support_bundle" in said
        parts = page.parts
        for pair in (("age_attestation", "device"), ("support_bundle", "lightmake")):
            policy = (
                parts.catalogue.policy(*pair) if pair[0] in parts.catalogue.purposes else parts.catalogue.age_policy()
            )
            parts.consents.put(*pair, GIVEN[0], policy, "owner", "test", parts.clock.now())
        arrived = Arrived(page.broker.inside)
        code, said = command(tmp_path, "--send", "--config", "agent.toml", "--to", "seen.txt")
        assert code == 1 and "asks a person" in said and not (tmp_path / "seen.txt").exists()  # nobody was there
        code, said = typed(tmp_path, *sent, "--to", "seen.txt", answer="no")
        assert code == 3 and "Not sent" in said and not arrived.of("support_bundle")
        code, said = typed(tmp_path, *sent, answer="yes")
        assert code == 0, said
        wait_for(lambda: arrived.of("support_bundle"))
        ((_, data),) = arrived.of("support_bundle")[0][3][0]
        assert data == (tmp_path / "support-bundle.txt").read_bytes()
        for canary in (*CANARIES, SERIAL, NAME):
            assert canary.lower().encode() not in data.lower(), canary
        arrived.close()
