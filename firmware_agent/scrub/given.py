"""One file that somebody gives to be scrubbed, by its content: a text, or G-code."""

from collections.abc import Callable

from firmware_agent.errors import AgentError
from firmware_agent.scrub import content, gcode, models
from firmware_agent.scrub.gcode_told import told
from firmware_agent.scrub.report import Report
from firmware_agent.scrub.spans import Span
from firmware_agent.scrub.texts import decoded, encoded

HEAD = 1 << 20  # bytes by which a file is recognised
LARGEST = 1 << 28  # bytes of a text: what it takes in memory is several times that

Read = Callable[[int], bytes]
Say = Callable[[Span], object]
Tail = Callable[[], bytes]
Write = Callable[[bytes], object]


class Text:
    """A log, configuration or JSON; `data` is all of it. name: for messages."""

    def __init__(self, data: bytes, name: str, json: bool) -> None:
        self._name = name
        self.text, self._encoding = decoded(data)
        self._json = json and content.documents(self.text)

    def learn(self, report: Report) -> None:
        """What this file gives away is masked in all."""
        report.learn(self.text)

    def spans(self, report: Report, say: Say) -> None:
        """Each that identifies, in order."""
        for span in report.spans(self.text):
            say(span)

    def share(self, report: Report, write: Write) -> None:
        """Writes it without. AgentError: it was JSON and would be none."""
        text = report.masked(self.text, self._json)
        if self._json and not content.documents(text):
            raise AgentError(f"{self._name}: would be no JSON any more; give it as --kind log, and share it as a text")
        write(encoded(text, self._encoding))


class Gcode:
    """Read as it is written: once, of any size, but for its end, of which names are learnt if it can be had before."""

    def __init__(self, head: bytes, read: Read, thumbnails: bool, opaque: bool, tail: "Tail | None" = None) -> None:
        self._head, self._rest, self._tail = head, read, tail
        self._thumbnails, self._opaque = thumbnails, opaque
        self.progress: Callable[[int], object] | None = None

    def learn(self, report: Report) -> None:
        """The names that its first and its last MiB tell; what stands between is not read twice."""
        ends = [self._head, *([self._tail()] if self._tail else [])]
        for piece in ends:
            for kind, value in told(piece):
                report.knows(kind, value)

    def spans(self, report: Report, say: Say) -> None:
        """Each that goes, in order."""
        self._run(report, lambda _: None, say)

    def share(self, report: Report, write: Write) -> None:
        """Writes it without."""
        self._run(report, write, None)

    def _run(self, report: Report, write: Write, say: "Say | None") -> None:
        gcode.scrub(
            self._read,
            write,
            spans=say,
            thumbnails=self._thumbnails,
            opaque=self._opaque,
            known=report.names(),
            alias=report.alias,
            progress=self.progress,
        )

    def _read(self, size: int) -> bytes:
        if not self._head:
            return self._rest(size)
        part, self._head = self._head[:size], self._head[size:]
        return part


def given(
    read: Read, name: str, kind: str, thumbnails: bool = False, opaque: bool = False, tail: "Tail | None" = None
) -> "Text | Gcode":
    """The file that `read` gives, b"" at its end. kind: of content.KINDS. name: for messages. tail: gives what stands
    at its end, beyond the first HEAD bytes, without moving `read`; None where nobody knows before it is read.

    NeverShared: it is none of these things; of G-code, its beginning is judged.
    """
    head = b""
    while len(head) < HEAD and (more := read(HEAD - len(head))):
        head += more
    models.refuse(head, name)
    kind = content.kind(head) if kind == "auto" else kind
    if kind == "gcode":
        return Gcode(head, read, thumbnails, opaque, tail)
    rest = [head]
    while more := read(HEAD):
        rest.append(more)
        if len(rest) * HEAD > LARGEST:  # a pipe may never end
            raise AgentError(
                f"{name}: a text of more than {LARGEST >> 20} MiB; it is read whole, so give its last part alone, as "
                "with `tail -c 100M`"
            )
    data = b"".join(rest)
    if len(rest) > 1:
        models.refuse(data, name)
    return Text(data, name, kind == "json")
