"""The work of the scrubber grows with the length of what it reads, and no faster, whatever that is.

No clock is asked: patterns have an end to each of their parts, and calls and characters are counted. How long 64 MB of
each shape take, `tools/bench scrub` measures.
"""

import io

import pytest

from firmware_agent.scrub.checks import fold
from firmware_agent.scrub.elsewhere import Elsewhere
from firmware_agent.scrub.forms import atom
from firmware_agent.scrub.given import given
from firmware_agent.scrub.lines import Lines
from firmware_agent.scrub.quick import MOST, Quick, bounded
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.rules import RULES
from host_tests.rigs.shapes import SHAPES, TEXTS
from host_tests.rigs.steps import Watched, calls

SIZE = 1 << 15
CALLS = 40  # of functions, for each byte; if each word of eight were looked at for each other it would be 256
LOOKED = 400  # characters for each character; where the whole line is looked at for each of eight it would be 2,048


def endless(pattern: str) -> "list[str]":
    """The parts of a pattern that go on without an end."""
    found, at = [], 0
    while at < len(pattern):
        one, at = atom(pattern, at)
        sign = pattern[at : at + 1]
        if sign in ("*", "+") and one not in ("(", "|"):
            found.append(one + sign)
        elif sign == "{":
            at = pattern.index("}", at)
            found += [one] if pattern[at - 1] == "," else []
        at += sign in ("*", "+", "{")
    return found


def work(data: bytes) -> None:
    """All that the command does with a file."""
    report = Report()
    file = given(io.BytesIO(data).read, "shape", "auto")
    file.learn(report)
    file.share(report, lambda _: None)


@pytest.mark.attack(14)
def test_ok__no_part_of_a_pattern_goes_on_without_an_end() -> None:
    assert [pattern for _, _, pattern, _ in RULES if endless(bounded(pattern))] == []


def test_fail__the_rules_as_they_are_written_have_such_parts() -> None:
    """The control: the test above sees them."""
    assert len([pattern for _, _, pattern, _ in RULES if endless(pattern)]) > 20
    assert endless(r"[^:\s]+:[0-9]{16,}x*\.{2}") == [r"[^:\s]+", "[0-9]", "x*"]


def test_ok__a_value_that_is_longer_than_the_end_is_found_whole() -> None:
    value = "a1b2" * MOST
    line = "x token: " + value + " y user: orunkefa"
    assert list(Quick(r"token: ([a-z0-9]+)").found(line)) == [(9, 9 + len(value))]
    assert [line[one.start : one.end] for one in Report().spans(line)] == [value, "orunkefa"]


@pytest.mark.attack(14)
@pytest.mark.parametrize("name", SHAPES)
def test_ok__calls_grow_with_the_length_alone(name: str) -> None:
    data = SHAPES[name](SIZE)
    assert len(data) == SIZE
    assert calls(lambda: work(data)) < CALLS * SIZE


def test_fail__a_call_for_each_pair_of_characters_is_seen() -> None:
    text = "a" * 300
    assert calls(lambda: [text.isalnum() for _ in range(len(text)) for _ in text]) >= len(text) ** 2


@pytest.mark.attack(14)
@pytest.mark.parametrize("name", TEXTS)
def test_ok__what_rules_look_at_grows_with_the_length_alone(name: str) -> None:
    text = max(TEXTS[name](SIZE).decode().replace("\r", "\n").split("\n"), key=len)
    Watched.looked = 0
    Lines(Quick).spans(Watched(text), Watched(fold(text)), True)
    assert Watched.looked < LOOKED * SIZE


def test_fail__looking_back_to_the_beginning_from_each_place_is_seen() -> None:
    text = Watched("home/kef" * (SIZE // 8))
    Watched.looked = 0
    for at in range(0, len(text), 8):
        assert text.rfind("Users", 0, at) == -1
    assert Watched.looked > LOOKED * SIZE


@pytest.mark.attack(14)
def test_ok__however_many_values_are_known_and_alike_each_run_of_a_text_is_looked_at_once() -> None:
    counts = []
    text = "kefa-1-kefa-1-x " * 500
    for many in (10, 10_000):
        known = Elsewhere({f"kefa-{number}-kefa-{number}": "user" for number in range(many)})
        found = list[object]()
        counts.append(calls(lambda known=known, found=found: found.extend(known.spans(text))))  # type: ignore[misc]
        assert len(found) == 500
    assert counts[0] == counts[1]


@pytest.mark.attack(14)
def test_ok__what_is_known_has_an_end() -> None:
    text = "".join(f"user: kefa{number:07d}orun\n" for number in range(60_000))
    report = Report()
    report.learn(text)
    assert len(report.names()) == 33_334  # each in small letters, in capitals and with one capital
    assert "orun" not in report.masked(text[text.index("user: kefa0059") :])
