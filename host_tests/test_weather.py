"""The uplink in bad weather: what is allowed arrives once in effect, whatever link, clock and papers do."""

import asyncio
import random

import cbor2
import pytest

from firmware_agent.catalogue import FORMAT, Catalogue, pack
from firmware_agent.cli import build
from firmware_agent.egress.endpoint import Endpoint
from firmware_agent.egress.wire_mqtt import MqttWire
from host_tests.fakes import catalogue
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.certificates import Authority
from host_tests.rigs.flow import PASS, SWALLOW_ACKS, throttle
from host_tests.rigs.proxy import Proxy

PURPOSE = "improvement_program"
DAY = 86400


def events(maker):
    """How many events arrived, a second copy of a message not counted."""
    messages = {payload[3:19]: payload for payload in maker.payloads()}
    return sum(len(cbor2.loads(payload)[3]) for payload in messages.values())


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as one:
        yield one


def test_ok__an_outage_of_days_and_a_restart_in_it_lose_nothing(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))
    rig.grant(PURPOSE)
    broker.stop()

    async def day(agent):
        await forward(rig, agent, DAY, step=120)
        return agent.uplinks["lightmake"].waiting()

    async def story():
        agent = rig.agent()
        await day(agent)
        first = await day(agent)
        await agent.close()
        agent = rig.agent()
        agent.tick()
        assert agent.uplinks["lightmake"].waiting() == first
        assert 2 * DAY // 120 - 2 <= first <= 2 * DAY // 120  # at midnight it pauses (phase.py)
        second = await day(agent)
        broker.start()
        with Subscriber(broker.inside) as maker:
            await until(agent, lambda: not agent.uplinks["lightmake"].waiting(), 60)
            await until(agent, lambda: events(maker) >= second)
            await agent.close()
            return second, events(maker)

    waited, arrived = asyncio.run(story())
    assert arrived >= waited >= 3 * DAY // 120 - 3


@pytest.mark.parametrize("fault", ["cut", "half_close", "swallow_acks", "slow"])
def test_ok__a_link_that_breaks_in_the_middle_loses_and_doubles_nothing(tmp_path, broker, fault):
    async def story(proxy, maker):
        rig = Rig(tmp_path, plain(proxy.port).replace("timeout = 3", "timeout = 0.5"), extra="window = 0")
        rig.grant(PURPOSE)
        agent = rig.agent()
        uplink = agent.uplinks["lightmake"]
        await forward(rig, agent, 600, step=10)  # sixty wait, the link is not up yet
        dice = random.Random(fault)
        for _ in range(4):
            before = events(maker)
            uplink.wire.trouble = None
            await until(agent, lambda: events(maker) > before)  # noqa: B023 - awaited at once
            if fault == "cut":
                proxy.cut()
            elif fault == "half_close":
                proxy.half_close(dice.choice(["client", "broker"]))
                await until(agent, lambda: not uplink.wire.ready)
            elif fault == "swallow_acks":
                proxy.set(SWALLOW_ACKS)
                await forward(rig, agent, 50, step=10)
                await until(agent, lambda: uplink.wire.trouble is not None)
                proxy.set(PASS)
            elif fault == "slow":
                proxy.set(throttle(dice.choice([500, 2000])))
            uplink.wire._not_before = 0.0  # no need to wait for the back-off here
            await forward(rig, agent, 50 if fault == "swallow_acks" else 100, step=10)
        await until(agent, lambda: not uplink.waiting(), 40)
        await agent.close()

    with Proxy(broker.port) as proxy, Subscriber(broker.inside) as maker:
        asyncio.run(story(proxy, maker))
        assert events(maker) == 100


def test_ok__a_clock_that_jumps_about_stops_and_doubles_nothing(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))
    rig.grant(PURPOSE)
    wall, shift = rig.device.now, [0]
    rig.device.now = lambda: None if shift[0] is None else wall() + shift[0]
    rig.parts = build.parts(rig.parts.config, rig.device)

    async def story(maker):
        agent = rig.agent()
        for jump in (0, 3600, -3600, -10 * DAY, 400 * DAY, None, 0):
            shift[0] = jump
            await forward(rig, agent, 60, step=10)
        await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
        await until(agent, lambda: events(maker) >= 42)
        await agent.close()

    with Subscriber(broker.inside) as maker:
        asyncio.run(story(maker))
        assert events(maker) == 42  # one each ten seconds


