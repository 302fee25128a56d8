"""What an auditor does with an exported ledger, and what a forger may hand to an auditor."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from firmware_agent.egress import verify
from firmware_agent.egress.export import export_rows
from firmware_agent.egress.heads import KEY, Ed25519Signer, device_signer, genuine
from firmware_agent.egress.ledger import Broken, Ledger
from firmware_agent.egress.signed import message, newest
from firmware_agent.egress.verify import Unreadable, Wrong, check, verify_file
from host_tests.fakes import NOW, PURPOSE, RECIPIENT, MemoryStorage

ROOT = Path(__file__).resolve().parent.parent
SIGNER = Ed25519Signer(bytes(range(32)))


def exported(count=70, signer=SIGNER, size=2048):
    """The lines of an export: several segments, the oldest are gone."""
    storage = MemoryStorage()
    ledger = Ledger(storage, lambda: NOW, None, signer, size, 3)
    for number in range(count):
        ledger.purged(PURPOSE, RECIPIENT, number)
    return [json.dumps(row) for row in export_rows(storage, signer, NOW, "lightmake 1")]


def verified(lines, **options):
    return check(io.BytesIO("\n".join(lines).encode() + b"\n"), **options)


def changed(lines, at, change):
    """The lines with one of them changed by a function of its dict."""
    row = json.loads(lines[at])
    change(row)
    return [*lines[:at], json.dumps(row), *lines[at + 1 :]]


@pytest.mark.clause("L17")
def test_ok__an_export_verifies_and_names_its_key():
    lines = exported()
    made = verified(lines)
    assert made.public == SIGNER.public and made.number == json.loads(lines[-1])["end"]
    assert json.loads(lines[0])["first"] > 1  # rotated
    assert verified(lines, key=SIGNER.public.hex()).entries == made.entries
    assert verified(lines, head=json.loads(lines[5])["hash"])
    assert verified(exported(3)).entries == 3 and verified(exported(0)).entries == 0
    assert verified(exported(3, None)).public is None


def test_ok__an_entry_is_readable():
    row = json.loads(exported(3)[2])
    assert row["event"] == "purged" and row["purpose"] == PURPOSE and row["count"] == 0 and len(row["hash"]) == 64


@pytest.mark.clause("L17")
def test_fail__every_changed_part_is_found_and_placed():
    lines = exported()
    for at in range(1, len(lines) - 1, 3):
        for name in json.loads(lines[at]):
            values = ["x", -1, None, 1.5, True, [], {}, "00", 10**30, "\ud800"]
            for value in values:
                if json.loads(lines[at])[name] == value:
                    continue
                with pytest.raises(Wrong if value != 1.5 else Unreadable) as caught:
                    verified(changed(lines, at, lambda row, name=name, value=value: row.update({name: value})))
                assert f"line {at + 1}" in str(caught.value), (at, name, value)
    for name in ("end", "head", "time", "signature"):
        with pytest.raises(Wrong) as caught:
            verified(changed(lines, -1, lambda row, name=name: row.update({name: 5})))
        assert f"line {len(lines)}" in str(caught.value) or name == "time"


@pytest.mark.clause("L17")
def test_fail__lines_removed_moved_or_doubled():
    lines = exported()
    for at in range(1, len(lines) - 1):
        for other in (
            lines[:at] + lines[at + 1 :],
            [*lines[:at], lines[at], *lines[at:]],
            [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
            lines[: at + 1],
        ):
            with pytest.raises(Wrong) as caught:
                verified(other)
            assert "line " in str(caught.value) and "entry " in str(caught.value)


def recomputed(lines, signer):
    """A forger's work: the first two entries deleted, all else numbered, hashed and signed anew."""
    storage = MemoryStorage()
    ledger = Ledger(storage, lambda: NOW, None, signer)
    for line in lines[4:-1]:
        row = json.loads(line)
        ledger.purged(row["purpose"], row["recipient"], row["count"])
    return [json.dumps(row) for row in export_rows(storage, signer, NOW)]


@pytest.mark.clause("L17")
def test_fail__a_history_made_anew_needs_the_key():
    lines = exported(5)
    forged = recomputed(lines, Ed25519Signer(bytes(32)))
    assert verified(forged).entries == 3  # by itself it holds together: so the verifier says what that proves
    with pytest.raises(Wrong, match="another key"):
        verified(forged, key=SIGNER.public.hex())
    with pytest.raises(Wrong, match="not signed"):
        verified(recomputed(lines, None), key=SIGNER.public.hex())
    public = SIGNER.public.hex()
    claimed = changed(
        changed(forged, 0, lambda row: row.update(public=public)), -1, lambda row: row.update(public=public)
    )
    with pytest.raises(Wrong, match="signature"):
        verified(claimed)
    with pytest.raises(Wrong, match="no entry"):
        verified(forged, head=json.loads(lines[3])["hash"])


