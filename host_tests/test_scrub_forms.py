"""The scrubber finds the same on both runtimes: CPython's quick form, MicroPython's form, and MicroPython itself."""

import ast
import re
from pathlib import Path
from random import Random

import pytest

from firmware_agent.scrub.checks import fold
from firmware_agent.scrub.lines import Lines
from firmware_agent.scrub.quick import Quick
from firmware_agent.scrub.rules import RULES
from host_tests.rigs import board
from host_tests.rigs.identifiers import KINDS, alike, said

PACKAGE = Path(__file__).parents[1] / "firmware_agent"
_SIGNS = "\"':=/\\-_. @#;,()[]{}%2\t\u00e9\u00b2\u0130\u2028\xa0\U0001f600"


def generated(seed: int, count: int) -> "list[str]":
    """Lines that hold something, lines that do not, and both damaged at random."""
    chance = Random(seed)
    lines = []
    for _ in range(count):
        line = alike(chance) if chance.random() < 0.3 else said(chance, chance.choice(list(KINDS)))[0]
        for _ in range(chance.choice((0, 0, 1, 3))):
            at = chance.randrange(len(line))
            line = chance.choice(
                (line[:at] + chance.choice(_SIGNS) + line[at:], line[at:] + " " + line[:at], line.upper())
            )
        lines.append(line.replace("\n", " "))
    return lines


def spans(lines: Lines, line: str) -> "list[tuple[int, int, str]]":
    return lines.spans(line, fold(line), True)


def test_ok__both_forms_find_the_same_on_cpython() -> None:
    quick, small = Lines(Quick), Lines()
    lines = generated(4, 6000)
    assert [line for line in lines if spans(quick, line) != spans(small, line)] == []
    assert len([line for line in lines if spans(quick, line)]) > 3000


def test_ok__micropython_itself_finds_the_same(tmp_path) -> None:
    flash = board.build(tmp_path)
    lines = generated(5, 600)
    (flash / "lines").write_text("".join(line + "\n" for line in lines), "utf-8", newline="\n")
    done = board.run(flash, script="scrub_lines")
    assert done.returncode == 0, done.stderr[-2000:]
    there = [ast.literal_eval(row) for row in done.stdout.splitlines()]
    quick = Lines(Quick)
    assert len(there) == len(lines)
    assert [line for line, rows in zip(lines, there, strict=True) if rows != spans(quick, line)] == []


@pytest.mark.parametrize("part", ["\\b", "\\n", "\\t", "\\r", "\\x", "(?=", "(?!", "(?P", "(?<"])
def test_ok__no_pattern_has_what_a_board_cannot_run(part: str) -> None:
    assert [pattern for _, _, pattern, _ in RULES if part in pattern] == []


def test_fail__a_form_that_finds_something_else_is_seen() -> None:
    """The control: one pattern that the two read differently."""
    line = "\u00e9" * 2 + " user: ab"
    assert list(Quick("(.{4}) user").found("abcd user")) == [(0, 4)]
    assert spans(Lines(Quick), line) != spans(Lines(lambda pattern: Quick(pattern.replace("user", "User"))), line)


_OF_A_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")


def test_fail__a_group_that_gives_nothing_back() -> None:
    """CPython before 3.11.5, which many boards have, matches such wrongly; of one character it is right."""
    found = [path.name for path in PACKAGE.rglob("*.py") if _OF_A_GROUP.search(path.read_text("utf-8"))]
    assert found == []
    assert all(_OF_A_GROUP.search(one) for one in ("(?:ab)*+", "(a|b)++", "(?:a){2,}+"))
    assert not any(_OF_A_GROUP.search(one) for one in ("[ab]*+", "(a) + (b)", "(?>a|b)*"))
