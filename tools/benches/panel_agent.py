"""panel_agent.py CONFIGURATION: the agent as `firmware-agent run` has it, which tells when it shut and destroyed.

Every line on stdin puts events on flash. On stdout: "filled N", "shut T", "key T", with T in ms since 1970.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from firmware_agent import config
from firmware_agent.agent import Agent
from firmware_agent.cli import build, run
from firmware_agent.device.linux import LinuxStorage
from firmware_agent.gate import Gate
from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.proofs.wear import event

BATCH = 64


def tell(*words: object) -> None:
    print(*words, flush=True)


def fill(agent: Agent, events: int) -> None:
    """So many events wait on flash, in messages of BATCH."""
    uplink = agent.uplinks[RECIPIENT]
    for number in range(events):
        uplink.offer(event(number), PURPOSE)
        if number % BATCH == BATCH - 1 or number == events - 1:
            uplink.tick()
    tell("filled", uplink.waiting())


def noted(method: Callable[..., None]) -> Callable[..., None]:
    """Tells each time that the purpose's key on flash was written or synced."""

    def call(self: LinuxStorage, name: str, *arguments: object, **more: object) -> None:
        method(self, name, *arguments, **more)
        if name == f"vault.{PURPOSE}.{RECIPIENT}.key":
            tell("key", time.time() * 1000)

    return call


def main() -> None:
    shut, made_agent = Gate.shut, build.agent

    def noted_shut(self: Gate, purpose: str, recipient: str) -> None:
        shut(self, purpose, recipient)
        tell("shut", time.time() * 1000)

    def kept(*arguments: object) -> Agent:
        agent = made_agent(*arguments)  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        loop.add_reader(0, lambda: fill(agent, int(sys.stdin.readline() or loop.stop() or 0)))
        return agent

    Gate.shut = noted_shut  # type: ignore[method-assign]
    for name in ("write", "patch", "sync"):
        setattr(LinuxStorage, name, noted(getattr(LinuxStorage, name)))
    build.agent = kept  # type: ignore[assignment]
    made = build.parts(config.load(Path(sys.argv[1])))
    with made.device.storage.claim():
        asyncio.run(run.until_stopped(made))


if __name__ == "__main__":
    main()
