"""Cuts what a serial line says into lines of text: pure, bounded, and nothing of it trusted."""

LONGEST = 1024  # bytes of a line
MOST = 40  # lines of one piece


class Lines:
    """`lost` counts lines that were too long, no text, or too many at once."""

    def __init__(self) -> None:
        self.lost = 0
        self._part = b""
        self._cutting = False  # within a line that was too long: the rest of it is worth nothing

    def feed(self, piece: bytes) -> list[str]:
        """The lines (UTF-8, printable, not empty) that end in `piece`, without their ends. It never raises."""
        *whole, part = (self._part + piece).replace(b"\r", b"\n").split(b"\n")
        if self._cutting and whole:
            whole.pop(0)
            self._cutting = False
        self._part = b"" if self._cutting else part
        if len(self._part) > LONGEST:
            self._part, self._cutting = b"", True
            self.lost += 1
        found: list[str] = []
        for line in filter(None, whole):
            text = _text(line) if len(found) < MOST else None
            if text is None:
                self.lost += 1
            elif text:
                found.append(text)
        return found


def _text(line: bytes) -> str | None:
    try:
        text = line.decode("utf-8").replace("\t", " ").strip() if len(line) <= LONGEST else "\0"
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
