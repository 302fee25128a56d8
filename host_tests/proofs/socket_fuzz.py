"""Damaged lines on the makers' socket: each is answered once, none changes anything, none reaches a log or stops it."""

import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable

from firmware_agent.owner.socket.lines import LINE
from host_tests.fakes_panel import policy_hash
from host_tests.fakes_socket import Rig, ShowingDesk

_PAIR = {"purpose": "snapshot", "recipient": "lightmake"}
_GRANT = {"choices": [{**_PAIR, "choice": "allow", "policy": policy_hash("snapshot"), "hours": None}], "of_age": True}
# What the damage begins with: readings, and actions that change nothing without a proof. None of them has one.
_SEEDS: list[tuple[str, dict, dict | None]] = [
    ("home", {}, None),
    ("timeline", {"before": None, "count": 50}, None),
    ("payload", {"ident": "00" * 16}, None),
    ("receipt", {"sequence": 1}, None),
    ("policy", {"hash": policy_hash("snapshot")}, None),
    ("nonce", {}, None),
    ("screen", {}, None),
    ("decide", _GRANT, None),
    ("decide", _GRANT, {"code": "000000"}),
    ("decide", _GRANT, {"body": json.dumps(["firmware_agent command 1"]), "signature": "00" * 64}),
    ("declare_of_age", {}, None),
    ("invite", {"role": "owner", "name": "x", "hours": 1, "case": ""}, None),
    ("remove", {"key": "00" * 8}, {"code": ""}),
    ("erase", {}, None),
]
_PIECES = (
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"null", b"-", b"\xff"),
    *(b"\\u0000", b"\\ud800", b"1e999", b"NaN"),
)
_AT_ONCE = 40


class Strict(ShowingDesk):
    """Asks a proof for whatever is decided: damage may turn a grant into a refusal, which needs none."""

    async def do(self, session, action, arguments, proof):
        if action == "decide":
            self._prove(session, action, arguments, proof)
        return await super().do(session, action, arguments, proof)


def damaged(chance: random.Random) -> bytes:
    """One line without a newline, at most as long as a line may be."""
    do, arguments, proof = chance.choice(_SEEDS)
    asked = {"v": 1, "id": chance.randrange(1000), "do": do, "arguments": arguments, "proof": proof}
    way = chance.randrange(8)
    if way == 0:
        asked[chance.choice(list(asked))] = _value(chance, 3)
    elif way == 1:
        del asked[chance.choice(list(asked))]
    elif way == 2:
        asked["arguments"] = {**arguments, chance.choice([*arguments, "x"]): _value(chance, 3)}
    elif way == 3:
        asked["do"] = chance.choice(["", do + "x", do.upper(), "__class__", "changes", "do", "x" * 300])
    elif way == 4:
        asked["proof"] = _value(chance, 3)
    line = bytearray(json.dumps(asked, separators=(",", ":")).encode())
    if way >= 5:
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(line) + 1)
            line[at : at + chance.choice((0, 1, 1, 5, 40))] = chance.choice([*_PIECES, chance.randbytes(3), line[:40]])
    return bytes(line).replace(b"\n", b" ")[:LINE]


def _value(chance: random.Random, depth: int) -> object:
    kind = chance.randrange(9 if depth else 7)
    if kind == 7:
        return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 8:
        return {chance.choice("abcdef"): _value(chance, depth - 1) for _ in range(chance.randrange(4))}
    return (None, True, -1, 2**70, 1.5, "x" * chance.randrange(50), "\ud800")[kind]


def fuzz(count: int, seed: int, progress: Callable[[str], None] = lambda line: None) -> dict:
    """counts: how many lines had which answer. failures: what was not as promised. seconds: how long it took."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        counts, failures = asyncio.run(_run(directory, count, random.Random(seed), progress))
    return {"counts": dict(counts), "failures": failures, "seconds": round(time.monotonic() - begun, 1), "seed": seed}


async def _run(directory: str, count: int, chance: random.Random, progress: Callable[[str], None]) -> tuple:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    async with Rig(directory, desk=Strict) as rig:
        before = rig.desk.home(rig.gate.open("owner", b"", "test", 1e9))["purposes"]
        peer = await rig.connect()
        while counts["lines"] < count:
            lines = [damaged(chance) for _ in range(min(_AT_ONCE, count - counts["lines"]))]
            for line in lines:
                peer.send(line)
            for line in lines:
                found = await asyncio.wait_for(peer.read(), 60)
                counts["lines"] += 1
                if found is None or found.get("v") != 1 or len({"ok", "error"} & set(found)) != 1:
                    failures.append(f"no answer: {line!r}")
                    peer = await rig.connect()
                    break
                counts["ok" if "ok" in found else found["error"]] += 1
                if found.get("text", "").startswith("the agent could not do it"):
                    failures.append(f"a fault: {line!r}")
            if rig.desk.done:
                failures.append(f"something was done: {rig.desk.done.pop()[0]}")
            progress(f"socket: {counts['lines']} of {count}")
        # The same peer, with a request that does change something: what was looked at above can show a change.
        if "ok" not in (await peer.ask("later", **_PAIR) or {}) or not rig.desk.done:
            failures.append("the socket does not work any more")
        after = rig.desk.home(rig.gate.open("owner", b"", "test", 60))["purposes"]
        if [row["purpose"] for row in after if row not in before] != ["snapshot"]:
            failures.append("the control did not show")
    return counts, failures
