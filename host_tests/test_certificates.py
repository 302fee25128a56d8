"""Certificates wrong in five ways give five clear errors and not a byte of payload (L15)."""

import asyncio

import pytest
from cryptography.hazmat.primitives import serialization

from firmware_agent.egress.endpoint import Endpoint
from firmware_agent.egress.wire_mqtt import MqttWire, probe
from host_tests.rigs.agent import Rig, until
from host_tests.rigs.broker import Broker, Subscriber
from host_tests.rigs.certificates import Authority

HOST = "127.0.0.1"


class Papers:
    """Two authorities, a broker's and a device's certificate by the right one, and what goes wrong."""

    def __init__(self, directory):
        self.ours = Authority(directory, "ours")
        self.other = Authority(directory, "other")
        self.broker = self.ours.issue("broker", HOST)
        self.device = self.ours.issue("device")


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Papers(tmp_path_factory.mktemp("papers"))


def endpoint(port, authority, device=None, host=HOST):
    lines = [f'host = "{host}"', f"port = {port}", f'authority = "{authority.path}"', "timeout = 5"]
    if device is not None:
        lines += [f'certificate = "{device[0]}"', f'key = "{device[1]}"']
    return "\n".join(lines)


def attempt(directory, papers, lines, broker_papers=None):
    """Grant, let the agent try, and return (error code, message, what arrived, ledger events)."""
    broker_papers = papers.broker if broker_papers is None else broker_papers
    events = []

    async def story(port, maker):
        rig = Rig(directory, lines(port))
        rig.grant("improvement_program")
        agent = rig.agent(lambda entry: events.append(entry["event"]))
        wire = agent.uplinks["lightmake"].wire
        await until(agent, lambda: wire.trouble or maker.messages, 30)
        await agent.close()
        return wire.trouble

    with Broker(directory, (papers.ours.path, *broker_papers)) as broker, Subscriber(broker.inside) as maker:
        trouble = asyncio.run(story(broker.port, maker))
        return trouble, list(maker.messages), [event for event in events if event != "refused"]


@pytest.mark.clause("L15")
def test_ok__the_control_right_papers_on_both_sides(tmp_path, papers):
    trouble, messages, events = attempt(tmp_path, papers, lambda port: endpoint(port, papers.ours, papers.device))
    assert trouble is None and len(messages) == 1 and events == ["attempted", "acknowledged"]


WRONG = {
    "broker_authority_unknown": lambda p: (lambda port: endpoint(port, p.other, p.device), p.broker),
    "broker_name_wrong": lambda p: (
        lambda port: endpoint(port, p.ours, p.device),
        p.ours.issue("broker-elsewhere", "broker.example"),
    ),
    "broker_certificate_expired": lambda p: (
        lambda port: endpoint(port, p.ours, p.device),
        p.ours.issue("broker-old", HOST, start=-30, end=-2),
    ),
    "our_certificate_missing": lambda p: (lambda port: endpoint(port, p.ours), p.broker),
    "our_certificate_refused": lambda p: (lambda port: endpoint(port, p.ours, p.other.issue("device")), p.broker),
}


@pytest.mark.clause("L15")
@pytest.mark.parametrize("code", WRONG)
def test_fail__wrong_papers(code, tmp_path, papers):
    lines, broker_papers = WRONG[code](papers)
    trouble, messages, events = attempt(tmp_path, papers, lines, broker_papers)
    assert trouble.code == code
    assert f"{HOST}:" in str(trouble) and "; " in str(trouble)  # where, and what to do
    assert messages == [] and events == []


@pytest.mark.clause("L15")
def test_fail__our_certificate_expired(tmp_path, papers):
    device = papers.ours.issue("device-old", start=-30, end=-2)
    trouble, messages, events = attempt(tmp_path, papers, lambda port: endpoint(port, papers.ours, device))
    assert trouble.code == "our_certificate_refused" and messages == [] and events == []


@pytest.mark.clause("L15")
def test_fail__our_certificate_is_not_on_the_disk(tmp_path, papers):
    device = (tmp_path / "nowhere.pem", tmp_path / "nowhere.key")
    trouble, messages, events = attempt(tmp_path, papers, lambda port: endpoint(port, papers.ours, device))
    assert trouble.code == "our_certificate_missing" and "no such file" in str(trouble)
    assert messages == [] and events == []


@pytest.mark.clause("L15")
def test_fail__a_broker_without_tls_gets_nothing(tmp_path, papers):
    async def story(port, maker):
        rig = Rig(tmp_path, endpoint(port, papers.ours, papers.device))
        rig.grant("improvement_program")
        agent = rig.agent()
        wire = agent.uplinks["lightmake"].wire
        await until(agent, lambda: wire.trouble, 30)
        await agent.close()
        return wire.trouble

    with Broker(tmp_path) as broker, Subscriber(broker.inside) as maker:
        trouble = asyncio.run(story(broker.port, maker))
        assert maker.messages == []
    assert trouble.code in ("tls_failed", "connection_lost", "broker_silent")


def test_fail__a_broker_that_accepts_and_says_nothing(tmp_path, papers):
    async def story():
        held = []
        server = await asyncio.start_server(lambda reader, writer: held.append(writer), HOST, 0)
        port = server.sockets[0].getsockname()[1]
        rig = Rig(tmp_path, f'host = "{HOST}"\nport = {port}\ntls = false\ntimeout = 0.5')
        rig.grant("improvement_program")
        agent = rig.agent()
        wire = agent.uplinks["lightmake"].wire
        await until(agent, lambda: wire.trouble, 30)
        await agent.close()
        server.close()
        return wire.trouble

    assert asyncio.run(story()).code == "broker_silent"


@pytest.mark.clause("L15")
def test_fail__a_key_with_a_pass_phrase_is_an_error_and_not_a_question(tmp_path, papers):
    certificate, key = papers.ours.issue("device-locked")
    locked = tmp_path / "locked.key"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(private.private_bytes(pem, pkcs8, secret))
    lines = endpoint(1, papers.ours, (certificate, locked))
    rig = Rig(tmp_path, lines)
    rig.grant("improvement_program")

    async def story():
        agent = rig.agent()
        wire = agent.uplinks["lightmake"].wire
        await until(agent, lambda: wire.trouble, 30)
        await agent.close()
        return wire.trouble

    assert asyncio.run(story()).code == "our_certificate_unusable"


@pytest.mark.parametrize("host", ["a..b", ".a", "a" * 70])
def test_fail__a_host_that_is_no_name_ends_the_try_and_is_named(host):
    """The name service answers it with an error that is not the system's."""

    async def story():
        wire = MqttWire("lightmake", Endpoint(host, 1, "t", tls=False))
        told = asyncio.Event()
        wire.on_trouble = told.set
        wire.open()
        await asyncio.wait_for(told.wait(), 5)
        assert wire._task is None
        return wire.trouble, await asyncio.wait_for(probe("lightmake", wire.endpoint), 5)

    for trouble in asyncio.run(story()):
        assert trouble.code == "host_invalid"
        assert f"{host}:1: that is neither a host name nor an address; set `host`" in str(trouble)
