"""The ledger's commands on a history of several files."""

import binascii
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_agent.cli import words
from firmware_agent.cli.main import main
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.egress.entry import blank
from firmware_agent.egress.ledger import Ledger
from firmware_agent.egress.verify import verify_file
from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.rigs.agent import Rig, plain

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, plain(1))


@pytest.fixture
def call(rig, capsys):
    def _call(*arguments):
        code = main([*arguments, "--config", str(rig.file)])
        return code, " ".join(capsys.readouterr().out.split())  # however its lines were broken

    return _call


def rotated(rig, count=150):
    """A decision whose own entry is gone, in a ledger whose oldest files are."""
    rig.grant("snapshot")
    ledger = Ledger(rig.device.storage, rig.device.now, None, rig.parts.signer(), 4096, 2)
    for record in rig.parts.consents.records():
        ledger.decided(record)
    for number in range(count):
        ledger.purged(PURPOSE, RECIPIENT, number + 1)
    ledger.settle()
    return ledger


@pytest.mark.clause("L17")
def test_ok__a_rotated_ledger_verifies_shows_and_is_exported(rig, call, tmp_path):
    ledger = rotated(rig)
    code, shown = call("ledger", "verify")
    assert code == 0 and f"none changed, head {ledger.head.hex()}" in shown
    assert rig.parts.signer().public.hex() in shown and "removed" not in shown
    code, shown = call("ledger", "show", "--last", "3")
    assert code == 0 and "that waited, destroyed with the key" in shown and "allowed" not in shown
    code, shown = call("ledger", "show", "--last", "200")
    assert code == 0 and "before these are too old to be kept" in shown
    code, shown = call("ledger", "export", str(tmp_path / "ledger.jsonl"))
    assert code == 0 and "firmware_agent.egress.verify" in shown
    made = verify_file(tmp_path / "ledger.jsonl", ledger.head.hex(), rig.parts.signer().public.hex())
    assert made.head == ledger.head
    assert json.loads((tmp_path / "ledger.jsonl").read_text().splitlines()[0])["profile"].startswith("lightmake ")


@pytest.mark.clause("L17")
def test_fail__a_forged_or_lost_part_is_named(rig, call):
    rotated(rig)
    state = rig.device.storage.directory
    head = (state / "ledger.head").read_bytes()
    for at in (0, 512):  # another signature, with a checksum that fits
        body = bytearray(head[at + 2 : at + 2 + int.from_bytes(head[at : at + 2], "big")])
        body[-60] ^= 1
        part = head[at : at + 2] + body + binascii.crc32(body).to_bytes(4, "big")
        (state / "ledger.head").write_bytes(head[:at] + part + head[at + len(part) :])
        code, shown = call("ledger", "verify")
        if code:
            break
    assert code == 1 and "is not genuine" in shown
    (state / "ledger.head").write_bytes(head)
    assert call("ledger", "verify")[0] == 0
    live = [path for path in state.glob("ledger.[0-9]") if path.read_bytes()[:1] == b"\xa7"]
    for path in live:
        data = path.read_bytes()
        path.write_bytes(data[:700] + bytes([data[700] ^ 1]) + data[701:])
        code, shown = call("ledger", "verify")
        assert code == 1 and shown.startswith(f"wrong: {path.name}: entry ") and " at byte " in shown
        assert call("ledger", "show")[0] == 1
        path.write_bytes(data)


WRITER = """
import sys
from pathlib import Path
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.egress.ledger import Ledger

ledger = Ledger(LinuxStorage(Path(sys.argv[1])), lambda: 1793318400, size=4096, keep=3)
for number in range(150):
    ledger.purged(sys.argv[2], "lightmake", 1)
"""


def test_ok__processes_that_write_at_once_make_one_chain(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=ROOT) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    totals = Ledger(LinuxStorage(tmp_path), lambda: 0).totals()
    assert totals == {("purged", name, "lightmake"): 150 for name in "abc"}


def test_ok__every_event_has_words():
    for event in (
        "attempted",
        "acknowledged",
        "unknown",
        "refused",
        "dropped",
        "purged",
        "watched",
        "lost",
        "recovered",
        "erased",
    ):
        row = blank(event)
        row.update(purpose="a", recipient="b", count=12, detail="consent_missing")
        line = words.entry(row)
        assert event == "recovered" or "12" in line or event == "erased", line
    assert "5 entries before" in words.entry({**blank("checkpoint"), "number": 6})
    row = blank("watching")
    row.update(purpose="a", recipient="b", detail="stream")
    assert "looks" in words.entry(row) and "a -> b: the live picture" in words.entry(row)
    row = blank("purged")
    row.update(purpose="a", recipient="b")
    assert "a -> b: 1 event that waited" in words.entry(row)


def test_ok__an_empty_ledger_is_said_to_be_empty(call):
    assert call("ledger", "verify") == (0, "empty: there is no entry")
    code, shown = call("ledger", "verify", "--head", "ab" * 32)
    assert code == 1 and "no entry has the head you gave" in shown


def test_fail__an_export_overwrites_nothing_and_stays_out_of_the_state_directory(rig, call, tmp_path, capsys):
    rotated(rig)
    file = tmp_path / "ledger.jsonl"
    code, shown = call("ledger", "export", str(file))
    assert code == 0 and "pip install" in shown and stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    state = rig.device.storage.directory
    for target, why in ((file, "is there already"), (state / "consent.0", "state directory"), (tmp_path / "a/b", "No")):
        assert main(["ledger", "export", str(target), "--config", str(rig.file)]) == 1
        assert why in capsys.readouterr().err
    assert file.read_bytes() == before
