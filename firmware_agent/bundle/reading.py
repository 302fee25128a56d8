"""Reads what goes into a bundle: files of the folders that are named for it, and nothing that a link leads to (P4)."""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from firmware_agent.bundle.parts import CHOICES, CONFIG, FACTS, GCODE, LOG, ROOM, Part
from firmware_agent.bundle.places import Place, Places
from firmware_agent.scrub import content
from firmware_agent.scrub.models import NeverShared, refuse

_END = re.compile(rb"\r\n?|\n")
_SERIAL = 256  # bytes of a file that holds nothing but a serial number
WHY = {
    errno.ENOENT: "not there",
    errno.EACCES: "the agent may not read it",
    errno.EPERM: "the agent may not read it",
    errno.ELOOP: "a link, and none is followed",
    errno.ENOTDIR: "not there, or behind a link",
}


class LeftOut(Exception):
    """A file that cannot go into a bundle; says why, in words that hold no path."""


def read(place: Place) -> Part:
    """What of a file goes in: of a log its end, of all others the beginning, both in whole lines. LeftOut."""
    with _opened(place.base, place.path) as file:
        size, room = os.fstat(file).st_size, ROOM[place.kind]
        if place.kind == LOG and size > room:
            os.lseek(file, size - room, os.SEEK_SET)
        data = _all(file, room)
    note = ""
    if size > len(data):
        note = f"the {'last' if place.kind == LOG else 'first'} {room // 1024} KiB of {size // 1024}"
        data = _from_a_line(data) if place.kind == LOG else _to_a_line(data)
        if not data:
            raise LeftOut(f"one line of more than {room // 1024} KiB")
    try:
        refuse(data, place.name)
    except NeverShared as error:
        raise LeftOut(f"it is {str(error).partition('this is ')[2].partition(';')[0]}") from None
    commands = content.kind(data) == GCODE
    if place.kind == GCODE and not commands:
        raise LeftOut("it is no G-code")
    return Part(GCODE if commands and place.kind != CONFIG else place.kind, place.name, note, data)


def gathered(places: Places, choices: list[str], facts: str) -> Iterator[Part | tuple[str, str]]:
    """Of each choice its parts, or (name, why) of a file that cannot go in; one after the other."""
    for choice in CHOICES:
        if choice not in choices:
            continue
        if CHOICES[choice] == FACTS:
            yield Part(FACTS, "agent", "", facts.encode("utf-8", "replace")[: ROOM[FACTS]])
        for place in places.of(choice):
            try:
                yield read(place)
            except LeftOut as why:
                yield place.name, str(why)


def surveyed(places: Places) -> list[tuple[str, str]]:
    """(choice, why it cannot go in, or "") of all."""
    found = []
    for choice in CHOICES:
        why = ""
        for place in places.of(choice)[:1]:
            try:
                with _opened(place.base, place.path):
                    pass
            except LeftOut as error:
                why = str(error)
        found.append((choice, why))
    return found


def serial(path: "str | None") -> str:
    """The serial number that stands in a file of its own; "" without one."""
    if not path:
        return ""
    where = Path(path)
    try:
        with _opened(where.parent, where.name) as file:
            return _all(file, _SERIAL).decode("ascii", "replace").strip().strip("\0")
    except LeftOut:
        return ""


@contextlib.contextmanager
def _opened(base: Path, path: str) -> Iterator[int]:
    """A regular file below `base`, opened step by step: whoever can write there cannot make us read elsewhere."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    *folders, name = path.split("/")
    with contextlib.ExitStack() as stack:
        try:
            at = os.open(base, flags | os.O_DIRECTORY)
            stack.callback(os.close, at)
            for folder in folders:
                at = os.open(_step(folder), flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                stack.callback(os.close, at)
            file = os.open(_step(name), flags | os.O_NOFOLLOW, dir_fd=at)
            stack.callback(os.close, file)
        except OSError as error:
            raise LeftOut(WHY.get(error.errno or 0, "it cannot be opened")) from None
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise LeftOut("it is no file")
        yield file


def _step(name: str) -> str:
    if name in ("", ".", ".."):
        raise LeftOut("not there")
    return name


def _all(file: int, most: int) -> bytes:
    found = bytearray()
    try:
        while len(found) < most and (more := os.read(file, most - len(found))):
            found += more
    except OSError:
        raise LeftOut("it cannot be read") from None
    return bytes(found)


def _from_a_line(data: bytes) -> bytes:
    first = _END.search(data)
    return data[first.end() :] if first else b""


def _to_a_line(data: bytes) -> bytes:
    return data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1]
