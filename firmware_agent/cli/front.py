"""The owner's front ends beside a running agent: page, makers' socket, viewers' port, and what proves presence."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from firmware_agent import accounts
from firmware_agent.addresses import is_loopback
from firmware_agent.agent import Agent
from firmware_agent.camera.viewers.server import Viewers
from firmware_agent.cli import words
from firmware_agent.cli.addresses import addresses, listening
from firmware_agent.cli.build import Parts
from firmware_agent.cli.hands import AgentHands
from firmware_agent.cli.sight import AgentSight
from firmware_agent.config import PanelConfig
from firmware_agent.consent.alias import shown
from firmware_agent.consent.commands import Commands, Nonces
from firmware_agent.consent.doorbell import Doorbell
from firmware_agent.consent.presence import Display, Presence
from firmware_agent.device.button import Button
from firmware_agent.device.console import Console
from firmware_agent.errors import ConfigError
from firmware_agent.owner import panel
from firmware_agent.owner.desk import Desk
from firmware_agent.owner.live import Live
from firmware_agent.owner.panel.server import Panel
from firmware_agent.owner.panel.settings import Settings
from firmware_agent.owner.socket.peers import Peers
from firmware_agent.owner.socket.screens import Screens
from firmware_agent.owner.socket.server import ControlSocket
from firmware_agent.owner.view import View
from firmware_agent.sessions import Actor, SessionGate

PAGES = Path(panel.__file__).parent / "pages"
_LOOK = 1.0  # s between two looks at what makes no entry in the ledger


class Terminal:
    """Shows a code on the terminal that the agent itself runs in: for trying it out."""

    def there(self) -> bool:
        return sys.stdout.isatty()  # else it would stand in a log

    def show(self, code: str, text: str, seconds: float) -> bool:
        if not self.there():
            return False
        print(words.wrap(f"The page asks {text}. Type there: {code}", "          "), flush=True)
        return True

    def hide(self) -> None:
        """Nothing can be taken back from a terminal; the code is worth nothing any more."""


class Front:
    """erase: see AgentHands. Nothing listens before `start`; desk and doorbell are what the front ends call."""

    def __init__(
        self,
        made: Parts,
        agent: Agent,
        live: Live,
        erase: Callable[[Actor], Awaitable[dict[str, Any]]],
    ) -> None:
        self._made = made
        self._agent = agent
        self._live = live
        device, config = made.device, made.config
        self.screens = Screens()
        displays: list[Display] = [self.screens]
        displays.append(Terminal() if config.presence == "terminal" else Console())
        self.presence = Presence(displays, device.entropy, device.ticks, config.button is not None)
        self._button = None
        if config.button is not None:
            self._button = Button(str(config.button.device), config.button.code, self.presence.pressed)
        self.sessions = SessionGate(device.entropy(32), device.entropy, device.ticks, made.people.role)
        nonces = Nonces(device.entropy, device.ticks)
        commands = Commands(made.people, shown(made.alias()), nonces, device.verify_p256)
        self.desk = Desk(
            self.sessions,
            made.authority,
            commands,
            self.presence,
            AgentHands(made, agent, self.sessions, erase, self._look_at_viewers),
            View(made.catalogue, made.gate, made.consents, made.authority, live, made.details),
            AgentSight(made, agent, self.sessions, self.presence.possible, self._plain),
            live,
            nonces.new,
        )
        private = config.panel is not None and config.panel.private
        self.doorbell = Doorbell(
            made.pairing, made.people, commands, self.sessions, made.clock.now, _languages(), self._paired, private
        )
        self.viewers: Viewers | None = None
        camera, where = agent.camera, config.viewers
        if camera is not None and where is not None:
            self.viewers = Viewers(made.viewers, camera.admissions, camera, where.host, where.port, device.ticks)
        self._panel: Panel | None = None
        self._socket: ControlSocket | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen wherever the configuration says; ConfigError if that cannot be done."""
        config = self._made.config
        if config.panel is not None:
            self._panel = await self._page(config.panel)
        if config.socket is not None:
            users: dict[str | int, str] = dict(config.socket.users.items())
            peers = Peers(users, config.socket.screens)
            group = accounts.group(config.socket.group, f"{config.file}: socket.group")
            self._socket = ControlSocket(config.socket.path, self.desk, self.sessions, peers, self.screens, group)
            await self._socket.start()
        if self.viewers is not None:
            self.viewers.look()
            if self.viewers.trouble:  # no reason to keep the page from the owner: it is tried again, and said there
                print(words.wrap(f"Viewers: {self.viewers.trouble}; choose another port in [viewers], or free it."))
        if self._button is not None:
            self._button.start()
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def stop(self) -> None:
        """End every session and listen no more."""
        self.sessions.shut()
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        if self._button is not None:
            self._button.stop()
        if self._socket is not None:
            await self._socket.stop()
        if self._panel is not None:
            await self._panel.stop()
        if self.viewers is not None:
            await self.viewers.stop()

    async def _page(self, config: PanelConfig) -> Panel:
        made, tls = self._made, None
        if config.tls:
            from firmware_agent.owner.panel import certificate  # here: without TLS nobody needs that megabyte

            names = [*config.names, *listening(config), "localhost"]
            certificate.ensure(made.device.storage, dict.fromkeys(names), made.clock.now())
            tls = certificate.context(made.device.storage.directory)
        settings = Settings(PAGES, config.names, tls, is_loopback(config.host))
        device = made.device
        page = Panel(self.desk, self.doorbell, self.sessions, settings, device.entropy(32), device.ticks)
        try:
            await page.start(_literal(config.host), config.port)
        except OSError as error:
            where = f"{config.host} port {config.port}"
            raise ConfigError(
                f"{made.config.file}: panel: {where} cannot be used ({error.strerror}); allowed: an address of this "
                "device and a free port"
            ) from None
        return page

    async def _look(self) -> None:
        """Tell the page about what has no entry of its own: the camera, what waits, who is paired."""
        before: object = None
        said: object = None
        while True:
            await self._live.watched()
            await asyncio.sleep(_LOOK)
            waits = tuple(uplink.waiting() for uplink in self._agent.uplinks.values())
            known = self._made.people.all(), self._made.viewers.all()
            standing = None if self._agent.camera is None else (self._agent.camera.state(), self._plain())
            readings = self._agent.readings
            sources = [(one.awake, one.last is None) for one in readings]
            troubles = [(name, error.code) for name, error in self._agent.troubles.items()]
            seen = (self._agent.watched(), standing, waits, troubles, sources, known)
            turns = [one.turn for one in readings]
            if turns != said or seen != before:
                said = turns
                self._live.ring("said")
            if seen != before:
                before = seen
                self._live.ring()

    def _look_at_viewers(self) -> None:
        """The book of viewers was changed here."""
        if self.viewers is not None:
            self.viewers.look()

    def _plain(self) -> tuple[int, str]:
        """The port where viewers are answered, 0 if it is shut; and why it is although it should not be."""
        return (0, "") if self.viewers is None else (self.viewers.port, self.viewers.trouble)

    def _paired(self, event: str, role: str) -> None:
        self._agent.ledger.noted(event, role)


def where(made: Parts) -> str:
    """One line: under which address the page is."""
    return "" if made.config.panel is None else f"Your page: {addresses(made.config.panel)[0]}"


def _languages() -> list[str]:
    return sorted(path.name.split(".")[1] for path in PAGES.glob("words.*.txt"))


def _literal(host: str) -> str:
    return {"localhost": "127.0.0.1"}.get(host, host)
