"""Where the values of JSON stand in a text: documents, lines of JSON, JSON in a log, and what Python prints like it.

It takes what it can read: of a document that breaks off, what stood before.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

_BEGIN = re.compile(r"\{\s*+[\"'{\[]|\[\s*+[\"{\[]")
_STRING = r"\"[^\"\\\n]*+(?:\\.[^\"\\\n]*+)*\"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*'"
_TOKEN = re.compile(
    r"[\s,]*+(?:[ub]?(" + _STRING + r")(\s*+:)?|(-?\d[\w.+-]*+)|([{\[])|([}\]])|(?:true|false|null|True|False|None)\b)"
)
_TEXT, _KEY, _NUMBER, _OPEN, _CLOSE = range(1, 6)
_DEEPEST = 100  # lists and objects in each other; what is nested deeper is read as another document


class Value(NamedTuple):
    """start, end: in code points, without the quotes. path: the keys above it and its own; lists have none."""

    path: tuple[str, ...]
    start: int
    end: int


class Document(NamedTuple):
    """keys: those of `marks` that it has, wherever. values: texts and numbers below keys of `wanted`, in order."""

    keys: set[str]
    values: list[Value]


def documents(text: str, marks: Collection[str], wanted: Collection[str]) -> Iterator[Document]:
    """Each in turn; time grows with the length of `text` alone, memory with what is wanted."""
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        document = Document(set(), [])
        at = _read(text, begin.start(), document, marks, wanted)
        yield document


def _read(text: str, at: int, document: Document, marks: Collection[str], wanted: Collection[str]) -> int:
    """Fills `document`, which begins at `at`; gives where it ends, or where it is JSON no more."""
    path: list[str] = []
    above: list[bool] = []  # of each that is open: whether it has a key
    key = ""
    while (token := _TOKEN.match(text, at)) is not None:
        at, what = token.end(), token.lastindex
        if what == _KEY:
            key = text[token.start(1) + 1 : token.end(1) - 1]
            if key in marks:
                document.keys.add(key)
            continue
        if what == _OPEN:
            if len(above) == _DEEPEST:
                break
            above.append(key != "")
            if key:
                path.append(key)
        elif what == _CLOSE:
            if above.pop():
                path.pop()
            if not above:
                break
        elif what is not None:
            own = key or (path[-1] if path else "")
            if own in wanted:
                start, end = token.span(what)
                quote = what == _TEXT
                whole = (*path, key) if key else tuple(path)
                document.values.append(Value(whole, start + quote, end - quote))
        key = ""
    return at