@pytest.mark.clause("L15")
def test_ok__certificates_that_are_renewed_on_disk_are_used_at_the_next_connection(tmp_path):
    ours = Authority(tmp_path, "ours")
    certificate, key = ours.issue("device", end=1)
    paths = f'authority = "{ours.path}"\ncertificate = "{certificate}"\nkey = "{key}"'

    async def story(broker, maker):
        rig = Rig(tmp_path, f'host = "127.0.0.1"\nport = {broker.port}\ntimeout = 3\n{paths}')
        rig.grant(PURPOSE)
        agent = rig.agent()
        uplink = agent.uplinks["lightmake"]
        await until(agent, lambda: events(maker) == 1)
        fresh = Authority(tmp_path, "fresh")  # both sides get new papers, from a new authority
        broker.stop()
        new = fresh.issue("broker", "127.0.0.1")
        text = broker.settings.read_text()
        for old, path in zip(("cafile", "certfile", "keyfile"), (fresh.path, *new), strict=True):
            text = "\n".join(f"{old} {path}" if line.startswith(old + " ") else line for line in text.split("\n"))
        broker.settings.write_text(text)
        broker.start()
        await forward(rig, agent, 10, step=10)
        uplink.wire._not_before = 0.0
        await until(agent, lambda: uplink.wire.trouble is not None)  # the old papers do not fit
        device = fresh.issue("device")
        for target, source in zip((ours.path, certificate, key), (fresh.path, *device), strict=True):
            target.write_bytes(source.read_bytes())
        uplink.wire._not_before = 0.0
        await until(agent, lambda: not uplink.waiting())
        await agent.close()

    with Broker(tmp_path, (ours.path, *ours.issue("broker", "127.0.0.1"))) as broker:
        seen = Subscriber(broker.inside)
        asyncio.run(story(broker, seen))
        seen.close()


def test_ok__the_pause_between_tries_grows_and_is_never_the_same():
    async def story():
        pauses = []
        for _ in range(40):
            wire = MqttWire("lightmake", Endpoint("127.0.0.1", 1, "t", tls=False))
            mine = []
            for _ in range(9):
                wire._lost(ConnectionRefusedError())
                mine.append(wire._not_before - asyncio.get_running_loop().time())
            pauses.append(mine)
        return pauses

    pauses = asyncio.run(story())
    for number in range(9):
        column = [mine[number] for mine in pauses]
        full = min(60, 2 ** min(number, 6))
        assert all(0.49 * full <= one <= full for one in column)
        assert max(column) - min(column) > 0.2 * full  # devices do not come back all at once


@pytest.mark.clause("L3", "P10")
def test_ok__several_recipients_each_get_their_own_and_only_what_was_allowed_for_them(tmp_path):
    book = catalogue()
    rows = {
        "format": FORMAT,
        "profile": "two",
        "version": "1",
        "age": book.age,
        "device": book.device,
        "recipients": {
            name: dict(book.recipients["lightmake"], name=name, topic=f"{name}/1") for name in ("lightmake", "partner")
        },
        "purposes": {
            name: dict(row, recipients=["lightmake", "partner"] if name == PURPOSE else ["lightmake"])
            for name, row in book.purposes.items()
        },
        "fields": book.fields,
    }
    (tmp_path / "two.cbor").write_bytes(pack(rows))
    places = [tmp_path / name for name in ("a", "b")]
    for place in places:
        place.mkdir()
    with Broker(places[0]) as ours, Broker(places[1]) as theirs:
        endpoints = plain(ours.port) + f"\n[uplink.partner]\n{plain(theirs.port)}"
        rig = Rig(tmp_path, endpoints, profile="two.cbor")
        consents, two = rig.parts.consents, Catalogue(pack(rows))

        def decide(state, recipient):
            consents.put(PURPOSE, recipient, state, two.policy(PURPOSE, recipient), "owner", "test", rig.device.now())

        before_any = theirs.connections()

        async def story(first, second):
            agent = rig.agent()
            decide("ConsentGiven", "lightmake")
            agent.tick()
            await forward(rig, agent, 100, step=10)
            await until(agent, lambda: events(first) >= 10)
            assert second.messages == [] and theirs.connections() == before_any
            decide("ConsentGiven", "partner")
            await forward(rig, agent, 100, step=10)
            await until(agent, lambda: events(second) >= 10 and events(first) >= 20)
            decide("ConsentWithdrawn", "lightmake")
            agent.tick()
            before = events(first)
            await forward(rig, agent, 100, step=10)
            await until(agent, lambda: events(second) >= 20)
            await agent.close()
            return before, events(first)

        with Subscriber(ours.inside) as first, Subscriber(theirs.inside) as second:
            before, after = asyncio.run(story(first, second))
            assert before == after
            assert {topic for topic, *_ in first.messages} == {"lightmake/1"}
            assert {topic for topic, *_ in second.messages} == {"partner/1"}
            both = {payload[3:19] for payload in first.payloads()} & {payload[3:19] for payload in second.payloads()}
            assert not both  # nothing joins what two recipients got
