"""The uplink to a real broker: nothing without consent, exactly the declared with it, nothing after withdrawal."""

import asyncio
import getpass
import socket
import sys

import cbor2
import pytest

from firmware_agent.telemetry.sources.demo import BLURTED, LOOP
from host_tests.rigs.agent import Rig, forward, plain, until
from host_tests.rigs.broker import Broker, Subscriber, free_port, wait_for
from host_tests.rigs.media import CAMERA, keyed, opened

OPENERS = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.sendto",
    "subprocess.Popen",
    "os.fork",
    "os.exec",
    "os.system",
)
_heard: "list[str] | None" = None


def _hook(event, arguments):
    if _heard is not None and (event in OPENERS or event.startswith("os.posix_spawn")):
        _heard.append(event)


sys.addaudithook(_hook)


@pytest.fixture
def heard():
    """The names of the openers that Python called while the test ran."""
    global _heard
    _heard = []
    yield _heard
    _heard = None


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path) as one:
        yield one


@pytest.mark.clause("L1", "L6", "L20", "C1", "C2", "C5")
def test_ok__an_hour_without_consent_opens_nothing(tmp_path, broker, heard):
    before = broker.connections()
    rig = Rig(tmp_path, keyed(plain(broker.port)), sources=f"[source.demo]\n{CAMERA}")

    async def hour():
        agent = rig.agent()
        await forward(rig, agent, 3600)
        await agent.close()

    asyncio.run(hour())
    assert heard == []
    assert broker.connections() == before
    assert rig.device.passed >= 3600 > 4 * LOOP  # whole prints went by


def test_fail__the_control_one_consent_is_seen_by_hook_and_broker(tmp_path, broker, heard):
    before = broker.connections()
    rig = Rig(tmp_path, plain(broker.port))
    rig.grant("improvement_program")

    async def minute():
        agent = rig.agent()
        await until(agent, lambda: broker.connections() > before)
        await agent.close()

    asyncio.run(minute())
    assert "socket.connect" in heard


@pytest.mark.clause("L2", "L6", "L7", "L8", "L10", "L21")
def test_ok__one_purpose_lets_exactly_its_fields_pass(tmp_path, broker):
    exact = {"improvement_program": {1, 2, 3, 4, 5, 6, 7, 31}, "print_history": {8, 9, 10}}
    for purpose, fields in exact.items():
        directory = tmp_path / purpose
        directory.mkdir()
        rig = Rig(directory, plain(broker.port))
        rig.grant(purpose)

        async def two_prints(rig=rig):
            agent = rig.agent()
            await forward(rig, agent, 2 * LOOP)
            await until(agent, lambda: not agent.uplinks["lightmake"].waiting())
            await agent.close()

        with Subscriber(broker.inside) as maker:
            asyncio.run(two_prints())
            wait_for(maker.messages.__len__)
        for topic, payload, qos, retained in maker.messages:
            version, ident, named, events = cbor2.loads(payload)
            assert (topic, version, len(ident), named) == ("lightmake/agent/1", 2, 16, purpose)
            assert all({field for field, _ in pairs} == fields for pairs in events)
            assert qos == 1 and not retained
            for value in BLURTED.values():
                assert str(value).encode() not in payload


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__withdrawn_with_the_broker_down_and_1000_waiting_nothing_arrives(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))
    rig.grant("improvement_program")
    broker.stop()

    async def story():
        agent = rig.agent()
        uplink = agent.uplinks["lightmake"]
        await forward(rig, agent, 10_500, step=10.0)
        assert uplink.waiting() > 1000
        rig.withdraw("improvement_program")
        rig.grant("print_history")  # the control: the link itself works again
        agent.tick()
        assert uplink.waiting() == 0
        broker.start()
        with Subscriber(broker.inside) as maker:
            for _ in range(2 * LOOP):
                rig.device.passed += 1
                agent.tick()
                await agent.settle()
            await until(agent, lambda: maker.messages)
            await agent.close()
            return [cbor2.loads(payload)[2] for payload in maker.payloads()]

    purposes = asyncio.run(story())
    assert purposes and set(purposes) == {"print_history"}


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__withdrawn_between_two_messages_stops_the_next(tmp_path, broker):
    rig = Rig(tmp_path, plain(broker.port))
    rig.grant("improvement_program")

    async def story():
        with Subscriber(broker.inside) as maker:
            agent = rig.agent()
            await forward(rig, agent, 3000, step=10.0)  # 300 wait, the link is not up yet
            await until(agent, lambda: len(maker.messages) > 5)
            rig.withdraw("improvement_program")
            at_that_time = len(maker.messages)
            agent.tick()
            for _ in range(20):
                await forward(rig, agent, 60, step=10.0)
                await asyncio.sleep(0.02)
            await agent.close()
            return at_that_time, len(maker.messages)

    before, after = asyncio.run(story())
    assert after - before <= 1  # the one that was under way
    assert before < 300


