"""The owner's page with a fake camera behind it, on a loop beside the browser, and somebody who looks at it."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_agent.owner.panel.server import Panel
from firmware_agent.owner.panel.settings import Settings
from host_tests.fakes_camera import FakeCamera
from host_tests.fakes_panel import SECRET, World
from host_tests.rigs.browser import NAMED, Browser
from host_tests.rigs.visitor import words

PAGES = Path(__file__).parents[2] / "firmware_agent/owner/panel/pages"


class Filmed:
    """A `with`: panel, desk and camera; whatever a test changes in them, it changes on their loop (`now`)."""

    def __init__(self) -> None:
        self.camera = FakeCamera()
        self.world = World(camera=self.camera)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        settings = Settings(pages=PAGES, names=(NAMED,), local=True, lines_each=40)
        self._panel = Panel(
            self.world.desk, self.world.doorbell, self.world.gate, settings, os.urandom(32), time.monotonic
        )

    def __enter__(self) -> "Filmed":
        self._thread.start()
        self._wait(self._panel.start("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._panel.port}"
        self.open_origin = f"http://{NAMED}:{self._panel.port}"  # where a browser believes that others can listen
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._panel.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    def now(self, change: Callable[[], Any]) -> Any:
        """Do it, and tell every open page that something changed."""

        async def work() -> Any:
            found = change()
            self.world.desk.tell({"what": "home"})
            return found

        return self._wait(work())

    def tell(self, change: dict[str, Any]) -> None:
        """Tell every open page just this."""

        async def work() -> None:
            self.world.desk.tell(change)

        self._wait(work())

    def state(self, name: str, state: str) -> None:
        """A decision that somebody makes elsewhere: name is "purpose recipient", or a purpose of the maker."""
        self.now(lambda: self.world.desk.states.update({name: {"state": state}}))

    def done(self, action: str) -> list[dict[str, Any]]:
        """The arguments of each time that it was done."""
        return [arguments for name, arguments in self.world.desk.done if name == action]

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


class Watcher:
    """Somebody with a browser in front of that page; the questions of the first run are answered."""

    def __init__(self, browser: Browser, filmed: Filmed, language: str = "en") -> None:
        self.browser = browser
        self.filmed = filmed
        self.words = words(language)
        self.label = f"{browser.size}-{language}"
        browser.expected = ["willReadFrequently"]  # it is the test that reads the canvas

    def enter(self, first: bool = False, origin: str = "") -> "Watcher":
        """Pair; first: with the questions of the first run still open."""
        if not first:
            self.filmed.state("improvement_program", "refused")
            self.filmed.now(lambda: setattr(self.filmed.world.desk, "age", "of_age"))
        self.browser.open(f"{origin or self.filmed.origin}/#pair={SECRET}")
        self.browser.write("#name", "Ann's phone")
        self.browser.click("#pair")
        self.browser.find("#wizard" if first else "#headline")
        return self

    def tab(self, name: str) -> None:
        self.browser.click(f"#tab-{name}")
        self.browser.find(f"#tab-{name}[aria-current]")

    def watch(self) -> None:
        """Open the live view; ends when a picture stands there."""
        self.browser.click("#watch")
        self.live("live")

    def live(self, state: str) -> None:
        self.browser.find(f'[data-live="{state}"]')

    def drawn(self) -> str:
        """What stands on the canvas, as a digest; "" if nothing."""
        return str(self.browser.script(_DRAWN))

    def moves(self) -> None:
        """Wait until another picture comes."""
        before = self.drawn()
        assert before
        self.browser.until(lambda: self.drawn() not in ("", before), "another picture")

    def look(self, name: str) -> None:
        self.browser.shot(f"camera-{name}", whole=not self.browser.has("dialog[open]"))
        assert self.browser.sideways() == 0, f"{name} is wider than the screen"
        wide = "return [...document.querySelectorAll('dialog')].map((one) => one.scrollWidth - one.clientWidth)"
        assert not any(self.browser.script(wide)), f"{name}: a dialog is wider than itself"

    def inspect(self, name: str) -> None:
        """Light and dark, axe, and the smallest screen."""
        browser, size = self.browser, self.browser.size
        for dark in (False, True):
            browser.scheme(dark)
            self.look(f"{name}-{self.label}{'-dark' * dark}")
            found = browser.violations()
            assert not found, f"{name}, {'dark' if dark else 'light'}: {found}"
        browser.scheme(False)
        browser.resize("small")
        self.look(f"{name}-{self.label}-320")
        browser.resize(size)


_DRAWN = """
const canvas = document.querySelector("canvas"), { width, height } = canvas;
const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
let sum = 0, any = 0;
for (let at = 0; at < data.length; at += 1) { any |= data[at]; sum = (sum * 31 + data[at]) >>> 0; }
return any ? width + "x" + height + ":" + sum : "";
"""


@pytest.fixture
def filmed() -> Iterator[Filmed]:
    with Filmed() as running:
        yield running
