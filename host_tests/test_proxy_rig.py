"""The hostile network does what it says, and the count of late messages is exact: each mode, each with its control."""

import contextlib
import socket
import threading
import time

import pytest

from host_tests.proofs import faults, paho_peer
from host_tests.rigs.broker import wait_for
from host_tests.rigs.flow import PASS, SILENCE, STALL, SWALLOW_ACKS, delay, throttle
from host_tests.rigs.listener import Listener, Roomy
from host_tests.rigs.packets import CONNACK, CONNECT, PINGREQ, PINGRESP, PUBACK, PUBLISH, Splitter
from host_tests.rigs.proxy import Proxy

MARKER = b"purpose-w"
SOON = 0.3  # s in which nothing must come; the control shows that without the fault it does come


class Peer:
    """A client on a plain socket: it does only what the test says."""

    def __init__(self, port, hello=True):
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.sock.settimeout(20)
        self._splitter = Splitter()
        self._waiting = []
        if hello:
            self.hello()
            assert self.hear().kind == CONNACK

    def hello(self):
        self.sock.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")

    def publish(self, number, qos=0, size=60):
        body = b"\x00\x01t" + (number.to_bytes(2, "big") if qos else b"") + b"%s %05d" % (MARKER, number)
        body += b"." * (size - len(body))
        packet = bytes([0x30 | qos << 1, len(body)]) + body
        self.sock.sendall(packet)
        return packet

    def ping(self):
        self.sock.sendall(b"\xc0\x00")

    def hear(self, seconds=20.0):
        """The next packet; None if the other end is done; TimeoutError, ConnectionResetError."""
        self.sock.settimeout(seconds)
        while not self._waiting:
            data = self.sock.recv(4096)
            if not data:
                return None
            self._waiting += self._splitter.feed(data)[1]
        return self._waiting.pop(0)

    def hears_nothing(self):
        with pytest.raises(TimeoutError):
            self.hear(SOON)


@pytest.fixture
def rig(tmp_path):
    """(proxy, listener, peer): connected, and the network good."""
    with Roomy(tmp_path) as broker, Proxy(broker.port) as proxy, Listener(broker.inside) as listener:
        peer = Peer(proxy.port)
        yield proxy, listener, peer
        peer.sock.close()


def numbers(listener):
    return [int(payload.split()[1].rstrip(b".")) for payload in listener.payloads]


def test_ok__packets_come_out_of_any_pieces():
    whole = b"\xc0\x00" + b"\x33\x83\x01\x00\x01t\x01\x02" + b"x" * 126 + b"\x40\x02\x01\x02"
    for size in (1, 2, 3, 7, 200):
        splitter, bytes_out, packets = Splitter(), b"", []
        for at in range(0, len(whole), size):
            passed, found = splitter.feed(whole[at : at + size])
            bytes_out, packets = bytes_out + passed, packets + found
        assert bytes_out == whole
        assert [packet.kind for packet in packets] == [PINGREQ, PUBLISH, PUBACK]
        assert packets[1].qos == 1 and packets[1].payload == b"x" * 126
        assert packets[-1].end == len(whole)


def test_fail__packets_out_of_other_bytes():
    for wrong in (b"\x00\x00", b"\x30\xff\xff\xff\xff\x01"):
        with pytest.raises(ValueError, match="byte 2 of the stream begins no MQTT packet"):
            Splitter().feed(b"\xc0\x00" + wrong)


def test_ok__pass_forwards_and_logs_every_packet(rig):
    proxy, listener, peer = rig
    sent = [peer.publish(number, qos=1) for number in range(1, 6)]
    assert [peer.hear().kind for _ in sent] == [PUBACK] * 5
    wait_for(lambda: numbers(listener) == [1, 2, 3, 4, 5])
    proxy.settle()
    assert [one.packet.kind for one in proxy.packets if one.up] == [CONNECT] + [PUBLISH] * 5
    assert [one.packet.kind for one in proxy.packets if not one.up] == [CONNACK] + [PUBACK] * 5
    assert [one.packet.payload for one in proxy.packets if one.packet.kind == PUBLISH] == listener.payloads
    ends = [one.packet.end for one in proxy.packets if one.up]
    assert proxy.heard == ends[-1] == 14 + sum(map(len, sent))


def test_ok__stall_fills_the_clients_kernel_and_loses_nothing(rig):
    proxy, listener, peer = rig
    proxy.set(STALL)
    before = proxy.heard
    sent = sum(len(peer.publish(number)) for number in range(1000))
    waiting = wait_for(lambda: (one := proxy.waiting()).kernel and one)
    assert waiting.proxy == 0 and waiting.client + waiting.kernel >= sent
    assert waiting.kernel <= 2 * 8192 < waiting.client  # the window is closed: what waits, waits at the client
    time.sleep(SOON)
    assert proxy.heard == before and not listener.payloads
    proxy.set(PASS)  # the control
    wait_for(lambda: numbers(listener) == list(range(1000)))
    wait_for(lambda: proxy.waiting() == (0, 0, 0))


