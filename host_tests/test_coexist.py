"""Who else gets at the camera: found by looking, and shut out by taking it over; attack 18."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from firmware_agent.cli import coexist, takeover
from firmware_agent.cli.main import main
from firmware_agent.cli.others import listeners, nodes, plan, processes, programs, units
from firmware_agent.cli.system import ask
from firmware_agent.errors import AgentError
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.house import House, holding, let_in, opens
from host_tests.rigs.systemd import OUT, PYTHON, Systemd

ALICE, BOB = 64001, 64002  # users that own nothing here
VIDEO = 64044  # a group
AGENT = "daemon"  # a group of every system, without members: stands for the agent's


@pytest.fixture
def house():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - other users try the doors inside
        yield House(Path(folder))


def said(house, **options):
    return list(coexist.findings("/dev/video0", agent=AGENT, root=house.root, **options))


def about(found, word):
    return [(level, line) for level, line in found if word in line]


@pytest.mark.attack(18)
def test_ok__once_taken_nobody_else_opens_it(house):
    os.chown(house.node, 0, VIDEO)
    let_in(house.node, ALICE)
    os.chmod(house.raw, 0o666)  # noqa: S103 - to be closed
    assert opens(house.node, ALICE)  # by the ACL
    assert opens(house.node, BOB, [VIDEO])  # by the group
    assert not opens(house.node, BOB)
    assert opens(house.raw, BOB)  # past every driver
    assert takeover.seize(plan.plan(house.root, "/dev/video0", AGENT)) == []
    for node in (house.node, house.other, house.raw):
        assert not opens(node, ALICE)
        assert not opens(node, BOB, [VIDEO])
    agents = house.node.stat().st_gid
    assert opens(house.node, BOB, [agents])  # the agent's group: its user is alone in it
    assert not opens(house.raw, BOB, [agents])
    assert about(said(house), "/dev/video0") == [
        ("ok", "camera: /dev/video0 can be opened by group daemon (daemon), and by root")
    ]


@pytest.mark.attack(18)
def test_ok__after_a_replug_the_rule_gives_it_to_the_agent_again(house):
    takeover.seize(plan.plan(house.root, "/dev/video0", AGENT))
    rule = (house.root / plan.RULE).read_text()
    lines = [line for line in rule.splitlines() if not line.startswith("#")]
    which = 'ATTRS{idVendor}=="1d6b", ATTRS{idProduct}=="0102"'
    given = 'OWNER:="root", GROUP:="daemon", MODE:="0660", TAG-="uaccess"'
    assert lines[:2] == [f'SUBSYSTEM=="{kind}", {which}, {given}' for kind in ("video4linux", "media")]
    assert lines[2].startswith('SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="1d6b", ')
    assert lines[2].endswith('OWNER:="root", GROUP:="root", MODE:="0600", TAG-="uaccess"')
    assert "70-uaccess.rules" < plan.RULE.rpartition("/")[2] < "73-seat-late.rules"  # the tag goes before it counts


@pytest.mark.attack(18)
def test_fail__a_process_that_had_it_open_before_is_told(house):
    with holding(house.node) as pid:
        wanted = plan.plan(house.root, "/dev/video0", AGENT)
        assert f"crowsnest (process {pid}) has it open and is not stopped" in " ".join(wanted.left)
        (trouble,) = takeover.seize(wanted)
        assert "still has it open, from before: end it" in trouble
    assert list(processes.holders(house.root / "proc", [house.node]).processes) == []


def test_ok__given_back_all_is_as_it_was(house):
    os.chown(house.node, 0, VIDEO)
    off, template = house.unit("crowsnest.service"), house.unit("camera-streamer@.service", enabled=False)
    takeover.seize(plan.plan(house.root, "/dev/video0", AGENT))
    for file in (off, template):
        assert "AssertPathExists=!/" in (file.parent / f"{file.name}.d/firmware-agent.conf").read_text()
    assert takeover.release(house.root) == []
    assert sorted(one.name for one in off.parent.iterdir()) == [template.name, off.name, "multi-user.target.wants"]
    assert not (house.root / plan.RULE).exists()
    found = house.node.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, VIDEO, 0o660)


def test_fail__a_record_that_somebody_changed_reaches_nothing_else(house):
    text = "# unit ../../x.service runs\n# unit a.service;reboot off\n# node /etc/passwd 1:1:666\n# node /dev/x 0:0:9\n"
    found = plan.undo(text)
    assert found.units == {}
    assert list(found.nodes) == []
    (house.root / plan.RULE).parent.mkdir(parents=True)
    (house.root / "dev/file").write_text("")
    (house.root / plan.RULE).write_text("# node /dev/file 1:1:666\n")
    takeover.release(house.root)
    assert (house.root / "dev/file").stat().st_uid == os.getuid()  # no device


def test_ok__doctor_names_who_may_open_it(house):
    os.chown(house.node, 0, VIDEO)
    let_in(house.node, ALICE)
    (row,) = about(said(house), "/dev/video0 can")
    assert row == (
        "note",
        f"camera: /dev/video0 can be opened by group {VIDEO} (nobody) and user {ALICE}, by an ACL, and by root; "
        "`firmware-agent camera take` says what it would change",
    )
    os.chmod(house.node, 0o666)  # noqa: S103 - to be seen
    assert "by everybody, and by root" in about(said(house), "/dev/video0 can")[0][1]


def test_ok__doctor_finds_who_has_it_open(house):
    assert about(said(house), "no process has it open")
    with holding(house.node, "ustreamer") as pid:
        (row,) = about(said(house), "has it open now")
        assert row[0] == "wrong"
        assert f"ustreamer (process {pid}, user root)" in row[1]
        assert "streams the camera to whoever asks it" in row[1]
    with holding(house.node, "python3") as pid:
        assert f"python3 (process {pid}" in about(said(house), "has it open now")[0][1]


def test_ok__memory_that_is_still_mapped_counts_as_open(house):
    file = house.root / "dev/video9"  # a file: /dev/full cannot be mapped
    file.write_bytes(bytes(4096))
    with holding(file, close=True) as pid:
        assert [one.pid for one in processes.holders(house.root / "proc", [file]).processes] == [pid]


def test_ok__doctor_says_what_it_may_not_look_at(house):
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom firmware_agent.cli.others import processes\n"
        "os.setgid(64001); os.setuid(64001)\n"
        "print(processes.holders(Path('/proc'), [Path(sys.argv[1])]).hidden)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, "/dev/full"], capture_output=True, text=True, timeout=60)
    assert int(done.stdout) > 0
    assert int(done.stdout) > processes.holders(house.root / "proc", [house.node]).hidden  # root sees more


def test_ok__doctor_knows_the_units(house):
    house.unit("crowsnest.service")
    house.unit("moonraker-obico.service", enabled=False)
    house.unit("octoprint.service")
    masked = house.unit("go2rtc.service")
    masked.unlink()
    masked.symlink_to("/dev/null")
    found = said(house)
    assert about(found, "crowsnest.service (crowsnest) starts by itself")[0][0] == "note"
    assert "off until somebody starts it" in about(found, "moonraker-obico.service (Obico)")[0][1]
    assert about(found, "go2rtc.service")[0] == ("ok", "camera: go2rtc.service is installed and masked")
    assert "It goes on, for it prints" in coexist_line(found, "octoprint.service").replace("it goes", "It goes")
    assert list(plan.plan(house.root, "/dev/video0", AGENT).stop) == ["crowsnest.service", "moonraker-obico.service"]


def coexist_line(found, word):
    return about(found, word)[0][1]


def test_ok__every_program_says_what_it_means_and_what_taking_over_does():
    for row in programs.PROGRAMS:
        assert row.means.endswith(".")
        assert row.taking.endswith(".")
        assert not (row.stops and any(programs.needed(one) for one in row.units)), row.name
    for name in ("crowsnest", "ustreamer", "camera-streamer", "mjpg_streamer", "octoprint", "go2rtc", "motion"):
        assert programs.by_words((name,)) is not None
    assert programs.by_words(("moonraker_obico",)).name == "Obico"
    assert programs.by_unit("crowsnest@2.service").name == "crowsnest"
    assert programs.by_unit("ssh.service") is None


def test_ok__an_old_script_that_starts_one_is_told(house):
    (house.root / "etc/init.d").mkdir(parents=True)
    (house.root / "etc/init.d/S99cam_app").write_text("")
    assert units.scripts(house.root)[0][0] == "/etc/init.d/S99cam_app"
    assert "remove it, or move it away" in about(said(house), "S99cam_app")[0][1]


def test_ok__stream_ports_are_seen_without_a_connection(house):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for row in listeners._table(house.root / "proc"):
            if row[0] == port:
                assert row[1]  # this machine only
                inode = row[2]
        owner = processes.owners(house.root / "proc", {inode})[inode]
        assert owner.pid == os.getpid()
        server.settimeout(0.01)
        with pytest.raises(TimeoutError):
            server.accept()


def test_ok__a_stream_of_a_known_program_is_named(house):
    code = (
        "import socket, time\nserver = socket.create_server(('0.0.0.0', 0))\n"
        "open('/proc/self/comm', 'w').write('go2rtc')\nprint(server.getsockname()[1], flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        (row,) = about(said(house), f"port {port} ")
        assert row == (
            "note",
            f"camera: port {port} listens to the network: go2rtc (process {process.pid}, user root), go2rtc. "
            "It streams the camera to whoever asks it, by no consent.",
        )
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_ok__an_upstream_camera_is_called_reachable(house):
    found = list(coexist.findings("", upstream="http://127.0.0.1:8080/", root=house.root))
    assert "others can still reach that one directly" in about(found, "camera: it is read from")[0][1]
    assert not about(found, "/dev/video0")
    assert "127.0.0.1" not in "".join(line for _, line in about(found, "it is read from"))  # names, no values


def test_fail__a_camera_that_is_not_there(house):
    house.node.unlink()
    house.other.unlink()
    assert "plug it in" in about(said(house), "/dev/video0")[0][1]
    with pytest.raises(AgentError, match="plug it in"):
        plan.plan(house.root, "/dev/video0", AGENT)


def test_fail__what_systemd_and_udev_are_asked_is_a_short_list():
    for command in (("systemctl", "mask", "x"), ("systemctl", "stop", "--force"), ("sh", "-c", "true")):
        with pytest.raises(ValueError, match="not on the list"):
            ask(*command)


@pytest.fixture
def call(house, tmp_path, mocker, capsys):
    """The command, on the camera of the house; (exit code, what it printed, what it complained of)."""
    rig = Rig(tmp_path, plain(1))
    mocker.patch("firmware_agent.cli.takeover.ROOT", house.root)

    def run(*words):
        code = main(["camera", *words, "--config", str(rig.file)])
        shown = capsys.readouterr()
        return code, " ".join(shown.out.split()), shown.err

    return run


TAKE = ("take", "--device", "/dev/video0", "--group", AGENT)


@pytest.mark.parametrize("words", [("--dry-run",), ("--dry-run", "--yes"), ()])
def test_ok__without_a_yes_it_only_says_what_it_would_do(house, call, words):
    """There is no terminal here: so it is a dry run with and without that word."""
    house.unit("crowsnest.service")
    before = sorted(house.root.rglob("*"))
    code, shown, _ = call(*TAKE, *words)
    assert code == (0 if words else 3)
    assert "USB 1d6b:0102) belongs to root and the group daemon, mode 0660, without ACL" in shown
    assert "keep crowsnest.service off" in shown
    assert "Nothing was changed" in shown
    assert sorted(house.root.rglob("*")) == before
    assert nodes.who(house.node) == ["group root (nobody)"]


def test_ok__taken_and_given_back_by_command(house, call):
    house.unit("crowsnest.service")
    assert call(*TAKE, "--yes")[:2][0] == 0
    assert nodes.who(house.node) == ["group daemon (daemon)"]
    code, _, complaint = call(*TAKE, "--yes")
    assert code == 1
    assert "taken already" in complaint
    code, shown, _ = call("give-back")
    assert code == 3
    assert "let crowsnest.service start again" in shown
    assert (house.root / plan.RULE).exists()
    assert call("give-back", "--yes")[0] == 0
    assert nodes.who(house.node) == ["group root (nobody)"]
    assert call("give-back", "--yes")[:2] == (0, "Nothing was taken.")


def test_fail__a_device_that_nobody_named_and_a_group_that_is_not_there(house, call):
    assert "name one with --device" in call("take", "--yes")[2]
    assert "there is no group firmware-agent-x" in call(*TAKE[:3], "--group", "firmware-agent-x", "--yes")[2]
    assert nodes.who(house.node) == ["group root (nobody)"]
    assert not (house.root / plan.RULE).exists()


TAKING = """
import sys
from pathlib import Path
from firmware_agent.cli import takeover
from firmware_agent.cli.others import nodes, plan
root = Path("/")
if sys.argv[1] == "take":
    camera = nodes.Camera((Path("/opt/agent/camera"),), None, None, "camera.0")
    stop = {one.name: False for one in plan.units.installed(root) if one.program.stops}
    stop |= {one.unit: True for one in plan.processes.running(root / "proc") if one.unit in stop}
    print(sorted(stop.items()), takeover.seize(plan.Plan(root, camera, "firmware-agent", stop, ())))
