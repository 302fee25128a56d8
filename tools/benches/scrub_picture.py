"""Recall against speed of the scrubber and the four others, as an SVG: logs and G-code."""

import math

from benches.rows import Row
from benches.scrub_table import OTHERS, OURS, cells

WIDTH, HEIGHT = 1000, 420
LEFT, TOP, WIDE, HIGH = 70, 60, 390, 290  # of a panel
STEP = 490  # from one panel to the next
LEAST, MOST = 0.1, 1000.0  # MB/s
INK, SOFT, LINE, GOOD, PAPER = "#1d2733", "#5b6b7c", "#d5dce3", "#1a7f4b", "#ffffff"
PANELS = (("logs", "logs", "klippy.log"), ("G-code", "G-code", "G-code"))  # title, family, what is timed if generated
APART = 17  # between two words


def svg(rows: "list[Row]") -> str:
    """One panel for each of PANELS; of the corpus of real files where it was there."""
    out = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        "aria-label='Recall against speed of our scrubber and four others, for logs and for G-code'>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{PAPER}'/>",
    ]
    speed, recall, precision = (cells(rows, what) for what in ("speed", "recall", "precision"))
    for at, (title, family, timed) in enumerate(PANELS):
        real = recall.get(f"{family}, corpus", {}).get(OURS) is not None
        score, fast = (f"{family}, corpus",) * 2 if real else (f"{family}, generated", f"{timed}, generated")
        out += _panel(at * STEP, f"{title}, {'files of real printers' if real else 'generated'}")
        points = []
        for tool in (OURS, *OTHERS):
            sure = precision[score][tool]
            said = "finds nothing" if sure is None else f"precision {float(str(sure)):.0f} %"
            x = LEFT + at * STEP + _across(float(str(speed[fast][tool])))
            points.append((_down(float(str(recall[score][tool]))), x, tool, said))
        out += _points(points)
    return "\n".join([*out, "</svg>\n"])


def _panel(left: int, title: str) -> "list[str]":
    out = [text(LEFT + left, TOP - 22, title, INK, 16, "start", "600")]
    for share in (0, 25, 50, 75, 100):
        y = _down(share)
        out.append(f"<path d='M{LEFT + left} {y}h{WIDE}' stroke='{LINE}'/>")
        out.append(text(LEFT + left - 8, y + 4, f"{share} %", SOFT, 12, "end"))
    for speed in (0.1, 1, 10, 100, 1000):
        x = LEFT + left + _across(speed)
        out.append(f"<path d='M{x} {TOP}v{HIGH}' stroke='{LINE}'/>")
        out.append(text(x, TOP + HIGH + 18, f"{speed:g}", SOFT, 12))
    return [*out, text(LEFT + left + WIDE / 2, TOP + HIGH + 40, "MB of text in a second of CPU; up: found", SOFT, 13)]


def _points(points: "list[tuple[float, float, str, str]]") -> "list[str]":
    """A dot each, and its words beside it, none on another's."""
    out, last = list[str](), 0.0
    for at, (y, x, tool, said) in enumerate(sorted(points)):
        colour = GOOD if tool == OURS else INK
        lowest = TOP + HIGH - APART * (len(points) - 1 - at)  # room for those below it
        last = max(last + APART, min(y + 4, lowest))
        beside = 12 + max(other for height, other, _, _ in points if abs(height - y) < APART)
        out.append(f"<path d='M{x:.1f} {y:.1f}L{beside - 3:.1f} {last - 4:.1f}' stroke='{SOFT}' stroke-width='0.7'/>")
        out.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{colour}'/>")
        words, weight = f"{tool}: {said}", "600" if tool == OURS else "400"
        if beside % STEP < LEFT + WIDE * 0.6:
            out.append(text(beside, last, words, colour, 13, "start", weight))
        else:
            out.append(text(x - 9, last, words, colour, 13, "end", weight))
    return out


def text(x: float, y: float, words: str, colour: str, size: int, anchor: str = "middle", weight: str = "400") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' fill='{colour}' font-size='{size}' "
        f"font-weight='{weight}' font-family='system-ui, sans-serif'>{words}</text>"
    )


def _across(speed: float) -> float:
    """Logarithmic, within the panel."""
    share = math.log(max(min(speed, MOST), LEAST) / LEAST) / math.log(MOST / LEAST)
    return round(WIDE * share, 1)


def _down(share: float) -> float:
    return round(TOP + HIGH * (1 - share / 100), 1)
