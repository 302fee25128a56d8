"""What the network does in one run, when the consent is withdrawn, and how many messages passed after that.

Nothing here knows who sends: the same plan and the same count serve every sender.
"""

import random
from dataclasses import dataclass

from host_tests.rigs.flow import PASS, STALL, delay
from host_tests.rigs.packets import PUBLISH
from host_tests.rigs.proxy import Mark, Proxy

FAULTS = ("cut", "stall", "delay", "half_close")
MOMENTS = ("during", "after")  # the withdrawal comes while the fault holds; or once it is over, while a backlog drains


@dataclass(frozen=True)
class Plan:
    """begin, withdraw: the fault begins, the consent is withdrawn, after this share of the events. delay: ms, of the
    fault of that name. flowed: share of the events until then that has arrived before the fault may begin. drained:
    share of the backlog that passes before the withdrawal, if the moment is `after`."""

    fault: str
    begin: float
    withdraw: float
    delay: float
    flowed: float
    drained: float

    def start(self, proxy: Proxy) -> None:
        """The fault; it holds until `heal`. Whoever connects anew meanwhile is accepted and hears nothing."""
        proxy.set(delay(self.delay) if self.fault == "delay" else STALL)
        if self.fault == "cut":
            proxy.cut()
        elif self.fault == "half_close":
            proxy.half_close()

    def heal(self, proxy: Proxy) -> None:
        """The network is as before; what it lost stays lost."""
        proxy.set(PASS)


def schedule(seed: int, fault: str) -> Plan:
    """The same plan for the same seed and fault."""
    if fault not in FAULTS:
        raise ValueError("no fault %r; there are %s" % (fault, ", ".join(FAULTS)))
    dice = random.Random("%s %d" % (fault, seed))
    begin = dice.uniform(0.02, 0.5)
    withdraw = dice.uniform(begin + 0.1, 1.0)
    return Plan(fault, begin, withdraw, dice.uniform(20, 200), dice.uniform(0.5, 1.0), dice.uniform(0.0, 0.5))


def late(proxy: Proxy, since: Mark, marker: bytes) -> int:
    """How many PUBLISH packets with `marker` in the payload had their last byte given to the broker after `since`.

    Counted by place in the stream, not by time: a packet that had passed by then is not in it, a second sending is.
    """
    return len(late_payloads(proxy, since, marker))


def late_payloads(proxy: Proxy, since: Mark, marker: bytes) -> list[bytes]:
    """Their payloads, in order."""
    proxy.settle()
    return [
        one.packet.payload
        for one in proxy.packets
        if one.up and one.packet.kind == PUBLISH and one.packet.end > since.passed.get(one.link, 0)
        if marker in one.packet.body
    ]


def under_way(proxy: Proxy, since: Mark, marker: bytes) -> int:
    """How many of the late ones had left the sender's machine completely by then: no sender could stop those."""
    return late(proxy, since, marker) - late(proxy, since._replace(passed=since.reached), marker)
