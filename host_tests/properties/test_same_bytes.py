"""Nothing but what is declared and permitted leaves, for generated profiles, records and consents, and both runtimes
write the same bytes.

`tools/prove records` runs the same with full counts.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_agent import cbor
from firmware_agent.errors import FormatError
from host_tests.board import replay
from host_tests.properties import generate
from host_tests.properties.oracle import complaints, consent_holds
from host_tests.rigs import board

SEED = 20261101
CASES = 12_000  # generated on CPython; tools/prove runs more
REPLAYED = 2_500  # of these, on MicroPython
EXAMPLES = 1_500  # a property of the encoding
A_GROUP = 250  # cases of one profile; every group has a profile of its own
A_RUN = 2_500  # cases of one start of MicroPython
LARGEST = 4_000  # characters of one value: its JSON has to fit beside it in the board's heap

exhaustive = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def groups(seed: int, count: int) -> "Any":
    """Yield (profile, its cases) until there are `count` cases; the same for the same seed."""
    for number in range(0, count, A_GROUP):
        rng = Random(f"{seed}/{number}")
        now = generate.profile(rng) if number else generate.Profile(generate.every_transform())
        before = generate.changed(rng, now)
        yield now, [generate.case(rng, now, before) for _ in range(min(A_GROUP, count - number))]


def encodings(seed: int, count: int) -> list[dict[str, Any]]:
    """Vectors of the encoding alone: values to encode, and bytes to decode, half of them nearly right."""
    rng = Random(f"{seed}/encodings")
    out: list[dict[str, Any]] = []
    for _ in range(count):
        spec = _spec(rng, 0)
        while len(json.dumps(spec)) > LARGEST:
            spec = _spec(rng, 0)
        if rng.random() < 0.4:
            out.append({"encode": spec})
            continue
        try:
            data = cbor.encode(replay.value(spec))
        except FormatError:
            data = rng.randbytes(rng.randint(0, 12))
        out.append({"decode": mutated(rng, data).hex() if rng.random() < 0.8 else data.hex()})
    return out


def _spec(rng: Random, depth: int) -> generate.Spec:
    kind = rng.random()
    if depth < 9 and kind < 0.25:
        return ["list", [_spec(rng, depth + 1) for _ in range(rng.randint(0, 4))]]
    if depth < 9 and kind < 0.45:
        length = rng.choice((2, 2, 23, 24, 25, 255, 256, 300))
        names = [rng.choice("ab\u00fc\u540d") * rng.randint(0, length) for _ in range(rng.randint(0, 4))]
        return ["map", [[name, _spec(rng, depth + 1)] for name in dict.fromkeys(names)]]
    if kind < 0.75:
        edge = rng.choice((0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53, 2**64 - 1, 2**64))
        return ["int", rng.choice((-1, 1)) * max(0, edge + rng.choice((-1, 0, 0, 1)))]
    if kind < 0.9:
        text = rng.choice(("", "a", "\u00e4" * 12, "\U0001f5a8", "x" * 255, "y" * 256))
        return rng.choice((["text", text], ["bytes", text.encode().hex()], ["bytearray", text.encode().hex()]))
    return rng.choice((["true"], ["false"], ["none"], ["lone"], ["nan"], ["object"], ["float", 1, 2]))


def mutated(rng: Random, data: bytes) -> bytes:
    """`data` after one to three small edits."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(out))
        kind = rng.randint(0, 3)
        if kind == 0:
            out.insert(at, rng.choice((0x00, 0x18, 0x40, 0x5F, 0x60, 0x80, 0xA1, 0xF4, 0xF6, 0xF7, 0xFF)))
        elif at < len(out):
            if kind == 1:
                del out[at]
            elif kind == 2:
                out[at] ^= 1 << rng.randint(0, 7)
            else:
                out[at] = rng.randint(0, 255)
    return bytes(out)


class Board:
    """Real MicroPython: writes vectors to its flash and gives back its line for each."""

    def __init__(self, directory: Path) -> None:
        self._flash = board.build(directory)

    def outcomes(self, profiles: "list[tuple[bytes | None, list[dict[str, Any]]]]") -> list[str]:
        """One line for each vector of each (compiled profile, vectors)."""
        with open(self._flash / "vectors.jsonl", "w", encoding="utf-8") as file:
            for number, (compiled, vectors) in enumerate(profiles):
                if compiled is not None:
                    (self._flash / f"generated-{number}.cbor").write_bytes(compiled)
                    print(json.dumps({"profile": f"generated-{number}.cbor"}), file=file)
                for vector in vectors:
                    print(json.dumps(vector, ensure_ascii=False), file=file)
        done = board.run(self._flash, "vectors.jsonl", script="replay")
        if done.returncode:
            raise RuntimeError(f"MicroPython stopped: {done.stderr[-2000:]}")
        return done.stdout.splitlines()


def differences(wanted: list[str], found: list[str]) -> list[int]:
    """The places where two runtimes disagree; a line too few or too many is a difference, too."""
    length = max(len(wanted), len(found))
    return [at for at in range(length) if wanted[at : at + 1] != found[at : at + 1]]


