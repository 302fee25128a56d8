"""The owner's export: complete, readable by others, free of keys, safe in a spreadsheet."""

import asyncio
import base64
import csv
import hashlib
import io
import json
import stat
import subprocess
import sys
import zipfile

import jsonschema
import pytest

from firmware_agent.owner.export import export, table
from firmware_agent.owner.stores import Register, Store, schema, text
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.broker import Broker, free_port
from host_tests.rigs.lived import PROGRAM, kept, live, rows, run_for, running


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    directory = tmp_path_factory.mktemp("lived")
    with Broker(directory) as broker:
        rig = Rig(directory, plain(broker.port))

        async def story():
            agent = await live(rig, broker)
            await agent.close()

        asyncio.run(story())
        run_for(rig, 1)
    assert rig.parts.requests("lightmake").ask("print_history") is not None
    rig.parts.mailbox("lightmake").read()
    return rig


def call(rig, *arguments):
    """(exit code, output, errors)."""
    command = [PROGRAM, *arguments, "--config", str(rig.file)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def members(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.clause("L13")
def test_ok__everything_that_is_kept_is_in_it_by_names(lived, tmp_path):
    before = {file: lived.device.storage.read(file) for file in lived.device.storage.names()}
    code, _, errors = call(lived, "export", str(tmp_path / "mine.zip"))
    assert code == 0, errors
    assert stat.S_IMODE((tmp_path / "mine.zip").stat().st_mode) == 0o600
    found = members(tmp_path / "mine.zip")
    for name in ("consent", "ledger", "waiting", "sent", "idents", "clock", "mailbox", "journal", "requests"):
        data = json.loads(found[f"{name}/data.json"])
        assert data and data == (rows(lived, name) if name != "clock" else data), name
        assert f"{name}/  {len(data)} row" in found["README.txt"].decode()
    said = json.loads(found["waiting/data.json"])
    assert {one["purpose"] for one in said} == {"improvement_program", "print_history"}
    assert said[0]["event"]["state"] and "state = " in said[0]["words"]
    manifest = json.loads(found.pop("manifest.json"))
    assert manifest["troubles"] == [] and manifest["profile"] == "lightmake"
    sums = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in found.items()}
    assert manifest["files"] == sums and "README.txt" in sums
    after = {file: lived.device.storage.read(file) for file in lived.device.storage.names()}
    assert after == before  # looking changes nothing


@pytest.mark.clause("L13")
def test_ok__each_kind_validates_against_its_schema_and_a_changed_row_does_not(lived, tmp_path):
    assert call(lived, "export", str(tmp_path / "mine.zip"))[0] == 0
    found = members(tmp_path / "mine.zip")
    names = [name.partition("/")[0] for name in found if name.endswith("/schema.json")]
    assert len(names) >= 7
    for name in names:
        shape, data = json.loads(found[f"{name}/schema.json"]), json.loads(found[f"{name}/data.json"])
        jsonschema.Draft202012Validator.check_schema(shape)
        valid = jsonschema.Draft202012Validator(shape, format_checker=jsonschema.FormatChecker())
        valid.validate(data)
        for column in data[0]:  # the controls: one column missing, one of another type, one too many
            for wrong in (
                {key: value for key, value in data[0].items() if key != column},
                {**data[0], column: 1.5},
                {**data[0], "more": 1},
            ):
                assert not valid.is_valid([wrong]), (name, column)
        lines = list(csv.DictReader(io.StringIO(found[f"{name}/data.csv"].decode())))
        assert len(lines) == len(data) and set(lines[0]) == set(data[0])


@pytest.mark.clause("L13", "L17")
def test_ok__an_auditor_can_verify_the_history_in_it(lived, tmp_path):
    assert call(lived, "export", str(tmp_path / "mine.zip"))[0] == 0
    command = [sys.executable, "-m", "firmware_agent.egress.verify", str(tmp_path / "mine.zip")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def secrets(rig):
    """The content of every key file, in each spelling that a careless export could use."""
    keys = [rig.device.storage.read(file)[:32] for file in rig.device.storage.names() if file.endswith(".key")]
    keys += [request.key for request in rig.parts.requests("lightmake").look()]
    for key in filter(any, keys):
        yield from (key, key.hex().encode(), base64.b64encode(key)[:40], repr(key).encode())


@pytest.mark.clause("L22")
def test_ok__no_key_is_in_it(lived, tmp_path):
    assert call(lived, "export", str(tmp_path / "mine.zip"))[0] == 0
    whole = b"".join(members(tmp_path / "mine.zip").values())
    found = list(secrets(lived))
    assert len(found) == 4 * 9  # consent, ledger, two vaults, an ident, a pseudonym's, a request and its vault
    for secret in found:
        assert secret not in whole
    assert rows(lived, "ledger")[0]["hash"].encode() in whole  # the control: what is there is found


@pytest.mark.clause("L13")
def test_ok__it_works_while_the_agent_runs_and_is_the_same_each_time(lived, tmp_path):
    with running(lived):
        code, shown, errors = call(lived, "export", str(tmp_path / "mine.zip"))
    assert code == 0 and "Could not" not in shown, errors
    files = []
    for _ in range(2):
        out = io.BytesIO()
        export(kept(lived), {"time": "2026-11-22T00:00:00Z"}, out)
        files.append(out.getvalue())
    assert files[0] == files[1]


def test_fail__it_overwrites_nothing_and_leaves_no_half_file(lived, tmp_path):
    taken = tmp_path / "taken.zip"
    taken.write_bytes(b"mine")
    code, _, errors = call(lived, "export", str(taken))
    assert code == 1 and "not overwritten" in errors and taken.read_bytes() == b"mine"
    code, _, errors = call(lived, "export", str(lived.device.storage.directory / "mine.zip"))
    assert code == 1 and "inside the state directory" in errors
    code, _, errors = call(lived, "export", str(tmp_path / "none/mine.zip"))
    assert code == 1 and "name a file that you may write" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["taken.zip"]


def test_ok__what_cannot_be_read_is_told_and_the_rest_is_there(tmp_path):
    rig = Rig(tmp_path, plain(free_port()))
    for purpose in ("improvement_program", "print_history"):
        assert call(rig, "consent", "refuse", purpose)[0] == 0
    file = rig.device.storage.directory / "ledger.0"
    data = bytearray(file.read_bytes())
    at = data.index(b"print_history")
    data[at] ^= 1
    file.write_bytes(bytes(data))
    code, shown, _ = call(rig, "export", str(tmp_path / "mine.zip"))
    assert code == 1 and "Could not be read in full: ledger: " in shown
    found = members(tmp_path / "mine.zip")
    assert [row["purpose"] for row in json.loads(found["ledger/data.json"]) if row["event"] == "decided"] == [
        "improvement_program"
    ]
    assert len(json.loads(found["consent/data.json"])) == 2
    assert json.loads(found["manifest.json"])["troubles"] and b"Could not be read in full" in found["README.txt"]


def test_ok__no_cell_is_a_formula_in_a_spreadsheet():
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")', 'a "quoted", text\nin two lines']
    shown = table([{"cell": one, "number": -5} for one in evil], ["cell", "number"])
    cells = list(csv.reader(io.StringIO(shown)))
    assert cells[0] == ["cell", "number"]
    for given, (cell, number) in zip(evil, cells[1:], strict=True):
        assert cell in (given, "'" + given) and not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert number == "-5"
    assert cells[-1][0] == evil[-1]  # the control: harmless text is not touched


def test_ok__a_store_may_add_files_of_its_own():
    def extra():
        return {"heads.jsonl": b"{}\n"}

    one = Store("one", "One", "always", lambda file: False, lambda: [{"a": "b"}], schema(a=text("a")), extra)
    out = io.BytesIO()
    export(Register([one]), {}, out)
    found = members(out)
    assert found["one/heads.jsonl"] == b"{}\n" and "one/heads.jsonl" in json.loads(found["manifest.json"])["files"]


@pytest.mark.clause("L17")
def test_ok__show_sent_tells_what_left_newest_last(lived, tmp_path):
    expected = [row["words"] for row in sorted(rows(lived, "sent"), key=lambda row: row["left"])]
    code, shown, _ = call(lived, "show", "--sent")
    flat = " ".join(shown.split())
    places = [flat.index(one) for one in expected]
    assert code == 0 and expected and places == sorted(places)
    assert "no copy" in call(lived, "show", "--sent", "snapshot")[1]
    code, _, errors = call(lived, "show", "--sent", "advertising")
    assert code == 1 and ", ".join(sorted(lived.parts.catalogue.purposes)) in errors
