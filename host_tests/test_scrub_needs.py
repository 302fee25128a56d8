"""What makes the scrubber fast changes nothing: words that tell, values that are known, spans that are joined."""

import re
from random import Random

import pytest

from firmware_agent.scrub.checks import fold
from firmware_agent.scrub.elsewhere import Elsewhere
from firmware_agent.scrub.lines import apart
from firmware_agent.scrub.needs import need
from firmware_agent.scrub.rules import RULES
from firmware_agent.scrub.spans import Span, joined
from host_tests.rigs.identifiers import KINDS, said

_DIGITS = str.maketrans("123456789", "000000000")
PARTS = ("kefa", "orun", "10", "2", "KEFA", "\u00e9", "-", "_", ".", " ", "  ", "\n", "\u2028", "!!!!!")


def test_ok__where_a_rule_matches_a_word_of_the_line_tells() -> None:
    chance, matched = Random(4), 0
    rules = [(re.compile(pattern, re.ASCII), need(pattern)) for _, _, pattern, _ in RULES]
    for _ in range(3000):
        low = fold(said(chance, chance.choice(list(KINDS)))[0])
        words = low.translate(_DIGITS).split()
        for pattern, (literals, shape) in rules:
            if pattern.search(low):
                matched += 1
                assert any(re.search(shape, word) and any(one in word for one in literals) for word in words), low
    assert matched > 2000


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"user: ([a-z]{2,})", ("user:",), ("user", "user:x", "")),
        (r"print[ _-]?id=([0-9]{4,})", ("print_id=0000", "lastprint", "printid=0000"), ("print_x", "id=0000")),
        (r"(?:ab|cd e)f([0-9])", ("abf0", "ef0"), ("ab", "cd")),
        (r"[^b]ssid\s*=([a-z])", ("ssid=x", "xssid"), ("ssidx",)),
    ],
)
def test_ok__a_word_is_held_against_what_stands_before_a_blank(
    pattern: str, yes: "tuple[str, ...]", no: "tuple[str, ...]"
) -> None:
    shape = re.compile(need(pattern).pattern)
    assert [word for word in yes if not shape.search(word)] == []
    assert [word for word in no if shape.search(word)] == []


def test_fail__a_pattern_that_may_be_blanks_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="may begin in no word"):
        need(r"\s*[ _]?")


def naive(text: str, known: "dict[str, str]") -> "list[tuple[int, int]]":
    """From left to right the longest that begins in a place and that no letter or digit touches."""
    found, at = [], 0
    while at < len(text):
        ends = [
            at + len(one)
            for one in known
            if text.startswith(one, at) and not (text[at - 1 : at] + text[at + len(one) : at + len(one) + 1]).strip(_NO)
        ]
        found += [(at, max(ends))] if ends else []
        at = max([*ends, at + 1])
    return found


_NO = "".join(part for part in PARTS if not part.isalnum())


@pytest.mark.attack(16)
@pytest.mark.parametrize("seed", range(8))
def test_ok__each_known_value_is_found_wherever_it_stands(seed: int) -> None:
    chance, hits = Random(seed), 0
    for _ in range(150):
        values = ["".join(chance.choices([one for one in PARTS if one != "\n"], k=4)) for _ in range(6)]
        known = {value: "user" for value in values if len(value) > 4 and re.search(r"[^\W_]", value)}
        text = "".join(chance.choices([*PARTS, *known], k=60))
        found = [(one.start, one.end) for one in Elsewhere(known).spans(text)]
        covered = {at for start, end in found for at in range(start, end)}
        for start, end in naive(text, known):
            hits += 1
            assert covered & set(range(start, end)), (text[start:end], text)
        assert all(text[start:end] in known for start, end in found)
        assert all(not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum() for start, end in found)
    assert hits > 150


def test_ok__joined_spans_are_those_that_the_rules_would_keep() -> None:
    chance = Random(3)
    for _ in range(300):
        both = []
        for kind in ("a", "b"):
            cuts = sorted(chance.sample(range(60), 12))
            both.append([Span(start, end, kind) for start, end in zip(cuts[::2], cuts[1::2], strict=True)])
        plain: list[tuple[int, int, str]] = [*both[0], *both[1]]
        assert list(joined(*both)) == apart(plain)
