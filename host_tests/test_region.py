"""The region that leaves is the owner's word: chosen from the policy's list, found out from nothing (L8)."""

import ast
import asyncio
from pathlib import Path

import cbor2
import pytest

import firmware_agent
from firmware_agent.agent import Agent
from firmware_agent.consent.slots import SlotPair
from firmware_agent.errors import AgentError
from firmware_agent.owner.region import SLOTS, Region, offered
from firmware_agent.refusals import Refused
from firmware_agent.telemetry.sources.region import RegionSource
from host_tests.fakes import KEY, MemoryStorage, catalogue
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber, free_port
from host_tests.rigs.lived import rows
from host_tests.rigs.owners import Home
from host_tests.test_command_line import call, flat

ROOT = Path(firmware_agent.__file__).parent
REGIONS = ("africa", "asia", "europe", "middle_east", "north_america", "oceania", "south_america")
ADDRESSES = ("192.168.178.23", "8.8.8.8", "fe80::1", "00:1a:2b:3c:4d:5e", "DE", "Europe", "europe ", "euro", "\0")


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, plain(free_port()))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.mark.clause("L8")
def test_ok__what_can_be_chosen_is_the_list_of_the_policy():
    assert offered(catalogue()) == REGIONS and offered(catalogue("laserpecker")) == ()


@pytest.mark.clause("L8")
def test_fail__nothing_else_can_be_chosen_and_damage_brings_no_choice_back():
    storage = MemoryStorage()
    region = Region(SlotPair(storage, "region", KEY), REGIONS)
    assert region.read() == ""
    region.choose("asia")
    for text in (*ADDRESSES, "none"):
        with pytest.raises(AgentError):
            region.choose(text)
    assert region.read() == "asia"
    region.choose("europe")
    for name in SLOTS:
        whole = storage.files[name]
        storage.files[name] = bytearray(len(whole))
        assert region.read() == "europe"
        storage.files[name] = whole
    assert Region(SlotPair(storage, "region", KEY), ("asia",)).read() == ""  # a policy that has it no longer
    assert Region(SlotPair(storage, "region", bytes(32)), REGIONS).read() == ""
    for name in SLOTS:
        storage.files[name] = bytearray(b"torn")
    assert region.read() == ""
    region.choose("")
    assert region.read() == ""
    with pytest.raises(AgentError, match="no region"):
        Region(SlotPair(storage, "region", KEY), ()).choose("asia")


@pytest.mark.clause("L8")
def test_fail__nothing_that_could_find_out_where_it_is_takes_part():
    for file in ("owner/region.py", "telemetry/sources/region.py"):
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        found |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        own = {f"firmware_agent.{name}" for name in ("catalogue", "errors", "model")} | {"firmware_agent"}  # for cbor
        assert found and found <= own | {"collections.abc", "typing"}, file


@pytest.mark.clause("L8")
def test_ok__it_leaves_once_a_day_if_it_is_chosen_and_allowed_and_not_otherwise(tmp_path):
    async def tale(rig, subscriber):
        agent: Agent = rig.agent()
        rig.parts.region.choose("europe")
        await forward(rig, agent, 600, 30)
        assert agent.uplinks["lightmake"].waiting() == 0 and not subscriber.messages  # chosen, not allowed
        rig.grant("region")
        await until(agent, lambda: subscriber.messages)
        await forward(rig, agent, 86_000, 60)
        assert len(subscriber.messages) == 1
        rig.parts.region.choose("")
        await forward(rig, agent, 2 * 86_400, 300)
        assert len(subscriber.messages) == 1 and not agent.uplinks["lightmake"].waiting()  # allowed, none chosen
        rig.parts.region.choose("asia")
        await forward(rig, agent, 120, 30)
        await until(agent, lambda: len(subscriber.messages) == 2)
        await agent.close()

    with Broker(tmp_path) as broker, Subscriber(broker.inside) as subscriber:
        asyncio.run(tale(Rig(tmp_path, plain(broker.port), sources="[source.demo]"), subscriber))
        said = [cbor2.loads(payload)[2:] for payload in subscriber.payloads()]
    assert said == [["region", [[[30, "europe"]]]], ["region", [[[30, "asia"]]]]]


