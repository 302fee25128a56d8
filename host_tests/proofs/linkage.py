"""Two purposes or two epochs of 10,000 simulated printers: nobody tells one printer's messages from another's (L11).

Asserted of all that is no declared value. What the declared values themselves give away is measured beside it, on
printers with habits that are made up, and not asserted: that is what the owner agrees to.
"""

import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from host_tests.proofs import attackers
from host_tests.proofs.fleet import (
    DAY,
    HISTORY,
    MIDNIGHT,
    STATUS,
    VERSIONS,
    Broken,
    NamedIdents,
    OneEpoch,
    OnePurpose,
    Printer,
    Seen,
    Unkeyed,
    both,
)

PRINTERS = 10_000
LIMIT = 0.51
SEED = 11
SCENES = ("two epochs", "two purposes")
_HABITS = ("firmware_version", "error_code", "nozzle_target", "bed_target")
_IDS = {"state": 1, "nozzle_target": 4, "bed_target": 6, "job_start": 8, "firmware_version": 32, "error_code": 33}

Pair = tuple[list[Seen], list[Seen]]
Auc = attackers.Auc


def prove(progress: Callable[[str], object] = lambda line: None, printers: int = PRINTERS) -> dict[str, Any]:
    """Every attacker on both scenes, the controls, and what the values give away."""
    begun = time.monotonic()
    results: dict[str, dict[str, Any]] = {}
    failures = []
    counts: Counter[str] = Counter(printers=printers)
    for scene, pair in scenes(printers).items():
        progress(scene)
        results[scene] = {}
        for name, auc in attacked(pair).items():
            results[scene][name] = auc.row()
            counts["attackers"] += 1
            if auc.advantage > allowed(printers):
                failures.append(f"{scene}: {name}: an attacker's AUC is {auc.advantage:.4f}")
    noticed = {}
    for name, control in CONTROLS.items():
        progress(name)
        noticed[name] = control(printers).row()
        counts["controls"] += 1
        if noticed[name]["auc"] <= LIMIT + 0.05:
            failures.append(f"control: {name}: nobody noticed")
    progress("values")
    return {
        "counts": dict(counts),
        "limit": allowed(printers),
        "attackers": results,
        "controls": noticed,
        "values": values(printers),
        "failures": failures,
        "seconds": round(time.monotonic() - begun, 1),
        "seed": SEED,
    }


def allowed(printers: int) -> float:
    """0.51; of fewer printers more, for a guess scatters: five standard deviations."""
    return max(LIMIT, 0.5 + 5 * (1 / (12 * printers)) ** 0.5) if printers < PRINTERS else LIMIT


def scenes(printers: int, broken: "type[Broken] | None" = None, fresh: bool = True) -> dict[str, Pair]:
    """The messages that an attacker has: printer by printer, left and right of the same one."""
    catalogue, left, epochs, purposes = both(), [], [], []
    for number in range(printers):
        one = Printer(catalogue, number, f"{SEED}", broken)
        day = one.begins(fresh)
        left.append(one.send(STATUS, MIDNIGHT + 60, one.alike(STATUS), one.rhythm))
        purposes.append(one.send(HISTORY, MIDNIGHT + 90, one.alike(HISTORY), one.chance.uniform(0, DAY)))
        epochs.append(one.send(STATUS, MIDNIGHT + DAY + 60, one.alike(STATUS), day))
    return dict(zip(SCENES, ((left, epochs), (left, purposes)), strict=True))


def attacked(pair: Pair) -> "dict[str, Auc]":
    """attacker -> how well it does."""
    left, right = pair
    parts: dict[str, tuple[list[bytes], list[bytes]]] = {
        "pseudonyms": ([one.pseudonym for one in left], [one.pseudonym for one in right]),
        "idents": ([one.ident for one in left], [one.ident for one in right]),
        "pseudonym and ident": ([one.pseudonym for one in left], [one.ident for one in right]),
        "client ids": ([one.client for one in left], [one.client for one in right]),
    }
    found = {}
    for part, (here, there) in parts.items():
        for how in (attackers.equal, attackers.hamming, attackers.prefix):
            found[f"{part}, {how.__name__}"] = attackers.judged(here, there, how, Random(SEED))
        found[f"{part}, learned"] = attackers.learned(here, there, Random(SEED))
    kinds: dict[str, tuple[Callable[[Seen], Any], Callable[[Any, Any], float]]] = {
        "sizes": (lambda seen: seen.size, attackers.near),
        "topics": (lambda seen: seen.topic, attackers.equal),
        "order of fields": (lambda seen: [list(one) == sorted(one) for one in seen.order], attackers.equal),
        "moments": (lambda seen: seen.arrived, attackers.near),
    }
    for part, (what, score) in kinds.items():
        found[part] = attackers.judged([what(one) for one in left], [what(one) for one in right], score, Random(SEED))
    places = [_places([one.arrived for one in side]) for side in pair]
    found["order of arrival"] = attackers.judged(places[0], places[1], attackers.near, Random(SEED))
    return found


