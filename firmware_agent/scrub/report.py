"""One report: what identifies in it, found line by line and then wherever else it stands.

report = Report(known())
for text in texts:
    report.learn(text)
shared = [report.masked(text) for text in texts]
"""

from collections.abc import Iterable, Iterator
from json import dumps
from urllib.parse import quote, quote_plus, unquote

from firmware_agent.scrub.aliases import Aliases
from firmware_agent.scrub.catalogued import catalogued
from firmware_agent.scrub.distinct import distinct, uncommon
from firmware_agent.scrub.elsewhere import LONGEST, Elsewhere, far
from firmware_agent.scrub.escapes import beneath, read, whole
from firmware_agent.scrub.lines import Lines, apart
from firmware_agent.scrub.quick import Quick
from firmware_agent.scrub.sieve import Sieve, blocks, folded
from firmware_agent.scrub.spans import Span, joined
from firmware_agent.scrub.strange import beside
from firmware_agent.scrub.structure import split
from firmware_agent.scrub.vocabulary import KIND as WORD
from firmware_agent.scrub.vocabulary import Vocabulary

_LINES = Lines(Quick)
_SIEVE = Sieve()
_MOST = 100_000  # values that are looked for elsewhere, and of whose places it is remembered where they are
_NOT_FAR = ("gps",)  # numbers that mean nothing elsewhere
_NAMES = ("hostname", "home_user", "user", "author", "account", "ssid", "device_name")


def found(text: str, harmless: bool = True) -> list[Span]:
    """What the rules find in `text`, and what the catalogue of known JSON says, in code points.

    harmless: what a rule finds stays where the catalogue knows that it names nobody.
    """
    spans = list[Span]()
    for at, block in blocks(text.replace("\r", "\n")):
        named = list(_ruled(block))
        below = set(beneath(block, _ruled))
        for start, end, kind in apart([*whole(named, below, block), *below]) if below else named:
            spans.append(Span(at + start, at + end, kind))
    return catalogued(text, spans, harmless)


def _ruled(block: str) -> Iterator[Span]:
    """What the rules find in whole lines."""
    for at, line, said in _SIEVE.telling(block):
        for start, end, kind in _LINES.chosen(line, folded(line), *said, True):
            yield Span(at + start, at + end, kind)


def values(text: str, spans: Iterable[Span]) -> dict[str, str]:
    """value -> kind, of what is to be masked wherever it stands."""
    known: dict[str, str] = {}
    for one in spans:
        value = text[one.start : one.end].strip()
        if one.kind not in _NOT_FAR and far(value) and (one.kind != "object_name" or distinct(value)):
            known.setdefault(value, one.kind)
        if one.kind == "filename" and "." in value:
            stem = value[: value.rfind(".")]
            if far(stem) and uncommon(stem):
                known.setdefault(stem, one.kind)
        if len(known) >= _MOST:
            break
    return known


def _in_url(value: str) -> tuple[str, ...]:
    """As an address of the web writes it, with %C3 or %c3; none if it is no text."""
    try:
        one, other = quote(value, errors="surrogateescape"), quote_plus(value, errors="surrogateescape")
    except UnicodeEncodeError:
        return ()
    return (one, other, *(form.lower() for form in (one, other) if "%" in form and value == value.lower()))


class Report:
    """Files that are shared together: what one of them gives away is masked in all.

    known: (kind, value) of the device. aliases: what stands in place of what, also for the G-code of the same report.
    words: what it does not know is masked as well. harmless: what a rule finds stays where the catalogue of known JSON
    says that it names nobody.
    """

    def __init__(
        self,
        known: Iterable[tuple[str, str]] = (),
        aliases: "Aliases | None" = None,
        words: "Vocabulary | None" = None,
        harmless: bool = True,
    ) -> None:
        self._words = words
        self._harmless = harmless
        self._known: dict[str, str] = {}  # value -> kind
        self._means: dict[str, str] = {}  # value -> how it was first written
        self._aliases = aliases or Aliases()
        self._elsewhere: Elsewhere | None = None  # of all that is known
        self._found: dict[str, list[Span]] = {}  # text -> what the rules found in it
        for kind, value in known:
            self._learn(value, kind)

    def learn(self, text: str) -> None:
        """First each file of the report."""
        self._aliases.taken(text)
        spans = found(text, self._harmless)
        if len(spans) + sum(map(len, self._found.values())) <= _MOST:  # for the second reading
            self._found[text] = spans
        for value, kind in values(text, spans).items():
            self._learn(value, kind)

    def knows(self, kind: str, value: str) -> None:
        """A value that somebody else knows to identify."""
        if far(value):
            self._learn(value, kind)

    def _learn(self, value: str, kind: str) -> None:
        """The value, and as addresses, JSON and shouting people write it."""
        if len(self._known) >= _MOST or len(value) > LONGEST:
            return
        self._elsewhere = None
        name = value.partition(".")[0]
        if kind == "hostname" and name != value and not name.isdigit():
            self._learn(name, kind)
        plain = read(unquote(value) if "%" in value else value)
        shouted = plain.lower(), plain.upper(), plain.capitalize()
        for form in (value, plain, *_in_url(plain), dumps(plain)[1:-1], *shouted):
            if far(form) and "\n" not in form and "\r" not in form:
                self._known.setdefault(form, kind)
                self._means.setdefault(form, value)

    def spans(self, text: str) -> list[Span]:
        """Then: what identifies in one of them, in code points, left to right, none in another."""
        return list(self._spans(text))

    def _spans(self, text: str) -> Iterator[Span]:
        if self._elsewhere is None:
            self._elsewhere = Elsewhere(self._known)
        kept = self._found.get(text)
        named = joined(found(text, self._harmless) if kept is None else kept, self._elsewhere.spans(text))
        below = list(beneath(text, self._elsewhere.spans)) if self._known else []
        named = joined(named, (Span(*one) for one in apart([*below]))) if below else named
        return named if self._words is None else iter(beside(list(named), self._words.unknown(text), text))

    def masked(self, text: str, json: bool = False) -> str:
        """The text with a typed name in place of each; lines stay lines. json: it is JSON, and stays JSON."""
        quoted, numbers = split(text, self._spans(text)) if json else ([], [])
        bare = set(numbers)
        parts, at = list[str](), 0
        for one in sorted(quoted + numbers) if json else self._spans(text):
            value = text[one.start : one.end]
            new = self.written(one.kind, value)
            parts += [text[at : one.start], f'"{new}"' if one in bare else new]
            at = one.end
        return "".join([*parts, text[at:]])

    def written(self, kind: str, value: str) -> str:
        """What is written in place of a span's text: the same for each way in which a value can be written."""
        value = value if value in self._means else read(value)
        return self.alias(kind, self._means.get(value, value))

    def alias(self, kind: str, value: str) -> str:
        """What is written in place of a value, in each file of the report."""
        return self._aliases.of(kind, value.lower() if kind == WORD else value)

    def names(self) -> list[tuple[str, str]]:
        """(kind, value) of people, hosts and networks that were learnt, in small letters: they may be common words."""
        return sorted({(kind, value.lower()) for value, kind in self._known.items() if kind in _NAMES})


def find(text: str) -> list[Span]:
    """What identifies in one text alone."""
    report = Report()
    report.learn(text)
    return report.spans(text)
