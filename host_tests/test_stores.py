"""Every file of the state directory belongs to a store, and what a store may keep only for a time goes then."""

import asyncio
import datetime

import pytest

from firmware_agent.owner.stores import Register, Store, schema
from host_tests.rigs.agent import Rig, forward, plain
from host_tests.rigs.broker import Broker, free_port
from host_tests.rigs.lived import kept, live, rows, run_for


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as one:
        yield one


def store(name, *files):
    return Store(name, name, "always", lambda file: file in files, lambda: [], schema())


@pytest.mark.clause("L13", "L14")
def test_ok__every_file_belongs_to_a_store(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))

    async def story():
        agent = await live(rig, broker)
        rig.withdraw("improvement_program")
        await forward(rig, agent, 2)
        await agent.close()
        again = rig.agent()
        await forward(rig, again, 2)
        await again.close()

    asyncio.run(story())
    run_for(rig, 1)
    rig.parts.requests("lightmake").ask("print_history")
    rig.parts.mailbox("lightmake").read()
    storage = rig.device.storage
    assert kept(rig).unknown(storage.names()) == []
    used = {kept(rig).owner(file).name for file in storage.names()}
    assert used == {one.name for one in kept(rig)}  # each store was seen to have files
    storage.append("diary", b"of a store that nobody registered")
    assert kept(rig).unknown(storage.names()) == ["diary"]  # the control


def test_fail__two_stores_with_one_name_or_one_file():
    with pytest.raises(ValueError, match="two stores are named a"):
        Register([store("a"), store("a")])
    both = Register([store("a", "file"), store("b", "file")])
    with pytest.raises(ValueError, match="belongs to a and b"):
        both.owner("file")
    assert both.owner("other") is None


def test_ok__deletion_requests_and_what_waits_do_not_share_files(tmp_path):
    stores = kept(Rig(tmp_path, plain(free_port())))
    for ending in ("key", "outbox", "sent"):
        assert stores.owner(f"vault.rights_request.lightmake.{ending}").name == "requests"
        assert stores.owner(f"vault.print_history.lightmake.{ending}").name in ("waiting", "sent")
    assert stores.owner("vault.print_history.lightmake.key.old") is None


@pytest.mark.clause("L14")
def test_ok__whatever_has_a_time_to_live_is_gone_at_the_next_tick_after_it(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))

    async def story():
        agent = await live(rig, broker)
        assert rig.parts.requests("lightmake").ask("print_history") is not None
        aged = sorted((one for one in kept(rig, agent) if one.ttl is not None), key=lambda one: one.ttl)
        names = [one.name for one in aged]
        assert names == ["sent", "requests", "waiting", "ledger"]
        assert all((one.ttl is None) == (one.expire is None) for one in kept(rig, agent))
        for name, ttl in [(one.name, one.ttl) for one in aged]:
            before = rows(rig, name)
            agent.tick()
            assert before and any(row in rows(rig, name) for row in before)  # the control: not gone yet
            rig.device.passed += ttl + 1
            agent.tick()
            left = rows(rig, name)
            assert not [row for row in before if row in left], name
        await agent.close()

    asyncio.run(story())


@pytest.mark.clause("L14")
def test_ok__no_entry_of_the_ledger_becomes_older_than_its_period_however_the_device_is_used(tmp_path):
    """On now and then, for a tick: entries of different ages stand in one segment."""
    rig = Rig(tmp_path, plain(free_port()))
    period = rig.parts.catalogue.device["ledger"]
    day = 86400
    ages = []

    async def story():
        for pause in (1, 200 * day, 3 * day, 100 * day, 300 * day, 30 * day, 90 * day) * 4:
            rig.device.passed += pause
            agent = rig.agent()
            agent.tick()
            entries = [row for row in rows(rig, "ledger") if row["time"]]
            oldest = datetime.datetime.fromisoformat(entries[0]["time"]).timestamp()
            ages.append(rig.device.now() - oldest)
            await agent.close()

    asyncio.run(story())
    assert period / 2 < max(ages) <= period


@pytest.mark.clause("L14")
def test_ok__what_no_link_of_this_run_serves_does_not_wait_for_ever(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))

    async def story():
        agent = await live(rig, broker)
        await agent.close()

    asyncio.run(story())
    storage = rig.device.storage
    for ending in ("key", "outbox", "sent"):  # as of a policy that had another purpose
        data = storage.read(f"vault.improvement_program.lightmake.{ending}")
        storage.write(f"vault.heartbeat.lightmake.{ending}", data)
    again = rig.agent()

    async def tick():
        again.tick()
        await again.close()

    asyncio.run(tick())
    assert not [file for file in storage.names() if file.startswith("vault.heartbeat")]
    assert storage.size("vault.improvement_program.lightmake.outbox")  # the control
    assert [row["purpose"] for row in rows(rig, "ledger") if row["event"] == "purged"] == ["heartbeat"]