def _places(moments: list[float]) -> list[int]:
    """Of each its place when they are sorted."""
    places = [0] * len(moments)
    for place, at in enumerate(sorted(range(len(moments)), key=moments.__getitem__)):
        places[at] = place
    return places


# --- controls: a defect, and the attacker that must notice it


def _by(broken: "type[Broken]", scene: str, name: str) -> Callable[[int], Auc]:
    return lambda printers: attacked(scenes(printers, broken)[scene])[name]


def _rhythm(printers: int) -> Auc:
    return attacked(scenes(printers, fresh=False)["two epochs"])["order of arrival"]


def _linear(printers: int) -> Auc:
    """Numbers whose bits are a secret's in another order: what only somebody who learns can see."""
    chance = Random(SEED)
    order = chance.sample(range(128), 128)
    secrets = [chance.getrandbits(128) for _ in range(printers)]
    mixed = [sum((secret >> bit & 1) << at for at, bit in enumerate(order)) for secret in secrets]
    left, right = ([one.to_bytes(16) for one in side] for side in (secrets, mixed))
    assert attackers.judged(left, right, attackers.hamming, Random(SEED)).advantage < 0.6
    return attackers.learned(left, right, Random(SEED))


CONTROLS: dict[str, Callable[[int], Auc]] = {
    "a hash without a key": _by(Unkeyed, "two epochs", "pseudonyms, equal"),
    "a hash without a key, two purposes": _by(Unkeyed, "two purposes", "pseudonyms, equal"),
    "one secret for two purposes": _by(OnePurpose, "two purposes", "pseudonyms, equal"),
    "the epoch left out": _by(OneEpoch, "two epochs", "pseudonyms, equal"),
    "idents that begin with something of the printer": _by(NamedIdents, "two purposes", "idents, prefix"),
    "numbers that are a secret's bits in another order": _linear,
    "a rhythm that goes on over midnight": _rhythm,
}


# --- what the declared values give away


def values(printers: int) -> dict[str, Any]:
    """field -> AUC of who compares only that.

    The printers have made-up habits: versions by popularity, favourite temperatures, a fault that comes back, a job.
    """
    catalogue, days, jobs = both(), ([], []), []
    for number in range(printers):
        one = Printer(catalogue, number, f"{SEED} habits")
        pick = one.chance
        habit = {
            "firmware_version": VERSIONS[min(int(pick.expovariate(0.35)), len(VERSIONS) - 1)],
            "error_code": pick.randrange(100, 140),
            "nozzle_target": pick.choice((200, 205, 210, 215, 230, 240, 250, 260)),
            "bed_target": pick.choice((50, 55, 60, 70, 80, 90, 100)),
        }
        start = MIDNIGHT + pick.randrange(DAY // 2)
        for day in (0, 1):
            usual = {name: habit[name] for name in _HABITS if name != "error_code" or pick.random() < 0.5}
            if pick.random() < 0.3:  # another material today
                usual.update(nozzle_target=pick.choice((200, 220, 245)), bed_target=pick.choice((55, 65, 85)))
            record = {"state": "printing", "progress": 0, **usual}
            days[day].append(one.send(STATUS, MIDNIGHT + day * DAY + 60, [record], float(start + pick.uniform(0, 10))))
        job = {"job_start": start, "job_finish": start + 600, "job_material": pick.randrange(99999)}
        jobs.append(one.send(HISTORY, MIDNIGHT + 90, [job], float(start + 601)))
    found: dict[str, Any] = {}
    for name in _HABITS:
        sides = [[seen.events[0].get(_IDS[name]) for seen in side] for side in days]
        found[f"{name}, two epochs"] = attackers.judged(*sides, _known, Random(SEED)).row()
    tuples = [[tuple(seen.events[0].get(_IDS[name]) for name in _HABITS) for seen in side] for side in days]
    found["all of them, two epochs"] = attackers.judged(*tuples, _alike, Random(SEED)).row()
    began = [seen.arrived for seen in days[0]]
    told = [float(seen.events[0][_IDS["job_start"]]) for seen in jobs]
    found["job_start, against when it began to print, two purposes"] = attackers.judged(
        began, told, attackers.near, Random(SEED)
    ).row()
    return found


def _known(one: Any, two: Any) -> float:
    return 0.5 if one is None or two is None else float(one == two)


def _alike(one: tuple[Any, ...], two: tuple[Any, ...]) -> float:
    return sum(_known(here, there) for here, there in zip(one, two, strict=True))
