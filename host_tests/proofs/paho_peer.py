"""The peer of the leak matrix: a telemetry sender as most are written, paho-mqtt with its defaults."""

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from host_tests.proofs.faults import MOMENTS, late, late_payloads, schedule, under_way
from host_tests.rigs.broker import wait_for
from host_tests.rigs.listener import Listener, Roomy
from host_tests.rigs.proxy import Proxy

TOPIC = "maker/telemetry"
MARKER = b'"purpose":"improvement_program"'
REACTIONS = ("stop", "disconnect", "reconnect")  # what the program does when the consent is withdrawn
_CALM = 0.25  # s without a byte: a sender that is connected and has anything left would have sent it


def event(number: int) -> bytes:
    """75 bytes, as a printer's telemetry often looks; `number` tells them apart."""
    return b'{%s,"n":%06d,"nozzle":210.4,"bed":60.1,"p":42}' % (MARKER, number)


def run(
    qos: int,
    fault: str,
    moment: str,
    seed: int,
    events: int = 30_000,
    directory: "Path | None" = None,
    reaction: str = "stop",
) -> dict[str, Any]:
    """One run.

    late: messages given to the broker after the withdrawal. under_way: how many of them had left this machine before.
    before: messages given to the broker until then. published: calls of publish() until then. repeated: late ones that
    had been given to the broker before. arrived: messages that the subscriber got, in the whole run. lost: messages
    that were given to the broker and that the subscriber did not get (a broker reads no further after a reset).
    seconds: of the whole run. RuntimeError if the subscriber got anything that had not passed: the count is wrong then.
    """
    if qos not in (0, 1) or moment not in MOMENTS or reaction not in REACTIONS:
        raise ValueError("qos is 0 or 1, moment one of %s, reaction one of %s" % (MOMENTS, REACTIONS))
    begun = time.monotonic()
    plan = schedule(seed, fault)
    begin, published = round(plan.begin * events), round(plan.withdraw * events)
    with _rig(directory) as (proxy, listener, client):
        for number in range(published):
            if number == begin:
                wait_for(lambda: len(listener.payloads) >= int(plan.flowed * begin))
                plan.start(proxy)
            client.publish(TOPIC, event(number), qos=qos)
        if moment == "after":
            plan.heal(proxy)
            _drain(client, proxy, plan.drained * (published - begin))
        withdrawn = proxy.mark()
        _react(client, reaction)
        plan.heal(proxy)
        _calm(client, proxy, listener, ends=reaction == "disconnect")
        arrived = Counter(listener.payloads)  # first: what arrives after this is in the log, too
        found = late_payloads(proxy, withdrawn, MARKER)
        everything = Counter(late_payloads(proxy, withdrawn._replace(passed={}), MARKER))
        before = everything - Counter(found)
        if arrived - everything:
            raise RuntimeError("%d messages arrived that did not pass the proxy" % (arrived - everything).total())
        return {
            "late": late(proxy, withdrawn, MARKER),
            "before": before.total(),
            "under_way": under_way(proxy, withdrawn, MARKER),
            "published": published,
            "repeated": sum(payload in before for payload in found),
            "arrived": arrived.total(),
            "lost": (everything - arrived).total(),
            "seconds": round(time.monotonic() - begun, 2),
        }


@contextlib.contextmanager
def _rig(directory: "Path | None") -> "Iterator[tuple[Proxy, Listener, mqtt.Client]]":
    """Broker, proxy, subscriber, and the sender, connected."""
    with contextlib.ExitStack() as stack:
        place = directory or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(Roomy(place))
        proxy = stack.enter_context(Proxy(broker.port))
        listener = stack.enter_context(Listener(broker.inside))
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", proxy.port)
        client.loop_start()
        stack.callback(_end, client, proxy)
        wait_for(client.is_connected)
        yield proxy, listener, client


def _end(client: mqtt.Client, proxy: Proxy) -> None:
    proxy.cut()
    proxy.refuse()
    client.disconnect()
    client.loop_stop()


def _drain(client: mqtt.Client, proxy: Proxy, messages: float) -> None:
    """Return once so many messages have passed since now, or none is left to pass."""
    goal = proxy.heard + messages * len(event(0))
    last, since = -1, time.monotonic()
    while proxy.heard < goal and time.monotonic() - since < _CALM:
        if proxy.heard != last or not client.is_connected():
            last, since = proxy.heard, time.monotonic()
        time.sleep(0.001)


def _react(client: mqtt.Client, reaction: str) -> None:
    """What the program does about a withdrawal, apart from publishing no more."""
    if reaction == "disconnect":
        client.disconnect()
    elif reaction == "reconnect":
        client.reconnect()  # a fresh connection, of the same client


def _calm(client: mqtt.Client, proxy: Proxy, listener: Listener, ends: bool) -> None:
    """Return when nothing moves any more and the sender is connected, unless it `ends`."""
    state, since = None, time.monotonic()
    while time.monotonic() - since < _CALM:
        now = (proxy.heard, len(listener.payloads))
        if now != state or not (ends or client.is_connected()):
            state, since = now, time.monotonic()
        time.sleep(0.02)