def test_ok__its_source_says_what_is_chosen_and_nothing_if_nothing_is():
    async def tale():
        assert [one.fields for one in await RegionSource(lambda: "asia").read()] == [{"region": "asia"}]
        assert await RegionSource(str).read() == []

    asyncio.run(tale())


@pytest.mark.clause("L8", "L13")
def test_ok__on_the_command_line_it_is_chosen_shown_exported_and_taken_back(rig):
    code, shown, _ = call(rig, "region")
    assert code == 0 and shown.startswith("region  -") and "middle_east" in flat(shown)
    code, shown, _ = call(rig, "region", "europe")
    assert code == 0 and "region  europe" in shown and "nobody is allowed to know it" in flat(shown)
    assert rows(rig, "region") == [{"region": "europe"}]
    rig.grant("region")
    assert "region -> lightmake is allowed: your choice leaves, once in 1 day" in flat(call(rig, "region", "show")[1])
    code, _, trouble = call(rig, "region", "192.168.178.23")
    assert code == 1 and "one of: africa, asia" in trouble and "192" not in trouble
    assert "region = europe" in flat(call(rig, "show")[1]) and rig.parts.region.read() == "europe"
    assert "nothing leaves, for you chose none" in flat(call(rig, "region", "none")[1])
    assert rig.parts.region.read() == "" and rows(rig, "region") == []


@pytest.mark.clause("L8", "L13")
def test_ok__on_the_page_the_owner_chooses_and_nobody_else(home):
    _, owner = home.pair("owner")
    assert home.desk.home(owner)["region"] == {"chosen": "", "offered": list(REGIONS)}
    home.do(owner, "set_region", {"region": "oceania"})
    assert home.desk.home(owner)["region"]["chosen"] == "oceania" == home.parts.region.read()
    for text in ADDRESSES:
        with pytest.raises(AgentError):
            home.do(owner, "set_region", {"region": text})
    for role in ("viewer", "service"):
        other = home.pair(role)[1]
        assert home.desk.home(other)["region"] == {"chosen": "", "offered": []}  # nor sees what was chosen
        with pytest.raises(Refused, match="not_your_role"):
            home.do(other, "set_region", {"region": "asia"})
    for wrong in ({}, {"region": 5}, {"region": "asia", "more": 1}):
        with pytest.raises(AgentError):
            home.do(owner, "set_region", wrong)
    assert home.parts.region.read() == "oceania" and not home.parts.gate.decide("region", "lightmake").allowed
    home.do(owner, "set_region", {"region": ""})
    assert home.parts.region.read() == ""


def test_ok__a_restart_does_not_tell_it_again(tmp_path):
    async def tale(rig, subscriber):
        rig.parts.region.choose("europe")
        rig.grant("region")
        for _ in range(3):
            agent: Agent = rig.agent()
            await forward(rig, agent, 3_600, 60)
            await until(agent, lambda: subscriber.messages)
            await agent.close()
        assert len(subscriber.messages) == 1
        agent = rig.agent()
        await forward(rig, agent, 86_400, 300)
        await until(agent, lambda: len(subscriber.messages) == 2)  # the next day
        await agent.close()

    with Broker(tmp_path) as broker, Subscriber(broker.inside) as subscriber:
        asyncio.run(tale(Rig(tmp_path, plain(broker.port), sources="[source.demo]"), subscriber))


def test_fail__a_file_of_it_that_cannot_be_read_is_no_choice_and_ends_nothing(tmp_path):
    rig = Rig(tmp_path, plain(free_port()), sources="[source.demo]")
    for name in SLOTS:
        (rig.parts.config.state / name).mkdir()
    assert rig.parts.region.read() == ""
    assert asyncio.run(RegionSource(rig.parts.region.read).read()) == []