@pytest.mark.parametrize("mode", [delay(300), throttle(100)], ids=["delay", "throttle"])
def test_ok__delay_and_throttle_take_their_time(rig, mode):
    proxy, listener, peer = rig

    def takes():
        begun, before = time.monotonic(), len(listener.payloads)
        peer.publish(0)  # 62 bytes; 100 a second, in slices of two
        wait_for(lambda: len(listener.payloads) > before)
        proxy.settle()
        return proxy.packets[-1].time - begun

    wait_for(lambda: takes() < SOON)  # the control: it can be quick
    proxy.set(mode)
    assert takes() >= SOON
    proxy.set(PASS)
    wait_for(lambda: takes() < SOON)


def test_ok__delay_keeps_a_bounded_number_of_bytes_under_way(rig):
    proxy, listener, peer = rig
    proxy.set(delay(1000))
    for number in range(2000):
        peer.publish(number)
    held = wait_for(lambda: (one := proxy.waiting()).proxy >= 65536 and one)
    assert held.proxy == 65536 and held.client > 0
    proxy.set(PASS)
    wait_for(lambda: numbers(listener) == list(range(2000)))


def test_ok__cut_resets_both_ends_and_takes_new_connections(rig):
    proxy, _, peer = rig
    peer.ping()
    assert peer.hear().kind == PINGRESP  # the control
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        peer.hear()
    again = Peer(proxy.port)
    again.ping()
    assert again.hear().kind == PINGRESP
    again.sock.close()


def test_ok__cut_is_a_reset_for_the_broker_too():
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(server.getsockname()[1], parse=False) as proxy:
        for cut in (True, False):
            with socket.create_connection(("127.0.0.1", proxy.port)) as peer:
                end, _ = server.accept()
                if cut:
                    proxy.cut()
                else:
                    peer.close()
                with end, pytest.raises(ConnectionResetError) if cut else contextlib.nullcontext():
                    assert end.recv(1) == b""  # the control: an ordinary end is no reset


def test_ok__half_close_ends_one_way_only(rig):
    proxy, listener, peer = rig
    peer.hears_nothing()  # the control: no end yet
    proxy.half_close("client")
    assert peer.hear() is None
    peer.publish(7)
    wait_for(lambda: numbers(listener) == [7])
    other = Peer(proxy.port)
    proxy.half_close("broker", link=1)
    assert other.hear() is None  # mosquitto ends its side, and that comes through
    peer.publish(8)
    wait_for(lambda: numbers(listener) == [7, 8])  # the first connection was not meant
    other.sock.close()


def test_ok__refuse_closes_the_port_and_accept_opens_the_same(rig):
    proxy, listener, peer = rig
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        Peer(proxy.port)
    peer.publish(1)
    wait_for(lambda: numbers(listener) == [1])  # what is connected stays connected
    proxy.accept()
    Peer(proxy.port).sock.close()


def test_ok__swallow_acks_takes_the_answers_only(rig):
    proxy, listener, peer = rig
    proxy.set(SWALLOW_ACKS)
    peer.publish(1, qos=1)
    wait_for(lambda: numbers(listener) == [1])
    peer.hears_nothing()
    proxy.set(PASS)
    peer.publish(2, qos=1)
    answer = peer.hear()
    assert (answer.kind, answer.body) == (PUBACK, b"\x00\x02")  # the first is gone, the stream is whole


def test_ok__silence_begins_after_the_connack(rig):
    proxy, listener, _ = rig
    proxy.set(SILENCE)
    peer = Peer(proxy.port)  # hears its CONNACK
    peer.publish(1, qos=1)
    peer.hears_nothing()
    assert not listener.payloads
    proxy.set(PASS)
    assert peer.hear().kind == PUBACK
    wait_for(lambda: numbers(listener) == [1])
    peer.sock.close()
    proxy.set(STALL)  # the control: here not even a CONNACK comes
    mute = Peer(proxy.port, hello=False)
    mute.hello()
    mute.hears_nothing()
    mute.sock.close()


def test_ok__one_connection_alone_can_be_stalled(rig):
    proxy, _, peer = rig
    other = Peer(proxy.port)
    proxy.set(STALL, link=0)
    for one in (peer, other):
        one.ping()
    assert other.hear().kind == PINGRESP
    peer.hears_nothing()
    proxy.set(PASS, link=0)
    assert peer.hear().kind == PINGRESP
    other.sock.close()


def test_ok__a_client_that_resets_takes_back_what_its_kernel_held_and_no_more(rig):
    proxy, listener, peer = rig
    proxy.set(STALL)
    for number in range(1000):
        peer.publish(number)
    wait_for(lambda: proxy.waiting().kernel)
    since = proxy.mark()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.sock.close()
    proxy.set(PASS)
    wait_for(lambda: not proxy.links[0].alive)
    late = faults.late(proxy, since, MARKER)
    assert 0 < late == faults.under_way(proxy, since, MARKER) < 1000
    assert len(listener.payloads) <= late


