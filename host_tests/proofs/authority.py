"""Guesses at the pairing code, and malformed commands: nobody is let in, nothing is decided, nothing breaks.

Each generated command lacks one thing that it must have, so whatever becomes of it, it may never change anything. The
controls give that one thing back and must see a change.
"""

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from firmware_agent.consent.pairing import GUESSES, LASTS, Invitation, Pairing
from firmware_agent.errors import AgentError
from firmware_agent.model import Session
from firmware_agent.refusals import Refused
from host_tests.fakes import KEY, MemoryStorage
from host_tests.rigs.owners import Home, Machine, Phone

Progress = Callable[[str], None]
Table = dict[str, Any]

_LOOK = 100  # commands between two looks at the flags
_CONTROL = 20  # windows between two windows of the control
_PAIR = ("improvement_program", "lightmake")
_WIDENING = ("decide", "declare_of_age", "invite", "remove", "erase")
_NARROWING = ("withdraw", "refuse", "later", "object", "stop", "declare_minor", "end_service", "leave", "correct")
CONTROL = ("declare_of_age", "decide", "invite", "remove", "refuse", "correct", "stop", "erase")  # an erase ends all
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.0, 2**53, -(2**70), 10**300, float("nan"), float("inf"), 1e-9),
    *("", " ", "allow", "owner", "lightmake", "improvement_program", "\x00", "\ud800", "\u202e", "a" * 5000, "0" * 32),
    *([], [[]], [{}], {}, {"a": {}}, [None] * 70, {"choices": 5}, {"for": "decide"}, ["x", {"y": [1]}]),
)


def prove(
    guesses: int = 100_000, commands: int = 100_000, seed: int = 1, progress: Progress = lambda line: None
) -> Table:
    """Both with their controls."""
    begun = time.monotonic()
    found = guessing(guesses, seed, progress)
    failures = []
    if found["paired"]:
        failures.append(f"{found['paired']} guesses paired")
    if found["most of one window"] > GUESSES:
        failures.append(f"{found['most of one window']} guesses of one window were looked at")
    if found["control: paired by the right code"] != found["windows of the control"]:
        failures.append("control: the right code did not pair")
    told = malformed(commands, seed, progress)
    failures += told.failures
    counts = {**found, **{f"commands: {name}": number for name, number in sorted(told.counts.items())}}
    return {"seed": seed, "counts": counts, "failures": failures, "seconds": round(time.monotonic() - begun, 1)}


# --- guesses


def guessing(count: int, seed: int, progress: Progress = lambda line: None) -> Counter[str]:
    """`count` wrong guesses in as many windows as somebody opens, with restarts and reboots in between."""
    rng, found = Random(seed), Counter[str]()
    storage, machine = MemoryStorage(), _Seeded(rng)
    codes = [f"{number:08}" for number in range(5)]
    guess = 0
    while found["guesses"] < count:
        progress(f"guesses: {found['guesses']:,}")
        pairing = Pairing(storage, KEY, machine)
        machine.passed += pairing.state()[1] + 0.001
        _, right = pairing.open(Invitation("owner"))
        found["windows"] += 1
        if not found["windows"] % _CONTROL:
            _control(storage, machine, right, found)
        looked = 0
        for _ in range(min(rng.randrange(3, 25), count - found["guesses"])):
            chance = rng.random()
            if chance < 0.2:
                pairing = Pairing(storage, KEY, machine)
                found["restarts"] += 1
            elif chance < 0.25:
                machine.restart(rng.randbytes(16), rng.random() * 100)
                pairing = Pairing(storage, KEY, machine)
                found["other boots"] += 1
            elif chance < 0.3:
                machine.passed += rng.random() * LASTS
            guess = (guess + 1) % 10**8
            code = rng.choice((f"{guess:08}", rng.choice(codes), f"{rng.randrange(10**8):08}"))
            if code == right:
                continue  # one in a hundred million is not what is shown here
            found["guesses"] += 1
            said = _guess(pairing, code)
            looked += said == "code_wrong"
            found["paired"] += said == "paired"
            found["refused" if said != "code_wrong" else "looked at"] += 1
        found["most of one window"] = max(found["most of one window"], looked)
        codes[rng.randrange(5)] = right
    return found


def _control(storage: MemoryStorage, machine: Machine, right: str, found: Counter[str]) -> None:
    """The same window, on a copy: four wrong codes, then the right one."""
    copy = MemoryStorage(storage.files)
    said = [_guess(Pairing(copy, KEY, machine), "x" * 8) for _ in range(GUESSES - 1)]
    assert said == ["code_wrong"] * (GUESSES - 1)
    found["windows of the control"] += 1
    found["control: paired by the right code"] += _guess(Pairing(copy, KEY, machine), right) == "paired"


def _guess(pairing: Pairing, code: str) -> str:
    try:
        pairing.by_code(code)
    except Refused as refusal:
        return refusal.reason
    return "paired"


class _Seeded(Machine):
    """A machine whose entropy repeats with its seed."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng

    def entropy(self, count: int) -> bytes:
        return self._rng.randbytes(count)


# --- commands


class Told:
    """What became of the commands: how many of each kind, how many of each answer; failures in words."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []


