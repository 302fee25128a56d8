"""Deletion upstream, with a real broker and the reference receiver: asked, answered, gone; nothing names the device."""

import asyncio
import getpass
import hmac
import re
import socket
import subprocess
import sys
from pathlib import Path
from random import Random

import cddl_verifier
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent import cbor, config
from firmware_agent.catalogue import Catalogue, pack
from firmware_agent.cli import build, words
from firmware_agent.egress.ledger import entries
from firmware_agent.errors import CatalogueError, ConfigError, Refused
from firmware_agent.profiles.compiler import compile_profile
from firmware_agent.telemetry.sources.demo import BLURTED
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber, wait_for
from host_tests.rigs.maker import TOPIC, Maker
from host_tests.test_receiver import Device
from host_tests.test_receiver import Rig as Receiving

PURPOSE = "improvement_program"
PROGRAM = str(Path(sys.executable).parent / "firmware-agent")
PROFILES = Path(build.__file__).parents[1] / "profiles"
DAY = 86400


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as one:
        yield one


def events(rig):
    return [row["event"] for row, _, _ in entries(rig.device.storage)]


def ask(rig, purpose=PURPOSE):
    """As the command line does it: through parts of its own."""
    parts = build.parts(rig.parts.config, rig.device)
    request = parts.requests("lightmake").ask(purpose)
    parts.ledger().asked("deletion_asked", purpose, "lightmake", request.ident)
    return request


