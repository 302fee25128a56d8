"""One report: what identifies in it, found line by line and then wherever else it stands."""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

from firmware_agent.scrub import checks
from firmware_agent.scrub.aliases import Aliases
from firmware_agent.scrub.lines import Lines, Span, apart
from firmware_agent.scrub.sieve import Sieve

_LINES = Lines()
_SIEVE = Sieve()
_BLOCK = 1 << 18
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_SHORTEST = 5  # characters of a value that is looked for everywhere
_STEM = 6  # and of a file's name without its ending
_NOT_FAR = ("gps",)  # numbers that mean nothing elsewhere


def found(text: str) -> list[Span]:
    """What the rules find in `text`, in code points."""
    spans, at = list[Span](), 0
    for block in _blocks(text):
        low = block.lower() if block.isascii() else block.translate(_FOLD)
        here = at
        for line, low_line, telling in zip(block.split("\n"), low.split("\n"), _SIEVE.telling(low), strict=True):
            if telling:
                spans += [Span(here + one.start, here + one.end, one.kind) for one in _LINES.spans(line, low_line, True)]
            here += len(line) + 1
        at += len(block) + 1
    return spans


def _blocks(text: str) -> Iterator[str]:
    """The text in pieces of whole lines, without the newline between two."""
    at = 0
    while True:
        end = text.find("\n", at + _BLOCK)
        if end < 0:
            yield text[at:]
            return
        yield text[at:end]
        at = end + 1


def values(text: str, spans: Iterable[Span]) -> dict[str, str]:
    """value -> kind, of what is to be masked wherever it stands."""
    known: dict[str, str] = {}
    for one in spans:
        value = text[one.start : one.end].strip()
        if one.kind not in _NOT_FAR and _far(value):
            known.setdefault(value, one.kind)
        if one.kind == "filename" and "." in value:
            stem = value[: value.rfind(".")]
            if len(stem) >= _STEM and _far(stem):
                known.setdefault(stem, one.kind)
    return known


def _far(value: str) -> bool:
    return len(value) >= _SHORTEST and value.lower() not in checks.NOBODY and value.lower() not in checks.DEFAULTS and not value.isspace()


def everywhere(text: str, known: dict[str, str]) -> list[Span]:
    """Where the values of a report stand in `text`."""
    if not known:
        return []
    spans = []
    for match in re.finditer(_one_of(sorted(known)), text):
        start, end = match.span()
        if not (start and text[start - 1].isalnum() or end < len(text) and text[end].isalnum()):
            spans.append(Span(start, end, known[match.group()]))
    return spans


def _one_of(words: list[str]) -> str:
    """A pattern for any of them, the longest first, that looks at each character once."""
    root: dict[str, dict] = {}
    for word in words:
        node = root
        for one in word:
            node = node.setdefault(one, {})
        node[""] = {}
    return _branch(root)


def _branch(node: dict[str, dict]) -> str:
    text = ""
    while len(node) == 1 and "" not in node:
        one, node = next(iter(node.items()))
        text += re.escape(one)
    if set(node) <= {""}:
        return text
    ways = [re.escape(one) + _branch(below) for one, below in node.items() if one]
    return text + "(?:" + "|".join(ways) + ")" + ("?" if "" in node else "")


class Report:
    """Files that are shared together: what one of them gives away is masked in all. known: (kind, value) of the device."""

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._known: dict[str, str] = {}  # value -> kind
        self._means: dict[str, str] = {}  # value -> how it was first written
        self._aliases = Aliases()
        for kind, value in known:
            self._learn(value, kind)

    def learn(self, text: str) -> None:
        """First each file of the report."""
        for value, kind in values(text, found(text)).items():
            self._learn(value, kind)

    def _learn(self, value: str, kind: str) -> None:
        """The value, and as addresses, JSON and shouting people write it."""
        name = value.partition(".")[0]
        if kind == "hostname" and name != value and not name.isdigit():
            self._learn(name, kind)
        plain = unquote(value) if "%" in value else value
        in_url = quote(plain, errors="surrogateescape"), quote_plus(plain, errors="surrogateescape")
        for form in (value, plain, *in_url, json.dumps(plain)[1:-1], plain.lower(), plain.upper()):
            if _far(form):
                self._known.setdefault(form, kind)
                self._means.setdefault(form, value)

    def spans(self, text: str) -> list[Span]:
        """Then: what identifies in one of them, in code points, left to right, none in another."""
        return apart(found(text) + everywhere(text, self._known))

    def masked(self, text: str) -> str:
        """The text with a typed name in place of each; lines stay lines."""
        parts, at = list[str](), 0
        for one in self.spans(text):
            value = text[one.start : one.end]
            parts += [text[at : one.start], self._aliases.of(one.kind, self._means.get(value, value))]
            at = one.end
        return "".join([*parts, text[at:]])


def find(text: str) -> list[Span]:
    """What identifies in one text alone."""
    report = Report()
    report.learn(text)
    return report.spans(text)
