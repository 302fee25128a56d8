"""What the owner's view sees of the running agent (owner/view.py: Sight)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from firmware_agent import cbor
from firmware_agent.addresses import is_loopback
from firmware_agent.agent import Agent
from firmware_agent.camera.crop import WHOLE
from firmware_agent.catalogue import REQUEST
from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.cli.swap import swaps
from firmware_agent.consent.changes import Change, changes
from firmware_agent.consent.people import Person
from firmware_agent.errors import SourceError
from firmware_agent.sessions import SessionGate
from firmware_agent.telemetry.reading import Reading
from firmware_agent.transforms import PSEUDONYM

LIVE = ("live_view", "owner")

Pair = tuple[str, str]
Json = dict[str, Any]


@dataclass(frozen=True)
class Someone:
    """key: of a paired phone; or what names a session without one."""

    key: bytes
    role: str
    name: str
    since: int | None
    until: int | None
    case: str


class Source:
    """Implements Heard (owner/said.py)."""

    def __init__(self, reading: Reading, trouble: SourceError | None) -> None:
        self.name = reading.source.name
        self.offers = reading.source.offers
        self.linked = bool(reading.pairs)
        self.awake = reading.awake
        self.trouble = "" if trouble is None else trouble.code
        self.last = reading.last
        self.at = reading.at


class AgentSight:
    """here: whether anything at the device could show a code or be pressed. plain_port: where viewers are answered
    at this moment, or 0.
    """

    def __init__(
        self,
        made: Parts,
        agent: Agent,
        sessions: SessionGate,
        here: Callable[[], bool],
        plain: Callable[[], tuple[int, str]] = lambda: (0, ""),
    ) -> None:
        self._plain = plain
        self._made = made
        self._sessions = sessions
        self._agent = agent
        self._here = here

    def head(self) -> bytes:
        return self._agent.ledger.head

    def now(self) -> int | None:
        return self._made.clock.now()

    def people(self) -> Iterable[Someone]:
        """Who is paired, and who is here without a key."""
        yield from (Someone(one.key, one.role, one.name, one.since, one.until, one.case) for one in self._paired())
        yield from (Someone(name, one.role, one.name, None, None, "") for name, one in self._sessions.guests())

    def _paired(self) -> list[Person]:
        return self._made.people.all()

    def camera(self) -> Json:
        made, hub = self._made, self._agent.camera
        live = {"purpose": LIVE[0], "recipient": LIVE[1]}
        if hub is None:
            off = {"on": False, "there": False, "covered": False, "trouble": "", "watching": [], "viewers": []}
            return {
                **off,
                "plain_port": 0,
                "plain_trouble": "",
                "plain_local": False,
                "crop": list(WHOLE),
                "can_crop": False,
                "live": live,
            }
        state, uses, now = hub.state(), hub.uses(), made.clock.now()
        port, closed = self._plain()
        active = {one.viewer for one in uses}
        return {
            "on": state.on,
            "there": True,
            "covered": state.covered,
            "trouble": state.trouble,
            "watching": [
                {
                    "viewer": one.viewer,
                    "purpose": one.purpose,
                    "recipient": one.recipient,
                    "since": None if now is None else now - int(made.device.ticks() - one.since),
                }
                for one in uses
            ],
            "viewers": [
                {
                    "name": one.name,
                    "purpose": one.purpose,
                    "recipient": one.recipient,
                    "way": one.way,
                    "since": one.since,
                    "active": one.name in active,
                }
                for one in made.viewers.all()
            ],
            "plain_port": port,
            "plain_trouble": closed,
            "plain_local": made.config.viewers is not None and is_loopback(made.config.viewers.host),
            "crop": list(hub.source.crop),
            "can_crop": bool((state.facts or {}).get("can_crop", 1)),
            "live": live,
        }

    def region(self) -> Json:
        return {"chosen": self._made.region.read(), "offered": list(self._made.region.offered)}

    def waiting(self) -> dict[Pair, int]:
        return {
            (purpose, uplink.recipient): uplink.waits(purpose)
            for uplink in self._agent.uplinks.values()
            for purpose in uplink.outboxes
            if uplink.waits(purpose)
        }

    def sources(self) -> Iterable[Source]:
        for one in self._agent.readings:
            if one.source.pair is None:
                yield Source(one, self._agent.troubles.get(one.source.name))

    def requests(self) -> Iterable[tuple[str, str, int, bool]]:
        for recipient in sorted(self._made.catalogue.recipients):
            for one in self._made.requests(recipient).look():
                yield one.purpose, recipient, one.asked, one.acknowledged

    def changes(self, pair: Pair, policy: bytes) -> Iterable[Change]:
        old = self._made.texts.get(policy)
        return [] if old is None else changes(old, "".join(self._made.catalogue.text(*pair)))

    def copies(self, pair: Pair) -> Iterable[tuple[int | None, bytes]]:
        for frame, payload in self._made.vault(*pair).copies():
            yield frame.time, payload

    def words(self, payload: bytes) -> list[list[Json]]:
        catalogue = self._made.catalogue
        _, _, purpose, body = cbor.decode(payload)
        if purpose == REQUEST:
            return [[]]
        return [
            [
                {
                    "field": words.field(number, catalogue),
                    "value": _plain(value),
                    "words": said.partition(" = ")[2],
                }
                for (number, value), said in zip(event, lines, strict=True)
            ]
            for event, lines in zip(body, words.payload(payload, catalogue), strict=True)
        ]

    def warnings(self) -> list[Json]:
        found = []
        if self._made.clock.now() is None:
            found.append(_warning("no_clock", "The device does not know the time: consents with an end are shut."))
        if not self._here():
            text = "The device has no screen or button that the agent knows: it cannot show codes."
            found.append(_warning("no_presence", text))
        hub = self._agent.camera
        if hub is not None and hub.swappable and swaps():
            text = "The memory that holds camera pictures cannot be locked: they could reach the disk, as swap."
            found.append(_warning("camera_memory", text))
        for line in [*self._made.consents.trouble(), *self._made.people.trouble()]:
            found.append(_warning("storage", f"{line}: decide anew; doctor says more"))
        return found


def _plain(value: Any) -> Any:
    """A value for JSON: a pseudonym as hex, of a picture how long it is."""
    if isinstance(value, bytes):
        return value.hex() if len(value) == PSEUDONYM else f"{len(value)} bytes"
    return value


def _warning(code: str, text: str) -> Json:
    return {"code": code, "text": text}
