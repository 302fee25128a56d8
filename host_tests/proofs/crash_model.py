"""Power cuts on the model of a medium: inside any write, and any subset of what was not synced is there after it."""

import random
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from host_tests.fakes import Dice, PowerCut
from host_tests.proofs.crash_book import Book
from host_tests.proofs.crash_child import Device
from host_tests.proofs.crash_restart import RUN, restart
from host_tests.rigs.power import SectorDisk

_LIFE = 10  # cuts of one device; then a new one, for its ledger grows
_ROOM = 8192  # bytes of a ring
_STATES = 4  # that are looked at after each cut


def power_cuts(
    cuts: int, seed: int = 1, honest: bool = True, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """`cuts` modelled power cuts, each inside a write; several states that it may leave are started."""
    dice = random.Random(f"cuts {seed}")
    total, failures = Counter[str](), []
    cut = 0
    while cut < cuts:
        medium, book = SectorDisk(honest=honest), Book()
        for _ in range(_LIFE):
            progress(f"modelled power cut {cut + 1} of {cuts}")
            _run(book, medium, dice, seed, cut * RUN)
            book.crash()
            total["modelled cuts"] += 1
            states = list(medium.snapshots(Dice(dice.randrange(1 << 20)), _STATES - 2))
            before = len(failures)
            for number, files in enumerate(states):
                other = book.copy()
                restart(other, SectorDisk(files), seed, cut * RUN + RUN // 2)
                total["states started after modelled cuts"] += 1
                total["committed events lost"] += other.counts["committed events lost"]
                failures += [f"modelled cut {cut}, state {number}: {what}" for what in other.failures]
            cut += 1
            if len(failures) > before or cut == cuts:
                break
            medium = SectorDisk(dice.choice(states), honest)
        failures += [f"modelled cut {cut}: {what}" for what in book.failures]
        total.update({f"modelled: {name}": count for name, count in book.counts.items()})
    return {"counts": dict(total), "failures": failures}


def _run(book: Book, medium: SectorDisk, dice: random.Random, seed: int, first: int) -> None:
    """One run on the model until its power fails inside a write."""
    answers: list[int] = []

    def say(what: list[Any]) -> None:
        book.hear(what)
        if what[0] == "publish" and dice.random() < 0.9:
            book.took(what[2], what[3])
            answers.extend([what[1]] * (dice.random() < 0.9))

    medium.cut_after_writes = dice.randrange(1 if first else 40, 120)
    try:
        device = Device(medium, say, seed, first, dice.randbytes, _ROOM)
        device.start()
        while True:
            device.step()
            due = []
            if dice.random() < 0.9:  # else it is late
                due, answers[:] = answers[:], []
            device.link.poll(due)
    except PowerCut:
        return
    except Exception:
        book.hear(["failed", traceback.format_exc()[-2000:]])