class Deaf:
    """A broker that accepts, then reads nothing until told: what the agent sent stays in its kernel."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.settimeout(20)
        self.port = self._listener.getsockname()[1]
        self.peer: socket.socket | None = None

    def accept(self) -> None:
        self.peer, _ = self._listener.accept()
        self.peer.settimeout(20)
        taken = self.peer.recv(14)  # CONNECT of MQTT 3.1.1
        assert taken[0] == 0x10
        self.peer.recv(16)
        self.peer.sendall(b"\x20\x02\x00\x00")

    def rest(self) -> bytes:
        """Everything that still arrives."""
        out = b""
        try:
            while part := self.peer.recv(65536):
                out += part
        except ConnectionResetError:
            pass
        return out


@pytest.mark.clause("L12")
@pytest.mark.attack(21)
def test_ok__what_the_kernel_still_holds_is_cut_even_if_another_purpose_stays(tmp_path):
    deaf = Deaf()
    rig = Rig(tmp_path, keyed(plain(deaf.port)), sources=f"[source.demo]\n{CAMERA}")
    rig.grant("snapshot")
    rig.grant("print_history")  # stays, and has nothing to say before the first print ends

    async def story():
        agent = rig.agent()
        waiting = asyncio.get_running_loop().run_in_executor(None, deaf.accept)
        await until(agent, lambda: agent.uplinks["lightmake"].wire._connected)
        await waiting
        for _ in range(30):
            rig.device.passed += 10
            agent.tick()
            await agent.settle()
            await asyncio.sleep(0.01)
        rig.withdraw("snapshot")
        agent.tick()
        connected = agent.uplinks["lightmake"].wire._connected
        await agent.close()
        return connected

    assert asyncio.run(story()) is False
    assert deaf.rest().count(b"FAS1") <= 2  # thirty pictures wanted to be on their way


def test_fail__a_broker_that_sends_what_nobody_asked_for_is_left_at_once(tmp_path):
    async def story(sent):
        async def serve(reader, writer):
            await reader.read(64)
            writer.write(b"\x20\x02\x00\x00" + sent)
            try:
                while True:
                    writer.write(bytes(65536))
                    await writer.drain()
            except ConnectionError:
                pass

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        directory = tmp_path / sent.hex()
        directory.mkdir()
        rig = Rig(directory, plain(server.sockets[0].getsockname()[1]))
        rig.grant("improvement_program")
        agent = rig.agent()
        wire = agent.uplinks["lightmake"].wire
        await until(agent, lambda: wire.trouble)
        await agent.close()
        server.close()
        return wire.trouble.code

    # PUBLISH of 256 MB, PUBLISH with QoS 2, an unknown packet
    for sent in (b"\x30\xff\xff\xff\x7f", b"\x34\x10\x00\x01a\x00\x01", b"\xf0\x20"):
        assert asyncio.run(story(sent)) == "broker_talks"


def test_fail__a_broker_that_never_acknowledges_is_left_and_the_release_kept(tmp_path):
    async def story():
        async def serve(reader, writer):
            await reader.read(64)
            writer.write(b"\x20\x02\x00\x00")
            while await reader.read(1024):
                pass

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        rig = Rig(tmp_path, f'host = "127.0.0.1"\nport = {port}\ntls = false\ntimeout = 0.3')
        rig.grant("improvement_program")
        agent = rig.agent()
        uplink = agent.uplinks["lightmake"]
        await until(agent, lambda: uplink.wire.trouble)
        assert uplink.wire.trouble.code == "broker_silent" and uplink.waiting() >= 1
        await agent.close()
        server.close()

    asyncio.run(story())


@pytest.mark.clause("L4")
@pytest.mark.attack(22)
def test_ok__a_picture_leaves_once_as_qos_0_and_the_broker_keeps_nothing(tmp_path, broker):
    rig = Rig(tmp_path, keyed(plain(broker.port)), sources=CAMERA)
    rig.grant("snapshot")

    async def story():
        with Subscriber(broker.inside) as maker:
            agent = rig.agent()
            await until(agent, lambda: maker.messages)
            await agent.close()
            return maker.messages

    ((_, payload, qos, retained),) = asyncio.run(story())
    assert qos == 0 and not retained
    picture = opened(payload)
    assert picture[:2] == b"\xff\xd8" and b"metadata" not in picture
    needle = payload[200:232]
    assert needle not in broker.stored()
    asyncio.run(_keep(broker, payload))
    assert needle in broker.stored()  # the control: a broker does keep what is retained


async def _keep(broker, payload):
    import paho.mqtt.publish

    paho.mqtt.publish.single("control", payload, qos=1, retain=True, hostname="127.0.0.1", port=broker.inside)


class Tap:
    """A relay between agent and broker that notes every byte the agent sends."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = free_port()
        self.taken: list[bytearray] = []

    async def __aenter__(self) -> "Tap":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader, writer):
        taken = bytearray()
        self.taken.append(taken)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(
            _pass(reader, there_writer, taken), _pass(there_reader, writer, None), return_exceptions=True
        )


async def _pass(reader, writer, taken):
    while data := await reader.read(65536):
        if taken is not None:
            taken += data
        writer.write(data)
    writer.close()


@pytest.mark.clause("L21")
@pytest.mark.attack(23)
def test_ok__the_connection_itself_names_nobody(tmp_path, broker):
    async def story():
        async with Tap(broker.port) as tap:
            rig = Rig(tmp_path, plain(tap.port))
            rig.grant("improvement_program")
            for _ in range(2):
                agent = rig.agent()
                await until(agent, lambda: tap.taken and b"lightmake/agent/1" in tap.taken[-1])
                await agent.close()
            return [bytes(taken) for taken in tap.taken]

    first, second = asyncio.run(story())
    ids = []
    for taken in (first, second):
        assert taken[0] == 0x10 and taken[4:8] == b"MQTT" and taken[8] == 4  # CONNECT, MQTT 3.1.1
        assert taken[9] == 0x02  # clean session; no will, no user name, no password
        length = int.from_bytes(taken[12:14], "big")
        ids.append(taken[14 : 14 + length])
        for name in (socket.gethostname(), getpass.getuser(), *map(str, BLURTED.values())):
            assert name.encode() not in taken, name
    assert ids[0] != ids[1] and all(len(one) == 16 for one in ids)