def call(rig, *arguments):
    command = [PROGRAM, *arguments, "--config", str(rig.file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def due(rig, agent, seconds=660):
    """The random wait of a request is over: its connection begins."""
    rig.device.passed += 60
    agent.tick()
    rig.device.passed += seconds
    agent.tick()


async def collect(rig, agent, count=3):
    """Let some events arrive."""
    await forward(rig, agent, 10 * count, step=10.0)
    await until(agent, lambda: not agent.uplinks["lightmake"].waiting())


def answering(broker, maker, deaf=False):
    """A maker that acknowledges, and answers nothing if `deaf`: (client, the requests it heard)."""
    heard = []

    def arrived(client, _, message):
        row = cbor.decode(bytes(message.payload))
        if row[2] == "rights_request":
            heard.append(row)
            if not deaf:
                client.publish(f"{TOPIC}/reply/{row[3][3].hex()}", maker.answer("acknowledge", row[3][3], row[1]), 1)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
    client.on_message = arrived
    client.connect("127.0.0.1", broker.inside)
    client.loop_start()
    return client, heard


@pytest.mark.clause("L13")
@pytest.mark.attack(23)
def test_ok__asked_on_the_command_line_deleted_at_the_maker(tmp_path):
    receiving = Receiving(tmp_path)
    try:
        maker = Maker(tmp_path)
        (tmp_path / "key.pem").write_bytes(maker.pem.read_bytes())
        receiver = receiving.receiver(profile=maker.profile)
        other = Device(5)
        receiving.send(other.message(), other.message())
        rig = Rig(tmp_path, plain(receiving.broker.port), profile=str(maker.profile))
        rig.grant(PURPOSE)

        async def story():
            agent = rig.agent()
            await collect(rig, agent)
            mine = wait_for(lambda: len(receiving.rows()) == 2 + events(rig).count("acknowledged") and receiving.rows())
            assert "firmware-agent rights delete improvement_program" in call(rig, "consent", "withdraw", PURPOSE)
            agent.tick()
            said = call(rig, "rights", "delete", PURPOSE)
            assert "Asked: LightMake" in said and "signed answer" in said
            assert "waiting: not acknowledged yet 1 pending" in call(rig, "rights", "show")
            assert "there is nothing to delete" in call(rig, "rights", "delete", PURPOSE)
            before = receiving.broker.connections()
            await forward(rig, agent, 4, step=1.0)
            assert receiving.broker.connections() == before  # not before its time
            due(rig, agent)
            await until(agent, lambda: "deletion_done" in events(rig))
            due(rig, agent)
            assert receiving.broker.connections() == before + 1
            rig.grant(PURPOSE)
            await collect(rig, agent)
            await agent.close()
            return mine

        mine = asyncio.run(story())
        wait_for(lambda: len(receiving.rows()) > 2)
        now = receiving.rows()
        assert len(mine) > 2 and not {row for row in now if not other_owns(other, row)} & set(mine)
        assert len([row for row in now if other_owns(other, row)]) == 2  # the control: another device's stay
        assert receiving.stop(receiver)["refused"] == {}
        told = [row for row, _, _ in entries(rig.device.storage) if row["event"] == "deletion_done"]
        assert told[0]["count"] == len(mine) - 2
        assert f"deleted {len(mine) - 2} messages, and signed for it" in call(rig, "rights", "show")
        names_nothing(receiving.heard.messages, receiving.broker, rig)
    finally:
        receiving.close()


def other_owns(device, ident):
    return hmac.digest(device.key, ident[:8], "sha256")[:8] == ident[8:]


def names_nothing(messages, broker, rig):
    """No topic, payload or client id that the broker saw names the device, and no client id comes twice."""
    names = [getpass.getuser(), socket.gethostname(), *map(str, BLURTED.values())]
    for topic, payload, _, _ in messages:
        assert not any(len(name) > 3 and name.encode() in topic.encode() + payload for name in names)
    log = broker.log.read_text()
    ours = re.findall(r"New client connected from \S+ as ([0-9a-f]{16}) ", log)
    assert len(set(ours)) == len(ours) > 2


@pytest.mark.clause("L13")
def test_ok__the_broker_down_for_days_a_restart_in_between_acknowledged_once(tmp_path, broker):
    maker = Maker(tmp_path)
    rig = Rig(tmp_path, plain(broker.port), profile=str(maker.profile))
    rig.grant(PURPOSE)

    async def before():
        agent = rig.agent()
        await collect(rig, agent)
        rig.withdraw(PURPOSE)
        broker.stop()
        request = ask(rig)
        await forward(rig, agent, 3 * DAY, step=120.0)
        await agent.close()
        return request

    async def after():
        rig.parts = build.parts(rig.parts.config, rig.device)
        agent = rig.agent()
        await forward(rig, agent, 2 * DAY, step=120.0)
        await agent.close()
        agent = rig.agent()  # its wire has forgotten its failures
        broker.start()
        client, heard = answering(broker, maker)
        due(rig, agent)
        await until(agent, lambda: "deletion_acknowledged" in events(rig))
        for _ in range(4):
            count = len(heard)
            due(rig, agent, 4000)
            await until(agent, lambda count=count: len(heard) > count)
        await agent.close()
        client.loop_stop()
        return heard

    request = asyncio.run(before())
    assert "attempted" not in events(rig)[events(rig).index("deletion_asked") :]
    heard = asyncio.run(after())
    assert {row[1] for row in heard} == {request.ident} and len(heard) >= 5
    assert events(rig).count("deletion_acknowledged") == 1
    assert [one.acknowledged for one in refreshed(rig).pending] == [True]


def refreshed(rig):
    requests = build.parts(rig.parts.config, rig.device).requests("lightmake")
    requests.refresh()
    return requests


@pytest.mark.clause("L13")
def test_ok__unanswered_for_30_days_it_is_given_up(tmp_path, broker):
    maker = Maker(tmp_path)
    rig = Rig(tmp_path, plain(broker.port), profile=str(maker.profile))
    rig.grant(PURPOSE)

    async def story():
        agent = rig.agent()
        await collect(rig, agent)
        rig.withdraw(PURPOSE)
        key = ask(rig).key
        client, heard = answering(broker, maker, deaf=True)
        due(rig, agent)
        await until(agent, lambda: heard)
        await forward(rig, agent, 29 * DAY, step=3600.0)
        assert len(refreshed(rig).pending) == 1
        await forward(rig, agent, 2 * DAY, step=3600.0)
        await agent.close()
        client.loop_stop()
        return key

    key = asyncio.run(story())
    assert refreshed(rig).pending == [] and events(rig).count("deletion_expired") == 1
    state = rig.device.storage
    assert not any(key in state.read(name) for name in state.names())
    assert not any(state.read("vault.rights_request.lightmake.key"))


def test_ok__without_a_key_the_brokers_word_is_all_there_is(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))
    rig.grant(PURPOSE)

    async def story():
        agent = rig.agent()
        await collect(rig, agent)
        rig.withdraw(PURPOSE)
        assert "nobody can confirm more" in call(rig, "rights", "delete", PURPOSE)
        with Subscriber(broker.inside) as maker:
            due(rig, agent)
            await until(agent, lambda: "deletion_handed_over" in events(rig) and maker.messages)
            await agent.close()
            return [words.payload(payload, rig.parts.catalogue)[0] for payload in maker.payloads()]

    assert asyncio.run(story()) == [[f"please delete all you have of {PURPOSE}"]]
    assert refreshed(rig).pending == []


@pytest.mark.clause("L13")
def test_ok__it_survives_an_erase_of_everything_else(tmp_path, broker):
    maker = Maker(tmp_path)
    rig = Rig(tmp_path, plain(broker.port), profile=str(maker.profile))
    rig.grant(PURPOSE)

    async def first():
        agent = rig.agent()
        await collect(rig, agent)
        await agent.close()

    async def second():
        agent = rig.agent()
        client, heard = answering(broker, maker)
        due(rig, agent)
        await until(agent, lambda: "deletion_acknowledged" in events(rig))
        await agent.close()
        client.loop_stop()
        return heard

    asyncio.run(first())
    request = ask(rig)
    assert "still on their way" in call(rig, "erase", "--yes")
    left = [name for name in rig.device.storage.names() if rig.device.storage.size(name)]
    assert left == ["vault.rights_request.lightmake.key", "vault.rights_request.lightmake.outbox"]
    assert "waiting: not acknowledged yet 1 pending" in call(rig, "rights", "show")
    rig.parts = build.parts(rig.parts.config, rig.device)
    assert [row[1] for row in asyncio.run(second())] == [request.ident]


@pytest.mark.attack(12)
def test_fail__2000_broken_answers_change_nothing(tmp_path, broker):
    maker, stranger = Maker(tmp_path), Maker(tmp_path, 2)
    rig = Rig(tmp_path, plain(broker.port), profile=str(maker.profile))
    rig.grant(PURPOSE)

    async def story():
        agent = rig.agent()
        await collect(rig, agent)
        request = ask(rig)
        client, heard = answering(broker, maker, deaf=True)
        due(rig, agent)
        await until(agent, lambda: heard)
        rights = agent._rights[0]
        topic = f"{TOPIC}/reply/{request.reply.hex()}"
        good = maker.answer("receipt", request.reply, request.ident, 3, 1793318400)
        for bad in broken(good, 2000, stranger.answer("receipt", request.reply, request.ident, 3, 1793318400)):
            rights._heard(topic, bad)
        assert len(refreshed(rig).pending) == 1 and not refreshed(rig).pending[0].acknowledged
        client.publish(topic, good, 1)  # the control, on its real way
        await until(agent, lambda: "deletion_done" in events(rig))
        await agent.close()
        client.loop_stop()

    asyncio.run(story())
    agent_says = {row["detail"] for row, _, _ in entries(rig.device.storage) if row["event"] == "refused"}
    assert "answer_forged" in agent_says and refreshed(rig).pending == []


def broken(good, count, *others):
    """Seeded damage to a valid envelope; never the valid one itself."""
    rng = Random(2026)
    yield from others
    for _ in range(count - len(others)):
        bad = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            what = rng.randrange(4)
            if what == 0 and bad:
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            elif what == 1:
                del bad[rng.randrange(len(bad) + 1) :]
            elif what == 2:
                bad[rng.randrange(len(bad) + 1) :][:0] = rng.randbytes(3)
            else:
                bad = bytearray(rng.randbytes(rng.randrange(300)))
        if bytes(bad) != good:
            yield bytes(bad)


def test_fail__a_profile_may_not_call_a_purpose_so(tmp_path):
    text = (PROFILES / "lightmake.toml").read_text().replace(PURPOSE, "rights_request")
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ConfigError, match="purpose: rights_request: is built in"):
        compile_profile(tmp_path / "bad.toml")
    rows = cbor.decode(Maker(tmp_path).profile.read_bytes()[32:])
    Catalogue(pack(rows))
    rows["purposes"]["rights_request"] = rows["purposes"]["snapshot"]
    with pytest.raises(CatalogueError):
        Catalogue(pack(rows))


