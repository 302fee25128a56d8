"""A text that is written with marks where something identifies, and where that then stands."""

import re
from typing import NamedTuple

_MARK = re.compile(r"\[\[(\w+)\]\]")


class Label(NamedTuple):
    """start, end: in code points of the text; strong: it must go, otherwise it may."""

    start: int
    end: int
    kind: str
    strong: bool


class Sheet:
    """A text that is written from the top, and its labels. [[name]] stands for a value of the house."""

    def __init__(self, house: "dict[str, tuple[str, str]]") -> None:
        self.house = house
        self.parts: list[str] = []
        self.labels: list[Label] = []
        self.size = 0

    def say(self, template: str) -> None:
        for at, piece in enumerate(_MARK.split(template)):
            if at % 2:
                kind, value = self.house[piece]
                self.labels.append(Label(self.size, self.size + len(value), kind, True))
                piece = value
            self.parts.append(piece)
            self.size += len(piece)

    def plain(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text)

    def text(self) -> str:
        return "".join(self.parts)