else:
    print(takeover.release(root))
"""


@pytest.mark.attack(18)
def test_ok__under_a_real_systemd_a_camera_program_ends_and_stays_off_until_given_back():
    sleeping = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep 1000\n"
    with Systemd(
        {"crowsnest.service": sleeping, "ustreamer.service": sleeping, "octoprint.service": sleeping}
    ) as machine:

        def active(name):
            return machine.run(f"systemctl is-active {name}", check=False).strip()

        def take(what):
            return machine.run(f"{PYTHON} -I -B {OUT}/taking.py {what}")

        machine.run(f"cat > {OUT}/taking.py <<'END'\n{TAKING}\nEND")
        machine.run("systemctl start crowsnest octoprint")
        assert take("take") == "[('crowsnest.service', True), ('ustreamer.service', False)] []\n"
        assert (active("crowsnest"), active("ustreamer"), active("octoprint")) == ("inactive", "inactive", "active")
        for name in ("crowsnest", "ustreamer"):
            assert "assertion" in machine.run(f"systemctl start {name} 2>&1", check=False).lower()
            assert active(name) != "active"
        assert machine.run("stat -c '%U %G %a' /opt/agent/camera") == "root firmware-agent 660\n"
        assert take("give-back") == "[]\n"
        assert (active("crowsnest"), active("ustreamer"), active("octoprint")) == ("active", "inactive", "active")
        machine.run("systemctl start ustreamer")
        assert machine.run("ls /etc/udev/rules.d /etc/systemd/system | grep -c firmware", check=False) == "0\n"