def test_ok__the_request_is_what_the_schema_says(tmp_path):
    schema = cddl_verifier.Validator((PROFILES / "lightmake.cddl").read_text("utf-8"))
    gate = Rig(tmp_path, plain(1)).parts.gate
    for purpose, recipient in gate.catalogue.pairs():
        if gate.catalogue.local(recipient):
            with pytest.raises(Refused):
                gate.request("delete", purpose, recipient, bytes(32), bytes(16), bytes(16))
            continue
        release = gate.request("delete", purpose, recipient, bytes(32), bytes(16), bytes(16))
        assert schema.validate(release.payload).valid
    assert not schema.validate(release.payload.replace(b"delete", b"extend")).valid  # the control


def test_ok__given_up_as_well_if_nobody_serves_that_recipient_any_more(tmp_path):
    rig = Rig(tmp_path, plain(1))
    rig.parts.idents.new(PURPOSE, "lightmake")
    ask(rig)
    rig.file.write_text(rig.file.read_text().partition("[uplink")[0])
    rig.parts = build.parts(config.load(rig.file), rig.device)

    async def story(days):
        agent = rig.agent()
        await forward(rig, agent, days * DAY, step=4000.0)
        await agent.close()

    asyncio.run(story(29))
    assert len(refreshed(rig).pending) == 1
    asyncio.run(story(2))
    assert refreshed(rig).pending == [] and events(rig).count("deletion_expired") == 1
