"""What a previewer draws: each move from where the head stands, by which tool, how much it extrudes, with what power.

The state of a machine is followed: absolute and relative, also of E; G92; millimetres and inches; arcs with I, J, R;
tools; spindles and lasers; what the slicer's comments say of layers and features.
"""

import re
from typing import NamedTuple

_WORD = re.compile(r"([A-Za-z])\s*([-+]?(?:\d+\.?\d*|\.\d+))")
_PAREN = re.compile(r"\([^()\n\r]*\)?")
_FEATURE = re.compile(r";\s*(?:TYPE|FEATURE):\s*(.*)")
_LAYER = re.compile(r";\s*(?:LAYER_CHANGE|CHANGE_LAYER|BEFORE_LAYER_CHANGE|LAYER:\s*-?\d+|layer \d+)")
_INCH = 25.4  # mm
_AXES = "XYZ"
_MOVES = ("G0", "G1", "G2", "G3")


class Move(NamedTuple):
    """line: its number, from 0. begin, end: mm. bend: of an arc its I, J, R, P as they stand, else (). extruded: mm.
    feed: mm a minute. tool, power, feature, layer: what was in force."""

    line: int
    how: str
    begin: tuple[float, ...]
    end: tuple[float, ...]
    bend: tuple[tuple[str, float], ...]
    extruded: float
    feed: float
    tool: int
    power: float
    feature: str
    layer: int


class _Machine:
    def __init__(self) -> None:
        self.place, self.origin = dict.fromkeys(_AXES, 0.0), dict.fromkeys(_AXES, 0.0)
        self.e = self.feed = self.power = 0.0
        self.absolute, self.e_absolute, self.on = True, True, False
        self.unit, self.tool, self.layer, self.feature, self.how = 1.0, 0, 0, "", "G0"


def preview(data: bytes) -> "list[Move]":
    """All moves of a file, in order."""
    machine, drawn = _Machine(), list[Move]()
    for number, line in enumerate(re.split(r"\r\n|\r|\n", data.decode("latin-1"))):
        code, sign, comment = line.partition(";")
        if sign:
            feature = _FEATURE.match(";" + comment)
            machine.feature = feature[1].strip() if feature else machine.feature
            machine.layer += _LAYER.match(";" + comment) is not None
        words = [(letter.upper(), float(value)) for letter, value in _WORD.findall(_PAREN.sub("", code))]
        if words and words[0][0] == "N":
            del words[0]
        if not words or not re.match(r"\s*(?:[Nn]\d+\s*)?[GMTXYZFSgmt]\s*[-+.\d]", code):
            continue
        for name in _commands(words, machine):
            move = _done(number, name, dict(words), machine)
            if move is not None:
                drawn.append(move)
    return drawn


def _commands(words: "list[tuple[str, float]]", machine: _Machine) -> "list[str]":
    """What one line asks for: several G and M of a mill, or a move as the last was."""
    names = [f"{letter}{value:g}" for letter, value in words if letter in "GMT"]
    if words[0][0] in "MT":  # what follows may be a text
        del names[1:]
    if not names and any(letter in "XYZ" for letter, _ in words):
        names = [machine.how]
    if words[0][0] == "S" or (words[0][0] == "F" and not names):
        names = ["S"]
    return names


def _done(number: int, name: str, words: "dict[str, float]", machine: _Machine) -> "Move | None":
    if name in ("G90", "G91"):
        machine.absolute = name == "G90"  # E follows M82 and M83 alone, as Klipper has it
    elif name in ("M82", "M83"):
        machine.e_absolute = name == "M82"
    elif name in ("G20", "G21"):
        machine.unit = _INCH if name == "G20" else 1.0
    elif name == "G92":
        for axis in _AXES:
            if axis in words:
                machine.origin[axis] = machine.place[axis] - words[axis] * machine.unit
        machine.e = words.get("E", machine.e)
    elif name == "G28":
        for axis in [axis for axis in _AXES if axis in words] or list(_AXES):
            machine.place[axis] = machine.origin[axis] = 0.0
    elif name[0] == "T":
        machine.tool = int(name[1:])
    elif name in ("M3", "M4", "M5", "M106", "M107"):
        machine.on = name not in ("M5", "M107")
    machine.power = (
        words.get("S", machine.power) if name in ("S", "M3", "M4", "G0", "G1", "G2", "G3") else machine.power
    )
    return _moved(number, name, words, machine) if name in ("G0", "G1", "G2", "G3") else None


def _moved(number: int, name: str, words: "dict[str, float]", machine: _Machine) -> Move:
    begin = tuple(machine.place.values())
    for axis in _AXES:
        if axis in words:
            base = machine.origin[axis] if machine.absolute else machine.place[axis]
            machine.place[axis] = base + words[axis] * machine.unit
    extruded = 0.0
    if "E" in words:
        extruded = words["E"] - machine.e if machine.e_absolute else words["E"]
        machine.e = words["E"] if machine.e_absolute else machine.e + words["E"]
    machine.feed = words.get("F", machine.feed)
    machine.how = name
    bend = tuple((letter, words[letter]) for letter in "IJKRP" if letter in words) if name in ("G2", "G3") else ()
    power = machine.power if machine.on else 0.0
    end = tuple(machine.place.values())
    return Move(
        number, name, begin, end, bend, extruded, machine.feed, machine.tool, power, machine.feature, machine.layer
    )
