"""The command that withdraws: what waits is destroyed by it, the running agent cuts its link, and it says so."""

import asyncio
import dataclasses
import re
import subprocess
import time

import pytest

from firmware_agent.cli.narrow import narrow
from firmware_agent.consent.store import ConsentStore
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.errors import StorageError
from firmware_agent.model import WITHDRAWN
from host_tests.rigs.agent import Rig, forward, plain
from host_tests.rigs.broker import Broker, free_port, wait_for
from host_tests.rigs.lived import PROGRAM, live, rows, running


def call(rig, *arguments):
    """(exit code, output without line breaks)."""
    command = [PROGRAM, *arguments, "--config", str(rig.file)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, " ".join(done.stdout.split())


def vault(rig, purpose="improvement_program"):
    """The key and the rings of a purpose, as they stand on the disk."""
    storage = rig.device.storage
    return [storage.read(f"vault.{purpose}.lightmake.{ending}") or b"" for ending in ("key", "outbox", "sent")]


@pytest.fixture
def lived(tmp_path):
    """A rig with events waiting on flash, and a broker that is down."""
    with Broker(tmp_path) as broker:
        rig = Rig(tmp_path, plain(broker.port))

        async def story():
            agent = await live(rig, broker)
            await agent.close()

        asyncio.run(story())
    return rig


@pytest.mark.clause("L12", "P6")
@pytest.mark.attack(21)
@pytest.mark.parametrize("command,word", [("withdraw", "Withdrawn"), ("refuse", "Refused")])
def test_ok__without_an_agent_the_command_itself_destroys_what_waits(lived, command, word):
    count = len([row for row in rows(lived, "waiting") if row["purpose"] == "improvement_program"])
    assert count > 50 and all(map(any, vault(lived)))
    code, shown = call(lived, "consent", command, "improvement_program")
    assert code == 0 and f"{word}: improvement_program -> lightmake. Nothing of it leaves from now on." in shown
    assert f"{count:,} waiting events destroyed, key overwritten, no agent runs." in shown
    assert not any(map(any, vault(lived))) and all(map(any, vault(lived, "print_history")[:2]))
    told = [row["count"] for row in rows(lived, "ledger") if row["event"] == "purged"]
    assert told == [count]
    assert f"purged improvement_program -> lightmake: {count} events that waited" in call(lived, "ledger", "show")[1]
    assert "destroyed" not in call(lived, "consent", "refuse", "improvement_program")[1]  # nothing left to destroy


def test_ok__a_refusal_of_what_was_never_given_destroys_nothing_and_waits_for_nobody(tmp_path):
    rig = Rig(tmp_path, plain(free_port()))
    with rig.device.storage.claim():
        start = time.monotonic()
        code, shown = call(rig, "consent", "refuse", "failure_detection")
        assert code == 0 and "destroyed" not in shown and "link" not in shown
        assert time.monotonic() - start < 3


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__the_running_agent_says_that_its_link_is_cut(tmp_path):
    with Broker(tmp_path) as broker:
        rig = Rig(tmp_path, plain(broker.port), extra="window = 0")
        rig.grant("improvement_program")
        with running(rig):
            wait_for(lambda: rows(rig, "sent"))
            client = re.search(r"client connected from .* as ([0-9a-f]{16}) ", broker.log.read_text())[1]
            assert f"Client {client}" not in broker.log.read_text()
            code, shown = call(rig, "consent", "withdraw", "improvement_program")
            assert code == 0 and "no event waited, key overwritten, link cut." in shown
            wait_for(lambda: f"Client {client}" in broker.log.read_text(), 3)  # closed, or an error on its socket
    assert not any(map(any, vault(rig)))
    told = [row["event"] for row in rows(rig, "ledger") if row["event"] in ("decided", "cut")]
    assert sorted(told) == ["cut", "decided"]  # the grant was stored by the rig, which records nothing


@pytest.mark.clause("L12")
def test_ok__what_the_agent_has_in_memory_only_is_counted_as_well(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), extra="window = 3600")
    rig.grant("improvement_program")
    with running(rig):
        wait_for(lambda: rig.device.storage.size("ledger.0"))
        time.sleep(1.5)  # the first event is taken at once, and there is no link
        assert rows(rig, "waiting") == []
        code, shown = call(rig, "consent", "withdraw", "--all")
        assert code == 0 and "improvement_program -> lightmake: 1 waiting event destroyed, link cut." in shown


