"""Erase: after it the device knows nothing of its owner, wherever the power goes in between."""

import asyncio
import hashlib
import itertools
import json
import shutil
import subprocess

import pexpect
import pytest

from firmware_agent import config
from firmware_agent.cli import build
from firmware_agent.cli.stores import register
from firmware_agent.device.linux import AesGcm
from firmware_agent.errors import StorageError
from firmware_agent.model import GIVEN, WITHDRAWN
from firmware_agent.owner.erase import erase
from firmware_agent.owner.stores import is_key
from host_tests.fakes import NOW, MemoryStorage, PowerCut
from host_tests.rigs.agent import Rig, plain
from host_tests.rigs.broker import Broker, free_port
from host_tests.rigs.lived import PROGRAM, kept, live, rows, run_for, running

PAIR = ("improvement_program", "lightmake")
STAYS = ["lock", "running"]
DRAWN = itertools.count()


def call(rig, *arguments):
    """(exit code, output, errors)."""
    command = [PROGRAM, *arguments, "--config", str(rig.file)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


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
    return directory


@pytest.fixture
def rig(lived, tmp_path):
    """A copy of a device that was in use."""
    shutil.copytree(lived / "state", tmp_path / "state")
    return Rig(tmp_path, plain(free_port()))


def canaries(rig):
    """What would tell of the owner: keys, names, hashes of decisions, sealed bytes."""
    found = {b"improvement_program", b"print_history"}
    found |= {record.digest() for record in rig.parts.consents.records()}
    for file in rig.device.storage.names():
        data = rig.device.storage.read(file)
        if is_key(file):
            found.add(data[:32])
        elif file.endswith((".outbox", ".sent")):
            found.add(data[36:52])
    return found


def seen(rig, wanted):
    """How many of `wanted` stand in any file or name of the state directory."""
    storage = rig.device.storage
    whole = b"".join(file.encode() + b" " + storage.read(file) for file in storage.names())
    return sum(one in whole for one in wanted)


def receipt(file):
    return json.loads(file.read_text())


@pytest.mark.clause("L13", "P6")
@pytest.mark.attack(24)
def test_ok__a_second_owner_finds_nothing(rig, tmp_path):
    wanted = canaries(rig)
    assert seen(rig, wanted) == len(wanted) >= 13  # the control
    code, shown, errors = call(rig, "erase", "--yes", "--receipt", str(tmp_path / "receipt.json"))
    assert code == 0, errors
    assert shown.count("Withdrawn: ") == 2 and "as it was when it was new" in " ".join(shown.split())
    assert rig.device.storage.names() == STAYS and seen(rig, wanted) == 0
    second = Rig(tmp_path, plain(free_port()))
    assert second.parts.gate.decide(*PAIR).reason == "consent_missing"
    for name in ("ledger", "waiting", "sent", "idents", "clock", "journal", "consent"):
        assert rows(second, name) == [], name
    assert call(second, "ledger", "show")[1] == "The ledger is empty.\n"
    assert seen(second, wanted) == 0


@pytest.mark.clause("L13", "P6")
def test_ok__the_receipt_says_what_went_and_what_stays(rig, tmp_path):
    storage = rig.device.storage
    asked = rig.parts.requests("lightmake").ask("print_history")
    there = {store.name: [file for file in storage.names() if store.holds(file)] for store in kept(rig)}
    code, shown, _ = call(rig, "erase", "--yes", "--receipt", str(tmp_path / "receipt.json"))
    told = receipt(tmp_path / "receipt.json")
    assert code == 0 and "{" not in shown and "Stays: Your requests" in shown and "when it was new" not in shown
    gone = {row["store"]: row for row in told["destroyed"]}
    own = {"people", "viewers", "camera", "details", "region", "policies", "page"}
    assert set(gone) == {"consent", "ledger", "waiting", "sent", "idents", "pseudonyms", "clock", "journal", *own}
    for name, row in gone.items():
        assert set(row["files"]) >= set(there[name]) and row["bytes"] > 0
        assert row["files"] == there[name] or name == "policies"  # withdrawing keeps the text that it is about
        assert row["keys"] == sum(map(is_key, there[name]))
    assert {row["store"]: row["files"] for row in told["stays"]} == {"requests": there["requests"], "locks": STAYS}
    assert all(row["why"] for row in told["stays"]) and len(told["elsewhere"]) == 2
    (pending,) = Rig(tmp_path, plain(free_port())).parts.requests("lightmake").look()
    assert (pending.ident, pending.key) == (asked.ident, asked.key)
    assert asked.key.hex() not in shown
    assert told["ledger"]["entries"] > 2 and len(told["ledger"]["head"]) == 64


def test_ok__again_there_is_nothing_left(rig):
    assert call(rig, "erase", "--yes")[0] == 0
    for number in range(2):
        file = rig.file.parent / f"receipt.{number}"
        code, shown, _ = call(rig, "erase", "--yes", "--receipt", str(file))
        assert code == 0 and shown == "There was nothing left to erase.\n" and receipt(file)["destroyed"] == []
        assert rig.device.storage.names() == STAYS


def test_fail__files_of_nobody_stay_and_are_named(rig):
    assert "belongs to no store" not in " ".join(call(rig, "doctor")[1].split())
    rig.device.storage.write("ledger-old", b"moved away for an audit")
    assert "ledger-old: belongs to no store of this agent" in " ".join(call(rig, "doctor")[1].split())
    code, shown, _ = call(rig, "erase", "--yes")
    assert code == 1 and "Look at ledger-old" in shown
    assert rig.device.storage.names() == ["ledger-old", *STAYS]


@pytest.mark.clause("L12")
def test_fail__while_an_agent_runs_all_is_withdrawn_and_nothing_erased(rig, tmp_path):
    before = rig.device.storage.names()
    with running(rig):
        code, shown, errors = call(rig, "erase", "--yes", "--receipt", str(tmp_path / "receipt.json"))
    assert code == 1 and "nothing leaves any more" in errors and "Stop the agent" in errors
    assert shown.count("Withdrawn: ") == 2 and not rig.parts.gate.decide(*PAIR).allowed
    assert set(before) <= set(rig.device.storage.names()) and not (tmp_path / "receipt.json").exists()
    assert call(rig, "erase", "--yes")[0] == 0 and rig.device.storage.names() == STAYS


def test_fail__without_the_code_nothing_changes(rig):
    before = {file: rig.device.storage.read(file) for file in rig.device.storage.names()}
    code, _, errors = call(rig, "erase")
    assert code == 1 and "add --yes" in errors
    assert at_the_terminal(rig, "0")[0] == 3
    assert {file: rig.device.storage.read(file) for file in rig.device.storage.names()} == before
    code, shown = at_the_terminal(rig, None)  # the control
    assert code == 0 and "cannot be undone" in shown and rig.device.storage.names() == STAYS


def at_the_terminal(rig, answer):
    child = pexpect.spawn(PROGRAM, ["erase", "--config", str(rig.file)], encoding="utf-8", timeout=30)
    child.expect(r"To erase all of it, type ([0-9]{4}) and press Enter")
    shown = child.before
    child.sendline(child.match[1] if answer is None else answer)
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, shown + child.before


class CutStorage(MemoryStorage):
    """Loses power at the operation number `end`: a patch is half written, a file not yet removed."""

    def __init__(self, files, end=None):
        super().__init__(files)
        self.end = end
        self.done = []

    def patch(self, name, offset, data, sync=True):
        half = self._next("patch", name)
        super().patch(name, offset, data[: len(data) // 2] if half else data, sync)
        if half:
            raise PowerCut

    def remove(self, name):
        if self._next("remove", name):
            raise PowerCut
        super().remove(name)

    def _next(self, what, name):
        self.done.append((what, name))
        return len(self.done) == self.end


class BoardOfMemory:
    """A device whose storage is in RAM."""

    def __init__(self, storage):
        self.storage = storage
        self.cipher = AesGcm()

    def entropy(self, count):
        return hashlib.shake_128(b"%d" % next(DRAWN)).digest(count)

    def now(self):
        return NOW

    def ticks(self):
        return 0.0


@pytest.fixture
def conf(tmp_path):
    return config.load(Rig(tmp_path, plain(free_port())).file)


def used(conf):
    """Files of a device with two decisions: given, then withdrawn; and with what a withdrawal did not destroy."""
    storage = MemoryStorage()
    made = build.parts(conf, BoardOfMemory(storage))
    ledger = made.ledger()
    vault = made.vault(*PAIR)
    policy = made.catalogue.policy(*PAIR)
    for state in (GIVEN[0], WITHDRAWN):
        ledger.decided(made.consents.put(*PAIR, state, policy, "owner", "test", NOW))
    ident = made.idents.new(*PAIR)
    payload = b"".join((b"\x84\x02\x50", ident, b"\x73improvement_program\x81\x81\x82\x02\x05"))
    vault.sent.append(vault.key(), 1, NOW, payload)
    made.clock.keep()
    return {name: bytes(data) for name, data in storage.files.items()}


def allowed(made):
    return [pair for pair in made.catalogue.pairs() if made.gate.decide(*pair).allowed]


def sealed(made):
    return list(next(store for store in register(made) if store.name == "sent").rows())


@pytest.mark.clause("P6")
@pytest.mark.attack(5, 24)
def test_ok__a_power_cut_at_any_point_opens_nothing_and_the_next_erase_finishes(conf):
    files = used(conf)
    assert len(sealed(build.parts(conf, BoardOfMemory(MemoryStorage(files))))) == 1  # the control
    whole = CutStorage(files)
    erase(whole, register(build.parts(conf, BoardOfMemory(whole))))
    assert whole.names() == []
    keys = sum(map(is_key, files))
    assert all(is_key(name) for _, name in whole.done[:keys])
    for end in range(1, len(whole.done) + 1):
        storage = CutStorage(files, end)
        with pytest.raises(PowerCut):
            erase(storage, register(build.parts(conf, BoardOfMemory(storage))))
        again = BoardOfMemory(MemoryStorage(storage.files))
        made = build.parts(conf, again)
        assert allowed(made) == [], end
        if end > keys:  # every key has been overwritten
            assert sealed(made) == [] and made.consents.records() == [], end
            assert not [name for name, data in files.items() if is_key(name) and data[:32] in joined(again.storage)]
        assert erase(again.storage, register(made)).troubles == []
        assert again.storage.names() == [], end


def joined(storage):
    return b"".join(map(bytes, storage.files.values()))


def test_fail__the_control_without_the_key_first_an_old_consent_would_come_back(conf):
    files = used(conf)
    for name in ("consent.0", "consent.1", "floor.0", "floor.1"):
        other = {one: data for one, data in files.items() if one.split(".")[1:] != name.split(".")[1:]}
        if allowed(build.parts(conf, BoardOfMemory(MemoryStorage({**other, "consent.key": files["consent.key"]})))):
            return
    raise AssertionError("no order of removal would widen: the test above proves nothing")


def test_fail__a_key_of_zeros_is_no_key(conf):
    files = used(conf)
    storage = MemoryStorage({**files, "consent.key": bytes(32)})
    made = build.parts(conf, BoardOfMemory(storage))
    assert any(storage.read("consent.key")) and made.consents.records() == []


class Stubborn(MemoryStorage):
    """One file can not be overwritten."""

    def patch(self, name, offset, data, sync=True):
        if name == "time.0":
            raise StorageError("time.0: Input/output error; make room, or repair the file system")
        super().patch(name, offset, data, sync)


def test_fail__one_file_that_resists_is_told_and_stops_no_other(conf):
    storage = Stubborn({**used(conf), "time.0": b"mark"})
    done = erase(storage, register(build.parts(conf, BoardOfMemory(storage))))
    assert done.troubles == ["time.0: Input/output error; make room, or repair the file system"]
    assert storage.names() == ["time.0"]  # so that the next erase can try again
    assert "time.0" not in [file for row in done.destroyed for file in row["files"]]


@pytest.mark.clause("L13")
def test_ok__requests_that_are_done_are_destroyed_as_well(rig, tmp_path):
    requests = rig.parts.requests("lightmake")
    requests.remove(requests.ask("print_history"))
    names = [file for file in rig.device.storage.names() if file.startswith("vault.rights_request.")]
    assert names  # the control
    code, shown, _ = call(rig, "erase", "--yes", "--receipt", str(tmp_path / "receipt.json"))
    assert code == 0 and "as it was when it was new" in " ".join(shown.split())
    gone = {row["store"]: row["files"] for row in receipt(tmp_path / "receipt.json")["destroyed"]}
    assert gone["requests"] == names and rig.device.storage.names() == STAYS


@pytest.mark.parametrize(
    "name",
    ["consent.0", "floor.1", "ledger.0", "ledger.head", "ledger.key", "journal.0", "running"]
    + ["vault.improvement_program.lightmake.key", "vault.improvement_program.lightmake.outbox"]
    + ["vault.rights_request.lightmake.key", "ident.print_history.lightmake.key", "mailbox.lightmake.0"],
)
@pytest.mark.clause("P6")
def test_fail__a_directory_in_place_of_a_file_keeps_no_key_from_being_overwritten(rig, tmp_path, name):
    wanted = {one for one in canaries(rig) if len(one) == 32}
    (tmp_path / "state" / name).unlink(missing_ok=True)
    (tmp_path / "state" / name).mkdir()
    code, shown, errors = call(rig, "erase", "--yes", "--receipt", str(tmp_path / "receipt.json"))
    assert code == 1, errors
    assert "Trouble:" in shown and "as it was when it was new" not in " ".join(shown.split())
    assert any(name in line for line in receipt(tmp_path / "receipt.json")["troubles"])
    assert rig.device.storage.names() == sorted({name, *STAYS})
    (tmp_path / "state" / name).rmdir()
    assert wanted and seen(rig, wanted) == 0
