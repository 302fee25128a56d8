"""The support bundle: files in, one text out that is what leaves, with a mark wherever something was taken out.

    bundle = Bundle("1.2", parts, left_out, known=known())
    for done in bundle.scrub():  # 0 to 1: whoever has other things to do does them in between
        ...
    bundle.data  # the bytes that are shown, saved and sent

Pure: files are read elsewhere (reading.py). Clauses L9, L10, L22; attacks 14 and 16.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from io import BytesIO

from firmware_agent.bundle import form
from firmware_agent.bundle.parts import GCODE, LARGEST, Part
from firmware_agent.bundle.text import REMOVED, Mark, Removal, Text, between, pattern, readable, slices
from firmware_agent.errors import AgentError
from firmware_agent.scrub import gcode
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.spans import Span

LONGEST_REMOVAL = 400  # characters
MOST_REMOVALS = 100
_BETWEEN = re.compile("[-_. :/]+")  # the parts of a serial number
_SHORTEST = 2  # characters that can be removed: one letter alone would take the text apart


class Bundle:
    """agent: the version of this agent. parts: what goes in. left_out: (name, why) of what cannot. serial: of the
    printer, to be told; "": it is not. known: (kind, value) of this device, the printer's serial number too, told or
    not. Nothing stands in `before`, `after` and `data` until `scrub` has run to its end.
    """

    def __init__(
        self,
        agent: str,
        parts: Iterable[Part],
        left_out: Iterable[tuple[str, str]] = (),
        serial: str = "",
        known: Iterable[tuple[str, str]] = (),
    ) -> None:
        if serial and not form.is_serial(serial):
            raise AgentError(
                f"the serial number of the printer is not of at most {form.LONGEST_SERIAL} letters, digits and -_. "
                "signs; leave it out, or correct the file that it stands in"
            )
        self._agent = agent
        self._parts = list(parts)
        self._left_out = list(left_out)
        self._serial = serial
        self._known = iter(known)
        self._texts: list[Text] = []
        self._report = Report()
        self._steps: list[list[Removal]] = []  # what was removed with one touch, each
        self.before = self.after = ""
        self.data = b""
        self.rows: list[tuple[int, int, int, int, int, str]] = []  # see Text.rows; lines count from 0
        self.counts: dict[str, int] = {}  # kind -> how many places
        self.unfinished: form.Unfinished | None = None  # why it would not leave as it is: something is found in it

    @property
    def digest(self) -> str:
        """SHA-256 of `data`, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def removals(self) -> list[Removal]:
        """What a person removed, in that order."""
        return [one for step in self._steps for one in step]

    def scrub(self) -> Iterator[float]:
        """Does all of it, in small steps; yields how much is done, 0 to 1."""
        known = []
        for kind, value in self._known:
            known += [(kind, one) for one in (_forms(value) if kind == "printer_sn" else [value])]
            yield 0.0
        self._report = Report(known, harmless=False)  # the gate knows the rules alone, and refuses what they find
        self._texts = [Text(one.name, one.note, readable(one.data)) for one in self._parts]
        whole = sum(len(one.text) for one in self._texts) * 2 + 1
        done = 0
        for text in self._texts:
            for _, piece in slices(text.text):
                self._report.learn(piece)
                done += len(piece)
                yield done / whole
        for part, text in zip(self._parts, self._texts, strict=True):
            for marks, size in self._commands(text) if part.kind == GCODE else self._masked(text):
                text.masked += marks
                done += size
                yield done / whole
        for _ in self._composed():
            yield done / whole

    def remove(self, texts: Iterable[Removal]) -> Generator[float, None, None]:
        """Takes `texts` out wherever they stand in a file, as one step that `undo` takes back.

        AgentError, and nothing changes: a text is too short or too long, there are too many, or none stands anywhere.
        """
        wanted = [Removal(one.text.strip(), one.whole) for one in texts]
        fresh = [one for one in dict.fromkeys(wanted) if one not in self.removals]
        for one in fresh:
            if not _SHORTEST <= len(one.text) <= LONGEST_REMOVAL or "\n" in one.text:
                raise AgentError(
                    f"a text to remove has {_SHORTEST} to {LONGEST_REMOVAL} characters, all in one line; select such a "
                    "part"
                )
        if len(self.removals) + len(fresh) > MOST_REMOVALS:
            raise AgentError(f"at most {MOST_REMOVALS} texts can be removed; leave the whole file out instead")
        found = pattern(fresh)
        if found is None or not any(_stands(found, text) for text in self._texts):
            raise AgentError("this text stands in no file of the bundle, or is masked already")
        yield from self._stepped([*self._steps, fresh])

    def undo(self, texts: Iterable[Removal] | None = None) -> Generator[float, None, None]:
        """Puts `texts` back, or what was removed last; what the rules took out stays out."""
        gone = list(texts) if texts is not None else self._steps[-1] if self._steps else []
        kept = [[one for one in step if one not in gone] for step in self._steps]
        yield from self._stepped([step for step in kept if step])

    def _stepped(self, steps: list[list[Removal]]) -> Generator[float, None, None]:
        """All of it with these removals; if that fails or is broken off, what was removed is said as it was."""
        before, self._steps = self._steps, steps
        whole = False
        try:
            for _ in self._composed():
                yield 0.5
            whole = True
        finally:
            if not whole:
                self._steps = before

    def _masked(self, text: Text) -> Iterator[tuple[list[Mark], int]]:
        for at, piece in slices(text.text):
            yield (
                [
                    Mark(
                        at + one.start,
                        at + one.end,
                        one.kind,
                        self._report.written(one.kind, piece[one.start : one.end]),
                    )
                    for one in self._report.spans(piece)
                ],
                len(piece),
            )

    def _commands(self, text: Text) -> Iterator[tuple[list[Mark], int]]:
        """G-code by its own rules, then by those for texts: a comment that stayed may name what another file names."""
        kinds = list[Span]()
        source, out = BytesIO(text.text.encode()), BytesIO()
        gcode.scrub(source.read, out.write, spans=kinds.append, known=self._report.names(), alias=self._report.alias)
        yield [], 0
        yield _by_line(text.text, self._report.masked(out.getvalue().decode()), kinds), len(text.text)

    def _composed(self) -> Iterator[None]:
        """Puts the text together anew."""
        new = {one.text.lower(): f"<{REMOVED}-{number}>" for number, one in enumerate(self.removals, 1)}
        found = pattern(self.removals)
        for text in self._texts:
            yield from text.remove(found, new)
        counts = Counter(one.kind for text in self._texts for one in text.marks)
        head = self._head(counts)
        before, after, rows = [head], [head], []
        line = head.count("\n")
        for text in self._texts:
            title = f"\n===== {text.name}{f': {text.note}' if text.note else ''} =====\n"
            line += title.count("\n")
            before += [title, text.text]
            after += [title, text.after()]
            rows += list(text.rows(line))
            line += text.text.count("\n")
            yield
        data = "".join(after).encode("utf-8")
        if len(data) > LARGEST:
            raise AgentError(f"the bundle has {len(data)} bytes, of {LARGEST} at most; leave a file out")
        self.before, self.after, self.data, self.rows = "".join(before), "".join(after), data, rows
        self.counts = dict(sorted(counts.items()))
        self.unfinished = None
        try:
            for _ in form.looked_through(data):
                yield
        except form.Unfinished as error:
            self.unfinished = error

    def _head(self, counts: "Counter[str]") -> str:
        lines = [
            form.FIRST,
            form.SERIAL + (self._serial or form.NO_SERIAL),
            f"Made by: firmware-agent {self._agent}",
            "Masked: " + (", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"),
            *(f"In it: {one.name}{f', {one.note}' if one.note else ''}" for one in self._texts),
            *(f"Not in it: {name}, {why}" for name, why in self._left_out),
        ]
        return "\n".join(lines) + "\n"


def _forms(serial: str) -> list[str]:
    """As other programs write it: with other signs between its parts, or none, or as hex."""
    parts = _BETWEEN.split(serial)
    return list(dict.fromkeys([serial, *(sign.join(parts) for sign in ("", *"-_.: /")), serial.encode().hex()]))


def _stands(found: "re.Pattern[str]", text: Text) -> bool:
    return any(True for _ in found.finditer(text.after()))


def _by_line(before: str, after: str, kinds: list[Span]) -> list[Mark]:
    """What changed, one mark a line. kinds: why, where in `before`."""
    old = before.split("\n")
    begins = [0]
    for line in old:
        begins.append(begins[-1] + len(line) + 1)
    why: dict[int, str] = {}
    first = 0
    for one in kinds:
        while begins[first + 1] <= one.start:
            first += 1
        number = first
        while number < len(old) and (begins[number] < one.end or number == first):
            why.setdefault(number, one.kind)
            number += 1
    lines = enumerate(zip(old, after.split("\n"), strict=True))
    found = [between(one, other, why.get(number, "gcode"), begins[number]) for number, (one, other) in lines]
    return [one for one in found if one is not None]
