"""The units of systemd take from the agent and its camera process what they do not need.

systemd's own analysis says what is left; a real systemd shows that it is so.
"""

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_agent.camera.environment import ENVIRONMENT
from host_tests.rigs.systemd import OUT, PYTHON, Systemd

UNITS = Path(__file__).resolve().parent.parent / "tools/systemd"
UNIT = UNITS / "firmware-agent.service"
CAMERA = UNITS / "firmware-agent-camera@.service"
SOCKET = UNITS / "firmware-agent-camera.socket"
# What systemd-analyze still finds, and why it stays.
LEFT = {
    "PrivateNetwork=": "it connects to brokers and serves the owner's page",
    "RestrictAddressFamilies=~AF_(INET|INET6)": "the same",
    "IPAddressDeny=": "the configuration says which addresses",
    "RestrictAddressFamilies=~AF_UNIX": "the camera process, the makers' socket, the journal",
    "ProcSubset=": "it reads which boot this is",
    "DeviceAllow=": "ProtectClock= lets the clock be read, and nothing else",
    "RootDirectory=/RootImage=": "it is installed in the system's own folders",
}
MUST = [  # what the promises about the camera rest on, were the unit ever loosened
    "DevicePolicy=closed",
    "PrivateDevices=yes",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "MemorySwapMax=0",
    "LimitCORE=0",
    "LimitMEMLOCK=infinity",
]


CAMERA_LEFT = {
    "PrivateDevices=": "it is the one that has a camera",
    "DeviceAllow=": "cameras; and ProtectClock= lets the clock be read",
    "SupplementaryGroups=": "the group that cameras belong to, until one is taken over",
    "RootDirectory=/RootImage=": "it is installed in the system's own folders",
}
CAMERA_MUST = [
    "DevicePolicy=closed",
    "DeviceAllow=char-video4linux rw",
    "PrivateNetwork=yes",
    "RestrictAddressFamilies=none",
    "StandardInput=socket",
    "StandardOutput=null",
    "StandardError=null",
    "User=firmware-agent",
    "Nice=10",
    "CPUWeight=20",
    "MemoryMax=256M",
    *(line for line in MUST if line != "PrivateDevices=yes"),
]
MOST = 0.5  # of 10


def exposure(unit):
    """The one figure that systemd-analyze gives, 0 to 10."""
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return float(re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)[1])


