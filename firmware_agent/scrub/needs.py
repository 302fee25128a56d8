"""What one word of a line must hold if a pattern is to match in it: a word that has none of it need not be looked at.

Made of the pattern itself, so that a rule that is changed cannot fall out of step with it. A word has no blanks: where
a match goes on behind a blank, the word ends. Patterns are those of rules.py, see forms.py for what they may hold.
"""

import re
from typing import NamedTuple

from firmware_agent.scrub.forms import atom
from firmware_agent.scrub.quick import MOST, bounded

_BLANKS = " \t\n\r\f\v"
_LITERAL = re.compile(r"[a-z0@/_%:=<-]|\\[.()\[\]]")


class Need(NamedTuple):
    """In a word with digits as 0 and capitals small stands one of `literals`, and `pattern` matches."""

    literals: "tuple[str, ...]"
    pattern: str


class _Part(NamedTuple):
    """source: without blanks. blank: whether it may hold one, or end before one. least: how often it must be there."""

    source: str
    blank: bool
    least: int
    literals: "tuple[str, ...]"
    sign: bool = False  # it is one character, and that stands in `literals`


def need(pattern: str) -> Need:
    """ValueError: it may match blanks alone, and no word tells."""
    alternatives, _ = _alternatives(pattern, 0)
    needs = [max(_tails(parts), key=lambda one: min(map(len, one.literals), default=0)) for parts in alternatives]
    if any(re.search(one.pattern, "") for one in needs):
        raise ValueError("a rule's pattern may begin in no word: %s" % pattern)
    literals = tuple(literal for one in needs for literal in one.literals)
    return Need(literals if all(one.literals for one in needs) else ("",), "|".join(one.pattern for one in needs))


def _tails(parts: "list[_Part]") -> "list[Need]":
    """What each word may need in which the match begins, or goes on behind a blank."""
    starts = [at for at in range(len(parts)) if not parts[at].blank and (at == 0 or parts[at - 1].blank)]
    tails = [_need(parts[at:]) for at in starts]
    return [one for one in tails if not re.search(one.pattern, "")] or tails[:1] or [Need((), "")]


def _need(parts: "list[_Part]") -> Need:
    """For parts that follow one another; a part with a blank in it ends what is sure of the word."""
    source = ""
    for part in reversed(parts):
        if part.blank and not part.source:  # a blank, or blanks
            source = "$" if part.least else "(?:%s|$)" % source
        else:
            source = part.source + ("(?:%s|$)" % source if part.blank and source else source)
    best, run = tuple[str, ...](), ""
    for part in parts:
        if part.blank:
            break
        run = run + part.literals[0] if part.sign and part.least == 1 else ""
        for one in ((run,) if run else (), part.literals if part.least else ()):
            best = max(best, one, key=lambda literals: min(map(len, literals), default=0))
    return Need(best, source)


def _alternatives(pattern: str, at: int) -> "tuple[list[list[_Part]], int]":
    """What stands between "|" up to the end or to a ")", and where it ends."""
    found: list[list[_Part]] = [[]]
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            found.append([])
            at += 1
            continue
        part, at = _part(pattern, at)
        found[-1].append(part)
    return found, at


def _part(pattern: str, at: int) -> "tuple[_Part, int]":
    if pattern[at] == "(":
        inside, end = _alternatives(pattern, at + (3 if pattern.startswith("(?:", at) else 1))
        needs = [_need(parts) for parts in inside]
        blank = any(part.blank for parts in inside for part in parts)
        literals = tuple(literal for one in needs for literal in one.literals)
        source = "(?:%s)" % "|".join(one.pattern for one in needs)
        whole = _Part(source, blank, 1, literals if all(one.literals for one in needs) else ())
        at = end + 1
    else:
        one, at = atom(pattern, at)
        whole = _one(one)
    end = _quantified(pattern, at)
    if end == at:
        least, often = 1, "?" if whole.blank and whole.source[:1] != "(" else ""
    else:
        often = bounded("x" + pattern[at:end], 4 * MOST)[1:]  # a sign of one character may be four bytes
        least = int(often[1:-1].partition(",")[0]) if often[0] == "{" else 0
        if whole.blank and often[0] == "{":  # the others may stand in the next word
            often = "{0,%s}" % often[1:-1].rpartition(",")[2]
    often = often if whole.source else ""
    return whole._replace(source=whole.source + often, least=least, sign=whole.sign and end == at), end


def _one(one: str) -> _Part:
    """A character, an escape or a class."""
    blank = any(re.fullmatch(one, sign, re.ASCII) for sign in _BLANKS)
    if one[0] == "[":
        outside = one[1] == "^" and re.search("[0-9]", one)
        return _Part(r"[\s\S]" if outside else re.sub("[1-9]", "0", one), blank, 1, ())
    if blank and one in (*_BLANKS, r"\s"):
        return _Part("", True, 1, ())  # it is in no word
    source = "0" if one in "123456789" else one
    sign = _LITERAL.fullmatch(source) is not None
    return _Part(source, blank, 1, (source[-1],) if sign else (), sign)


def _quantified(pattern: str, at: int) -> int:
    """Where what stands there to say how often ends."""
    if pattern[at : at + 1] == "{":
        return pattern.index("}", at) + 1
    return at + (pattern[at : at + 1] in ("?", "*", "+") and at < len(pattern))