def test_ok__late_counts_exactly_what_passed_after_the_mark(rig):
    proxy, listener, peer = rig
    for number in range(100):
        peer.publish(number)
    wait_for(lambda: len(listener.payloads) == 100)
    since = proxy.mark()
    assert faults.late(proxy, since, MARKER) == 0
    proxy.set(STALL)
    torn = peer.publish(100)
    for number in range(101, 140):
        peer.publish(number)
    proxy.set(PASS)
    wait_for(lambda: len(listener.payloads) == 140)
    assert faults.late(proxy, since, MARKER) == 40
    assert faults.late(proxy, since, b"another purpose") == 0
    half = since._replace(passed={0: since.passed[0] + len(torn) - 1})
    assert faults.late(proxy, half, MARKER) == 40  # all but its last byte had passed: it is late
    whole = since._replace(passed={0: since.passed[0] + len(torn)})
    assert faults.late(proxy, whole, MARKER) == 39


def test_ok__what_was_under_way_is_known_to_the_byte(rig):
    proxy, listener, peer = rig
    proxy.set(STALL)
    for number in range(20):  # less than the window: all of it leaves the client
        peer.publish(number)
    wait_for(lambda: proxy.waiting().client == 0 and proxy.waiting().kernel == 20 * 62)
    since = proxy.mark()
    peer.publish(20)
    proxy.set(PASS)
    wait_for(lambda: len(listener.payloads) == 21)
    assert (faults.late(proxy, since, MARKER), faults.under_way(proxy, since, MARKER)) == (21, 20)


def test_fail__bytes_that_are_no_mqtt_are_told_at_the_end(tmp_path):
    with Roomy(tmp_path) as broker:
        for parse in (True, False):
            proxy = Proxy(broker.port, parse=parse).start()
            with socket.create_connection(("127.0.0.1", proxy.port)) as peer, contextlib.suppress(OSError):
                peer.sendall(b"\x00\x00\x00\x00")
                peer.recv(1)
            with pytest.raises(ValueError, match="give parse=False") if parse else contextlib.nullcontext():
                proxy.stop()


def test_ok__stop_leaves_no_thread_no_connection_and_no_listener(tmp_path):
    with Roomy(tmp_path) as broker:
        before = threading.active_count()
        with Proxy(broker.port) as proxy:
            peer = Peer(proxy.port)
            proxy.set(STALL)
            assert threading.active_count() == before + 1
        assert threading.active_count() == before
        with pytest.raises(ConnectionResetError):
            peer.hear()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port))
        peer.sock.close()


def test_ok__without_a_broker_a_client_is_reset_and_the_proxy_lives_on(tmp_path):
    broker = Roomy(tmp_path)
    with Proxy(broker.port) as proxy:
        with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", proxy.port), 20) as sock:
            sock.recv(1)
        with broker:
            Peer(proxy.port).sock.close()  # the control


def test_ok__a_schedule_is_the_same_for_the_same_seed():
    for fault in faults.FAULTS:
        plans = [faults.schedule(seed, fault) for seed in range(100)]
        assert plans == [faults.schedule(seed, fault) for seed in range(100)]
        assert len(set(plans)) == 100
        assert all(0 < plan.begin < plan.withdraw <= 1 for plan in plans)


def test_fail__a_schedule_of_an_unknown_fault():
    with pytest.raises(ValueError, match="no fault 'flood'; there are cut, stall, delay, half_close"):
        faults.schedule(0, "flood")


@pytest.mark.attack(21)
def test_ok__default_paho_sends_on_after_a_withdrawal():
    """The peer that the agent is measured against, and the control of the measure: this leak must be seen."""
    found = paho_peer.run(1, "stall", "during", seed=1, events=600)
    assert found["late"] > 0.1 * 600 and found["late"] + found["before"] == found["published"] == found["arrived"]
    found = paho_peer.run(1, "cut", "during", seed=1, events=600)
    assert found["late"] > 0 and found["late"] + found["before"] - found["repeated"] >= found["published"]


@pytest.mark.attack(21)
def test_ok__a_sender_whose_queue_dies_with_its_connection_has_none_late():
    """The other control: the same measure says 0 where nothing can be late."""
    found = paho_peer.run(1, "cut", "during", seed=1, events=600, reaction="disconnect")
    assert found["late"] == 0 < found["before"]


def test_fail__a_run_of_an_unknown_kind():
    for wrong in ((2, "cut", "during"), (1, "cut", "never"), (1, "flood", "during")):
        with pytest.raises(ValueError, match=r"one of|there are"):
            paho_peer.run(*wrong, seed=0)
