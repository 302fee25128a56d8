"""The agent as the command line builds it, on a clock that the test moves."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_agent import config
from firmware_agent.agent import Agent
from firmware_agent.cli import build
from firmware_agent.device.linux import LinuxDevice
from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN
from host_tests.fakes import NOW


class SlowDevice(LinuxDevice):
    """A Linux device whose time passes only when told."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.passed = 0.0

    def now(self) -> int | None:
        return NOW + int(self.passed)

    def ticks(self) -> float:
        return self.passed


class Rig:
    """A configured agent. `endpoint` are lines of [uplink.lightmake]; `extra` further sections."""

    def __init__(
        self,
        directory: Path,
        endpoint: str,
        extra: str = "",
        sources: str = "[source.demo]",
        profile: str = "lightmake",
        recipient: str = "lightmake",
    ) -> None:
        self.file = directory / "agent.toml"
        top = f'profile = "{profile}"\nstate = "state"\npresence = "terminal"\n'
        self.file.write_text(f"{top}{extra}\n{sources}\n[uplink.{recipient}]\n{endpoint}\n")
        self.device = SlowDevice(directory / "state")
        self.parts = build.parts(config.load(self.file), self.device)

    def agent(self, watch: "Callable[[dict[str, Any]], None] | None" = None) -> Agent:
        return build.agent(self.parts, watch)

    def grant(self, purpose: str, recipient: str = "lightmake") -> None:
        self._decide(purpose, GIVEN[0], recipient)

    def refuse(self, purpose: str) -> None:
        self._decide(purpose, REFUSED)

    def withdraw(self, purpose: str, recipient: str = "lightmake") -> None:
        """As another process does it: through a store of its own."""
        self._decide(purpose, WITHDRAWN, recipient)

    def _decide(self, purpose: str, state: str, recipient: str = "lightmake") -> None:
        parts = build.parts(self.parts.config, self.device)
        policy = parts.catalogue.policy(purpose, recipient)
        parts.consents.put(purpose, recipient, state, policy, "owner", "test", self.device.now())


def plain(port: int) -> str:
    return f'host = "127.0.0.1"\nport = {port}\ntls = false\ntimeout = 3'


async def forward(rig: Rig, agent: Agent, seconds: int, step: float = 1.0) -> None:
    """Let `seconds` pass on the agent's clock as fast as they can."""
    for _ in range(int(seconds / step)):
        rig.device.passed += step
        agent.tick()
        await agent.settle()


async def until(agent: Agent, what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Let the agent run in real time until `what` is true; fails if that does not happen."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        agent.tick()
        await asyncio.sleep(0.02)
        found = what()
        if found:
            return found
        assert loop.time() < end, "it did not happen in time"
