"""A state directory in which everything stands that an agent ever writes."""

import subprocess
import sys
import time
from pathlib import Path

from firmware_agent.agent import Agent
from firmware_agent.cli.stores import register
from firmware_agent.consent.pairing import Invitation
from firmware_agent.consent.people import Person
from firmware_agent.owner.panel import certificate
from firmware_agent.owner.stores import Register, Row
from host_tests.rigs.agent import Rig, forward, until
from host_tests.rigs.broker import Broker, wait_for

PROGRAM = str(Path(sys.executable).parent / "firmware-agent")


def kept(rig: Rig, agent: "Agent | None" = None) -> Register:
    """The stores of the rig; with an agent those that expire."""
    return register(rig.parts, agent.uplinks.values() if agent else (), agent.ledger if agent else None)


def rows(rig: Rig, name: str) -> list[Row]:
    return list(next(store for store in kept(rig) if store.name == name).rows())


async def live(rig: Rig, broker: Broker) -> Agent:
    """Grant, print, let some of it leave and the rest wait; the broker is stopped then. The agent is not closed."""
    agent = rig.agent()
    for purpose in ("improvement_program", "print_history"):
        rig.grant(purpose)
    rig.refuse("snapshot")
    made = rig.parts
    made.people.add(Person(b"\x04" + bytes(64), "owner", "Ann's phone", 1793318400))
    made.pairing.open(Invitation("viewer"))
    made.viewers.add("Ann's tablet", "live_view", "owner", "address")
    made.crop.choose((100, 100, 500, 500))
    made.details.correct("Ann's printer", "DE")
    made.region.choose("europe")
    made.alias()
    made.texts.keep("".join(made.catalogue.text("print_history", "lightmake")))
    certificate.ensure(rig.device.storage, ["printer.local"], None)
    await forward(rig, agent, 3)
    await until(agent, lambda: rows(rig, "sent"))
    broker.stop()
    await forward(rig, agent, 1000)  # a whole print, and the clock's mark
    assert {row["purpose"] for row in rows(rig, "waiting")} == {"improvement_program", "print_history"}
    return agent


def run_for(rig: Rig, seconds: float) -> None:
    """The program itself, as a service starts it."""
    with running(rig):
        time.sleep(seconds)


class running:
    """`firmware-agent run` as a process of its own, up and claimed while the block runs."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def __enter__(self) -> "subprocess.Popen[bytes]":
        command = [PROGRAM, "run", "--config", str(self._rig.file)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._rig.device.storage.claimed)
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
