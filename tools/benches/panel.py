"""How long a withdrawal on the owner's page takes, from the touch to what the person sees, in a real Chromium.

The agent is a process of its own and serves HTTPS; 10,000 events wait on flash, the broker is away. Chromium and the
agent read one clock.
"""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benches.rows import Row, row
from benches.withdraw import percentile
from host_tests.fakes import PURPOSE, RECIPIENT
from host_tests.rigs.browser import Browser
from host_tests.rigs.page import Page
from host_tests.rigs.visitor import Visitor, card

RUNS = 20
EVENTS = 10_000
STEPS = ("gate shut", "key overwritten", "answer in the browser", "confirmation on the page")
_AGENT = Path(__file__).with_name("panel_agent.py")
# Notes the touch, and the first frame in which the card says that it is done. `origin`: ms since 1970 of
# performance.now() = 0, taken where Date.now() turns, which is finer than the millisecond it counts in.
_WATCH = """
const card = document.querySelector(arguments[0]);
const seen = window.seen = { touched: 0, shown: 0, origin: 0 };
let before = Date.now(), now = before;
while (now === before) now = Date.now();
seen.origin = now - performance.now();
performance.clearResourceTimings();
document.addEventListener("click", (event) => { seen.touched ||= event.timeStamp; }, { capture: true, once: true });
const watcher = new MutationObserver(() => {
  if (seen.shown || card.dataset.done !== "withdraw" || !card.querySelector(".done")) return;
  watcher.disconnect();
  requestAnimationFrame(() => setTimeout(() => { seen.shown = performance.now(); }));
});
watcher.observe(card, { attributes: true, childList: true, subtree: true });
"""
_SEEN = """
const rows = performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/api/do/withdraw"));
return window.seen.shown && rows.length ? { ...window.seen, answered: rows[0].responseEnd } : null;
"""


def panel() -> Iterator[Row]:
    """ms from the touch of "Take it back" to gate shut, key gone, answer and confirmation; 10,000 events wait."""
    with tempfile.TemporaryDirectory() as name:
        browser = Browser(Path(name) / "browser")
        try:
            times = measured(Path(name), browser)
        finally:
            browser.quit()
    yield row("events that wait", EVENTS, "events")
    yield row("runs", RUNS, "runs")
    for step in STEPS:
        for share in (50, 99):
            yield row(f"{step}, p{share}", percentile(times[step], share), "ms")


def measured(directory: Path, browser: Browser, runs: int = RUNS, events: int = EVENTS) -> dict[str, list[float]]:
    """Step -> ms of each run."""
    page = Watched(directory)
    times: dict[str, list[float]] = {step: [] for step in STEPS}
    try:
        page.start()
        visitor = Visitor(browser.fresh(), page)
        visitor.pair()
        visitor.first(**{PURPOSE: "allow"})
        for number in range(runs):
            if number:
                visitor.decide_again(PURPOSE, "allow")
            page.fill(events)
            browser.script(_WATCH, card(PURPOSE))
            visitor.withdraw(PURPOSE)
            seen = browser.until(lambda: browser.script(_SEEN), "the confirmation")
            touched = seen["origin"] + seen["touched"]
            shut, key = page.after("shut", touched), page.after("key", touched)
            ends = (shut, key, seen["origin"] + seen["answered"], seen["origin"] + seen["shown"])
            for step, end in zip(STEPS, ends, strict=True):
                times[step].append(end - touched)
            storage = page.parts.device.storage
            if any(any(storage.read(f"vault.{PURPOSE}.{RECIPIENT}.{end}") or b"") for end in ("key", "outbox")):
                raise RuntimeError("something still waits; the bench measures something else")
    finally:
        page.stop()
    return times


class Watched(Page):
    """A page whose agent tells when it shut and destroyed; its broker never runs."""

    def start(self) -> "Watched":
        environment = {**os.environ, "PYTHONPATH": str(_AGENT.parents[2])}
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, _AGENT, self.file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # nothing is read ahead, so that select sees each line
            env=environment,
        )
        self.wait()
        return self

    def fill(self, events: int) -> None:
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(b"%d\n" % events)
        count = self.after("filled", events)
        if count < events:
            raise RuntimeError(f"{count:g} of {events} events wait on flash; give the ring more room")

    def after(self, word: str, least: float) -> float:
        """The number of the next line with this word that is not less than `least`."""
        assert self.process is not None and self.process.stdout is not None
        end = time.monotonic() + 60
        while select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
            line = self.process.stdout.readline().split()
            if not line:
                raise RuntimeError(f"the agent has ended; run it by hand: {_AGENT} {self.file}")
            if line[0] == word.encode() and float(line[1]) >= least:
                return float(line[1])
        raise RuntimeError(f"the agent says no '{word}' in 60 s")
