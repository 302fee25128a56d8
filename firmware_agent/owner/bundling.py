"""The one bundle that the owner has in hand: made in small steps beside everything else, in memory only."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from firmware_agent.bundle.parts import CHOICES, LARGEST, UNTICKED, Part
from firmware_agent.bundle.places import Places
from firmware_agent.bundle.reading import gathered, serial, surveyed
from firmware_agent.bundle.text import Removal
from firmware_agent.errors import AgentError, FormatError
from firmware_agent.model import Record
from firmware_agent.refusals import Refused

if TYPE_CHECKING:
    from firmware_agent.bundle.bundle import Bundle

log = logging.getLogger(__name__)

FIELD = "bundle"
_KEPT = 1800.0  # s without being looked at, after which it is forgotten

Json = dict[str, Any]
Known = Callable[[], Iterable[tuple[str, str]]]


class Bundling:
    """version: of the agent. facts: what it says of itself, a line each. known: what this device knows of itself."""

    def __init__(self, places: Places, version: str, facts: Callable[[], str], known: Known) -> None:
        self._places = places
        self._version = version
        self._facts = facts
        self._known = known
        self._bundle: Bundle | None = None
        self._work: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()
        self._there: list[tuple[str, str]] = []  # what could go in, as it was looked at last
        self._done = 0.0
        self._trouble = ""
        self._end: asyncio.TimerHandle | None = None

    def state(self) -> Json:
        """What could go in, what is being made or stands ready, and what was found in it."""
        self._touched()
        ready = self._bundle is not None
        state = "working" if self._work is not None else "ready" if ready else "failed" if self._trouble else "none"
        if self._work is None or not self._there:  # folders are not looked through again and again
            self._there = surveyed(self._places)
        choices = [
            {"name": name, "missing": why, "ticked": not why and name not in UNTICKED} for name, why in self._there
        ]
        return {
            "state": state,
            "done": round(self._done, 3),
            "trouble": self._trouble,
            "choices": choices,
            "serial": bool(serial(self._places.config.serial_file)),
            "bundle": None if self._bundle is None else self._of(self._bundle),
        }

    def begin(self, choices: list[str], with_serial: bool) -> None:
        """Make one anew of `choices` (parts.CHOICES); what stood before is forgotten."""
        if not choices or len(set(choices)) != len(choices) or set(choices) - set(CHOICES):
            raise FormatError(f"parts: some of {', '.join(CHOICES)}")
        told = serial(self._places.config.serial_file)
        if with_serial and not told:
            raise AgentError("there is no serial number to tell; name its file as serial_file in [bundle]")
        self.forget()
        self._work = asyncio.get_running_loop().create_task(self._make(choices, told, with_serial))

    async def remove(self, texts: list[tuple[str, bool]]) -> None:
        """Take them out wherever they stand, True: not inside of longer words; AgentError says why not."""
        async with self._busy:
            await _slowly(self._ready().remove([Removal(*one) for one in texts]))

    async def undo(self, texts: "list[tuple[str, bool]] | None") -> None:
        """Put them back, or what was removed last."""
        async with self._busy:
            await _slowly(self._ready().undo(None if texts is None else [Removal(*one) for one in texts]))

    def text(self, before: bool) -> str:
        """All of it, before or after."""
        ready = self._ready()
        return ready.before if before else ready.after

    def marks(self) -> list[list[Any]]:
        """Of each place that differs: line, start and end before, start and end after, kind. Code points, from 0."""
        return [list(one) for one in self._ready().rows]

    def shown(self, digest: str) -> bytes:
        """The bytes that were shown with this digest; Refused if they are not these any more. AgentError: something is
        still found in them."""
        ready = self._bundle
        if ready is None or self._busy.locked() or ready.digest != digest:
            raise Refused("bundle_changed")
        if ready.unfinished is not None:
            raise AgentError(str(ready.unfinished))
        return ready.data

    def forget(self) -> None:
        """Nothing of it is left here."""
        if self._work is not None:
            self._work.cancel()
        if self._end is not None:
            self._end.cancel()
        self._work, self._bundle, self._end, self._done, self._trouble = None, None, None, 0.0, ""

    async def _make(self, choices: list[str], told: str, with_serial: bool) -> None:
        try:
            parts, left_out = [], []
            for one in gathered(self._places, choices, self._facts()):
                if isinstance(one, Part):
                    parts.append(one)
                else:
                    left_out.append(one)
                await asyncio.sleep(0)
            from firmware_agent.bundle.bundle import Bundle  # here: the rules are large, and rarely wanted

            known = _all_of(self._known(), told)
            made = Bundle(self._version, parts, left_out, told if with_serial else "", known)
            await _slowly(self._noted(made.scrub()))
            self._bundle = made
            self._touched()  # nobody may ever look: it does not stay for that
        except AgentError as error:
            self._trouble = str(error)
        except Exception as error:
            log.error("the support bundle failed: %s", type(error).__name__)
            self._trouble = "the bundle could not be made; leave a file out, and try again"
        self._work = None

    def _noted(self, steps: Iterator[float]) -> Generator[float, None, None]:
        for done in steps:
            self._done = done
            yield done

    def _of(self, bundle: "Bundle") -> Json:
        unfinished = bundle.unfinished
        return {
            "size": len(bundle.data),
            "most": LARGEST,
            "sha256": bundle.digest,
            "lines": bundle.after.count("\n"),
            "counts": bundle.counts,
            "removed": [{"text": one.text, "whole": one.whole} for one in bundle.removals],
            "unfinished": None if unfinished is None else {"line": unfinished.line, "kind": unfinished.kind},
        }

    def _ready(self) -> "Bundle":
        self._touched()
        if self._bundle is None:
            raise Refused("bundle_changed")
        return self._bundle

    def _touched(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = None
        if self._bundle is not None:
            self._end = asyncio.get_running_loop().call_later(_KEPT, self.forget)


class Shown:
    """Implements Source: the bytes of a bundle that somebody saw, for one purpose and recipient, once."""

    name = "support bundle"
    offers: tuple[str, ...] = (FIELD,)
    pace = 0.0
    exclusive = False

    def __init__(self, pair: tuple[str, str], data: bytes) -> None:
        self.pair: tuple[str, str] | None = pair
        self._data = data

    async def read(self) -> list[Record]:
        return [Record({FIELD: self._data})]

    async def rest(self) -> None:
        """Nothing is held open."""


def _all_of(known: Iterable[tuple[str, str]], told: str) -> Iterator[tuple[str, str]]:
    yield from known
    if told:
        yield "printer_sn", told


async def _slowly(steps: Generator[float, None, None]) -> None:
    """All of them, with everything else in between."""
    with contextlib.closing(steps):  # whoever asked may go away
        for _ in steps:
            await asyncio.sleep(0)