def test_fail__an_agent_that_does_not_answer_is_told_and_the_decision_holds(lived):
    with lived.device.storage.claim():
        start = time.monotonic()
        code, shown = call(lived, "consent", "withdraw", "improvement_program")
        assert time.monotonic() - start >= 3
    assert code == 1 and "An agent runs and has not told within 3 seconds that its link is cut" in shown
    assert "key overwritten." in shown and "link cut." not in shown.replace("its link is cut.", "")
    assert not lived.parts.gate.decide("improvement_program", "lightmake").allowed
    assert not any(map(any, vault(lived)))


def test_ok__an_agent_may_start_while_another_command_looks(lived):
    storage = lived.device.storage
    assert not storage.claimed()
    with storage.claim():
        assert storage.claimed()
    looks = [subprocess.Popen([PROGRAM, "consent", "withdraw", "--all", "--config", str(lived.file)]) for _ in range(3)]
    while any(look.poll() is None for look in looks):
        with storage.claim():
            pass


def test_ok__a_decision_in_the_agent_itself_is_told_in_the_same_way(lived):
    async def story():
        agent = lived.agent()
        await forward(lived, agent, 1)
        waited = agent.uplinks["lightmake"].outboxes["improvement_program"]
        assert len(waited) > 50
        count = agent.withdraw("improvement_program", "lightmake", lambda: lived.withdraw("improvement_program"))
        await forward(lived, agent, 1)
        await agent.close()
        return count

    count = asyncio.run(story())
    told = [row["count"] for row in rows(lived, "ledger") if row["event"] == "cut"]
    assert told == [count] and count > 50


class Full(LinuxStorage):
    """No block is free: no file can grow beyond its blocks of 4096 bytes, and no new one begins. `broken`: no slot."""

    broken = False

    def write(self, name, data):
        old = self.size(name)
        if -(-len(data) // 4096) > -(-old // 4096) or (self.broken and name.startswith(("consent.", "floor."))):
            raise StorageError(f"{name}: No space left on device; make room, or repair the file system")
        super().write(name, data)

    def append(self, name, data, sync=True):
        raise StorageError(f"{name}: No space left on device; make room, or repair the file system")

    def allocate(self, name, size):
        if self.size(name) < size:
            self.append(name, b"")


@pytest.mark.clause("L12", "P6")
@pytest.mark.parametrize("broken", [False, True], ids=["full", "the control: no slot can be written"])
def test_ok__a_first_withdrawal_on_a_full_disk(tmp_path, capsys, broken):
    rig = Rig(tmp_path, plain(free_port()))
    made = rig.parts
    rig.grant("improvement_program")
    pair = ("improvement_program", "lightmake")
    waits = made.vault(*pair)
    waits.key(made.gate.decide(*pair).consent)
    assert waits.sealed()
    storage = Full(made.device.storage.directory)
    storage.broken = broken
    consents = ConsentStore(storage, made.key)
    made = dataclasses.replace(made, consents=consents)
    code = narrow(made, [pair], WITHDRAWN, "Withdrawn")
    shown = " ".join(capsys.readouterr().out.split())
    assert not waits.sealed()
    assert made.gate.decide(*pair).allowed == broken
    if broken:
        assert code == 1 and "NOT STORED: the decision on improvement_program -> lightmake" in shown
        assert "What waited of it is destroyed." in shown and "make room" in shown and "Withdrawn" not in shown
    else:
        assert code == 0 and "Withdrawn: improvement_program -> lightmake. Nothing of it leaves" in shown


@pytest.mark.clause("L18", "P8")
def test_ok__a_minor_is_declared_and_what_waits_destroyed_though_the_ledger_was_tampered_with(lived):
    ledger = lived.device.storage.directory / "ledger.0"
    data = bytearray(ledger.read_bytes())
    data[60] ^= 1
    ledger.write_bytes(data)
    assert any(map(any, vault(lived)))  # the control: something waits
    code, shown = call(lived, "age", "minor")
    assert code == 1 and "could not be recorded" in shown
    assert lived.parts.consents.minor() and not any(map(any, vault(lived)))
    pairs = lived.parts.catalogue.pairs()
    assert not any(lived.parts.consents.may_be_given(*pair) for pair in pairs)
