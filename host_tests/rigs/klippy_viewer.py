"""What a viewer of Klipper's log draws and lists of it, after what Klipper is known to write; no code of such a tool.

Statistics by the second, starts of the host, the firmware of each micro-controller, and the configuration that was in
force. What names somebody is no part of it: of texts in the configuration only that they are there.
"""

import re
from typing import NamedTuple

_STATS = re.compile(r"Stats (\d+\.\d+): (.*)")
_START = re.compile(r"Start printer at .* \((\d+\.\d+) (\d+\.\d+)\)")
_LOADED = re.compile(r"Loaded MCU '([^']+)' (\d+) commands \((\S+) / ")
_CONSTANTS = re.compile(r"MCU '([^']+)' config: (.*)")
_MOVES = re.compile(r"Configured MCU '([^']+)' \((\d+) moves\)")
_SECTION = re.compile(r"\[([^\]]+)\]$")
_SETTING = re.compile(r"(\w+) ?[=:] ?(.*)")
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)*")
_BEGIN, _END = "===== Config file =====", "======================="
_BUFFERS = ("bytes_write", "bytes_read", "bytes_retransmit", "bytes_invalid")


class View(NamedTuple):
    """stats: (time, {"mcu.freq": number as it stands, ...}). starts: (s since 1970, s since the host started).
    firmware: (name, what was said of it). config: (section, ((key, numbers or "text"), ...)). lines: how many."""

    stats: "list[tuple[float, dict[str, str]]]"
    starts: "list[tuple[float, float]]"
    firmware: "list[tuple[str, tuple[str, ...]]]"
    config: "list[tuple[str, tuple[tuple[str, str], ...]]]"
    lines: int

    def curve(self, name: str) -> "list[tuple[float, float]]":
        """What is drawn of one figure: (time, value) where it was said."""
        return [(time, float(figures[name])) for time, figures in self.stats if name in figures]

    def traffic(self, name: str) -> "list[tuple[float, float]]":
        """Bytes a second to and from a micro-controller, as counters tell; they begin anew with it."""
        drawn: list[tuple[float, float]] = []
        last: tuple[float, float] | None = None
        for time, figures in self.stats:
            if all(f"{name}.{one}" in figures for one in _BUFFERS):
                count = sum(float(figures[f"{name}.{one}"]) for one in _BUFFERS)
                if last is not None and time > last[0] and count >= last[1]:
                    drawn.append((time, (count - last[1]) / (time - last[0])))
                last = time, count
        return drawn


def view(text: str) -> View:
    """ValueError: a figure of the statistics is no number."""
    found = View([], [], [], [], text.count("\n"))
    inside = False
    for line in re.split(r"\r?\n", text):
        if line in (_BEGIN, _END):
            inside = line == _BEGIN
        elif inside:
            _configured(line, found.config)
        else:
            _said(line, found)
    return found


def _said(line: str, found: View) -> None:
    if (match := _STATS.match(line)) is not None:
        found.stats.append((float(match[1]), _figures(match[2])))
    elif (match := _START.match(line)) is not None:
        found.starts.append((float(match[1]), float(match[2])))
    elif (match := _LOADED.match(line)) is not None:
        found.firmware.append((match[1], (match[2], match[3])))
    elif (match := _CONSTANTS.match(line)) is not None:
        found.firmware.append((match[1], tuple(match[2].split())))
    elif (match := _MOVES.match(line)) is not None:
        found.firmware.append((match[1], (match[2],)))


def _figures(said: str) -> "dict[str, str]":
    figures, of = dict[str, str](), ""
    for word in said.split():
        name, sign, value = word.partition("=")
        if not sign:
            of = word.removesuffix(":") + "." if word.endswith(":") else of
            continue
        if value not in ("None", "True", "False"):
            float(value)
        figures[of + name if name not in ("sysload", "cputime", "memavail", "print_time") else name] = value
    return figures


def _configured(line: str, config: "list[tuple[str, tuple[tuple[str, str], ...]]]") -> None:
    if (match := _SECTION.match(line)) is not None:
        config.append((match[1], ()))
    elif config and (match := _SETTING.match(line)) is not None:
        numbers = _NUMBERS.fullmatch(match[2])
        section, settings = config[-1]
        config[-1] = section, (*settings, (match[1], match[2] if numbers or not match[2] else "text"))
