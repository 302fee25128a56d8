"""Commands from afar against a real broker: a signed withdrawal is obeyed, a signed grant and all else are refused."""

import asyncio
import contextlib

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from firmware_agent.cli import build
from firmware_agent.egress.ledger import entries
from firmware_agent.errors import ConfigError
from firmware_agent.model import WITHDRAWN, Record
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber, wait_for
from host_tests.rigs.maker import TOPIC, Maker
from host_tests.rigs.media import CAMERA, KEYED
from host_tests.test_rights import broken, call

PURPOSE, HISTORY = "improvement_program", "print_history"


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as one:
        yield one


class Commanded:
    """An agent that listens to a maker's commands, and the maker's own client."""

    def __init__(self, directory, broker, listens="commands = true"):
        self.maker = Maker(directory)
        self.stranger = Maker(directory, 2)
        self.rig = Rig(directory, f"{plain(broker.port)}\n{listens}", profile=str(self.maker.profile))
        self.rig.grant(PURPOSE)
        self.rig.grant(HISTORY)
        self.mailbox = self.rig.parts.mailbox("lightmake").read()[1]
        self.topic = f"{TOPIC}/to/{self.mailbox.hex()}"
        self.connect(broker)

    def connect(self, broker):
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.connect("127.0.0.1", broker.inside)
        self.client.loop_start()

    def say(self, payload, topic=None, retain=False):
        self.client.publish(topic or self.topic, payload, 1, retain).wait_for_publish(20)

    def command(self, *body, maker=None, retain=False):
        self.say((maker or self.maker).command(*body), retain=retain)

    def refused(self):
        rows = [row for row, _, _ in entries(self.rig.device.storage) if row["event"] == "refused"]
        return [row["detail"] for row in rows if row["detail"].startswith(("command_", "remote_"))]

    def allowed(self):
        parts = build.parts(self.rig.parts.config, self.rig.device)
        return {pair[0] for pair in parts.catalogue.pairs() if parts.gate.decide(*pair).allowed}

    async def listening(self):
        """An agent whose link is up."""
        agent = self.rig.agent()
        await forward(self.rig, agent, 20, step=10.0)
        await until(agent, lambda: agent.uplinks["lightmake"].wire.ready)
        return agent

    def run(self, story):
        async def whole():
            agent = await self.listening()
            await story(agent)
            await agent.close()

        asyncio.run(whole())
        self.client.loop_stop()


@pytest.mark.clause("L12")
def test_ok__a_signed_withdrawal_acts_at_once_and_destroys_what_waits(tmp_path, broker):
    one = Commanded(tmp_path, broker)

    async def story(agent):
        uplink = agent.uplinks["lightmake"]
        heard = uplink.wire.on_heard
        seen = []

        def hear(topic, payload):
            for number in range(40):  # something waits at that very moment
                uplink.offer(Record({"progress": number}), PURPOSE)
            heard(topic, payload)
            seen.append((one.allowed(), uplink.waiting(), uplink.wire.ready))

        uplink.wire.on_heard = hear
        one.command("withdraw", one.mailbox, 1, PURPOSE)
        await until(agent, lambda: seen)
        assert seen[0] == ({HISTORY}, 0, False)  # in the same breath: decided, gone, cut
        one.command("withdraw", one.mailbox, 2, "", retain=True)
        one.rig.grant(PURPOSE)
        await forward(one.rig, agent, 20, step=10.0)  # the link opens again, and the broker hands over what it kept
        await until(agent, lambda: len(seen) > 1)
        assert one.allowed() == set()

    one.run(story)
    parts = build.parts(one.rig.parts.config, one.rig.device)
    record, _, _ = parts.consents.current(PURPOSE, "lightmake")
    assert (record.state, record.actor, record.method) == (WITHDRAWN, "maker", "remote command")
    told = [row["consent"] for row, _, _ in entries(one.rig.device.storage) if row["event"] == "decided"]
    assert record.digest() in told and one.refused() == []
    assert not any(one.rig.device.storage.read(f"vault.{PURPOSE}.lightmake.key") or b"")


