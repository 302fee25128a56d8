"""The agent's facts in plain words, one line each."""

import shutil
import textwrap
import time
from typing import Any

from firmware_agent import cbor
from firmware_agent.catalogue import REQUEST, Catalogue
from firmware_agent.model import AGE, GIVEN, ConsentRecord, Denial, Permit
from firmware_agent.refusals import REASONS
from firmware_agent.transforms import SEALED_MAGIC

_DECIDED = {
    "ConsentGiven": "allowed",
    "RenewedConsentGiven": "allowed again",
    "ConsentRefused": "refused",
    "ConsentWithdrawn": "withdrawn",
    "ConsentRequestDeferred": "put off",
}

_ENDS = {
    "attempted": ("leaves", ""),
    "acknowledged": ("arrived", ""),
    "unknown": ("sent", "; nobody confirms it"),
    "recovered": ("repaired", " were no whole entry, as a power cut leaves it; they were cut off"),
}
_GONE = {
    "dropped": "{} that waited and never left",
    "purged": "{} that waited, destroyed with the key",
    "lost": "{} that waited and cannot be opened any more",
    "cut": "the link is cut, and nothing of it is left in memory",
}

DELETION = {
    "deletion_asked": ("asked", "to delete all it has"),
    "deletion_acknowledged": ("acknowledged", "has the request and will delete"),
    "deletion_handed_over": ("handed over", "the broker has the request; nobody confirms more"),
    "deletion_done": ("deleted", "deleted {count} messages, and signed for it"),
    "deletion_expired": ("given up", "did not confirm the request in 30 days; its secret was destroyed"),
}
_PEOPLE = {
    "paired": ": a phone can see the page",
    "unpaired": ": a phone cannot any more",
    "viewer_added": ": a program was let in, to look while that is allowed",
    "viewer_removed": ": a program was taken out",
    "installed": ": the policy",
}
# Why a field stays, by the names of gate.Gate.explain; for what is not allowed, see `why`.
FATES = {
    "undeclared": "the policy does not declare it",
    "never": "declared as never leaving, clause {clause}",
    "elsewhere": "not declared for this purpose",
    "expired": "its declaration has ended",
    "no_time": "it depends on the time, and nobody knows the time",
    "unfit": "its value does not fit its declaration",
}
_WATCHING = {"stream": "the live picture", "picture": "single pictures", "page": "the picture on the page"}
_COMMANDS = ("command_forged", "command_foreign", "command_replayed", "command_unknown", "remote_grant")


def day(seconds: int | None) -> str:
    """Local date and time zone."""
    return "without a clock" if seconds is None else time.strftime("%A, %Y-%m-%d (%Z)", time.localtime(seconds))


def clock(seconds: int | None) -> str:
    """Local time of day, or dashes without a clock."""
    return "--:--:--" if seconds is None else time.strftime("%H:%M:%S", time.localtime(seconds))


def moment(seconds: int | None) -> str:
    """Local date and time."""
    return "at an unknown time" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def span(seconds: int) -> str:
    """A period as people say it."""
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {word}{'s' if seconds > size else ''}"
    return f"{seconds} seconds"


def events(count: int) -> str:
    """How many events, as people say it."""
    return f"{count:,} event{'' if count == 1 else 's'}"


def verdict(found: Permit | Denial, record: ConsentRecord | None) -> str:
    """ALLOWED since when and by whom, or why not."""
    if isinstance(found, Permit) and record is not None:
        until = "" if record.until is None else f", until {moment(record.until)}"
        return f"ALLOWED  {moment(record.time)} by {record.actor} ({record.method}){until}"
    return f"no       {why(found.reason)}"


def why(reason: str) -> str:
    """A reason in words, and the name under which docs/operate.md explains it."""
    return f"{REASONS[reason][0]} ({reason})"


