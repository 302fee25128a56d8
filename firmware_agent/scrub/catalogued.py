"""Documents of known interfaces: their table says more than any rule, of what identifies and of what does not."""

import re
from collections.abc import Iterable, Iterator

from firmware_agent.scrub.interfaces import INTERFACES, Interface
from firmware_agent.scrub.nested import Document, Value, documents
from firmware_agent.scrub.spans import Span, joined
from firmware_agent.scrub.words import NOBODY, ROOTS

_MARKS = frozenset().union(*(one.marks for one in INTERFACES))
_ENOUGH = 2  # marks
_OWN_FILES = (".conf", ".cfg", ".log", ".ini", ".json", ".py", ".txt", ".zip")
_OPAQUE = re.compile(r"(?=[^\n]*[0-9])[0-9A-Za-z]{32}")
_BARE = ("result",)  # of an answer that is nothing but a text: Moonraker's keys and tokens come so
_ROOT = "^"
_PLACES = ("file:", "ftp:")
_INVENTED = ("redacted", "mock")
_NUMBERED = ("printer_sn", "rfid_uid")  # all of them hold a digit, and
_FEWEST = 4  # different signs

# of a row: its path backwards, and what it says
_Row = tuple[tuple[str, ...], Interface, "str | re.Pattern[str]"]


def _rows() -> dict[str, list[_Row]]:
    """By the last key of the path."""
    rows: dict[str, list[_Row]] = {}
    for interface in INTERFACES:
        said: list[tuple[str, str | re.Pattern[str]]] = [*interface.identifies.items(), *interface.harmless.items()]
        for path, what in said:
            keys = path.replace(_ROOT, _ROOT + ".").split(".")[::-1]
            rows.setdefault(keys[0], []).append((tuple(keys), interface, what))
    return rows


_ROWS = _rows()
_WANTED = {*_ROWS, *_BARE}


def catalogued(text: str, found: Iterable[Span], harmless: bool = True) -> list[Span]:
    """found: what the rules say, left to right. Gives it with what identifies by its place, in order, none in another.

    harmless: without what stands in values that name nobody.
    """
    spans, stay, named, at = list(found), list[Span](), list[Span](), 0
    for document in documents(text, _MARKS, _WANTED):
        for value, what in _judged(text, document):
            if what is not None:
                named.append(Span(*what))
            elif harmless:
                while at < len(spans) and spans[at].start < value.start:
                    stay.append(spans[at])
                    at += 1
                while at < len(spans) and spans[at].start < value.end:
                    at += 1
    return list(joined(stay + spans[at:], named))


def _judged(text: str, document: Document) -> "Iterator[tuple[Value, tuple[int, int, str] | None]]":
    """Each value of which the table knows: what of it identifies, None if nothing does."""
    of = [one for one in INTERFACES if len(one.marks & document.keys) >= _ENOUGH]
    for value in document.values if of else ():
        whole = text[value.start : value.end]
        if value.path == _BARE and _OPAQUE.fullmatch(whole):
            yield value, (value.start, value.end, "token")
            continue
        backwards = (*value.path[::-1], _ROOT)
        for keys, interface, what in _ROWS.get(backwards[0], ()):
            if interface in of and _ends(backwards, keys):
                if isinstance(what, str):
                    start = value.start + (_folders(whole) if what == "filename" else 0)
                    if _says(text[start : value.end], what):
                        yield value, (start, value.end, what)
                        break
                elif what.fullmatch(whole):
                    yield value, None
                    break


def _ends(path: tuple[str, ...], keys: tuple[str, ...]) -> bool:
    return len(path) >= len(keys) and all(b in ("*", a) for a, b in zip(path, keys, strict=False))


def _says(value: str, kind: str) -> bool:
    """Whether a value names something: it is not empty, no word for nothing, no zeros, no alias."""
    bare = value.strip().lower()
    if not bare or bare in NOBODY or bare[0] in "<{$[" or bare[0] == bare[-1] == "_":
        return False
    if any(word in bare for word in _INVENTED) or (kind == "usb_serial" and bare.endswith(".usb")):
        return False
    if kind == "token" and bare.startswith(_PLACES):  # where a file is: its name is for the rules
        return False
    if kind in _NUMBERED and (len(set(bare)) < _FEWEST or not any(one.isdigit() for one in bare)):
        return False
    return len(set(bare)) > 1 and not (kind == "filename" and bare.endswith(_OWN_FILES))


def _folders(path: str) -> int:
    """Where in a path the folders end that every printer has."""
    parts = path.split("/")
    known = [number for number, part in enumerate(parts[:-1]) if part.lower() in ROOTS or not part]
    return sum(len(part) + 1 for part in parts[: known[-1] + 1]) if known else 0