def exposed(unit):
    """The names of what systemd-analyze finds open, by its own rules, without a running systemd."""
    command = ["systemd-analyze", "security", "--offline=yes", "--json=short", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return {row["name"] for row in json.loads(done.stdout) if row["exposure"]}


def test_ok__the_unit_leaves_open_only_what_the_agent_needs(tmp_path):
    assert exposed(UNIT) == set(LEFT)
    lines = UNIT.read_text().splitlines()
    assert [line for line in MUST if line not in lines] == []
    loose = tmp_path / "firmware-agent.service"
    loose.write_text("\n".join(line for line in lines if line != "PrivateDevices=yes"))
    assert "PrivateDevices=" in exposed(loose)  # it would tell
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert len(exposed(bare)) > 50


@pytest.mark.clause("L4")
def test_ok__the_cameras_unit_has_a_camera_and_next_to_nothing_else(tmp_path):
    assert exposed(CAMERA) == set(CAMERA_LEFT)
    lines = CAMERA.read_text().splitlines()
    assert [line for line in CAMERA_MUST if line not in lines] == []
    assert exposure(CAMERA) <= MOST
    kept = [f"{name}={value}" for name, value in ENVIRONMENT.items() if name.startswith("MALLOC")]
    assert f"Environment={' '.join(sorted(kept, reverse=True))}" in lines
    loose = tmp_path / CAMERA.name
    loose.write_text("\n".join(line for line in lines if not line.startswith(("PrivateNetwork", "CapabilityB"))))
    assert exposure(loose) > MOST  # it would tell
    assert [line for line in SOCKET.read_text().splitlines() if line.startswith("SocketMode")] == ["SocketMode=0600"]


@pytest.fixture(scope="module")
def machine():
    """The units as they are, under a real systemd; what runs in them is a probe, and the camera is a stand-in."""
    main, camera = UNIT.read_text(), CAMERA.read_text()
    python = f"{PYTHON} -I -B -m"
    camera = camera.replace("/usr/bin/python3 -I -B -m", python).replace("char-video4linux", "char-mem")
    units = {
        CAMERA.name: camera,
        SOCKET.name: SOCKET.read_text(),
        "main.service": _probe(main, "use", "main"),
        "main-reach.service": _probe(
            f"{main}\n[Service]\nSupplementaryGroups=video\n", "reach", "main-reach"
        ),  # as after a take-over
        "main-adapter.service": _probe(f"{main}\n{_drop_in()}\n", "adapter", "main-adapter"),
        "strict-adapter.service": _probe(main.replace("landlock_add_rule ", ""), "adapter", "strict-adapter"),
        "camera-reach.service": _probe(camera, "reach", "camera-reach"),
        "free-reach.service": _probe(
            "[Service]\nExecStart=\nSupplementaryGroups=video\nUser=firmware-agent\n", "reach", "free"
        ),
    }
    with Systemd(units) as found:
        found.run(f"systemctl start {SOCKET.name}")
        yield found


def _drop_in():
    """What docs/operate.md says that an adapter command needs."""
    (text,) = re.findall(
        r"```ini\n((?:(?!```).)*?adapter.conf\n.*?)```", (UNITS.parent.parent / "docs/operate.md").read_text(), re.S
    )
    return text


def _probe(text, what, name):
    """The unit with a probe in it, which says what it found in a file; everything else as it stands."""
    dropped = (
        "ExecStart",
        "Restart",
        "StandardInput",
        "StandardOutput",
        "StandardError",
        "Wants",
        "After",
        "SuccessExit",
    )
    lines = [line for line in text.splitlines() if not re.match(rf"({'|'.join(dropped)})[A-Za-z]*=", line)]
    start = lines.index("[Service]") + 1
    lines[start:start] = [
        "Type=oneshot",
        f"ExecStart={PYTHON} -I -B -m host_tests.rigs.probes {what}",
        f"StandardOutput=file:{OUT}/{name}",
        f"StandardError=file:{OUT}/{name}.trouble",
    ]
    return "\n".join(lines)


def said(machine, name, file=None):
    machine.run(f"systemctl start {name}.service || {{ cat {OUT}/{file or name}*; systemctl status {name}; false; }}")
    return json.loads(machine.run(f"cat {OUT}/{file or name}"))


@pytest.mark.clause("L4")
@pytest.mark.attack(18)
def test_ok__main_cannot_open_a_camera_and_the_cameras_unit_has_no_network(machine):
    main, camera, free = said(machine, "main-reach"), said(machine, "camera-reach"), said(machine, "free-reach", "free")
    assert (free["camera"], free["network"], free["init"]) == (
        "ok",
        "ok",
        "ok",
    )  # the probe can, where nothing forbids it
    assert main["camera"] == "EPERM"  # its user may: the unit's device policy forbids it
    assert main["network"] == "ok"
    assert camera["camera"] == "ok"
    assert camera["network"] != "ok"
    assert camera["interfaces"] <= 1  # its own loopback
    for one in (main, camera):
        assert one["write"] == "EROFS"  # in a folder that everybody may write to
        assert one["run"] == "EACCES"  # what it wrote itself
        assert one["init"] != "ok"
        assert one["nice"] == 10
    assert camera["state"] == "EACCES"


@pytest.mark.clause("L4")
def test_ok__an_adapter_command_locks_itself_and_runs_in_the_agents_unit_as_documented(machine):
    assert said(machine, "main-adapter") == {"said": "picture\n", "trouble": ""}
    strict = said(machine, "strict-adapter")  # the control: without the one call it does not run
    assert strict["said"] == "" and "cannot run" in strict["trouble"]


@pytest.mark.clause("L4")
def test_ok__the_two_units_work_together(machine):
    found = said(machine, "main")
    assert found["level"] == "systemd unit"
    unlimited = said(machine, "camera-reach")["lockable"] == resource.RLIM_INFINITY  # a container may not raise it
    assert found["lock"].endswith("memory locked" if unlimited else "memory not locked")
    assert found["hidden"] == "ENOENT"
    assert (found["answer"], found["picture"]) == ("HTTP/1.1", True)  # over TCP, from a process without a network
    assert found["ended"]
    assert found["user"] != 0
    left = machine.run("systemctl list-units --all --no-legend 'firmware-agent-camera@*'")
    assert left == ""  # a process that was killed leaves no failed unit behind


def test_ok__systemd_understands_every_line(tmp_path):
    installed = tmp_path / "firmware-agent.service"
    for unit in (SOCKET, CAMERA):
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/bin/python3", sys.executable))
    assert trouble(["systemd-analyze", "verify", "--man=no", "--generators=no", str(tmp_path / SOCKET.name)]) == ""
    installed.write_text(UNIT.read_text().replace("/usr/bin/firmware-agent run", f"{sys.executable} -c pass"))
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", str(installed)]
    assert trouble(command) == ""
    installed.write_text(installed.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    assert "Unknown key" in trouble(command)


def trouble(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return "\n".join(line for line in done.stderr.splitlines() if "firmware-agent" in line)