def malformed(count: int, seed: int, progress: Progress = lambda line: None, right: bool = False) -> Told:
    """`count` commands at the desk and the doorbell. right: nothing is wrong with any; what changes is counted."""
    with tempfile.TemporaryDirectory() as directory:
        crowd = _Crowd(Path(directory), seed)
        asyncio.run(crowd.run(count, progress))
        if crowd.changes:
            crowd.told.failures.append(f"{crowd.changes} times something changed")
        changed = asyncio.run(_Crowd(Path(directory) / "control", seed).control())
        crowd.told.counts["control: right ones that changed something"] = changed
        if changed != len(CONTROL):
            crowd.told.failures.append(f"control: only {changed} right commands changed something")
    return crowd.told


class _Crowd:
    """An owner, a viewer, somebody without a key, and somebody who makes commands up."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.rng = Random(seed)
        self.home = Home(directory)
        self.told = Told()
        self.changes = 0
        self.phone, self.owner = self.home.pair("owner")
        self.other, self.viewer = self.home.pair("viewer")
        self.stranger = Phone()
        self.home.allow(self.phone, self.owner, _PAIR)
        self.owner, self.viewer = (
            self.home.sessions.open(one.role, one.key, one.name, 1e12) for one in (self.owner, self.viewer)
        )
        self.keyless = self.home.sessions.open("owner", b"", "a browser", 1e12)
        self.over = self.home.sessions.open("owner", self.phone.key, "over", 0.0)
        self.device = self.home.doorbell.state()["device"]

    async def run(self, count: int, progress: Progress) -> None:
        before = self.flags()
        kinds = (self.unproved, self.shapeless, self.sessionless, self.unpaired, self.signing_in)
        for number in range(count):
            kind = self.rng.choice(kinds)
            self.told.counts[kind.__name__] += 1
            try:
                await kind()
                self.told.failures.append(f"case {number}: {kind.__name__} was obeyed")
            except AgentError as error:
                name = error.reason if isinstance(error, Refused) else type(error).__name__
                self.told.counts[f"answered {name}"] += 1
            except Exception as error:
                self.told.failures.append(f"case {number}: {kind.__name__}: {type(error).__name__}: {error}"[:300])
            if not number % _LOOK or number + 1 == count:
                progress(f"commands: {number:,}")
                for session in (self.owner, self.viewer, self.keyless):
                    self.home.sessions.verify(session)  # with one that is over all of this would show nothing
                after = self.flags()
                self.changes += after != before
                before = after

    def flags(self) -> object:
        """Everything that a command could have widened, narrowed or let in."""
        parts = self.home.parts
        people = [replace(one, counter=0) for one in parts.people.all()]
        details = parts.details.read()
        return self.home.allowed(), self.home.states(), parts.authority.age, people, details, self.home.erased

    # what is wrong with each kind of command

    async def unproved(self) -> None:
        """Something that widens, from a live session, and a proof that is none."""
        action = self.rng.choice(_WIDENING)
        arguments = self.arguments(action)
        if self.rng.random() < 0.3:
            arguments = self.bent(arguments)
        session = self.rng.choice((self.owner, self.owner, self.owner, self.keyless, self.viewer))
        await self.home.desk.do(session, action, arguments, self.proof(action, arguments))

    async def shapeless(self) -> None:
        """Something that narrows, with arguments that are none."""
        action = self.rng.choice((*_NARROWING, "show_code", "delete_upstream", "nothing", ""))
        arguments: Any = {self.rng.choice(("purpose", "x", "key", "", "for")): self.odd()}
        if self.rng.random() < 0.3:
            arguments |= {"recipient": self.odd(), "nothing": 1}
        if self.rng.random() < 0.05:
            arguments = self.odd() or {"": 0}
        await self.home.desk.do(self.rng.choice((self.owner, self.keyless)), action, arguments, None)

    async def sessionless(self) -> None:
        """Anything, from a session that is over or was never made here."""
        action = self.rng.choice((*_WIDENING, *_NARROWING))
        arguments = self.arguments(action)
        forged = Session(*(self.rng.choice((part, self.odd())) for part in list(vars(self.owner).values())[:-1]), b"")
        forged.seal = self.rng.choice((self.owner.seal, b"", self.odd()))
        forged.name = "forged"  # a perfect copy would end the session that it copies
        session: Any = self.rng.choice((self.over, forged, forged, self.odd()))
        await self.home.desk.do(session, action, arguments, self.signed(self.phone, action, arguments))

    async def unpaired(self) -> None:
        """A pairing without the secret and without the code."""
        pairing = self.home.parts.pairing
        if not pairing.state()[0]:
            self.home.device.passed += pairing.state()[1] + 0.01
            pairing.open(Invitation("owner"))
        values: Table = {"name": self.odd()} if self.rng.random() < 0.5 else {}
        how = self.rng.randrange(4)
        if how:
            values[("code", "secret")[how % 2]] = self.rng.choice((self.odd(), "0" * 8, "0" * 32, "x" * 8))
        if self.rng.random() < 0.5:
            values |= {"key": self.stranger.public.hex(), **self.signed(self.stranger, "pair", values)}
            if self.rng.random() < 0.5:
                values[self.rng.choice(("key", "body", "signature"))] = self.odd()
        self.home.doorbell.pair(values)

    async def signing_in(self) -> None:
        """A sign-in with a signature that does not hold, or holds for something else."""
        signed = self.proof("login", {}, of_key=True)
        if not isinstance(signed, dict) or self.rng.random() < 0.1:
            signed = {self.rng.choice(("body", "signature", "x")): self.odd()}
        self.home.doorbell.login(signed)

    # how they are made up

    def odd(self) -> Any:
        value = self.rng.choice(_ODD)
        if self.rng.random() < 0.02:
            for _ in range(self.rng.choice((9, 400, 900, 960, 2000))):
                value = [value]
        return value

    def bent(self, arguments: Table) -> Table:
        """With one part that is gone, new, or another."""
        found = json.loads(json.dumps(arguments))
        row = found
        while self.rng.random() < 0.6:
            inner = [
                part for part in (row.values() if isinstance(row, dict) else row) if isinstance(part, (dict, list))
            ]
            if not inner or not all(inner):
                break
            row = self.rng.choice(inner)
        if isinstance(row, list):
            row.append(self.odd())
        elif row and self.rng.random() < 0.3:
            del row[self.rng.choice(sorted(row))]
        else:
            row[self.rng.choice([*sorted(row), "x"])] = self.odd()
        return found

    def arguments(self, action: str) -> Table:
        """Right ones."""
        pair = self.rng.choice(self.home.parts.catalogue.pairs())
        choices = [self.home.choice(pair, "allow", self.rng.choice((None, 5)))]
        table: dict[str, Table] = {
            "decide": {"choices": choices, "of_age": self.rng.random() < 0.5},
            "invite": {"role": self.rng.choice(("owner", "viewer")), "hours": 0, "case": ""},
            "remove": {"key": self.other.key.hex()},
            "end_service": {"key": self.other.key.hex()},
            "correct": {"name": "another name"},
        }
        plain = {"purpose": pair[0], "recipient": pair[1]}
        table |= {name: plain for name in ("withdraw", "refuse", "later", "object")}
        return table.get(action, {})

    def signed(self, phone: Phone, action: str, arguments: Any, **changes: Any) -> dict[str, str]:
        nonce = self.home.doorbell.state()["nonce"]
        try:
            return phone.proof(self.device, nonce, action, arguments, **changes)
        except (RecursionError, UnicodeEncodeError):  # no browser can write that, either
            return phone.proof(self.device, nonce, action, {}, **changes)

    def proof(self, action: str, arguments: Any, of_key: bool = False) -> Any:
        """A proof that is none. of_key: a signed command in any case."""
        how = self.rng.randrange(4, 12) if of_key else self.rng.randrange(12)
        if how == 0:
            return None
        if how == 1:
            return self.odd() or None
        if how == 2:
            return {"code": self.odd()}
        if how == 3:
            return {"code": f"{self.rng.randrange(10**6):06}"}  # nothing was shown
        if how == 4:
            return self.signed(
                self.rng.choice((self.other, self.stranger)), action, arguments, key=self.phone.key.hex()
            )
        if how == 5:
            return self.signed(self.phone, action, {"of_age": True, "x": [1]})
        if how == 6:
            return self.signed(self.phone, self.rng.choice(("stop", "pair", "", "show_code")), arguments)
        if how == 7:
            return self.signed(
                self.phone, action, arguments, counter=self.rng.choice((0, 1, -5, 1.5, True, "9", 2**60))
            )
        if how == 8:
            return self.signed(self.phone, action, arguments, nonce=self.rng.choice(("", "0" * 32, None, 5, [])))
        if how == 9:
            part = self.rng.choice(("form", "device", "key"))
            return self.signed(self.phone, action, arguments, **{part: self.rng.choice(_ODD[:-3])})
        found: Table = dict(self.signed(self.phone, action, arguments))
        part = self.rng.choice(("body", "signature"))
        text = found[part]
        if how == 10:
            at = self.rng.randrange(len(text))
            found[part] = text[:at] + self.rng.choice('0123456789abcdef[],"\\ u{}:é') + text[at + 1 :]
            if found[part] == text:
                found[part] = text[:-1]
        else:
            found[part] = self.rng.choice((text + " ", text[1:], text.upper(), text[:9], "", self.odd()))
            if found[part] == text:
                found[part] = text[:-1]
        return found

    async def control(self) -> int:
        """How many of the same commands change something when nothing is wrong with them."""
        changed = 0
        await self.home.desk.do(self.owner, "declare_minor", {}, None)
        for action in CONTROL:
            before = self.flags(), self.home.parts.pairing.state()
            arguments = self.arguments(action)
            proof = self.signed(self.phone, action, arguments) if action in _WIDENING else None
            await self.home.desk.do(self.owner, action, arguments, proof)
            changed += (self.flags(), self.home.parts.pairing.state()) != before
        return changed