@pytest.mark.clause("L12")
def test_ok__what_waits_on_flash_is_destroyed_by_the_command(tmp_path, broker):
    one = Commanded(tmp_path, broker)

    async def fill():
        agent = one.rig.agent()
        await forward(one.rig, agent, 400, step=10.0)
        waiting = agent.uplinks["lightmake"].waiting()
        await agent.close()
        return waiting

    one.client.loop_stop()
    broker.stop()
    assert asyncio.run(fill()) > 20
    broker.start()
    one.connect(broker)
    one.command("withdraw", one.mailbox, 1, "", retain=True)

    async def story():
        agent = one.rig.agent()
        with Subscriber(broker.inside) as maker:
            await until(agent, lambda: not one.allowed())
            await agent.close()
            return len([topic for topic, _, _, _ in maker.messages if topic == TOPIC])

    assert asyncio.run(story()) <= 1
    rows = [row for row, _, _ in entries(one.rig.device.storage)]
    assert sum(row["count"] for row in rows if row["event"] == "purged") > 10
    assert not any(one.rig.device.storage.read(f"vault.{PURPOSE}.lightmake.outbox"))
    one.client.loop_stop()


@pytest.mark.clause("L1")
@pytest.mark.attack(1)
def test_fail__a_correctly_signed_grant_is_refused_and_recorded(tmp_path, broker):
    one = Commanded(tmp_path, broker)

    async def story(agent):
        one.command("grant", one.mailbox, 1, "snapshot")
        await until(agent, lambda: "remote_grant" in one.refused())
        assert one.allowed() == {PURPOSE, HISTORY}
        assert agent.uplinks["lightmake"].wire.ready  # refused, not quarrelled about
        one.command("withdraw", one.mailbox, 2, "")  # the control: the same key and way
        await until(agent, lambda: not one.allowed())

    one.run(story)
    assert "tried to give consent, which only a person at the device can" in call(one.rig, "ledger", "show")


@pytest.mark.clause("L23", "L1")
def test_fail__a_correctly_signed_command_to_capture_starts_nothing(tmp_path, broker):
    one = Commanded(tmp_path, broker, f"commands = true\n{KEYED}\n{CAMERA}")

    async def story(agent):
        one.rig.grant("support_photo")  # even what is allowed is not taken at the maker's word
        said = ("capture",), ("snapshot",), ("send_photo", "support_photo"), ("support_photo",), ("grant", "snapshot")
        for number, words in enumerate(said, 1):
            one.command(words[0], one.mailbox, number, *words[1:])
            await until(agent, lambda number=number: one.rig.parts.mailbox("lightmake").read()[0] == number)
            assert agent.watched() == [] and not agent.camera.busy
            assert one.allowed() == {PURPOSE, HISTORY, "support_photo"}
        one.rig.grant("snapshot")  # the control: the owner can, and it shows
        await until(agent, lambda: agent.watched() == [("snapshot", "lightmake")])

    one.run(story)
    assert set(one.refused()) == {"command_unknown", "remote_grant"}


@pytest.mark.attack(12)
def test_fail__forged_replayed_reordered_foreign_garbage(tmp_path, broker):
    one = Commanded(tmp_path, broker)

    async def story(agent):
        wire = agent.uplinks["lightmake"].wire
        count = []
        heard = wire.on_heard
        wire.on_heard = lambda topic, payload: (heard(topic, payload), count.append(payload))
        for number, (say, reason) in enumerate(
            (
                (lambda: one.command("configure", one.mailbox, 7, ""), "command_unknown"),
                (lambda: one.command("withdraw", one.mailbox, 7, ""), None),  # counted already: heard before
                (lambda: one.command("withdraw", one.mailbox, 6, ""), "command_replayed"),
                (lambda: one.command("withdraw", bytes(16), 8, ""), "command_foreign"),
                (lambda: one.command("withdraw", one.mailbox, 9, "", maker=one.stranger), "command_forged"),
                (lambda: one.say(b"garbage"), None),
                (lambda: one.say(b""), None),
            )
        ):
            say()
            await until(agent, lambda number=number: len(count) > number)
            assert reason is None or one.refused()[-1] == reason
        assert one.allowed() == {PURPOSE, HISTORY} and wire.ready
        one.command("withdraw", one.mailbox, 10, "")  # the control
        await until(agent, lambda: not one.allowed())

    one.run(story)
    assert set(one.refused()) == {"command_unknown", "command_replayed", "command_foreign", "command_forged"}