@pytest.mark.clause("L17")
def test_fail__the_beginning_cut_off():
    lines = exported()
    starts = [at for at, line in enumerate(lines) if '"checkpoint": {' in line]
    assert len(starts) == 3
    begin = json.loads(lines[starts[1]])
    other = [lines[0], *lines[starts[1] :]]
    other = changed(other, 0, lambda row: row.update(first=begin["number"], before=begin["checkpoint"]["head"]))
    with pytest.raises(Wrong, match="removed from its beginning"):
        verified(other)


def hostile():
    good = exported(2)
    yield "nothing", b""
    yield "no JSON", b"\x00\xff\n"
    yield "a long line", b"[" + b"1," * verify.LONGEST
    yield "deep", b"[" * 100000 + b"]" * 100000
    yield "a long number", b'{"first": ' + b"9" * 100000 + b"}"
    yield "a name twice", b'{"format": 1, "format": 2}'
    yield "not a number", b"NaN"
    yield "another format", good[0].replace("ledger 1", "ledger 9").encode()
    yield "half a ZIP", b"PK\x03\x04" + bytes(100)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other.txt", "x")
    yield "no ledger in the ZIP", packed.getvalue()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ledger.jsonl", bytes(verify.LONGEST * 40))
    yield "a bomb", packed.getvalue()


@pytest.mark.parametrize("what,data", list(hostile()), ids=[what for what, _ in hostile()])
def test_fail__what_is_no_export_is_said_to_be_none(tmp_path, what, data):
    (tmp_path / "export").write_bytes(data)
    with pytest.raises(Unreadable):
        verify_file(tmp_path / "export")


def test_fail__a_bomb_of_good_lines_ends_at_the_bound(monkeypatch):
    lines = exported(30)
    monkeypatch.setattr(verify, "LARGEST", 5000)
    with pytest.raises(Unreadable, match="longer than an export can be"):
        verified(lines)


def run(*arguments):
    command = [sys.executable, "-m", "firmware_agent.egress.verify", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_ok__the_program_and_its_exit_codes(tmp_path):
    file = tmp_path / "export.jsonl"
    lines = exported(5)
    file.write_text("\n".join(lines) + "\n")
    code, shown = run(file)
    assert code == 0 and "ok: 5 entries" in shown and "One key signed it" in shown and SIGNER.public.hex() in shown
    code, shown = run(file, "--key", SIGNER.public.hex())
    assert code == 0 and "The key you gave signed it" in shown
    packed = tmp_path / "receipt.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(file, "ledger.jsonl")
    assert run(packed)[0] == 0
    code, shown = run(file, "--head", "ab" * 32)
    assert code == 1 and "no entry up to 6 has the head" in shown
    file.write_text("\n".join(lines[:3] + lines[4:]) + "\n")
    code, shown = run(file)
    assert code == 1 and "line 4, entry 3: it is numbered 4, and entry 3 is due" in shown
    code, shown = run(tmp_path / "nothing")
    assert code == 2 and "not readable" in shown and "Traceback" not in shown
    code, shown = run(file, "--key", "zz")
    assert code == 2 and "argument --key: must be 64 hex digits" in shown
    file.write_text("\n".join(exported(0)) + "\n")
    code, shown = run(file)
    assert code == 1 and shown == f"empty: {file}: there is no entry\n"


def test_ok__the_device_s_key_is_made_once():
    storage = MemoryStorage()
    first = device_signer(storage, os.urandom)
    assert device_signer(storage, os.urandom).public == first.public and len(storage.files[KEY]) == 32
    assert genuine(first.public, b"text", first.sign(b"text"))
    assert not genuine(first.public, b"texts", first.sign(b"text")) and not genuine(b"", b"", b"")
    storage.files[KEY] = b"short"
    assert device_signer(storage, os.urandom).public != first.public


def test_ok__a_stored_head_is_signed_with_the_device_s_key():
    storage = MemoryStorage()
    ledger = Ledger(storage, lambda: NOW, None, SIGNER)
    ledger.purged(PURPOSE, RECIPIENT, 1)
    ledger.settle()
    kept = newest(storage)
    assert genuine(kept.public, message(kept.number, kept.head, kept.time), kept.signature)
    assert not genuine(kept.public, message(kept.number + 1, kept.head, kept.time), kept.signature)
    del storage.files["ledger.0"]
    with pytest.raises(Broken, match="entries after 0 were cut off"):
        Ledger(storage, lambda: NOW, None, SIGNER)
