"""The rows of `tools/bench scrub` as the tables of docs/performance.md."""

from collections.abc import Iterable, Iterator

from benches.rows import Row

OURS = "ours"
OTHERS = ("plain patterns", "Presidio", "scrubadub", "detect-secrets")
ENGINE = "AnalyzerEngine of Presidio"  # timed alone
UNSURE = "also what it is unsure of"
Cells = dict[str, dict[str, object]]  # what -> tool -> value


def markdown(rows: "Iterable[Row]") -> str:
    """Tables of speed, of recall and precision, of each kind, and of bad shapes."""
    rows = list(rows)
    parts = (_speed(rows), _scores(rows), _kinds(rows), _shapes(rows))
    return "\n\n".join("\n".join(one) for one in map(list, parts) if one) + "\n"


def cells(rows: "list[Row]", what: str) -> Cells:
    """Of the rows that begin with `what` and a comma: the rest of the name -> tool -> value, ours among them."""
    found: Cells = {}
    for row in rows:
        name, _, rest = str(row["name"]).partition(", ")
        if name == what and "peer" in row and UNSURE not in str(row["peer"]):
            each = found.setdefault(rest, {OURS: row["value"]})
            each[next(one for one in (*OTHERS, ENGINE) if str(row["peer"]).startswith(one))] = row["peer_value"]
    return found


def versions(rows: "list[Row]") -> "dict[str, str]":
    """tool -> as it calls itself."""
    return {one: str(row["peer"]) for row in rows for one in OTHERS if str(row.get("peer", "")).startswith(one)}


def _head(first: str, rows: "list[Row]", *more: str) -> Iterator[str]:
    names = versions(
        [row for row in rows if str(row["name"]).startswith("recall, ") and UNSURE not in str(row["peer"])]
    )
    yield " | ".join(("| " + first, OURS, *(names.get(one, one) for one in OTHERS), *more)) + " |"
    yield "|---" * (len(OTHERS) + len(more) + 2) + "|"


def _line(first: str, each: "Iterable[str]") -> str:
    return f"| {first} | " + " | ".join(each) + " |"


def _speed(rows: "list[Row]") -> Iterator[str]:
    """Megabytes a second of CPU, and how many times that ours is."""
    whole = {str(row["name"])[len("in and out, ") :]: row["value"] for row in rows if "in and out" in str(row["name"])}
    yield from _head("MB/s: finding", rows, ENGINE)
    for what, values in cells(rows, "speed").items():
        ours = float(str(values[OURS]))
        others = (values.get(one) for one in (*OTHERS, ENGINE))
        yield _line(what, (_short(ours), *(_beside(ours, one) for one in others)))
    for what, value in whole.items():
        yield _line(
            f"{what}: found, replaced and written", (_short(float(str(value))), *("" for _ in (*OTHERS, ENGINE)))
        )


def _scores(rows: "list[Row]") -> Iterator[str]:
    yield from _head("recall and precision, %", rows)
    recall, precision = cells(rows, "recall"), cells(rows, "precision")
    for what, values in recall.items():
        yield _line(what, (f"{_share(values[one])}, {_share(precision[what][one])}" for one in (OURS, *OTHERS)))


def _kinds(rows: "list[Row]") -> Iterator[str]:
    """Found of each kind, all families of a source together."""
    labels = {str(row["name"]): int(str(row["unit"]).split()[-1]) for row in rows if str(row["name"])[:6] == "found,"}
    sums: dict[tuple[str, str], list[int]] = {}
    for what, values in cells(rows, "found").items():
        _, source, kind = what.split(", ")
        here = [labels[f"found, {what}"], *(int(str(values[one])) for one in (OURS, *OTHERS))]
        known = sums.setdefault((source, kind), [0] * len(here))
        sums[source, kind] = [one + other for one, other in zip(known, here, strict=True)]
    yield from _head("found, of how many labels", rows)
    for (source, kind), (count, *found) in sorted(sums.items()):
        yield _line(f"{kind}, {source}: {count}", map(str, found))
    missed = [
        f"{count - ours} of {count} of the kind {kind} ({source})"
        for (source, kind), (count, ours, *_) in sorted(sums.items())
        if ours < count
    ]
    yield ""
    yield f"Missed by ours: {', '.join(missed) or 'nothing that is labelled'}."


def _shapes(rows: "list[Row]") -> Iterator[str]:
    named = [(str(row["name"]).split(", "), row["value"]) for row in rows if str(row["name"])[:6] == "shape,"]
    sizes = sorted({name[2] for name, _ in named if " to " not in name[2]}, key=lambda size: float(size.split()[0]))
    if not sizes:
        return
    yield "| seconds of CPU, in and out | " + " | ".join(sizes) + " | the last step, times |"
    yield "|---" * (len(sizes) + 2) + "|"
    for shape in dict.fromkeys(name[1] for name, _ in named):
        mine = {name[2]: value for name, value in named if name[1] == shape}
        steps = [str(value) for size, value in mine.items() if " to " in size]
        yield _line(shape, (*(str(mine.get(size, "")) for size in sizes), steps[-1]))


def _beside(ours: float, value: object) -> str:
    """Empty, if it was not measured."""
    return f"{_short(float(str(value)))} ({_short(ours / float(str(value)))} times)" if value else ""


def _short(value: float) -> str:
    """Three figures, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _share(value: object) -> str:
    return "none" if value is None else f"{float(str(value)):.1f}"
