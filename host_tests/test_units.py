"""The unit of systemd takes from the agent what it does not need; systemd's own analysis says what is left."""

import json
import subprocess
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parent.parent / "tools/systemd/firmware-agent.service"
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


def test_ok__systemd_understands_every_line(tmp_path):
    installed = tmp_path / "firmware-agent.service"
    installed.write_text(UNIT.read_text().replace("/usr/bin/firmware-agent run", f"{sys.executable} -c pass"))
    command = ["systemd-analyze", "verify", "--man=no", "--generators=no", str(installed)]
    assert trouble(command) == ""
    installed.write_text(installed.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    assert "Unknown key" in trouble(command)


def trouble(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return "\n".join(line for line in done.stderr.splitlines() if "firmware-agent.service" in line)