@pytest.mark.attack(12)
def test_fail__too_long_or_too_often_ends_the_connection(tmp_path, broker):
    for name, flood in (
        ("long", lambda one: one.say(one.maker.command("withdraw", one.mailbox, 1, "") + bytes(1100))),
        ("often", lambda one: [one.say(b"x") for _ in range(70)]),
    ):
        directory = tmp_path / name
        directory.mkdir()
        one = Commanded(directory, broker)

        async def story(agent, one=one, flood=flood):
            wire = agent.uplinks["lightmake"].wire
            one.say(b"x")
            await until(agent, lambda: one.refused())
            assert wire.trouble is None  # the control: one short message does not
            found = []
            wire.on_trouble = lambda: found.append(wire.trouble.code)
            flood(one)
            await until(agent, lambda: found)
            assert found[0] == "broker_talks" and one.allowed() == {PURPOSE, HISTORY}

        one.run(story)


@pytest.mark.attack(12)
def test_fail__a_hostile_broker_cannot_say_more_than_it_was_asked(tmp_path):
    async def story(number, sent, granted=b"\x01"):
        got = []

        async def serve(reader, writer):
            await reader.read(64)
            writer.write(b"\x20\x02\x00\x00")
            data = await reader.read(200)
            writer.write(b"\x90\x03" + data[2:4] + granted + sent)
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(4096):
                    got.append(data)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        directory = tmp_path / str(number)
        directory.mkdir()
        maker = Maker(directory)
        line = plain(server.sockets[0].getsockname()[1]) + "\ncommands = true"
        rig = Rig(directory, line, profile=str(maker.profile))
        rig.grant(PURPOSE)
        agent = rig.agent()
        wire = agent.uplinks["lightmake"].wire
        found = []
        wire.on_trouble = lambda: found.append(wire.trouble.code)
        await until(agent, lambda: found or (got and not sent))
        await agent.close()
        server.close()
        return found[:1]

    topic = b"\x00\x09lightmake"
    hostile = (
        b"\x30\x0c" + topic + b"x",  # another topic
        b"\x30\x04\x00\x02\xff\xff",  # a topic that is no text
        b"\x30\x81\x08",  # 1,025 bytes
        b"\x30\x80\x80\x01",  # a length of three bytes
        b"\x34\x0e" + topic + b"\x00\x01x",  # QoS 2
        b"\x62\x02\x00\x01",  # PUBREL
        b"\x20\x03\x00\x00\x00",  # a CONNACK of three bytes
        b"\xf0\x00",
    )
    assert asyncio.run(story(99, b"")) == []  # the control
    assert asyncio.run(story(98, b"", b"\x80")) == ["broker_refuses_topic"]
    for number, sent in enumerate(hostile):
        assert asyncio.run(story(number, sent)) == ["broker_talks"], sent


@pytest.mark.attack(12)
def test_fail__2000_broken_commands_change_nothing(tmp_path, broker):
    one = Commanded(tmp_path, broker)

    async def story(agent):
        heard = agent.uplinks["lightmake"].wire.on_heard
        good = one.maker.command("withdraw", one.mailbox, 3, "")
        for bad in broken(good, 2000, one.stranger.command("withdraw", one.mailbox, 3, "")):
            heard(one.topic, bad)
        assert one.allowed() == {PURPOSE, HISTORY}
        one.say(good)  # the control
        await until(agent, lambda: not one.allowed())

    one.run(story)
    assert set(one.refused()) == {"command_forged"}


def test_ok__off_by_default_and_shown_by_doctor(tmp_path, broker):
    one = Commanded(tmp_path, broker, listens="")

    async def story(agent):
        one.command("withdraw", one.mailbox, 1, "")
        await asyncio.sleep(0.3)
        agent.tick()
        assert one.allowed() == {PURPOSE, HISTORY} and agent.uplinks["lightmake"].wire.subscriptions == []

    one.run(story)
    wait_for(lambda: "SUBSCRIBE" not in broker.log.read_text())
    text = one.rig.file.read_text()
    assert one.mailbox.hex() not in told(one.rig)
    one.rig.file.write_text(text + "commands = true\n")
    assert f"give it this mailbox: {one.mailbox.hex()}" in told(one.rig)


def told(rig):
    """What doctor says, whether or not it is content with the fake clock."""
    try:
        return call(rig, "doctor")
    except AssertionError as error:
        return " ".join(str(error).split())


def test_fail__commands_without_a_key_to_check_them(tmp_path):
    with pytest.raises(ConfigError, match=r"uplink\.lightmake\.commands: the profile knows no key"):
        Rig(tmp_path, plain(1) + "\ncommands = true")
    Rig(tmp_path, plain(1) + "\ncommands = false")
