"""`firmware-agent show` while the agent runs: it is asked, and no printer is asked twice."""

import asyncio
import json
import os
import pwd
import re
import signal

import pexpect
import pytest

from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.bambu import CODE, SERIAL, Printer
from host_tests.rigs.broker import wait_for
from host_tests.rigs.lived import PROGRAM, running
from host_tests.rigs.marlin import CANARY, Marlin
from host_tests.test_bambu import REQUEST, section
from host_tests.test_command_line import call, flat

USER = pwd.getpwuid(os.getuid()).pw_name
SOCKET = f'[socket]\nusers = {{ {USER} = "owner" }}'
FULL = {"print": {"command": "push_status", "gcode_state": "RUNNING", "mc_percent": 12, "subtask_name": "canary-name"}}


def said(rig):
    """As `--json` has it, once it can be asked."""
    code, shown, _ = call(rig, "show", "--json")
    return json.loads(shown)["sources"] if code == 0 else []


@pytest.mark.clause("L6", "L13")
def test_ok__the_running_agent_is_asked_and_a_bambu_printer_not_a_second_time(tmp_path):
    with Printer(tmp_path / "printer", FULL) as printer:
        rig = Rig(tmp_path, plain(9), SOCKET, section(printer, tmp_path, printer.fingerprint))
        rig.grant("improvement_program")
        with running(rig):
            wait_for(lambda: any(row["leaving"] for row in said(rig)), 60)
            before = printer.broker.connections(), len(printer.sent())
            code, shown, _ = call(rig, "show")
            assert code == 0 and "bambu" in shown and "state = printing, progress = 10" in flat(shown)
            assert "print_history -> lightmake: not allowed: nobody has decided yet (consent_missing)" in flat(shown)
            assert "declared as never leaving, clause L9: job_file" in flat(shown)
            assert "canary" not in shown and SERIAL not in shown and CODE not in shown
            assert (printer.broker.connections(), len(printer.sent())) == before == (before[0], 1)
            assert set(printer.sent()) == {REQUEST}
            rig.withdraw("improvement_program")
            wait_for(lambda: {row["state"] for row in said(rig)} == {"rest"})
            assert "is not read: nothing of it is allowed" in flat(call(rig, "show")[1])


@pytest.mark.clause("L6", "L13")
def test_ok__a_source_that_only_the_agent_can_read_is_shown_live(tmp_path):
    async def tale():
        board = Marlin(tmp_path / "port").plug()
        board.begin()
        rig = Rig(tmp_path, plain(9), SOCKET, f'[source.marlin]\ndevice = "{tmp_path}/port"')
        rig.grant("improvement_program")
        found = await asyncio.to_thread(at_the_terminal, rig)
        board.pull()
        return found

    first, all_of_it, status = asyncio.run(asyncio.wait_for(tale(), 120))
    assert "marlin" in first and "nozzle_temperature = 200" in all_of_it
    assert CANARY not in all_of_it
    assert "\x1b[H\x1b[2J" in all_of_it and status == 0


def at_the_terminal(rig):
    """Look until it is read, then press Ctrl-C."""
    with running(rig):
        wait_for((rig.parts.config.state / "control.sock").exists)
        child = pexpect.spawn(
            PROGRAM,
            ["show", "--live", "--config", str(rig.file)],
            encoding="utf-8",
            timeout=60,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what runs in the background ignores it
        )
        child.expect("marlin")
        first = child.before + child.after
        child.expect(r"nozzle_temperature = \d+")
        shown = first + child.before + child.after
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        return first, shown, child.exitstatus


@pytest.mark.parametrize(
    ("section", "why"),
    [("", "the configuration has no [socket]"), (f'[socket]\nusers = {{ {USER} = "service" }}', "not_your_role")],
)
def test_ok__an_agent_that_cannot_be_asked_is_said_to_run_and_the_rest_is_as_without(tmp_path, section, why):
    rig = Rig(tmp_path, plain(9), section)
    with running(rig):
        if section:
            wait_for((rig.parts.config.state / "control.sock").exists)
        code, shown, _ = call(rig, "show")
        assert code == 0 and ("The agent runs and was not asked" in shown) == (why in flat(shown)) == bool(section)
        assert "improvement_program -> lightmake: not allowed" in shown
        code, _, errors = call(rig, "show", "--live")
        assert code == 1 and why in errors


def test_fail__live_without_an_agent(tmp_path):
    rig = Rig(tmp_path, plain(9), SOCKET)
    for option in ("--live", "--json"):
        code, shown, errors = call(rig, "show", option)
        assert (code, shown) == (1, "") and re.search("no agent runs; start `firmware-agent run`", errors)


def test_ok__an_agent_that_ends_ends_the_live_view(tmp_path):
    rig = Rig(tmp_path, plain(9), SOCKET)
    with running(rig) as agent:
        wait_for((rig.parts.config.state / "control.sock").exists)
        child = pexpect.spawn(PROGRAM, ["show", "--live", "--config", str(rig.file)], encoding="utf-8", timeout=60)
        child.expect("Ctrl-C ends this")
        agent.send_signal(signal.SIGTERM)
        child.expect("it cannot be asked")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 1 and "Traceback" not in child.before


def test_ok__a_scan_is_not_a_picture_of_the_camera(tmp_path):
    rig = Rig(tmp_path, plain(9), "", '[source.demo]\n[source.camera]\nkind = "pattern"')
    shown = call(rig, "show")[1]
    assert "snapshot -> lightmake" in shown and "surface_scan" not in shown
