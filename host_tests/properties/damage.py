"""Every single damage that a consent store can suffer, tried out; used with full counts by tools/prove."""

import time
from collections import Counter

from firmware_agent.model import GIVEN, REFUSED, WITHDRAWN
from host_tests.fakes import Dice, MemoryStorage, PowerCut, World

FILES = ("consent.0", "consent.1", "floor.0", "floor.1")
PURPOSES = ("improvement_program", "print_history", "snapshot")


def prove(histories, progress=lambda line: None):
    """All 255 wrong values of every byte, every file gone or cut, every older copy, every power cut: never wider."""
    begun, counts, failures = time.monotonic(), Counter(), []
    for seed in range(histories):
        progress(f"history {seed + 1} of {histories}, {sum(counts.values())} damages tried")
        dice = Dice(seed + 100)
        world = World()
        world.storage.history = []
        for _ in range(2 + seed % 9):
            world.decide(dice.pick(PURPOSES), dice.pick((GIVEN[0], GIVEN[0], WITHDRAWN, REFUSED)))
        for kind, files, most in _damages(world, dice):
            found = World(storage=MemoryStorage(files)).allowed()
            counts[kind] += 1
            counts["narrowed"] += found != world.allowed()
            if not found <= most:
                failures.append(f"history {seed}: {kind}: {sorted(found)} where at most {sorted(most)}")
    return {"counts": dict(counts), "failures": failures, "seconds": round(time.monotonic() - begun)}


def _damages(world, dice):
    """(kind, the files after it, what may be allowed at most)."""
    whole, allowed = dict(world.storage.files), world.allowed()
    for name in FILES:
        data = whole.get(name, b"")
        for place in range(len(data)):
            for flip in range(1, 256):
                damaged = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
                yield "bytes", {**whole, name: damaged}, allowed
            yield "cut files", {**whole, name: data[:place]}, allowed
        if data:
            yield "missing files", {other: whole[other] for other in whole if other != name}, allowed
    for name, data in world.storage.history:
        yield "older copies", {**whole, name: data}, allowed
    purpose, state = dice.pick(PURPOSES), dice.pick((GIVEN[0], WITHDRAWN))
    most = allowed | {purpose} if state in GIVEN else allowed
    for at in range(4000):
        torn = World(storage=MemoryStorage(whole))
        torn.storage.cut_after = at
        try:
            torn.decide(purpose, state)
            return
        except PowerCut:
            yield "power cuts", torn.storage.files, most
