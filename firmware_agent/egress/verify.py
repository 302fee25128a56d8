"""python -m firmware_agent.egress.verify EXPORT [--head H] [--key HEX]: does an exported ledger hold together?

For an auditor on another machine: needs no agent, no state, no configuration. EXPORT is what `ledger export` wrote, or
a ZIP that contains it as ledger.jsonl. Exit codes: 0 it does, 1 something is wrong, 2 it cannot be read. What is read
may be hostile: lines, depth, and what a ZIP unpacks to are bounded.
"""

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from firmware_agent.egress import entry, signed
from firmware_agent.egress.export import FORMAT, NAME, from_json, unhex
from firmware_agent.egress.heads import genuine
from firmware_agent.egress.standing import Standing
from firmware_agent.errors import AgentError, FormatError

LONGEST = 1 << 18  # bytes of a line
LARGEST = 1 << 28  # bytes of an export


class Wrong(AgentError):
    """The export does not hold together; the message says in which line and entry."""


class Unreadable(AgentError):
    """This is no export, or more than an export can be."""


class Verifier:
    """Takes the lines in order. number, head: of the last entry that verified. entries: how many, no checkpoints.

    seen: whether an entry had the head `wanted`.
    """

    def __init__(self, wanted: bytes | None = None) -> None:
        self.seen = wanted is None
        self._wanted = wanted
        self.number = 0
        self.head = b""
        self.entries = 0
        self.public: bytes | None = None
        self.ended = False
        self._first = 1
        self._kept = 1
        self._segment = 0
        self._standing = Standing()

    @property
    def empty(self) -> bool:
        """Whether there never was an entry: nothing was proved."""
        return not self.entries and self._first == 1

    def begin(self, data: Any) -> None:
        """The first line; FormatError if it is not one."""
        names = ("format", "profile", "public", "first", "before")
        if not isinstance(data, dict) or set(data) != set(names) or data["format"] != FORMAT:
            raise FormatError(f"not an export of the form {FORMAT!r}")
        if type(data["first"]) is not int or data["first"] < 1:
            raise FormatError("first is not a number")
        self.public = None if data["public"] is None else unhex(data["public"], "public")
        self.head = unhex(data["before"], "before")
        self._first = data["first"]
        self.number = data["first"] - 1
        if self._first == 1 and self.head != bytes(32):
            raise FormatError("a history from its first entry on has nothing before it")

    def follow(self, data: Any) -> None:
        """An entry, or the end; FormatError says what is wrong with it."""
        if self.ended:
            raise FormatError("there is something after the end")
        if isinstance(data, dict) and "end" in data:
            self._end(data)
            return
        row, claimed = from_json(data)
        if type(row["number"]) is not int or row["number"] != self.number + 1:
            raise FormatError(f"it is numbered {str(row['number'])[:20]}, and entry {self.number + 1} is due")
        body = entry.encode(row)
        row = entry.decode(body)  # every part is of its kind
        head = hashlib.sha256(self.head + body).digest()
        if head != claimed:
            raise FormatError("its hash does not follow: it was changed, or one before it was")
        if row["event"] == "checkpoint":
            self._checkpoint(row)
        elif self.number + 1 == self._first:
            raise FormatError("a history begins with a checkpoint")
        else:
            self._standing.follow(row)
            self.entries += 1
        self.number, self.head = row["number"], head
        self.seen = self.seen or head == self._wanted

    def _checkpoint(self, row: dict[str, Any]) -> None:
        sums = row["checkpoint"]
        if sums["head"] != self.head:
            raise FormatError("the checkpoint names another hash before it")
        if row["number"] == self._first and self._first > 1:
            self._standing.load(sums)
        elif not self._standing.agrees(sums):
            raise FormatError("the checkpoint's sums do not follow from the entries before it")
        if row["number"] > self._first and sums["segment"] != self._segment + 1:
            raise FormatError(f"it begins file {sums['segment']} of the history, and {self._segment + 1} is due")
        if not self._kept <= sums["first"] <= row["number"]:
            raise FormatError("the checkpoint names a first entry that cannot be")
        self._segment, self._kept = sums["segment"], sums["first"]

    def _end(self, data: dict[str, Any]) -> None:
        if set(data) != {"end", "head", "time", "signature", "public"}:
            raise FormatError("not an object of end, head, time, signature, public")
        if self.number >= self._first and self._first != self._kept:
            why = "were removed from its beginning" if self._first > self._kept else "should be gone by now"
            raise FormatError(f"entries {min(self._first, self._kept)} to {max(self._first, self._kept) - 1} {why}")
        if type(data["end"]) is not int or data["end"] != self.number or unhex(data["head"], "head") != self.head:
            raise FormatError(f"the end names entry {str(data['end'])[:20]} and a hash that do not stand before it")
        public = None if data["public"] is None else unhex(data["public"], "public")
        if public != self.public:
            raise FormatError("the first and the last line name two keys")
        if public is not None:
            text = signed.message(self.number, self.head, _time(data["time"]))
            if not genuine(public, text, unhex(data["signature"], "signature")):
                raise FormatError("the signature under the head is not made with the key that the export names")
        self.ended = True