def printable(name: str) -> str:
    """A name that came from outside, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80]


def wrap(text: str, first: str = "", rest: str = "") -> str:
    """`text` in lines that fit the terminal; `first` begins the first, `rest` all others."""
    width = max(40, min(110, shutil.get_terminal_size((100, 24)).columns))
    indent = rest or (" " * len(first) if len(first) < 30 else "    ")
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def entry(row: dict[str, Any]) -> str:
    """A ledger entry as a line."""
    names = printable(row["purpose"]), printable(row["recipient"])
    pair = " -> ".join(names) if row["purpose"] else "something that the gate did not make"
    several = f"{row['count']} events, " if row["count"] > 1 else ""
    about = f"{pair} ({', '.join(map(str, row['categories']))}, {several}{row['size']} bytes)"
    event, detail = row["event"], row["detail"]
    again = f" ({row['count']} more times)" if row["count"] > 1 else ""
    if (row["purpose"], row["recipient"]) == AGE:
        word, what = "age", "everybody is old enough" if detail in GIVEN else "a minor uses this device"
    elif event in _PEOPLE:
        word, what = event, printable(detail) + _PEOPLE[event]
    elif event == "decided":
        word, what = _DECIDED.get(detail, printable(detail)), pair
    elif event in DELETION:
        word, said = DELETION[event]
        what = f"{pair}: {said.format(count=row['count'])}"
    elif event == "refused" and detail in _COMMANDS:
        word, what = "not obeyed", f"a command of {names[1]}: {REASONS[detail][0]}{again}"
    elif event == "found":
        word = "found"
        what = f"{pair}: {_DECIDED.get(detail, printable(detail))}; decided before, and its entry is not in this ledger"
    elif event == "refused":
        word = "not granted" if detail == "no_presence" else "stays"
        what = f"{pair}: {REASONS.get(detail, (printable(detail), ''))[0]}{again}"
    elif event == "erased":
        word, what = "erased", "everything that was kept on this device until now"
    elif event == "checkpoint":
        word, what = "checkpoint", f"the {row['number'] - 1} entries before are summed up; a new file begins"
    elif event == "watching":
        word, what = "looks", f"{pair}: {_WATCHING.get(detail, printable(detail))}, from now on"
    elif event == "watched":
        word, what = "looked", f"{pair}: {row['count']} picture{'' if row['count'] == 1 else 's'}, {row['size']} bytes"
    elif event in _GONE:
        word, what = event, f"{pair}: {_GONE[event].format(events(row['count']))}"
    else:
        word, tail = _ENDS.get(event, (printable(event), ""))
        what = (about if row["purpose"] else f"{row['size']} bytes at the end") + tail
    return f"{clock(row['time'])}  {word:<13}  {what}"


def decided(state: str) -> str:
    """A state of a consent record in one word."""
    return _DECIDED.get(state, printable(state))


def how(transform: str, parameters: dict[str, Any]) -> str:
    """What a transform leaves of a value."""
    if transform == "round":
        return f"rounded to {parameters['step']}"
    if transform == "enum":
        return f"one of {len(parameters['values'])} words"
    if transform == "bucket":
        return f"one of {len(parameters['edges']) + 1} ranges"
    if transform == "pattern":
        return f"a text of the form {parameters['form']}"
    if transform == "pseudonym":
        return f"a number that changes every {span(parameters['epoch'])}"
    words = {"keep": "as it is", "log2": "its size, doubling by doubling", "count": "how many, never which"}
    words |= {"version": "two numbers of the version", "day": "the day"}
    return words.get(transform, transform)


def field(number: int, catalogue: Catalogue) -> str:
    """The name of a field; one that the policy has no more keeps its number."""
    return next((name for name, row in catalogue.fields.items() if row["id"] == number), f"field {number}")


def payload(data: bytes, catalogue: Catalogue) -> list[list[str]]:
    """What a payload says, event by event and field by field, by the names of the policy."""
    _, _, purpose, body = cbor.decode(data)
    if purpose == REQUEST:
        return [[f"please {body[0]} all you have of {body[1]}"]]
    return [_event(pairs, catalogue) for pairs in body]


def _event(pairs: list[Any], catalogue: Catalogue) -> list[str]:
    lines = []
    for number, value in pairs:
        name = field(number, catalogue)
        row = catalogue.fields.get(name, {"transform": ""})
        shown = _bytes(value, row) if isinstance(value, bytes) else str(value)
        if row["transform"] == "version":
            shown = f"{value // 1000}.{value % 1000}"
        if row["transform"] == "bucket":
            edges = row["parameters"]["edges"]
            shown += f" (below {edges[value]})" if value < len(edges) else f" ({edges[-1]} or more)"
        lines.append(f"{name} = {shown}")
    return lines


def _bytes(data: bytes, row: dict[str, Any]) -> str:
    transform = row["transform"]
    if transform == "pseudonym":
        shown = f" ({data.hex()})" if any(data) else ""
        return f"a number that changes every {span(row['parameters']['epoch']).removeprefix('1 ')}{shown}"
    if data[:4] == SEALED_MAGIC:
        return f"a picture, sealed: {len(data)} bytes"
    called = {"point_cloud": "a point cloud", "bundle": "a support bundle"}.get(transform, "a picture")
    return f"{called} of {len(data)} bytes"


def notation(value: Any) -> str:
    """CBOR diagnostic notation (RFC 8949, 8), long byte strings shortened."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'" if len(value) <= 16 else f"h'{value[:6].hex()}...' ({len(value)} bytes)"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(notation, value)) + "]"
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    return str(value)
