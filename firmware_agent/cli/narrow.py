"""A decision that narrows, and all that follows: stored first, then what waits is destroyed, then the link is cut.

A part that fails stops no other: what waits is destroyed even if the decision cannot be stored.
"""

import time
from typing import Any

from firmware_agent.cli import words
from firmware_agent.cli.build import Parts
from firmware_agent.egress.ledger import Broken, Ledger, entries
from firmware_agent.errors import LedgerError, StorageError
from firmware_agent.model import AGE, ConsentRecord, Permit
from firmware_agent.sessions import Actor

PATIENCE = 3.0  # s to wait for the running agent: it looks every quarter of a second
_LOOK = 0.05  # s between two looks at the ledger

Pair = tuple[str, str]  # purpose, recipient


def given(made: Parts) -> list[Pair]:
    """All that is, or may be, allowed."""
    stored = {(one.purpose, one.recipient) for one in made.consents.records()} - {AGE}  # of older policies as well
    return [pair for pair in sorted(stored | set(made.catalogue.pairs())) if made.consents.may_be_given(*pair)]


def narrow(made: Parts, pairs: list[Pair], state: str, word: str) -> int:
    """Store `state` for all pairs, destroy what waits, record it, and say how it stands; 1 if a part of it failed."""
    if not pairs:
        return 0
    verdicts = {pair: made.gate.decide(*pair) for pair in pairs}
    held = {pair: verdict.consent for pair, verdict in verdicts.items() if isinstance(verdict, Permit)}
    sealed = {pair: _sealed(made, pair) for pair in pairs}  # before: a running agent may be faster than what follows
    records: list[ConsentRecord] = []
    unstored: list[tuple[Pair, StorageError]] = []
    for pair in pairs:  # all of them, before anything else can fail
        try:
            records.append(_put(made, pair, state))
        except StorageError as error:
            unstored.append((pair, error))
    failed = [pair for pair, _ in unstored]
    for purpose, recipient in pairs:
        if (purpose, recipient) not in failed:
            print(words.wrap(f"{word}: {purpose} -> {recipient}. Nothing of it leaves from now on."), flush=True)
    code = 1 if unstored else 0
    destroyed: dict[Pair, tuple[int, bool]] = {}  # events, whether there was a key
    for pair in pairs:
        try:
            destroyed[pair] = made.vault(*pair).shred(), sealed[pair]
        except StorageError as error:
            print(words.wrap(f"{pair[0]} -> {pair[1]}: what waits could not all be destroyed: {error}"))
            code = 1
    for pair, fault in unstored:
        print(words.wrap(_not_stored(pair, pair in destroyed, fault)), flush=True)
    try:
        later: list[dict[str, Any]] = []
        ledger = made.ledger(later.append)
        for record in records:
            ledger.decided(record)
        for pair, (count, _) in destroyed.items():
            if count:
                ledger.purged(*pair, count)
    except (LedgerError, StorageError) as error:
        if records:
            print(words.wrap(f"The decision holds, but it could not be recorded: {error}"))
        else:
            print(words.wrap(f"What was destroyed could not be recorded: {error}"))
        return 1
    linked = {consent for pair, consent in held.items() if pair[1] in made.config.uplinks and pair not in failed}
    runs = made.device.storage.claimed()
    cuts = _cuts(made, ledger, later, linked) if runs and linked else {}
    for pair, (count, had) in destroyed.items():
        consent = held.get(pair, b"")
        count += cuts.get(consent, 0)
        if had or consent:
            done = [f"{count:,} waiting event{'' if count == 1 else 's'} destroyed" if count else "no event waited"]
            done += ["key overwritten"] if had else []
            done += ["link cut"] if consent in cuts else [] if runs else ["no agent runs"]
            print(words.wrap(f"{pair[0]} -> {pair[1]}: {', '.join(done)}."))
    if runs and made.device.storage.claimed() and not linked <= set(cuts):
        code = 1
        text = (
            f"An agent runs and has not told within {PATIENCE:.0f} seconds that its link is cut. It asks before each "
        )
        print(words.wrap(text + "message, so no other begins to leave; see what it does, or stop it."))
    return code


def _sealed(made: Parts, pair: Pair) -> bool:
    """Whether there is a key now."""
    try:
        return made.vault(*pair).sealed()
    except StorageError:
        return False


def _not_stored(pair: Pair, destroyed: bool, error: StorageError) -> str:
    text = f"NOT STORED: the decision on {pair[0]} -> {pair[1]} could not be written: {error}. "
    text += "What waited of it is destroyed. " if destroyed else ""
    text += "If it was allowed it still is, and new events can leave: stop the agent (its service), make room, then "
    return text + "decide again."


def _put(made: Parts, pair: Pair, state: str) -> ConsentRecord:
    return made.authority.narrow(*pair, state, Actor("owner", "command_line"), made.clock.now())


def _cuts(made: Parts, ledger: Ledger, later: list[dict[str, Any]], consents: set[bytes]) -> dict[bytes, int]:
    """consent -> events that the running agent still destroyed, for each whose link it has cut; waits for that."""
    end = time.monotonic() + PATIENCE
    found = _counts(_history(made), consents)  # it may have been faster than our reading of the ledger
    while True:
        found.update(_counts(later, consents))
        if len(found) == len(consents) or time.monotonic() > end or not made.device.storage.claimed():
            return found
        time.sleep(_LOOK)
        ledger.refresh()


def _history(made: Parts) -> list[dict[str, Any]]:
    try:
        with made.device.storage.lock():
            return [row for row, _, _ in entries(made.device.storage) if row["event"] == "cut"]
    except Broken:
        return []  # verified a moment ago: what changed since is what `refresh` reads


def _counts(rows: list[dict[str, Any]], consents: set[bytes]) -> dict[bytes, int]:
    return {row["consent"]: row["count"] for row in rows if row["event"] == "cut" and row["consent"] in consents}
