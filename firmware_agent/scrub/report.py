"""One report: what identifies in it, found line by line and then wherever else it stands.

report = Report(known())
for text in texts:
    report.learn(text)
shared = [report.masked(text) for text in texts]
"""

from collections.abc import Iterable
from json import dumps
from urllib.parse import quote, quote_plus, unquote

from firmware_agent.scrub.aliases import Aliases
from firmware_agent.scrub.elsewhere import elsewhere, far
from firmware_agent.scrub.lines import Lines, apart
from firmware_agent.scrub.quick import Quick
from firmware_agent.scrub.sieve import Sieve, blocks, folded
from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.structure import split

_LINES = Lines(Quick)
_SIEVE = Sieve()
_STEM = 6  # characters of a file's name without its ending, to be looked for alone
_NOT_FAR = ("gps",)  # numbers that mean nothing elsewhere
_NAMES = ("hostname", "home_user", "user", "author", "account", "ssid", "device_name")


def found(text: str) -> list[Span]:
    """What the rules find in `text`, in code points."""
    spans, at = list[Span](), 0
    for block in blocks(text.replace("\r", "\n")):
        low = folded(block)
        here = at
        for line, low_line, telling in zip(block.split("\n"), low.split("\n"), _SIEVE.telling(low), strict=True):
            if telling:
                spans += [Span(here + a, here + b, kind) for a, b, kind in _LINES.spans(line, low_line, True)]
            here += len(line) + 1
        at += len(block) + 1
    return spans


def values(text: str, spans: Iterable[Span]) -> dict[str, str]:
    """value -> kind, of what is to be masked wherever it stands."""
    known: dict[str, str] = {}
    for one in spans:
        value = text[one.start : one.end].strip()
        if one.kind not in _NOT_FAR and far(value):
            known.setdefault(value, one.kind)
        if one.kind == "filename" and "." in value:
            stem = value[: value.rfind(".")]
            if len(stem) >= _STEM and far(stem):
                known.setdefault(stem, one.kind)
    return known


class Report:
    """Files that are shared together: what one of them gives away is masked in all.

    known: (kind, value) of the device. aliases: what stands in place of what, also for the G-code of the same report.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = (), aliases: "Aliases | None" = None) -> None:
        self._known: dict[str, str] = {}  # value -> kind
        self._means: dict[str, str] = {}  # value -> how it was first written
        self._aliases = aliases or Aliases()
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
        for form in (value, plain, *in_url, dumps(plain)[1:-1], plain.lower(), plain.upper()):
            if far(form) and "\n" not in form and "\r" not in form:
                self._known.setdefault(form, kind)
                self._means.setdefault(form, value)

    def spans(self, text: str) -> list[Span]:
        """Then: what identifies in one of them, in code points, left to right, none in another."""
        both: list[tuple[int, int, str]] = [*found(text), *elsewhere(text, self._known)]
        return [Span(*one) for one in apart(both)]

    def masked(self, text: str, json: bool = False) -> str:
        """The text with a typed name in place of each; lines stay lines. json: it is JSON, and stays JSON."""
        quoted, numbers = split(text, self.spans(text)) if json else (self.spans(text), [])
        bare = set(numbers)
        parts, at = list[str](), 0
        for one in sorted(quoted + numbers):
            value = text[one.start : one.end]
            new = self.written(one.kind, value)
            parts += [text[at : one.start], f'"{new}"' if one in bare else new]
            at = one.end
        return "".join([*parts, text[at:]])

    def written(self, kind: str, value: str) -> str:
        """What is written in place of a span's text: the same for each way in which a value can be written."""
        return self.alias(kind, self._means.get(value, value))

    def alias(self, kind: str, value: str) -> str:
        """What is written in place of a value, in each file of the report."""
        return self._aliases.of(kind, value)

    def names(self) -> list[tuple[str, str]]:
        """(kind, value) of people, hosts and networks that were learnt, in small letters: they may be common words."""
        return sorted({(kind, value.lower()) for value, kind in self._known.items() if kind in _NAMES})


def find(text: str) -> list[Span]:
    """What identifies in one text alone."""
    report = Report()
    report.learn(text)
    return report.spans(text)