def check(file: IO[bytes], head: str | None = None, key: str | None = None) -> Verifier:
    """Verify an export; Wrong says what is wrong and where, Unreadable that it is no export."""
    made = Verifier(None if head is None else bytes.fromhex(head))
    at = 0
    for at, data in _lines(file):
        try:
            if at == 1:
                made.begin(data)
            else:
                made.follow(data)
        except FormatError as error:
            if at == 1:
                raise Unreadable(f"line 1: {error}") from None
            raise Wrong(f"line {at}, entry {made.number + 1}: {error}") from None
    if not at:
        raise Unreadable("line 1: there is nothing in it")
    if not made.ended:
        raise Wrong(f"line {at + 1}, entry {made.number + 1}: the end is missing; lines were cut off")
    if not made.seen:
        raise Wrong(f"no entry up to {made.number} has the head you gave: entries were cut off, or it is another's")
    if key is not None and made.public is None:
        raise Wrong(f"line {at}: the head is not signed")
    if key is not None and made.public != bytes.fromhex(key):
        raise Wrong(f"line {at}: another key than the one you gave signed it")
    return made


def _time(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise FormatError("time is not a number")
    return value


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    total = at = 0
    while True:
        line = file.readline(LONGEST + 1)
        if not line:
            return
        at += 1
        total += len(line)
        if len(line) > LONGEST or total > LARGEST:
            raise Unreadable(f"line {at}: longer than an export can be")
        try:
            yield at, json.loads(line, object_pairs_hook=_object, parse_constant=_refuse, parse_float=_refuse)
        except (ValueError, RecursionError):
            raise Unreadable(f"line {at}: not JSON, or not such as an export has") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(text: str) -> Any:
    raise ValueError(text)


def verify_file(path: Path, head: str | None = None, key: str | None = None) -> Verifier:
    """As `check`, for a file or a ZIP that contains ledger.jsonl."""
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    found = [name for name in archive.namelist() if name.rpartition("/")[2] == NAME]
                    if len(found) != 1:
                        raise Unreadable(f"the ZIP does not contain one {NAME}")
                    with archive.open(found[0]) as inside:
                        return check(inside, head, key)
            file.seek(0)
            return check(file, head, key)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Unreadable(f"cannot be read ({type(error).__name__})") from None


def hex32(text: str) -> str:
    """32 bytes as hex, in lower case; argparse's error for anything else."""
    if len(text) != 64 or text.strip("0123456789abcdefABCDEF"):
        raise argparse.ArgumentTypeError("must be 64 hex digits; give the whole of what was printed")
    return text.lower()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m firmware_agent.egress.verify", description="Does an exported ledger hold together?"
    )
    parser.add_argument("export", type=Path, help=f"what `ledger export` wrote, or a ZIP that contains it as {NAME}")
    parser.add_argument("--head", type=hex32, help="a head that was kept: the export must contain it")
    parser.add_argument("--key", type=hex32, help="the device's public key: it must have signed the end")
    options = parser.parse_args(arguments)
    try:
        made = verify_file(options.export, options.head, options.key)
    except Wrong as error:
        print(f"wrong: {options.export}: {error}")
        return 1
    except Unreadable as error:
        print(f"not readable: {options.export}: {error}", file=sys.stderr)
        return 2
    if made.empty:
        print(f"empty: {options.export}: there is no entry")
        return 1
    print(f"ok: {made.entries} entries up to number {made.number}, none changed, head {made.head.hex()}")
    if made.public is None:
        print("The head is not signed: somebody who changed everything after some entry would not be noticed.")
    elif options.key is None:
        print(f"One key signed it, {made.public.hex()}: whose it is, only --key can tell.")
    else:
        print("The key you gave signed it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