def prove(
    board_of_ours: Board,
    cases: int = CASES,
    replayed: int = REPLAYED,
    seed: int = SEED,
    progress: "Callable[[str], None]" = lambda line: None,
) -> dict[str, Any]:
    """Run it all; counts, seconds and failures (none when everything holds)."""
    started = time.monotonic()
    counts: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    waiting: list[tuple[bytes | None, list[dict[str, Any]], list[str]]] = []

    def replay_waiting() -> None:
        profiles = [(compiled, vectors) for compiled, vectors, _ in waiting]
        wanted = [line for _, _, lines in waiting for line in lines]
        found = board_of_ours.outcomes(profiles)
        vectors = [vector for _, vectors, _ in waiting for vector in vectors]
        for at in differences(wanted, found):
            what = {"cpython": "".join(wanted[at : at + 1]), "micropython": "".join(found[at : at + 1])}
            failures.append({"complaints": ["the runtimes disagree"], "vector": vectors[at : at + 1], **what})
        waiting.clear()

    every = max(1, cases // max(replayed, 1))  # of these groups, one goes to the board
    for number, (now, made) in enumerate(groups(seed, cases)):
        lines = []
        for case in made:
            line = replay.outcome(now.catalogue, case.vector)
            lines.append(line)
            counts["cases"] += 1
            counts[line.split(" ")[0]] += 1
            counts["consent_holds"] += consent_holds(case)
            wrong = complaints(case, line)
            if wrong:
                failures.append({"complaints": wrong, "vector": case.vector, "cpython": line})
        if number % every == 0:
            policies = [{"policy": list(pair)} for pair in now.catalogue.pairs()]
            lines += [replay.outcome(now.catalogue, vector) for vector in policies]
            counts["replayed"] += len(made)
            waiting.append((now.compiled, [case.vector for case in made] + policies, lines))
        if sum(len(lines) for _, _, lines in waiting) >= A_RUN:
            replay_waiting()
        progress(f"{counts['cases']} of {cases} cases, {counts['replayed']} replayed, {len(failures)} failures")
    if waiting:
        replay_waiting()
    coded = encodings(seed, replayed)
    lines = [replay.outcome(None, vector) for vector in coded]
    counts["encodings"] = len(coded)
    counts["encodings_accepted"] = len([line for line in lines if line != "refused"])
    waiting.append((None, coded, lines))
    replay_waiting()
    return {"seed": seed, "counts": dict(counts), "seconds": round(time.monotonic() - started, 1), "failures": failures}


@pytest.fixture(scope="module")
def micropython(tmp_path_factory):
    return Board(tmp_path_factory.mktemp("flash"))


@pytest.mark.clause("L1", "L2", "L3", "L6", "L8", "L19", "L21", "C1", "C2", "P5", "P10")
@pytest.mark.attack(13)
def test_ok__only_what_is_declared_and_permitted_leaves_in_the_same_bytes_on_both_runtimes(micropython):
    result = prove(micropython)
    counts = result["counts"]
    assert not result["failures"], (len(result["failures"]), result["failures"][:3])
    assert counts["cases"] == CASES and counts["replayed"] >= REPLAYED
    assert min(counts["release"], counts["refused"]) > CASES / 5, counts
    assert counts["encodings"] / 5 < counts["encodings_accepted"] < counts["encodings"], counts


def test_fail__an_altered_vector_is_a_difference(micropython):
    """The control: one value changed on its way to the board shows as exactly this case."""
    now, made = next(groups(SEED, A_GROUP))
    vectors = [json.loads(json.dumps(case.vector)) for case in made]
    wanted = [replay.outcome(now.catalogue, vector) for vector in vectors]
    altered = next(at for at, line in enumerate(wanted) if line.startswith("release"))
    vectors[altered]["ident"] = bytes(16).hex()
    assert differences(wanted, micropython.outcomes([(now.compiled, vectors)])) == [altered]
    assert differences(["a", "b"], ["a"]) == [1] and differences(["a"], ["a", "b"]) == [1]


def test_fail__the_oracle_sees_what_a_broken_gate_would_do():
    """The control: of payloads that a gate must not make, each is complained about."""
    now, made = next(groups(SEED, A_GROUP))
    seen: Counter[str] = Counter()
    for case in made:
        line = replay.outcome(now.catalogue, case.vector)
        assert complaints(case, line) == []
        if not line.startswith("release"):
            if not consent_holds(case):
                empty = cbor2.dumps([2, bytes.fromhex(case.vector["ident"]), case.vector["purpose"], [[]]])
                assert "released although it may not be" in complaints(case, "release " + empty.hex())
                seen["without consent"] += 1
            continue
        sent = bytes.fromhex(line.split(" ")[1])
        version, ident, purpose, (pairs,) = cbor2.loads(sent)
        assert complaints(case, "refused consent_missing 0 0")
        for what, broken in (
            ("an undeclared field", [version, ident, purpose, [[*pairs, [8, 1]]]]),
            ("the canary", [version, ident, purpose, [[*pairs[:-1], [pairs[-1][0], generate.CANARY]]]]),
            ("a changed value", [version, ident, purpose, [[*pairs[:-1], [pairs[-1][0], 12345]]]]),
            ("a field that is left out", [version, ident, purpose, [pairs[:-1]]]),
            ("a field twice", [version, ident, purpose, [[pairs[0], *pairs]]]),
            ("another purpose", [version, ident, "advertising", [pairs]]),
            ("an added part", [version, ident, purpose, [pairs], 1]),
            ("another ident", [version, ident + b"x", purpose, [pairs]]),
            ("a bool in place of a number", [version, ident, purpose, [[[number, None] for number, _ in pairs]]]),
        ):
            assert complaints(case, "release " + cbor2.dumps(broken, canonical=True).hex()), what
            seen[what] += 1
        longer = sent.replace(b"\x84\x02\x50", b"\x84\x18\x02\x50", 1)
        assert "the payload is not in its canonical form" in complaints(case, "release " + longer.hex())
    assert len(seen) == 10 and min(seen.values()) > 10, seen


# --- the encoding against an independent one

numbers = st.integers(-(2**64), 2**64 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("ab\u00e9", min_size=22, max_size=300)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.binary(max_size=300) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=12,
)


def depth(value: Any) -> int:
    """How many levels are below the first."""
    if isinstance(value, (list, dict)):
        inner = list(value.values()) + list(value) if isinstance(value, dict) else value
        return 1 + max(map(depth, inner), default=-1)
    return 0


def ours(value: Any) -> bool:
    """Whether `value` is of the subset that our encoding has."""
    if value is None or type(value) in (bool, bytes, str):
        return True
    if type(value) is int:
        return -(2**64) <= value < 2**64
    if type(value) is list:
        return all(map(ours, value))
    return type(value) is dict and all(type(key) is str and ours(item) for key, item in value.items())


def check_decoder(data: bytes) -> bool:
    """Whether we accept `data`, which must be exactly if cbor2 reads a value of our subset and writes `data` again."""
    try:
        found = cbor2.loads(data)
        canonical = ours(found) and depth(found) <= cbor.MAX_DEPTH and cbor2.dumps(found, canonical=True) == data
    except Exception:  # whatever cbor2 raises on hostile bytes: it did not accept them
        canonical = False
    try:
        value = cbor.decode(data)
    except FormatError:
        assert not canonical, f"refused although it is canonical: {data.hex()}"
        return False
    assert cbor.encode(value) == data, f"accepted, but not what we write: {data.hex()}"
    assert canonical, f"accepted although cbor2 does not write it: {data.hex()}"
    return True


@exhaustive
@given(values)
def test_ok__same_bytes_as_cbor2_canonical(value):
    if depth(value) > cbor.MAX_DEPTH:
        with pytest.raises(FormatError):
            cbor.encode(value)
        return
    data = cbor.encode(value)
    assert data == cbor2.dumps(value, canonical=True)
    back = cbor.decode(data)
    assert back == value and cbor2.loads(data) == value


@exhaustive
@given(st.dictionaries(texts, st.just(0), min_size=2, max_size=8))
def test_ok__keys_rise_by_their_encoded_bytes(value):
    """RFC 8949 4.2.1. For text keys of any length 4.2.3, length first, is the same order: the head holds the length."""
    rows = [cbor2.dumps(key) for key in value]
    bytewise = sorted(rows)
    assert bytewise == sorted(rows, key=lambda row: (len(row), row))
    body = b"".join(row + b"\x00" for row in bytewise)
    assert cbor.encode(value) == bytes([0xA0 | len(rows)]) + body


def test_ok__the_two_key_orders_differ_only_for_keys_that_we_refuse():
    value = {100: 0, -1: 0}  # 18 64 and 20: bytewise 100 is first, by length -1 is
    assert cbor2.dumps(value, canonical=True) != b"\xa2" + b"".join(sorted([b"\x18\x64\x00", b"\x20\x00"]))
    for key in (100, -1, None, True, b"a", ("a",)):
        with pytest.raises(FormatError):
            cbor.encode({key: 0})
        with pytest.raises(FormatError):
            cbor.decode(cbor2.dumps({key: 0}))


@exhaustive
@given(st.binary(max_size=40))
def test_ok__random_bytes_are_accepted_exactly_if_they_are_what_we_write(data):
    check_decoder(data)


@pytest.mark.attack(13)
def test_ok__mutated_bytes_are_accepted_exactly_if_they_are_what_we_write():
    rng = Random(SEED)
    accepted = Counter(
        check_decoder(bytes.fromhex(row["decode"])) for row in encodings(SEED, 20_000) if "decode" in row
    )
    for _ in range(2_000):  # short strings: every second byte is a head
        accepted[check_decoder(rng.randbytes(rng.randint(0, 6)))] += 1
    assert min(accepted[True], accepted[False]) > 1000, accepted
